"""Which files below a folder are whose organs: told by names, of files and of folders. No file is opened."""

import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ingest.faults import FaultDraft, fault
from schema.import_run import FaultKind
from schema.organ import OrganScheme

_ENDINGS = (".nii.gz", ".nii")
_NUMBER = re.compile(r"[_.-]*[0-9]+")


@dataclass
class OrganFiles:
    """The organs of one scan: a map of labels, or a file for each organ."""

    scan: str
    maps: list[Path] = field(default_factory=list)
    organs: list[tuple[int, Path]] = field(default_factory=list)
    """Label and file."""
    strangers: list[Path] = field(default_factory=list)
    """Files in the scan's folder that are named after no organ of the scheme."""

    @property
    def paths(self) -> list[Path]:
        """The files to read."""
        return [*self.maps, *(path for _, path in self.organs)]


@dataclass
class FoundOrgans:
    """What lies below a folder."""

    scans: list[OrganFiles]
    """By scan's name; each has one map, or files of different organs."""
    unknown: list[str]
    """Names of scans that are not known, ascending."""
    faults: list[FaultDraft]
    """Of files whose scan or organ cannot be told; none of their scans is in `scans`."""


def find_organs(folder: Path, scheme: OrganScheme, known: Container[str]) -> FoundOrgans:
    """Find the organs of known scans below a folder.

    A file is a map of labels where its name begins with a scan's, `<scan>.nii.gz` or `<scan>_lungs.nii.gz`; else it is
    one organ, `<organ>.nii.gz`, of the scan after which the nearest folder above it is named. A single file of another
    name in such a folder is a map.
    """
    found: dict[str, OrganFiles] = {}
    unknown: set[str] = set()
    faults: list[FaultDraft] = []
    labels = {name: label for label, name in scheme.names.items()}
    for path in _nifti_files(folder):
        stem = _stem(path)
        scan, rest = match_scan(stem, known)
        if scan is not None and _NUMBER.fullmatch(rest):
            message = f"it may be a file of {scan}, or of another scan that is called {stem}"
            faults.append(fault(FaultKind.BAD_NAME, message, path=path))
        elif scan is not None:
            found.setdefault(scan, OrganFiles(scan)).maps.append(path)
        elif owner := _folder_scan(path, folder, known):
            _add_to_folder(found.setdefault(owner, OrganFiles(owner)), path, labels.get(stem))
        else:
            unknown.add(path.parent.name if stem in labels else stem)
    for files in found.values():
        faults += _settle(files)
    wrong = {one.scan for one in faults}
    return FoundOrgans([found[scan] for scan in sorted(found) if scan not in wrong], sorted(unknown), faults)


def match_scan(name: str, known: Container[str]) -> tuple[str | None, str]:
    """Give the longest known scan with whose name this one begins, up to `_`, `.`, `-` or the end; and what follows."""
    for end in sorted((match.start() for match in re.finditer(r"[_.-]|$", name)), reverse=True):
        if name[:end] in known:
            return name[:end], name[end:]
    return None, name


def _nifti_files(folder: Path) -> Iterator[Path]:
    """Every NIfTI file below a folder, in the order of names; folders may be links, each is entered once."""
    seen = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for name in sorted(files):
            if name.endswith(_ENDINGS) and not name.startswith("."):
                yield Path(place, name)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _folder_scan(path: Path, folder: Path, known: Container[str]) -> str | None:
    """Give the scan after which the nearest folder above a file is named, up to the folder that was given."""
    for above in path.parents:
        scan, rest = match_scan(above.name, known)
        if scan is not None and not _NUMBER.fullmatch(rest):
            return scan
        if above == folder:
            break
    return None


def _add_to_folder(files: OrganFiles, path: Path, label: int | None) -> None:
    if label is None:
        files.strangers.append(path)
    else:
        files.organs.append((label, path))


def _settle(files: OrganFiles) -> Iterator[FaultDraft]:
    """Take a folder's only file as a map; tell where it stays open what to read."""
    if not files.paths and len(files.strangers) == 1:
        files.maps, files.strangers = files.strangers, []
    if not files.paths:
        names = ", ".join(path.name for path in files.strangers[:3])
        message = f"no file of its folder is named after an organ of the scheme: {names}..."
        yield fault(FaultKind.BAD_NAME, message, scan=files.scan, path=files.strangers[0].parent)
    elif len(files.maps) > 1 or (files.maps and files.organs) or len(dict(files.organs)) < len(files.organs):
        names = ", ".join(str(path) for path in sorted(files.paths)[:3])
        message = f"{len(files.paths)} files may be its organs: {names}{'...' * (len(files.paths) > 3)}"
        yield fault(FaultKind.DUPLICATE_SCAN, message, scan=files.scan)
