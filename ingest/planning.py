"""Looking at what an import would do and need: a dry run."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.cases import read_case_file
from ingest.faults import FaultDraft
from ingest.options import ImportOptions
from ingest.places import ct_rate_path
from schema.scan import VolumeStorage


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do and need."""

    scans: int
    left_out: int
    bytes_needed: int
    """Bytes of the files that would be copied, an upper bound of what the store will hold."""
    bytes_free: int
    missing_volumes: tuple[str, ...]
    """As paths within CT-RATE's repository."""
    missing_masks: tuple[str, ...]
    faults: tuple[FaultDraft, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the plan as `--dry-run --json` prints it."""
        return {
            "scans": self.scans,
            "left_out": self.left_out,
            "bytes": {"needed": self.bytes_needed, "free": self.bytes_free},
            "missing": {"volumes": list(self.missing_volumes), "masks": list(self.missing_masks)},
            "faults": [one.to_json() for one in self.faults],
        }


def plan_import(options: ImportOptions, arrays_folder: Path) -> ImportPlan:
    """Look at what an import would do, without the database and without writing.

    Raises:
        SourceError: the file cannot be used.
    """
    source, places = read_case_file(options.dataset), options.places
    volumes = {case: places.find_volume(case.name) for case in source.cases}
    masks = {case: places.find_mask(case.name) for case in source.cases}
    copied = [path for path in volumes.values() if path] if options.volumes_as is VolumeStorage.COPY else []
    needed = sum(path.stat().st_size for path in [*copied, *(path for path in masks.values() if path)])
    return ImportPlan(
        scans=len(source.cases),
        left_out=len(source.left_out),
        bytes_needed=needed,
        bytes_free=shutil.disk_usage(_existing(arrays_folder)).free,
        missing_volumes=tuple(ct_rate_path(case.name) for case, path in volumes.items() if path is None),
        missing_masks=tuple(case.name.scan for case, path in masks.items() if path is None and case.declares_counts),
        faults=(*(one for _, faults in source.left_out for one in faults), *source.leaks),
    )


def _existing(folder: Path) -> Path:
    return next(parent for parent in (folder, *folder.parents) if parent.exists())
