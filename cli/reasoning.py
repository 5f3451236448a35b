"""The command that imports chains of thought: ingest reasoning."""

from pathlib import Path

import click

from cli.output import console, counted, json_option, print_json
from ingest.reasoning import import_reasoning
from migrations.ready import ready_database
from schema.import_run import Severity
from schema.settings import load_settings


@click.command()
@click.argument("chains", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--collection", default="ct-rate", show_default=True)
@json_option
def reasoning(chains: Path, collection: str, as_json: bool) -> None:
    """Import chains of thought about findings that are here: CHAINS is a JSON file such as anatomical_cot.json.

    Each chain is kept as it came; what is recognised becomes steps. Running it again changes nothing.
    """
    with ready_database(load_settings()) as database:
        report = import_reasoning(database, chains, collection)
    if as_json:
        print_json(report.to_json())
    else:
        for one in report.all_faults:
            where = " ".join(part for part in (one.scan, one.finding is not None and f"finding {one.finding}") if part)
            line = f"{one.severity}  {one.kind}  {where}: {one.message}; {one.remedy} [{one.path}]"
            console.print(line, soft_wrap=True, markup=False)
        console.print(
            f"{report.origin}: {counted(report.chains, 'chain')} read, {report.new} new, {report.changed} changed, "
            f"{report.unchanged} unchanged; {report.boxes} with a box, "
            f"{counted(report.unrecognised, 'step')} of no known level",
            soft_wrap=True,
            markup=False,
        )
    raise SystemExit(1 if any(one.severity is Severity.LEFT_OUT for one in report.all_faults) else 0)
