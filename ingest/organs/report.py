"""What an import of organ masks did, as it is stored, shown and printed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ingest.faults import FaultDraft
from schema.import_run import Severity

_SHOWN = 10


class OrganState(StrEnum):
    """What became of a scan's organs."""

    NEW = "new"
    UNCHANGED = "unchanged"
    CHANGED = "changed"
    LEFT_OUT = "left_out"


@dataclass(frozen=True)
class OrganOutcome:
    """What became of one scan's organs."""

    scan: str
    state: OrganState
    faults: tuple[FaultDraft, ...] = ()


@dataclass
class OrganReport:
    """What a run counted and found wrong."""

    scheme: str
    dry_run: bool = False
    outcomes: list[OrganOutcome] = field(default_factory=list)
    faults: list[FaultDraft] = field(default_factory=list)
    """Faults of files whose scan or organ cannot be told."""
    unknown: Sequence[str] = ()
    """Scans that the database does not hold."""
    seconds: float = 0.0

    @property
    def all_faults(self) -> list[FaultDraft]:
        """Every fault, by scan and kind."""
        faults = [one for outcome in self.outcomes for one in outcome.faults] + self.faults
        return sorted(faults, key=lambda one: (one.scan or "", one.kind, one.path or ""))

    @property
    def left_out(self) -> bool:
        """Whether anything did not come in."""
        return any(one.severity is Severity.LEFT_OUT for one in self.all_faults)

    def to_json(self) -> dict[str, Any]:
        """Give the report as `--json` prints it; of unknown scans the first ten by name."""
        states = Counter(outcome.state for outcome in self.outcomes)
        states[OrganState.LEFT_OUT] += len({one.scan or one.path for one in self.faults})
        return {
            "scheme": self.scheme,
            "dry_run": self.dry_run,
            "scans": {**{state.value: states[state] for state in OrganState}, "unknown": len(self.unknown)},
            "unknown": list(self.unknown[:_SHOWN]),
            "faults": [one.to_json() for one in self.all_faults],
            "seconds": round(self.seconds, 3),
        }
