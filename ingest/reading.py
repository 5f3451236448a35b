"""Reading one case from its files: labels, voxels, measures and faults. Knows no database and writes nothing."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compute.geometry import EntityMeasures, ScanFrame, measure_finding
from compute.kernels.orientation import audit_orientation
from compute.kernels.planes import filled_planes
from compute.kernels.samples import VoxelSamples, sample_inside_and_shell
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
class ReadCase:
    """Everything that the files of a case say."""

    case: Case
    volume_path: Path | None
    volume: ReadVolume | None
    labels: tuple[LabelRuns, ...] | None
    """One for each finding; None where the case has no mask."""
    measures: tuple[tuple[EntityMeasures, ...], ...]
    """The entities of each finding; empty where the case has no mask."""
    faults: tuple[FaultDraft, ...]


def read_case(case: Case, places: Places, watch: Stopwatch) -> ReadCase:
    """Read a case's mask and volume and measure its entities.

    Raises:
        CaseLeftOut: the case cannot be used; each fault names the scan, the file and the remedy.
    """
    try:
        return _read(case, places, watch)
    except CaseLeftOut as error:
        raise CaseLeftOut(*_named(case, error.faults)) from error


def _read(case: Case, places: Places, watch: Stopwatch) -> ReadCase:
    volume_path = places.find_volume(case.name)
    labels = _read_labels(case, places, watch)
    volume = read_volume(volume_path, case.shape_vox, watch) if volume_path else None
    with watch("geometry"):
        measures = tuple(tuple(measure_finding(runs, _frame(volume))) for runs in labels or ())
    faults = [*case.faults, *_volume_faults(case, volume, places)]
    if labels is not None:
        mask = places.find_mask(case.name)
        with watch("audit"):
            faults += _mask_faults(case, labels, measures, mask)
            faults += _orientation_faults(labels, volume, mask)
    return ReadCase(case, volume_path, volume, labels, measures, tuple(_named(case, faults)))


def _named(case: Case, faults: "list[FaultDraft] | tuple[FaultDraft, ...]") -> list[FaultDraft]:
    return [replace(one, scan=case.name.scan) for one in faults]


def _read_labels(case: Case, places: Places, watch: Stopwatch) -> tuple[LabelRuns, ...] | None:
    path = places.find_mask(case.name)
    if path is not None:
        return tuple(read_mask(path, len(case.findings), case.shape_vox, watch))
    if case.declares_counts:
        expected = places.masks / f"{case.name.scan}.nii.gz"
        raise CaseLeftOut(fault(FaultKind.MISSING_MASK, "the case declares entities but has no mask", path=expected))
    return None


def _frame(volume: ReadVolume | None) -> ScanFrame | None:
    if volume is None:
        return None
    voxels = volume.voxels_zyx

    def read(box: Box) -> NDArray[np.int16]:
        (z0, y0, x0), (z1, y1, x1) = box
        return voxels[z0:z1, y0:y1, x0:x1]

    return ScanFrame(read, volume.affine_ras, volume.midline_lps_mm)


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
    if volume is None:
        return []
    audit = audit_orientation(volume.voxels_zyx, [_samples(runs) for runs in labels])
    if not audit.suspect or audit.best_other is None:
        return []
    stored, other = audit.stored, audit.best_other
    message = (
        f"read with {other.reading.name}, the mask fits its volume far better: score {other.score:.2f} "
        f"against {stored.score:.2f} as stored ({stored.air_share:.0%} of its voxels below -500 HU, "
        f"{other.air_share:.0%} when read so)"
    )
    return [fault(FaultKind.ORIENTATION_SUSPECT, message, path=path)]


def _samples(runs: LabelRuns) -> VoxelSamples:
    box = runs.box_zyx() or ((0, 0, 0), (1, 1, 1))
    return sample_inside_and_shell(runs.to_dense(box, np.uint16), origin_zyx=box[0], shape_zyx=runs.shape_zyx)
