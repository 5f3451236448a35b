"""The engine that asks a language model, stage by stage, and once again where the answer could not be used."""

from collections.abc import Sequence

from ingest.reports.hosted.faults import REPAIRABLE, Fault
from ingest.reports.hosted.prompts import load_prompt
from ingest.reports.hosted.requests import Question, Requester
from ingest.reports.stages import Stage, Strict
from schema.errors import StageFailed
from schema.report import EngineName


class HostedEngine:
    """A language model behind an address of OpenAI's protocol."""

    name = EngineName.OPENAI
    can_repair = True

    def __init__(self, requester: Requester, *, parallel: int) -> None:
        self.requester = requester
        self.model = requester.model
        self.parallel = parallel

    def version(self, stage: Stage) -> str:
        """Give the version of the stage's prompt."""
        return load_prompt(stage).version

    def answer(self, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Strict:
        """Give `OUTPUTS[stage]` for `INPUTS[stage]`; faults name what was wrong with the last answer.

        Raises:
            StageFailed: no answer of the stage's type could be had; it is not a result.
            RunStopped: no other question would be answered either.
        """
        try:
            return self.requester.send(self.question(stage, asked, faults))
        except Fault as fault:
            if fault.name not in REPAIRABLE:
                raise StageFailed(f"{stage}: {fault}") from fault
            advice = fault.advice or str(fault)
        try:
            return self.requester.send(self.question(stage, asked, [*faults, advice]))
        except Fault as fault:
            raise StageFailed(f"{stage}: {fault}, also when it was named") from fault

    def stop(self) -> None:
        """Send nothing more."""
        self.requester.pace.stopped.set()

    def question(self, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Question:
        """Give what is sent."""
        prompt = load_prompt(stage)
        return Question(stage, prompt.version, asked, prompt.messages(asked, faults))
