"""The command `groundct`: its groups, and how errors end.

Exit codes: 0 done, warnings included; 1 something was left out, or failed; 2 wrong use; 130 interrupted.
"""

import importlib
import logging
import sys

import click

from schema.errors import GroundctError, SettingsError
from schema.version import software_version

_COMMANDS = {
    "demo": ("cli.demo", "Make a phantom dataset, import it, and show what can be asked."),
    "init": ("cli.database", "Make the home ready: server, tables, ontology."),
    "migrate": ("cli.database", "Bring the database to this software's tables, as its owner."),
    "status": ("cli.database", "Show the database, its counts, and the array store."),
    "stop": ("cli.database", "Stop the embedded server."),
    "backup": ("cli.database", "Write the database into a file."),
    "restore": ("cli.database", "Read the database from a file of `backup`."),
    "db": ("cli.database", "Addresses of the database."),
    "verify": ("cli.integrity", "Check every stored array and release against its digest."),
    "gc": ("cli.integrity", "Remove arrays that no row names."),
    "ingest": ("cli.ingest", "Import datasets and their tables."),
    "compute": ("cli.compute", "Compute what is derived from voxels."),
    "evaluate": ("cli.evaluate", "Score predictions against masks; needs no database."),
    "embed": ("cli.search", "Embed findings that have no vector yet."),
    "categorise": ("cli.categorise", "Give findings, one a line, their codes."),
    "search": ("cli.search", "Find findings by free text."),
    "query": ("cli.query", "Answer a GraphQL query without a server."),
    "serve": ("cli.serve", "Serve the GraphQL API."),
    "token": ("cli.token", "Tokens by which somebody may read over the network."),
    "show": ("cli.show", "Draw a finding or a scan into a PNG."),
    "reports": ("cli.reports", "Read reports: regions, observations, descriptors, categories."),
    "ontology": ("cli.ontology", "Trees of categories, and what is in them."),
    "cohort": ("cli.cohort", "Selections of findings that stay as they were drawn."),
    "review": ("cli.review", "What should be looked at, and verdicts on it."),
    "person": ("cli.person", "Annotators and reviewers, under pseudonyms."),
    "round": ("cli.round", "Rounds of annotation, and what they hand out."),
    "release": ("cli.release", "Releases and their digests."),
    "withdraw": ("cli.withdraw", "Remove a patient from everything."),
    "export": ("cli.export", "Write a release as a folder for others."),
}


class _LazyGroup(click.Group):
    """Imports a command's module only when it is used, so that `--help` is quick."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            raise click.exceptions.NoSuchCommand(cmd_name, possibilities=_COMMANDS, ctx=ctx)
        command: click.Command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(software_version(), prog_name="groundct")
@click.option("-v", "--verbose", is_flag=True, help="Log to stderr what is done, and the details of errors.")
def groundct(verbose: bool) -> None:
    """The database for grounded CT reports: every finding's words linked to the voxels that show it."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.CRITICAL,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def main() -> None:
    """Run the command; what a user can mend is one line on stderr, never a traceback."""
    try:
        code = groundct.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("interrupted; what is complete stays, the same command goes on from there", err=True)
        code = 130
    except GroundctError as error:
        logging.getLogger(__name__).info("details", exc_info=error)
        click.echo(f"error: {error}", err=True)
        code = 2 if isinstance(error, SettingsError) else 1
    except BrokenPipeError:
        sys.stderr.close()
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
