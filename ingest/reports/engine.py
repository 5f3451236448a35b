"""What every engine offers that reads reports."""

from collections.abc import Sequence
from typing import Protocol

from ingest.reports.stages import Stage, Strict
from schema.report import EngineName


class Engine(Protocol):
    """Answers the stages: a set of rules, or a language model. What it cannot decide it leaves undecided."""

    @property
    def name(self) -> EngineName:
        """Which engine it is."""

    @property
    def model(self) -> str:
        """The model that is asked; empty for rules."""

    @property
    def can_repair(self) -> bool:
        """Whether asking again with the faults named may give another answer."""

    @property
    def parallel(self) -> int:
        """How many inputs may be answered at a time."""

    def version(self, stage: Stage) -> str:
        """Give the version of the stage's prompt or rules; another one asks for everything anew."""

    def answer(self, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Strict:
        """Give `OUTPUTS[stage]` for `INPUTS[stage]`; faults name what was wrong with the last answer.

        Raises:
            StageFailed: no answer of the stage's type could be had; it is not a result.
            RunStopped: credit, a limit or the budget is used up; no other input would be answered either.
        """

    def stop(self) -> None:
        """Begin nothing more: whoever waits for a limit gives up with RunStopped."""
