"""Reading the organs of one scan from their files: labels and faults. Knows no database and writes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.frames import ScanGrid, place_file, read_placed
from ingest.organs.places import OrganFiles
from schema.arrays.box import Index
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind
from schema.organ import OrganScheme


@dataclass(frozen=True)
class ReadOrgans:
    """The organs of a scan in its voxels, a label each, and what was odd about their files."""

    labels: LabelRuns
    faults: tuple[FaultDraft, ...]


def check_organs(files: OrganFiles, scan: ScanGrid) -> None:
    """Look at the files' headers alone.

    Raises:
        CaseLeftOut: a file cannot be used; the fault says why.
    """
    for path in files.paths:
        place_file(path, scan)


def read_organs(files: OrganFiles, scheme: OrganScheme, scan: ScanGrid) -> ReadOrgans:
    """Read a scan's organs; they come from one map, or from a file for each.

    Raises:
        CaseLeftOut: a file cannot be used; the fault says why.
    """
    if files.maps:
        labels, told = read_placed(files.maps[0], scan)
        faults = list(told)
    else:
        labels, faults = _read_each(files, scan)
    faults = [*faults, *_label_faults(labels, scheme, files), *_volume_faults(scan)]
    same = {(one.kind, one.severity, one.message): one for one in reversed(faults)}
    return ReadOrgans(labels, tuple(reversed(same.values())))


def _read_each(files: OrganFiles, scan: ScanGrid) -> tuple[LabelRuns, list[FaultDraft]]:
    parts: list[NDArray[np.uint32]] = []
    faults: list[FaultDraft] = []
    for label, path in sorted(files.organs):
        organ, told = read_placed(path, scan)
        if len(organ.labels()) > 1:
            message = f"it holds {len(organ.labels())} labels; a file named after an organ holds that one alone"
            raise CaseLeftOut(fault(FaultKind.WRONG_TYPE, message, path=path))
        runs = organ.runs.copy()
        runs[:, 4] = label
        parts.append(runs)
        faults += told
    i, j, k = scan.shape_vox
    labels, doubled = _join(parts, (k, j, i))
    if doubled:
        message = f"{doubled} voxels stand in more than one organ; the one with the lowest label has them"
        faults.append(fault(FaultKind.ORGANS_OVERLAP, message, path=path.parent))
    return labels, faults


def _join(parts: Sequence[NDArray[np.uint32]], shape_zyx: Index) -> tuple[LabelRuns, int]:
    """Make one mask of organs in the order of labels, and tell how many voxels more than one of them has."""
    runs = np.concatenate(parts)
    runs = runs[np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))]
    same_row = (runs[1:, :2] == runs[:-1, :2]).all(axis=1)
    if not (same_row & (runs[1:, 2] < runs[:-1, 3])).any():
        return LabelRuns(runs, shape_zyx), 0
    dense = np.zeros(shape_zyx, np.uint16)
    for part in reversed(parts):
        organ = LabelRuns(part, shape_zyx).to_dense(dtype=np.uint16)
        np.copyto(dense, organ, where=organ > 0)
    labels = LabelRuns.from_dense(dense)
    return labels, int(np.sum(runs[:, 3] - runs[:, 2], dtype=np.int64)) - labels.voxels


def _label_faults(labels: LabelRuns, scheme: OrganScheme, files: OrganFiles) -> Iterator[FaultDraft]:
    path = files.paths[0] if files.maps else files.paths[0].parent
    if not labels.voxels:
        yield fault(FaultKind.EMPTY_FINDING, "no organ is drawn in it", path=path)
    strange = [label for label in labels.labels().tolist() if label not in scheme.names]
    if strange:
        listed = ", ".join(map(str, strange[:8])) + ("..." if len(strange) > 8 else "")
        message = f"the scheme {scheme.name} has no name for {listed}; they are kept without one"
        yield fault(FaultKind.UNKNOWN_LABEL, message, path=path)
    if files.strangers:
        listed = ", ".join(each.name for each in files.strangers[:3]) + ("..." if len(files.strangers) > 3 else "")
        message = f"{len(files.strangers)} files beside it are no organs of the scheme {scheme.name}: {listed}"
        yield fault(FaultKind.UNKNOWN_LABEL, message, path=path)


def _volume_faults(scan: ScanGrid) -> Iterator[FaultDraft]:
    if scan.affine_ras is None:
        message = "the scan has no volume, so its frame cannot be held against the mask's; the shape alone agrees"
        yield fault(FaultKind.MISSING_VOLUME, message)
