"""The command itself: what it says to a slip of the finger."""

import pytest
from click.testing import CliRunner

from cli.main import groundct


@pytest.mark.parametrize(("typed", "meant"), [(["searhc"], "search"), (["round", "opne"], "open")])
def test_a_slip_is_answered_by_what_was_meant(typed: list[str], meant: str) -> None:
    told = CliRunner().invoke(groundct, typed)
    assert told.exit_code == 2
    assert told.output.endswith(f"No such command '{typed[-1]}'. Did you mean '{meant}'?\n")
