"""Reading one case from its files: labels, voxels, measures and faults. Knows no database and writes nothing."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.geometry import EntityMeasures, kernel_runs, measure_finding
from compute.kernels.orientation import audit_orientation
from compute.kernels.planes import filled_planes
from compute.kernels.samples import sample_inside_and_shell
from compute.quantities import ScanFrame
from ingest.cases import Case, CaseFinding
from ingest.faults import CaseLeftOut, FaultDraft, fault
from ingest.masks import read_mask
from ingest.places import Places
from ingest.timing import Stopwatch
from ingest.volumes import ReadVolume, read_volume
from schema.arrays.box import Box
from schema.arrays.runs import LabelRuns
from schema.import_run import FaultKind

_AXES = "kji"


@dataclass(frozen=True)
class CaseFiles:
    """What the files of a case hold, each known good."""

    case: Case
    volume_path: Path | None
    volume: ReadVolume | None
    labels: tuple[LabelRuns, ...] | None
    """One for each finding; None where the case has no mask."""


@dataclass(frozen=True)
class ReadCase(CaseFiles):
    """Everything that the files of a case say."""

    measures: tuple[tuple[EntityMeasures, ...], ...]
    """The entities of each finding; empty where the case has no mask."""
    faults: tuple[FaultDraft, ...]


def read_files(case: Case, places: Places, watch: Stopwatch) -> CaseFiles:
    """Read a case's mask here and its volume in a thread. Where both are at fault, the mask's faults are told.

    Raises:
        CaseLeftOut: the case cannot be used; each fault names the scan, the file and the remedy.
    """
    try:
        return _read_files(case, places, watch)
    except CaseLeftOut as error:
        raise CaseLeftOut(*_named(case, error.faults)) from error


def _read_files(case: Case, places: Places, watch: Stopwatch) -> CaseFiles:
    mask_path, volume_path = _find_mask(case, places), places.find_volume(case.name)
    with ThreadPoolExecutor(1, "volume") as thread:
        volume = thread.submit(_read_volume, case, volume_path, watch)
        labels = _read_mask(case, mask_path, watch)
        return CaseFiles(case, volume_path, volume.result(), labels)


def _read_volume(case: Case, path: Path | None, watch: Stopwatch) -> ReadVolume | None:
    return read_volume(path, case.shape_vox, watch) if path else None


def _read_mask(case: Case, path: Path | None, watch: Stopwatch) -> tuple[LabelRuns, ...] | None:
    return tuple(read_mask(path, len(case.findings), case.shape_vox, watch)) if path else None


def measure_case(files: CaseFiles, places: Places, watch: Stopwatch) -> ReadCase:
    """Measure a case's entities, and look for what is odd about them: two findings at a time."""
    case, volume, labels, frame = files.case, files.volume, files.labels, _frame(files.volume)
    mask = places.find_mask(case.name)

    def measure(runs: LabelRuns) -> tuple[EntityMeasures, ...]:
        with watch("geometry"):
            return tuple(measure_finding(runs, frame))

    def audit() -> list[FaultDraft]:
        with watch("audit"):
            return _orientation_faults(labels or (), volume, mask)

    with ThreadPoolExecutor(2, "measure") as threads:
        orientation = threads.submit(audit)
        measures = tuple(threads.map(measure, labels or ()))
        faults = [*case.faults, *_volume_faults(case, volume, places)]
        if labels is not None:
            faults += _mask_faults(case, labels, measures, mask)
        faults += orientation.result()
    return ReadCase(**vars(files), measures=measures, faults=tuple(_named(case, faults)))


def _named(case: Case, faults: "list[FaultDraft] | tuple[FaultDraft, ...]") -> list[FaultDraft]:
    return [replace(one, scan=case.name.scan) for one in faults]


