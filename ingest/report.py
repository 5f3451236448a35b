"""The report of an import: counts and faults, as it is stored, shown and printed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col

from ingest.faults import FaultDraft
from ingest.loading import CaseOutcome
from schema.database import Database, Role
from schema.import_run import Fault, ImportRun, ImportSummary, RunState, Severity
from schema.release import Visibility


@dataclass
class ImportReport:
    """What a run counted and found wrong."""

    round: str
    release: str | None = None
    digest: str | None = None
    outcomes: list[CaseOutcome] = field(default_factory=list)
    faults: list[FaultDraft] = field(default_factory=list)
    """Faults of the file as a whole, beside those of its cases."""
    embedded: int = 0
    seconds: float = 0.0

    @property
    def all_faults(self) -> list[FaultDraft]:
        """Every fault, by scan and kind."""
        faults = [one for outcome in self.outcomes for one in outcome.faults] + self.faults
        return sorted(faults, key=lambda one: (one.scan or "", one.kind, -1 if one.finding is None else one.finding))

    @property
    def left_out(self) -> bool:
        """Whether anything did not come in."""
        return any(one.severity is Severity.LEFT_OUT for one in self.all_faults)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it."""
        counts = count_outcomes(self.outcomes)
        return {
            "round": self.round,
            "release": self.release,
            "digest": self.digest,
            "scans": {what: counts[f"scans_{what}"] for what in ("new", "unchanged", "left_out")},
            "findings": {what: counts[f"findings_{what}"] for what in ("new", "unchanged")},
            "entities": {what: counts[f"entities_{what}"] for what in ("new", "unchanged")},
            "embedded": self.embedded,
            "faults": [one.to_json() for one in self.all_faults],
            "seconds": round(self.seconds, 3),
        }


def count_outcomes(outcomes: Sequence[CaseOutcome]) -> dict[str, int]:
    """Sum outcomes up, by the columns of `import_summary`."""
    inside = [one for one in outcomes if not one.left_out]
    return {
        "scans_new": sum(one.scan_is_new for one in inside),
        "scans_unchanged": sum(not one.scan_is_new for one in inside),
        "scans_left_out": len(outcomes) - len(inside),
        "findings_new": sum(one.findings_new for one in inside),
        "findings_unchanged": sum(one.findings - one.findings_new for one in inside),
        "entities_new": sum(one.entities_new for one in inside),
        "entities_unchanged": sum(one.entities - one.entities_new for one in inside),
    }


def save_report(database: Database, run_id: int, report: ImportReport) -> None:
    """Store a run's report; what is about hidden scans stands in `hidden`."""
    hidden = [one for one in report.outcomes if one.hidden]
    shown = [one for one in report.outcomes if not one.hidden]
    with database.transaction(Role.API) as session:
        _save(session, run_id, shown, report.faults)
        statement = sa.update(ImportRun).where(col(ImportRun.id) == run_id)
        session.execute(statement.values(state=RunState.DONE, finished_at=sa.func.now()))
    if hidden:
        with database.transaction(Role.OWNER, Visibility.HIDDEN) as session:
            _save(session, run_id, hidden, [])


def _save(session: Session, run_id: int, outcomes: list[CaseOutcome], faults: list[FaultDraft]) -> None:
    session.execute(insert(ImportSummary).values(run_id=run_id, **count_outcomes(outcomes)))
    rows = [one.to_json() for outcome in outcomes for one in outcome.faults] + [one.to_json() for one in faults]
    if rows:
        session.execute(sa.insert(Fault), [{"run_id": run_id, **row} for row in rows])
