"""Commands about cohorts: create, list, show, diff, export."""

import json
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from rich.table import Table

from api.graphql.order import FindingField
from api.graphql.schema import read_filter
from cli.json_object import read_object
from cli.output import console, counted, json_option, print_json
from migrations.ready import ready_database
from schema.queries import cohorts, views
from schema.queries.cohorts import CohortRequest, Member
from schema.settings import load_settings

WHERE = """A filter as GraphQL's FindingWhere: '{"category": "2d"}'."""
FIELDS = [each.value for each in FindingField]


@click.group()
def cohort() -> None:
    """Selections of findings that are drawn by patient, and stay as they were drawn."""


@cohort.command()
@click.argument("name")
@click.option(
    "--where", default="{}", metavar="JSON", help="""A filter as GraphQL's `FindingWhere`: '{"category": "2d"}'."""
)
@click.option("--release", help="Draw from this release, in its words and under its indices.")
@click.option("--split", help="Only from this split of the release.")
@click.option(
    "--patients", type=click.IntRange(1), help="How many patients, each with all such findings.  [default: all]"
)
@click.option("--strata", type=click.Choice(FIELDS), metavar="FIELD", help=f"In proportion to: {', '.join(FIELDS)}.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--dry-run", is_flag=True, help="Say what would be drawn, and keep nothing.")
@json_option
def create(
    name: str, where: str, release: str | None, split: str | None, dry_run: bool, as_json: bool, **how: Any
) -> None:
    """Draw the cohort NAME. The same archive, options and seed give the same findings."""
    asked = read_object("--where", where)
    request = CohortRequest(read_filter(asked), asked, release=release, split=split, **how)
    with ready_database(load_settings()) as database, database.transaction() as session:
        members = cohorts.create(session, name, request, keep=not dry_run)
    facts = {
        "name": name,
        "digest": cohorts.digest_of(members),
        **_sizes(members),
        "seed": how["seed"],
        "dry_run": dry_run,
    }
    print_json(facts) if as_json else console.print(_line(facts))


@cohort.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the cohorts."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        found = [_facts(row) for row in session.execute(_all()).mappings()]
    if as_json:
        print_json(found)
        return
    table = Table("name", "release", "findings", "digest", "created", box=None)
    for each in found:
        table.add_row(
            each["name"], each["release"] or "", str(each["findings"]), each["digest"][:12], each["created_at"]
        )
    console.print(table if found else "no cohorts; make one with `groundct cohort create NAME`")


@cohort.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what the cohort NAME was drawn by, and its findings."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        members = cohorts.members_of(session, name)
        (row,) = session.execute(_all().where(views.cohorts().fields["name"] == name)).mappings()
        facts = {**_facts(row), **_sizes(members), "members": [_member(each) for each in members]}
    if as_json:
        print_json(facts)
        return
    console.print(_line({**facts, "dry_run": False}))
    console.print(f"drawn by {json.dumps(facts['selection'])}")
    for each in facts["members"]:
        console.print(f"{each['scan']}  {each['finding']}", highlight=False)


@cohort.command()
@click.argument("a")
@click.argument("b")
@json_option
def diff(a: str, b: str, as_json: bool) -> None:
    """Show which findings only one of the cohorts A and B has; exit 1 when there are any."""
    with ready_database(load_settings()) as database, database.transaction() as session:
        ours, theirs = ({each.finding_id: each for each in cohorts.members_of(session, name)} for name in (a, b))
    only = {
        side: [_member(own[key]) for key in own if key not in other]
        for side, own, other in ((a, ours, theirs), (b, theirs, ours))
    }
    both = sum(key in theirs for key in ours)
    if as_json:
        print_json({"only_a": only[a] if a != b else [], "only_b": only[b] if a != b else [], "both": both})
    else:
        console.print(f"{counted(both, 'finding')} in both")
        for name, members in only.items():
            console.print(f"only in {name}: {len(members)}")
            for each in members:
                console.print(f"  {each['scan']}  {each['finding']}", highlight=False)
    raise SystemExit(1 if any(only.values()) else 0)


@cohort.command()
@click.argument("name")
@click.option("--as", "form", type=click.Choice(["evaluator", "nnunet"]), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@click.option("--split", default="val", show_default=True, help="evaluator: the split that its cases are put into.")
@click.option(
    "--folds", type=click.IntRange(2), default=5, show_default=True, help="nnunet: how many, split by patient."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="nnunet: decides who is in which fold."
)
def export(name: str, form: str, out: Path, split: str, folds: int, seed: int) -> None:
    """Write the cohort NAME as a dataset file for evaluators, or as nnU-Net's splits_final.json.

    A dataset file holds the scans of the cohort whole, since keys of findings are channels of masks.
    """
    with ready_database(load_settings()) as database, database.transaction() as session:
        if form == "evaluator":
            document: Any = {split: cohorts.cases_of(session, name)}
        else:
            document = cohorts.folds(_scans_by_patient(cohorts.members_of(session, name)), folds, seed)
    partial = out.with_name(f".{out.name}.partial")
    partial.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(out)
    console.print(f"{out} written")


def _all() -> sa.Select[Any]:
    view = views.cohorts()
    return view.select().add_columns(view.computed["finding_count"].label("finding_count")).order_by(*view.order)


def _facts(row: Any) -> dict[str, Any]:
    named = {name: row[name] for name in ("name", "release", "seed", "digest")}
    selection = json.loads(row["selection"])
    return {
        **named,
        "selection": selection,
        "findings": row["finding_count"],
        "created_at": row["created_at"].isoformat(),
    }


def _sizes(members: list[Member]) -> dict[str, int]:
    return {
        "findings": len(members),
        "scans": len({each.scan for each in members}),
        "patients": len({each.patient for each in members}),
    }


def _member(member: Member) -> dict[str, str]:
    return {
        "finding": str(member.finding_id),
        "revision": str(member.revision_id),
        "scan": member.scan,
        "patient": member.patient,
    }


def _scans_by_patient(members: list[Member]) -> dict[str, list[str]]:
    scans: dict[str, set[str]] = {}
    for member in members:
        scans.setdefault(member.patient, set()).add(member.scan)
    return {patient: sorted(each) for patient, each in scans.items()}


def _line(facts: dict[str, Any]) -> str:
    sizes = ", ".join(counted(facts[name], name.removesuffix("s")) for name in ("findings", "scans", "patients"))
    return f"{facts['name']}: {sizes}; digest {facts['digest'][:12]}" + ("; not kept" if facts["dry_run"] else "")