def _find_mask(case: Case, places: Places) -> Path | None:
    path = places.find_mask(case.name)
    if path is None and case.declares_counts:
        expected = places.masks / f"{case.name.scan}.nii.gz"
        raise CaseLeftOut(fault(FaultKind.MISSING_MASK, "the case declares entities but has no mask", path=expected))
    return path


def _frame(volume: ReadVolume | None) -> ScanFrame | None:
    if volume is None:
        return None
    voxels = volume.voxels_zyx

    def read(box: Box) -> NDArray[np.int16]:
        (z0, y0, x0), (z1, y1, x1) = box
        return voxels[z0:z1, y0:y1, x0:x1]

    return ScanFrame(read, volume.affine_ras, volume.midline_lps_mm, volume.body)


def _volume_faults(case: Case, volume: ReadVolume | None, places: Places) -> list[FaultDraft]:
    if volume is None:
        expected = places.volumes / f"{case.name.scan}.nii.gz"
        return [fault(FaultKind.MISSING_VOLUME, "there is no volume: geometry in voxels only", path=expected)]
    return list(volume.faults)


def _mask_faults(
    case: Case, labels: tuple[LabelRuns, ...], measures: tuple[tuple[EntityMeasures, ...], ...], path: Path | None
) -> list[FaultDraft]:
    faults = []
    for finding, runs, entities in zip(case.findings, labels, measures, strict=True):
        faults += [*_count_faults(finding, runs, len(entities), path), *_plane_faults(finding, runs, path)]
    return faults


def _count_faults(finding: CaseFinding, runs: LabelRuns, entities: int, path: Path | None) -> list[FaultDraft]:
    index, faults = finding.index, []
    if entities == 0:
        return [fault(FaultKind.EMPTY_FINDING, "nothing is drawn for this finding", finding=index, path=path)]
    if finding.declared_entities not in (None, entities):
        message = f"{finding.declared_entities} entities are declared, the mask has {entities} labels"
        faults.append(fault(FaultKind.ENTITY_COUNT_DIFFERS, message, finding=index, path=path))
    if finding.declared_voxels not in (None, runs.voxels):
        message = f"{finding.declared_voxels} voxels are declared, the mask has {runs.voxels}"
        faults.append(fault(FaultKind.PIXELS_DIFFER, message, finding=index, path=path))
    return faults


def _plane_faults(finding: CaseFinding, runs: LabelRuns, path: Path | None) -> list[FaultDraft]:
    box = runs.box_zyx()
    if box is None or not _may_fill_a_plane(box, runs.shape_zyx):
        return []
    planes = filled_planes(runs.to_dense(box, np.uint16), origin_zyx=box[0], shape_zyx=runs.shape_zyx)
    if not planes:
        return []
    message = "filled throughout: " + ", ".join(f"plane {_AXES[axis]} = {n}" for axis, n in planes[:5])
    return [fault(FaultKind.FILLED_PLANE, message, finding=finding.index, path=path)]


def _may_fill_a_plane(box: Box, shape_zyx: tuple[int, int, int]) -> bool:
    """Tell whether a box spans the volume along at least two axes."""
    spans = [stop - start == size for start, stop, size in zip(*box, shape_zyx, strict=True)]
    return sum(spans) >= 2


def _orientation_faults(
    labels: tuple[LabelRuns, ...], volume: ReadVolume | None, path: Path | None
) -> list[FaultDraft]:
    if volume is None or not labels:
        return []
    samples = [sample_inside_and_shell(kernel_runs(runs), runs.shape_zyx) for runs in labels]
    audit = audit_orientation(volume.voxels_zyx, samples)
    if not audit.suspect or audit.best_other is None:
        return []
    stored, other = audit.stored, audit.best_other
    message = (
        f"read with {other.reading.name}, the mask fits its volume far better: score {other.score:.2f} "
        f"against {stored.score:.2f} as stored ({stored.air_share:.0%} of its voxels below -500 HU, "
        f"{other.air_share:.0%} when read so)"
    )
    return [fault(FaultKind.ORIENTATION_SUSPECT, message, path=path)]
