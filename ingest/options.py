"""What the user asks of an import."""

from dataclasses import dataclass
from pathlib import Path

from ingest.places import Places
from schema.annotation import AnnotationPolicy
from schema.scan import VolumeStorage


@dataclass(frozen=True)
class ImportOptions:
    """What the user asks for."""

    dataset: Path
    round: str
    masks: Path | None = None
    volumes: Path | None = None
    release: str | None = None
    hide: frozenset[str] = frozenset()
    policy: AnnotationPolicy | None = None
    volumes_as: VolumeStorage = VolumeStorage.COPY
    terms: str | None = None
    collection: str = "ct-rate"
    workers: int = 2
    dask_address: str | None = None

    @property
    def places(self) -> Places:
        """Where the files are."""
        return Places.beside(self.dataset, self.masks, self.volumes)
