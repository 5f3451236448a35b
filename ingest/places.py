"""Where the masks and volumes of a dataset lie: flat, or below folders as CT-RATE lays them out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from schema.collection import ScanName


@dataclass(frozen=True)
class Places:
    """The folders of a dataset; a folder may be absent."""

    masks: Path
    volumes: Path

    @classmethod
    def beside(cls, dataset: Path, masks: Path | None, volumes: Path | None) -> "Places":
        """Give the folders named, or `segmentations` and `volumes` beside the dataset's JSON file."""
        folder = dataset.parent
        return cls(masks or folder / "segmentations", volumes or folder / "volumes")

    def find_mask(self, name: ScanName) -> Path | None:
        """Find a scan's mask."""
        return _first(self.masks / f"{name.scan}{ending}" for ending in (".nii.gz", ".nii"))

    def find_volume(self, name: ScanName) -> Path | None:
        """Find a scan's volume, flat or nested, with `dataset/<prefix>_fixed` above it or not."""
        return _first(self._volume_paths(name))

    def _volume_paths(self, name: ScanName) -> Iterator[Path]:
        for ending in (".nii.gz", ".nii"):
            yield self.volumes / f"{name.scan}{ending}"
        for folder in ("", f"{name.prefix}_fixed", f"dataset/{name.prefix}_fixed"):
            yield self.volumes / folder / name.nested_path


def ct_rate_path(name: ScanName) -> str:
    """Give the path of a volume within CT-RATE's repository."""
    return f"dataset/{name.prefix}_fixed/{name.nested_path}"


def _first(paths: Iterator[Path]) -> Path | None:
    return next((path for path in paths if path.exists()), None)
