"""Commands about rounds: list, show, open, handout, withdraw-handout, close, diff."""

from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.table import Table
from sqlmodel import Session, col, select

from cli.output import console, counted, json_option, print_faults, print_json, progress
from cli.policy import PolicyType
from compute.jobs.geometry import compute_geometry
from compute.jobs.selection import Selection
from ingest.rounds.closing import CloseReport, close_round
from ingest.rounds.differing import compare_rounds
from ingest.rounds.handing_out import HandoutOptions, HandoutReport, hand_out
from ingest.rounds.opening import RoundOptions, open_round
from ingest.rounds.pictures import save_changes
from ingest.rounds.withdrawing import WithdrawOptions, WithdrawReport, withdraw_handouts
from migrations.ready import ready_database
from schema.annotation import Annotation, AnnotationPolicy
from schema.arrays.store import ArrayStore
from schema.cohort import Cohort, CohortMember
from schema.errors import NotFound, SourceError
from schema.handout import Handout, HandoutState
from schema.round import Person, Round
from schema.settings import load_settings


@click.group()
def round() -> None:  # noqa: A001 - a round is a round
    """Rounds of annotation: what is drawn, by whom, and where it is on its way."""


@round.command("list")
@json_option
def list_rounds(as_json: bool) -> None:
    """List the rounds."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = [_described(session, one) for one in session.exec(select(Round).order_by(col(Round.name)))]
    if as_json:
        print_json(found)
        return
    for one in found:
        console.print(_line(one), markup=False)


@round.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what the round NAME was opened with, and how far its annotators are. Hidden splits are not counted."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        row = session.exec(select(Round).where(Round.name == name)).one_or_none()
        if row is None:
            known = ", ".join(session.exec(select(Round.name).order_by(col(Round.name)))) or "none"
            raise NotFound(f"there is no round {name!r}; there are: {known}")
        found = {**_described(session, row), "annotators": _progress(session, row.id)}
    print_json(found) if as_json else _print(found)


@round.command("open")
@click.argument("name")
@click.option("--cohort", required=True, help="The findings that are to be drawn.")
@click.option("--protocol", help="The protocol that is drawn by; it tells the policy where none is given.")
@click.option("--policy", type=PolicyType(), help="exhaustive, 'at_most N' or unknown.  [default: by protocol]")
@click.option("--readers", type=click.IntRange(min=1), help="How many draw each finding, blind.  [default: any number]")
@click.option("--tolerance-mm", type=click.FloatRange(min=0), help="How far apart two surfaces may be and agree.")
@click.option(
    "--accept-above", type=click.FloatRange(0, 1), help="Mean Dice from which readers' consensus is accepted by rule."
)
@click.option(
    "--instructions", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A text: what to draw."
)
@click.option("--tool", help="What it is drawn with.")
@click.option("--licence", help="Under which annotators give what they draw.")
@json_option
def open_(instructions: Path | None, as_json: bool, **given: Any) -> None:
    """Open the round NAME over the findings of a cohort. What it is opened with never changes."""
    options = RoundOptions(instructions=_read(instructions) if instructions else None, **given)
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = _described(session, open_round(session, options))
    print_json(found) if as_json else console.print(f"opened {_line(found)}", markup=False)


@round.command()
@click.argument("name")
@click.option("--annotator", required=True, help="Whose folder it is: a pseudonym of `groundct person`.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder.")
@click.option(
    "--correct/--empty", default=True, show_default=True, help="With the labels accepted in other rounds, or empty."
)
@click.option("--most", type=click.IntRange(min=1), help="So many findings in all.  [default: all that are left]")
@click.option("--with-hidden", is_flag=True, help="Findings of hidden splits too; needs the owner.")
@json_option
def handout(
    name: str, annotator: str, out: Path, correct: bool, most: int | None, with_hidden: bool, as_json: bool
) -> None:
    """Hand findings of the round NAME out: files of labels on the CTs' grids, a sidecar, a page that says what to draw.

    Run again, it goes on where it was interrupted, and never writes over a file that is there.
    """
    settings = load_settings()
    options = HandoutOptions(name, annotator, out, correct=correct, most=most, with_hidden=with_hidden)
    with ready_database(settings) as database, progress("handing out") as tell:
        report = hand_out(database, ArrayStore(settings.arrays_url), options, tell)
    print_json(report.to_json()) if as_json else _print_handout(report)
    raise SystemExit(1 if report.faults else 0)


@round.command("withdraw-handout")
@click.argument("name")
@click.option("--annotator", required=True, help="From whom: a pseudonym of `groundct person`.")
@click.option("--file", "files", multiple=True, help="Only this file of the handout; may be said several times.")
@click.option("--with-hidden", is_flag=True, help="Findings of hidden splits too; needs the owner.")
@click.option("--dry-run", is_flag=True, help="Say what would be withdrawn, and withdraw nothing.")
@json_option
def withdraw_handout(
    name: str, annotator: str, files: tuple[str, ...], with_hidden: bool, dry_run: bool, as_json: bool
) -> None:
    """Withdraw what is out of the round NAME with an annotator, so that others get it. What came back stays."""
    options = WithdrawOptions(name, annotator, frozenset(files), with_hidden, dry_run)
    with ready_database(load_settings()) as database:
        report = withdraw_handouts(database, options)
    print_json(report.to_json()) if as_json else _print_withdrawn(report)


def _print_withdrawn(report: WithdrawReport) -> None:
    done = "would be withdrawn" if report.dry_run else "withdrawn"
    console.print(
        f"{counted(len(report.withdrawn), 'finding')} {done} from {report.annotator}; "
        f"{len(report.returned)} came back and stay",
        soft_wrap=True,
        markup=False,
    )


@round.command()
@click.argument("name")
@click.option("--with-hidden", is_flag=True, help="Findings of hidden splits too; needs the owner.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@json_option
def close(name: str, with_hidden: bool, workers: int, as_json: bool) -> None:
    """Close the round NAME: how its readers agree, their consensus, and what is accepted by its rule.

    Nobody can add to it from then on. Run again, it completes what was interrupted.
    """
    settings = load_settings()
    with ready_database(settings) as database, ArrayStore(settings.arrays_url) as store:
        address = settings.dask_address
        with progress("reading what was drawn") as tell:
            report = close_round(
                database, store, name, with_hidden=with_hidden, workers=workers, address=address, progress=tell
            )
        with progress("measuring consensus") as tell:
            drawn = Selection(round=name, with_hidden=with_hidden)
            compute_geometry(database, store, selection=drawn, workers=workers, address=address, progress=tell)
    print_json(report.to_json()) if as_json else _print_closed(report)


def _print_closed(report: CloseReport) -> None:
    console.print(
        f"{report.round} closed: {counted(report.findings, 'finding')} with several readers, {report.single} with one; "
        f"{report.accepted} accepted by rule, {report.to_review} to review"
        + (f", {report.to_adjudicate} of them by an adjudicator" if report.to_adjudicate else ""),
        soft_wrap=True,
        markup=False,
    )
    for measure, figure in report.figures.items():
        if figure["value"] is not None:
            ends = f" ({figure['low']:.3f} to {figure['high']:.3f})" if figure["low"] is not None else ""
            console.print(f"  {measure} {figure['value']:.3f}{ends}, {counted(figure['findings'], 'finding')}")


@round.command()
@click.argument("before")
@click.argument("after")
@click.option("--with-hidden", is_flag=True, help="Findings of hidden splits too; needs the owner.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw the largest changes into this file.")
@click.option("--panels", type=click.IntRange(1, 30), default=6, show_default=True, help="How many, with --png.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True)
@json_option
def diff(
    before: str, after: str, with_hidden: bool, png: Path | None, panels: int, workers: int, as_json: bool
) -> None:
    """Say what the round AFTER changed against BEFORE: findings, words, and entity by entity what is drawn."""
    settings = load_settings()
    address = settings.dask_address
    with (
        ready_database(settings) as database,
        ArrayStore(settings.arrays_url) as store,
        progress("comparing") as tell,
    ):
        found = compare_rounds(
            database, store, before, after, with_hidden=with_hidden, workers=workers, address=address, progress=tell
        )
        if png is not None:
            save_changes(database, store, found, png, most=panels)
    if as_json:
        print_json(found.to_json())
        return
    for line in found.summary():
        console.print(line, soft_wrap=True, markup=False)
    if png is not None:
        console.print(f"the largest changes are drawn in {png}", soft_wrap=True, markup=False)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as a text in UTF-8 ({error})") from error


def _print_handout(report: HandoutReport) -> None:
    print_faults(report.faults)
    console.print(
        f"{counted(report.new, 'finding')} handed out to {report.annotator}, {report.already} before; "
        f"{report.shown} with labels to correct; {report.with_others} are with others"
        + (f"; {report.withdrawn} were withdrawn" if report.withdrawn else ""),
        soft_wrap=True,
        markup=False,
    )
    console.print(f"{report.out / 'index.html'} says what to draw", soft_wrap=True, markup=False)


def _described(session: Session, row: Round) -> dict[str, Any]:
    cohort = session.get(Cohort, row.cohort_id) if row.cohort_id else None
    members = select(sa.func.count()).where(CohortMember.cohort_id == row.cohort_id)
    return {
        "name": row.name,
        "cohort": cohort.name if cohort else None,
        "findings": session.exec(members).one() if cohort else None,
        "protocols": row.protocols,
        "policy": str(AnnotationPolicy(row.policy, row.policy_limit)) if row.policy else None,
        "readers": row.readers,
        "toleranceMm": row.tolerance_mm,
        "acceptAbove": row.accept_above,
        "instructions": row.instructions,
        "source": row.source,
        "tool": row.tool,
        "licence": row.licence,
        "openedAt": row.opened_at,
        "closedAt": row.closed_at,
        "annotations": _states(session, row.id),
    }


def _states(session: Session, key: int) -> dict[str, int]:
    query = select(Annotation.state, sa.func.count()).where(Annotation.round_id == key).group_by(col(Annotation.state))
    return {str(state): count for state, count in session.exec(query)}


def _progress(session: Session, key: int) -> dict[str, dict[str, int]]:
    """Count, by annotator, what is out and what came back."""
    query = (
        select(Person.pseudonym, Handout.state, sa.func.count())
        .join(Handout, col(Handout.annotator_id) == col(Person.id))
        .where(Handout.round_id == key)
        .group_by(col(Person.pseudonym), col(Handout.state))
        .order_by(col(Person.pseudonym))
    )
    found: dict[str, dict[str, int]] = {}
    for name, state, count in session.exec(query):
        found.setdefault(name, {})[str(state)] = count
    return found


def _line(found: dict[str, Any]) -> str:
    about = f"cohort {found['cohort']}, {counted(found['findings'], 'finding')}" if found["cohort"] else "imported"
    state = f"closed on {found['closedAt']:%Y-%m-%d}" if found["closedAt"] else "open"
    drawn = ", ".join(f"{count} {name}" for name, count in sorted(found["annotations"].items())) or "nothing drawn"
    return f"{found['name']} ({state}): {about}; {drawn}"


def _print(found: dict[str, Any]) -> None:
    console.print(_line(found), markup=False)
    for name in ("policy", "readers", "toleranceMm", "acceptAbove", "tool", "licence", "source", "instructions"):
        if found[name] is not None:
            console.print(f"  {name}: {found[name]}", soft_wrap=True, markup=False)
    if found["annotators"]:
        table = Table("annotator", *(each.value for each in HandoutState), box=None)
        for name, counts in found["annotators"].items():
            table.add_row(name, *(str(counts.get(each.value, 0)) for each in HandoutState))
        console.print(table)
