"""Pictures of findings: truth and prediction on one slice of the CT, or on black where there is none."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from compute.evaluation.report.page import Picture
from compute.evaluation.rows import FindingRow
from compute.evaluation.settings import EvaluatorSettings
from compute.kernels.runs import Runs, voxels_of
from compute.kernels.volumes import Ints
from compute.pictures import LUNG_WINDOW, OutlinedEntity, SliceView, draw_slice
from ingest.predictions.reading import Shape, read_prediction
from ingest.predictions.running import EvaluationOptions

MARGIN_MM = 30.0
"""How much of the slice is shown around truth and prediction."""
_TRUTH, _PREDICTION = 5, 4  # light blue and orange: told apart by the colour-blind too
_SIDE_PX = 420


def draw_findings(rows: Sequence[FindingRow], options: EvaluationOptions, settings: EvaluatorSettings) -> list[Picture]:
    """Draw findings whose files can be read, each on the slice that holds most of truth and prediction."""
    return [_draw(row, options, settings) for row in rows]


def _draw(row: FindingRow, options: EvaluationOptions, settings: EvaluatorSettings) -> Picture:
    index = int(row.name.removeprefix("finding_"))
    shape_vox, truths = options.source.truths.read(row.file, settings)
    predictions = read_prediction(options.predictions / row.file, len(truths), shape_vox, settings)
    volume = options.spacings.find_volume(row.file)
    view = _view(volume, options, row.file, shape_vox)
    voxels = [_voxels_ijk(runs, shape_vox) for runs in (truths[index], predictions[index])]
    position = int(np.bincount(np.concatenate(voxels)[:, view.axis]).argmax())
    slab = np.s_[tuple(slice(position, position + 1) if axis == view.axis else slice(None) for axis in range(3))]
    planes = [_plane(each, position, view, shape_vox) for each in voxels]
    hu = view.lay_out(_slab(volume, slab, shape_vox).T)
    window = view.around(planes[0] if planes[0].any() else planes[1], MARGIN_MM)
    outlined = [
        OutlinedEntity("", colour, plane[window]) for colour, plane in zip((_TRUTH, _PREDICTION), planes, strict=True)
    ]
    picture = draw_slice(hu[window], outlined, view)
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    content = BytesIO()
    picture.save(content, "JPEG", quality=85)
    caption = f"{'ijk'[view.axis]} = {position}" + ("" if volume else ", the CT is not at hand")
    return Picture(row, f"data:image/jpeg;base64,{b64encode(content.getvalue()).decode()}", caption)


def _view(volume: Path | None, options: EvaluationOptions, file: str, shape_vox: Shape) -> SliceView:
    steps = options.source.truths.steps_mm(file)
    steps = options.spacings.steps_mm(file, shape_vox) if steps is None else steps
    spacing = [1.0, 1.0, 1.0] if steps is None else np.linalg.norm(steps, axis=1)[::-1].tolist()
    # Without a CT the axes are taken to run to the left, to the back and to the head, as CT-RATE's do.
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) if volume is None else nibabel.load(volume).affine
    return SliceView.of(affine, spacing)


def _voxels_ijk(runs: Runs, shape_vox: Shape) -> Ints:
    return voxels_of(runs, shape_vox[1])[:, ::-1]


def _plane(voxels_ijk: Ints, position: int, view: SliceView, shape_vox: Shape) -> NDArray[np.bool_]:
    """The voxels of one slice as a mask that is laid out."""
    ends = [1 if axis == view.axis else size for axis, size in enumerate(shape_vox)]
    mask = np.zeros(ends, bool)
    here = voxels_ijk[voxels_ijk[:, view.axis] == position].copy()
    here[:, view.axis] = 0
    mask[tuple(here.T)] = True
    return view.lay_out(mask.T).astype(bool)


def _slab(volume: Path | None, slab: tuple[slice, ...], shape_vox: Shape) -> NDArray[np.generic]:
    if volume is None:
        return np.full(
            [len(range(*part.indices(size))) for part, size in zip(slab, shape_vox, strict=True)], LUNG_WINDOW[0]
        )
    hu: NDArray[np.generic] = np.asanyarray(nibabel.load(volume).dataobj[slab])
    return hu
