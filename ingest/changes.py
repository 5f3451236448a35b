"""What two states of the archive differ in, as comparisons of rounds and of releases tell it."""

from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, order=True)
class Named:
    """A scan, or a finding as `scan index`: by what people call it, and by its key."""

    name: str
    id: UUID

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Changed:
    """Something that both states have and say differently."""

    id: UUID | None
    """Of the scan or finding; None for a split."""
    scan: str
    """Its name, or a split's."""
    finding: int | None
    """The finding's index in the later state; None where no finding is meant."""
    before: str | None
    after: str | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.scan if self.finding is None else f"{self.scan} {self.finding}"


def to_json(difference: Any) -> dict[str, Any]:
    """Give a comparison as `--json` prints it: what was named stands by its name."""
    return {each.name: _written(getattr(difference, each.name)) for each in fields(difference)}


def _written(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_written(each) for each in value]
    if isinstance(value, Named):
        return value.name
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
