"""Pictures of slices with entities outlined, the patient's right on the left and the front above."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LUNG_WINDOW = (-1350, 150)
"""HU shown black and white: centre -600, width 1500."""
SOFT_TISSUE_WINDOW = (-160, 240)
"""Centre 40, width 400."""
_COLOURS = (
    "#e6194b",
    "#3cb44b",
    "#ffe119",
    "#4363d8",
    "#f58231",
    "#42d4f4",
    "#f032e6",
    "#bfef45",
    "#fabed4",
    "#469990",
)
_HEIGHT_PX = 640
_LINE_PX = 18
_MARGIN_PX = 10


@dataclass(frozen=True)
class OutlinedEntity:
    """An entity on a slice; the mask has the slice's axes."""

    name: str
    finding: int
    mask: NDArray[np.bool_]


class Plane(StrEnum):
    """How a scan is cut."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


_LAID_OUT = {Plane.AXIAL: (2, 1, 0), Plane.CORONAL: (1, 2, 0), Plane.SAGITTAL: (0, 2, 1)}
"""By plane, which of left, back and head it is cut along, its rows run along, and its columns."""


@dataclass(frozen=True)
class SliceView:
    """How to cut a slice out of a scan and lay it out, from the scan's affine.

    Columns run to the patient's left (sagittal: to the back); rows to the back, or towards the feet.
    """

    axis: int
    """The array axis of i, j, k along which slices are counted: the one closest to what the plane is cut along."""
    _order: tuple[tuple[int, bool], ...]
    spacing_mm: tuple[float, float]
    """Of rows and columns."""

    @classmethod
    def of(
        cls, affine_ras: NDArray[np.float64], spacing_mm: Sequence[float], plane: Plane = Plane.AXIAL
    ) -> "SliceView":
        """Find the axes that run to the left, to the back and to the head, and lay out a plane of them."""
        turn = ornt_transform(io_orientation(affine_ras), axcodes2ornt("LPS"))
        source = {int(target): (axis, flip < 0) for axis, (target, flip) in enumerate(turn)}
        cut, rows, columns = _LAID_OUT[plane]
        row, row_flipped = source[rows]
        downwards = row_flipped if plane is Plane.AXIAL else not row_flipped
        order = ((row, downwards), source[columns])
        return cls(source[cut][0], order, (spacing_mm[row], spacing_mm[source[columns][0]]))

    def lay_out(self, slice_zyx: NDArray[np.generic]) -> NDArray[np.generic]:
        """Turn a (z, y, x) slab of one slice so that rows run to the back and columns to the patient's left."""
        ijk = slice_zyx.transpose(2, 1, 0)
        (row, row_flipped), (column, column_flipped) = self._order
        plane = np.take(ijk, 0, axis=self.axis)
        remaining = [axis for axis in range(3) if axis != self.axis]
        plane = plane.transpose(remaining.index(row), remaining.index(column))
        laid_out: NDArray[np.generic] = plane[:: -1 if row_flipped else 1, :: -1 if column_flipped else 1]
        return laid_out


def draw_slice(
    hu: NDArray[np.generic],
    entities: Sequence[OutlinedEntity],
    captions: Sequence[str],
    view: SliceView,
    *,
    window_hu: tuple[int, int] = LUNG_WINDOW,
    letters: tuple[str, str] = ("R", "L"),
) -> Image.Image:
    """Draw a slice (rows, columns) in a window with its entities outlined, and captions below.

    Entities of one finding share a colour, which its caption has too; the last caption is about the slice. The letters
    name what the left and the right edge of the picture are.
    """
    low, high = window_hu
    grey = np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    height, width = (
        _HEIGHT_PX,
        round(_HEIGHT_PX * hu.shape[1] * view.spacing_mm[1] / (hu.shape[0] * view.spacing_mm[0])),
    )
    picture = Image.fromarray(grey).resize((width, height), Image.Resampling.BICUBIC).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for entity in entities:
        _outline(picture, draw, entity)
    draw.text((_MARGIN_PX, height // 2), letters[0], fill="white", font=_font(20))
    draw.text((width - 2 * _MARGIN_PX - 4, height // 2), letters[1], fill="white", font=_font(20))
    return _with_captions(picture, captions) if captions else picture


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _outline(picture: Image.Image, draw: ImageDraw.ImageDraw, entity: OutlinedEntity) -> None:
    mask = Image.fromarray(entity.mask.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
    filled = np.asarray(mask) > 0
    inner = filled.copy()
    for axis in (0, 1):
        for step in (-2, 2):
            inner &= np.roll(filled, step, axis)
    colour = _COLOURS[entity.finding % len(_COLOURS)]
    picture.paste(
        Image.new("RGB", picture.size, colour), mask=Image.fromarray((filled & ~inner).astype(np.uint8) * 255)
    )
    rows, columns = np.nonzero(filled)
    if len(rows):
        draw.text((columns.max() + 4, rows.min() - 4), entity.name, fill=colour, font=_font(14))


def _with_captions(picture: Image.Image, captions: Sequence[str]) -> Image.Image:
    sheet = Image.new("RGB", (picture.width, picture.height + _LINE_PX * len(captions) + 2 * _MARGIN_PX), "black")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    colours = [*(_COLOURS[n % len(_COLOURS)] for n in range(len(captions) - 1)), "white"]
    for n, (caption, colour) in enumerate(zip(captions, colours, strict=True)):
        place = (_MARGIN_PX, picture.height + _MARGIN_PX + n * _LINE_PX)
        draw.text(place, caption, fill=colour, font=_font(13))
    return sheet
