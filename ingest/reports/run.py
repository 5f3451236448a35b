"""What a run did: counts, losses by class, what it cost, and what failed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ingest.reports.linking import LinkCounts
from ingest.reports.preservation import named
from ingest.reports.readings import Read
from schema.report import LossKind, SentenceUse


@dataclass
class ProcessReport:
    """What a run over reports and findings did."""

    engine: str
    version: str
    read: int = 0
    unchanged: int = 0
    sentences: Counter[SentenceUse] = field(default_factory=Counter)
    observations: int = 0
    named: Counter[LossKind] = field(default_factory=Counter)
    lost: Counter[LossKind] = field(default_factory=Counter)
    repaired: Counter[LossKind] = field(default_factory=Counter)
    described: int = 0
    """Findings whose descriptors changed."""
    categorised: int = 0
    """Findings that had no category, and have one now."""
    links: LinkCounts = field(default_factory=LinkCounts)
    """Findings of the reports that were read, and those of them that an observation or a sentence says."""
    asked: int = 0
    """Inputs that the ledger had no answer to."""
    failures: list[dict[str, str]] = field(default_factory=list)
    calls: int = 0
    models_answered: list[str] = field(default_factory=list)
    cost_usd: Decimal | None = None
    unpriced: int = 0
    stopped: str | None = None
    """Why it ended before its end."""
    seconds: float = 0.0

    def add(self, read: Read) -> None:
        """Count a reading."""
        self.read += 1
        self.observations += len(read.extracted.observations)
        self.sentences.update(each.use for each in read.accounts)
        answers = [read.rewrite, read.extraction, *(second for _, second in read.phrases.values())]
        for answer in answers:
            self.named.update(named(answer.asked, answer.output))
        for loss, _, repaired in read.losses():
            (self.repaired if repaired else self.lost)[loss.kind] += 1

    def pay(self, spending: Sequence[Mapping[str, Any]]) -> None:
        """Count the requests that the run made, as the ledger sums them."""
        self.calls = sum(each["calls"] for each in spending)
        self.unpriced = sum(each["unpriced"] for each in spending)
        self.models_answered = sorted({each["model_answered"] for each in spending if each["model_answered"]})
        costs = [each["cost_usd"] for each in spending if each["cost_usd"] is not None]
        self.cost_usd = sum(costs, Decimal(0)) if costs else None

    @property
    def complete(self) -> bool:
        """Whether nothing failed and nothing is left."""
        return not self.failures and self.stopped is None

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        return {
            "engine": self.engine,
            "version": self.version,
            "reports": {"read": self.read, "unchanged": self.unchanged, "failed": len(self.failures)},
            "sentences": {"total": self.sentences.total(), **{use: self.sentences[use] for use in SentenceUse}},
            "observations": self.observations,
            "losses": {kind: self._losses(kind) for kind in LossKind},
            "findings": {"described": self.described, "categorised": self.categorised},
            "links": self.links.to_json(),
            "asked": self.asked,
            "calls": self.calls,
            "models_answered": self.models_answered,
            "cost_usd": None if self.cost_usd is None else str(self.cost_usd),
            "unpriced_calls": self.unpriced,
            "failures": self.failures,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
        }

    def _losses(self, kind: LossKind) -> dict[str, Any]:
        of, lost = self.named[kind], self.lost[kind]
        return {"of": of, "lost": lost, "repaired": self.repaired[kind], "rate": round(lost / of, 6) if of else None}
