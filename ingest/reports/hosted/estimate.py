"""What a run would ask, and what that would cost: before it starts, so in part a guess.

What stands in the ledger is asked for no more. Of what is asked later, the words are not known yet: a report is thought
to be as long when it is rewritten, and to give an observation a sentence. How long answers are is what they were on
average, where the ledger has some of the same prompt and model; else a guess too.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from ingest.reports.engine import Engine
from ingest.reports.hosted.engine import HostedEngine
from ingest.reports.hosted.pricing import Usage, cost_usd
from ingest.reports.ledger import find_results, key_of
from ingest.reports.revisions import batches_of_texts
from ingest.reports.sources import Source, read_sources
from ingest.reports.stages import (
    Extraction,
    Phrase,
    Rewrite,
    RewrittenReport,
    RewrittenSentence,
    SourceLink,
    Stage,
    Strict,
    input_digest,
)
from ingest.reports.work import Work
from schema.database import Database
from schema.queries.tables import MODEL_CALL
from schema.report import Region

TOKENS_OUT = {Stage.DESCRIBE: 80, Stage.CATEGORISE: 30}
"""For a text, before one was seen."""
TOKENS_OUT_A_SENTENCE = 60
"""Of a report rewritten or extracted, before one was seen."""


@dataclass
class Estimate:
    """What one stage would ask."""

    tokens_in: int = 0
    tokens_out: int = 0
    seen: set[str] = field(default_factory=set)
    """Digests of the inputs that are counted."""

    def to_json(self) -> dict[str, int]:
        """Give it as `--json` prints it."""
        return {"calls": len(self.seen), "tokens_in": self.tokens_in, "tokens_out": self.tokens_out}


class Estimator:
    """Counts what an engine would be asked, each input once."""

    def __init__(self, session: Session, engine: HostedEngine) -> None:
        self._session = session
        self._engine = engine
        self._averages = {stage: _average_out(session, engine, stage) for stage in Stage}
        self.stages = {stage: Estimate() for stage in Stage}

    def add_report(self, source: Source, work: Work) -> None:
        """Count what is asked about a report."""
        rewrite = self.add(Stage.REWRITE, source.text)
        report = RewrittenReport(sentences=rewrite.sentences) if isinstance(rewrite, Rewrite) else _alike(source)
        phrases = [each.text for each in report.sentences]
        if work.asks_of_reports(Stage.EXTRACT) and isinstance(known := self.add(Stage.EXTRACT, report), Extraction):
            phrases = [each.phrase for each in known.observations]
        for stage in filter(work.asks_of_reports, TOKENS_OUT):
            for text in phrases:
                self.add(stage, Phrase(text=text))

    def add(self, stage: Stage, asked: Strict) -> Strict | None:
        """Count an input unless it is answered; give its answer."""
        digest = input_digest(asked)
        kept = find_results(self._session, key_of(self._engine, stage), [digest]).get(digest)
        counted = self.stages[stage]
        if kept is None and digest not in counted.seen:
            counted.seen.add(digest)
            counted.tokens_in += self._engine.question(stage, asked).tokens
            counted.tokens_out += self._averages[stage] or _guess_out(stage, asked)
        return kept.output if kept else None

    def cost_usd(self) -> Decimal | None:
        """Give the price of it all; None where the model's is unknown."""
        price = self._engine.requester.prices.price_of(self._engine.model)
        if price is None:
            return None
        each = (cost_usd(price, Usage(one.tokens_in, one.tokens_out)) for one in self.stages.values())
        return sum(each, Decimal(0))


def estimate(database: Database, engine: Engine, work: Work) -> dict[str, Any]:
    """Count what a run would ask and what that may cost, as `--json` prints it; rules cost nothing.

    Raises:
        NotFound: there is no such study.
    """
    with database.transaction() as session:
        ahead = work.reports(session, engine)
        facts: dict[str, Any] = {"engine": engine.name, "model": engine.model, "reports": len(ahead)}
        if not isinstance(engine, HostedEngine):
            return {**facts, "stages": {}, "cost_usd": "0"}
        estimator, study_id = Estimator(session, engine), work.study_id(session)
        for source in read_sources(session, ahead):
            estimator.add_report(source, work)
        for stage in filter(work.asks_of_findings, Stage):
            for texts in batches_of_texts(database, study_id, uncategorised=stage is Stage.CATEGORISE):
                for phrase in texts.values():
                    estimator.add(stage, phrase)
    cost = estimator.cost_usd()
    stages = {stage: each.to_json() for stage, each in estimator.stages.items() if each.seen}
    return {**facts, "stages": stages, "cost_usd": None if cost is None else str(cost)}


def _alike(source: Source) -> RewrittenReport:
    sentences = (
        RewrittenSentence(text=each.text, region=Region.LUNGS, sources=(SourceLink(sentence=each.number),))
        for each in source.text.sentences
    )
    return RewrittenReport(sentences=tuple(sentences))


def _guess_out(stage: Stage, asked: Strict) -> int:
    sentences = getattr(asked, "sentences", ())
    return TOKENS_OUT.get(stage, 0) or TOKENS_OUT_A_SENTENCE * len(sentences)


def _average_out(session: Session, engine: HostedEngine, stage: Stage) -> int | None:
    key, call = key_of(engine, stage), MODEL_CALL.c
    same = (call.stage == stage, call.prompt_version == key.prompt_version, call.model == key.model)
    statement = sa.select(sa.func.avg(call.tokens_out)).where(*same, call.output.is_not(None))
    average = session.execute(statement).scalar_one()
    return None if average is None else round(average)
