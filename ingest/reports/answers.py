"""Answers to inputs of a stage: from the ledger where they are there, from the engine where they are not.

What is asked is checked, and asked once more with its faults named where that may help. Answers that are paid for are
kept one by one as they come, others together.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ingest.reports.engine import Engine
from ingest.reports.ledger import add_results, find_results, first_outputs, key_of
from ingest.reports.preservation import Violation, violations
from ingest.reports.stages import Extraction, RewrittenReport, Stage, Strict, input_digest, misfits
from schema.database import Database
from schema.errors import RunStopped, StageFailed
from schema.report import EngineName

MOST_FAILURES_IN_A_ROW = 10
"""So many inputs without an answer one after another end a run: the others would hardly fare better."""

_NOTHING = Extraction(observations=())
"""What a report without a sentence left observes; nobody need be asked."""


@dataclass(frozen=True)
class Answer:
    """The output that stands for an input."""

    asked: Strict
    output: Strict
    result_id: int | None
    """None where nothing had to be asked."""
    engine: EngineName
    first: Strict
    """What was said before it was repaired or corrected; the output itself where neither was needed."""

    @cached_property
    def lost(self) -> tuple[Violation, ...]:
        """What the output lost of the input; what a person left out is no loss."""
        return () if self.engine is EngineName.PERSON else violations(self.asked, self.output)

    @cached_property
    def repaired(self) -> tuple[Violation, ...]:
        """What was lost at first, and is no more."""
        if self.first == self.output:
            return ()
        return tuple(each for each in violations(self.asked, self.first) if each not in self.lost)


@dataclass
class Answers:
    """Answers by the digest of their input, what failed, and how many were asked for."""

    by_digest: dict[str, Answer] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Why there is no answer, by digest."""
    asked: int = 0

    def of(self, asked: Strict) -> Answer | None:
        """Give the answer to an input, if there is one."""
        return self.by_digest.get(input_digest(asked))

    def failure_of(self, asked: Strict) -> str | None:
        """Say why there is no answer to an input, where it failed."""
        return self.failed.get(input_digest(asked))


def answer_all(database: Database, engine: Engine, stage: Stage, inputs: Iterable[Strict]) -> Answers:
    """Answer inputs, each of them once however often it comes.

    Raises:
        RunStopped: credit, a limit or the budget ended it; what was answered is kept.
    """
    by_digest = {input_digest(each): each for each in inputs}
    key, answers = key_of(engine, stage), Answers()
    for digest in [digest for digest, each in by_digest.items() if each == RewrittenReport(sentences=())]:
        answers.by_digest[digest] = Answer(by_digest.pop(digest), _NOTHING, None, engine.name, _NOTHING)
    with database.transaction() as session:
        known = find_results(session, key, by_digest.keys())
    missing = [asked for digest, asked in by_digest.items() if digest not in known]
    for asked, why in _ask_all(database, engine, stage, missing):
        answers.failed[input_digest(asked)] = why
    with database.transaction() as session:
        kept = find_results(session, key, by_digest.keys())
        first = first_outputs(session, key, kept.keys())
    for digest, one in kept.items():
        said_first = first.get(digest, one.output)
        answers.by_digest[digest] = Answer(by_digest[digest], one.output, one.id, one.engine, said_first)
    answers.asked = len(missing)
    return answers


def ask(engine: Engine, stage: Stage, asked: Strict) -> Strict:
    """Ask an engine, and once more, naming what the answer lost; the answer that lost less stands.

    Raises:
        StageFailed: there is no answer, or one to another question.
        RunStopped: there will be none.
    """
    output = _fitting(engine, stage, asked)
    lost = violations(asked, output)
    if not lost or not engine.can_repair:
        return output
    again = _fitting(engine, stage, asked, [str(each) for each in lost])
    return again if len(violations(asked, again)) < len(lost) else output


def _fitting(engine: Engine, stage: Stage, asked: Strict, faults: Sequence[str] = ()) -> Strict:
    output = engine.answer(stage, asked, faults)
    if wrong := misfits(asked, output):
        raise StageFailed(f"{stage}: {wrong[0]}")
    return output


def _ask_all(
    database: Database, engine: Engine, stage: Stage, inputs: Sequence[Strict]
) -> Iterator[tuple[Strict, str]]:
    """Ask for each, keep what comes, and give those that failed with the reason."""
    pieces = [[each] for each in inputs] if engine.model else [inputs] if inputs else []
    in_a_row = 0
    with ThreadPoolExecutor(engine.parallel) as pool:
        running = [pool.submit(_ask_piece, database, engine, stage, piece) for piece in pieces]
        try:
            for done in as_completed(running):
                failed = done.result()
                yield from failed
                in_a_row = in_a_row + len(failed) if failed else 0
                if in_a_row >= MOST_FAILURES_IN_A_ROW and engine.model:
                    raise RunStopped(f"{in_a_row} in a row failed, the last one: {failed[-1][1]}")
        except BaseException:
            _cancel(running, engine)
            raise


def _cancel(running: Iterable["Future[Any]"], engine: Engine) -> None:
    """Begin nothing more; what is on its way ends by itself, and is kept."""
    engine.stop()
    for each in running:
        each.cancel()


def _ask_piece(database: Database, engine: Engine, stage: Stage, inputs: Sequence[Strict]) -> list[tuple[Strict, str]]:
    answered, failed = [], []
    for asked in inputs:
        try:
            answered.append((asked, ask(engine, stage, asked)))
        except StageFailed as error:
            failed.append((asked, str(error)))
    with database.transaction() as session:
        add_results(session, key_of(engine, stage), answered)
    return failed
