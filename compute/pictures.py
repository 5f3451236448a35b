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
SOFT = ("2b", "2e", "3", "4", "5", "6", "7", "8", "9", "10", "11")
"""Beginnings of codes whose findings are seen in the soft-tissue window."""
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
_LINE_PX = 18
_MARGIN_PX = 10


def window_of(category: str | None) -> tuple[int, int]:
    """Give the window (HU shown black and white) in which findings of a category are seen."""
    return SOFT_TISSUE_WINDOW if (category or "").startswith(SOFT) else LUNG_WINDOW


@dataclass(frozen=True)
class OutlinedEntity:
    """An entity on a slice; the mask has the slice's axes."""

    name: str
    colour: int
    """A number: equal ones, equal colours."""
    mask: NDArray[np.bool_]


class Plane(StrEnum):
    """How a scan is cut."""

    AXIAL = "axial"
    CORONAL = "coronal"
    SAGITTAL = "sagittal"


_LETTERS = {Plane.AXIAL: ("R", "L"), Plane.CORONAL: ("R", "L"), Plane.SAGITTAL: ("A", "P")}
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
    letters: tuple[str, str] = ("R", "L")
    """What the left and the right edge of the picture are."""

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
        return cls(source[cut][0], order, (spacing_mm[row], spacing_mm[source[columns][0]]), _LETTERS[plane])

    def lay_out(self, slice_zyx: NDArray[np.generic]) -> NDArray[np.generic]:
        """Turn a (z, y, x) slab of one slice so that rows run to the back and columns to the patient's left."""
        ijk = slice_zyx.transpose(2, 1, 0)
        (row, row_flipped), (column, column_flipped) = self._order
        plane = np.take(ijk, 0, axis=self.axis)
        remaining = [axis for axis in range(3) if axis != self.axis]
        plane = plane.transpose(remaining.index(row), remaining.index(column))
        laid_out: NDArray[np.generic] = plane[:: -1 if row_flipped else 1, :: -1 if column_flipped else 1]
        return laid_out

    def aspect(self, plane: NDArray[np.generic]) -> float:
        """Give how much wider than high (rows, columns) of a slice are, in mm."""
        rows, columns = (size * step for size, step in zip(plane.shape, self.spacing_mm, strict=True))
        return float(columns / rows)

    def around(self, mask: NDArray[np.bool_], margin_mm: float) -> tuple[slice, slice]:
        """Give the rows and columns of a slice around what is set in a mask of it, which is something."""
        ends = []
        for places, size, step in zip(np.nonzero(mask), mask.shape, self.spacing_mm, strict=True):
            more = margin_mm / step
            ends.append(slice(max(0, int(places.min() - more)), min(size, int(places.max() + more) + 1)))
        return ends[0], ends[1]


@dataclass(frozen=True)
class Caption:
    """A line below a picture, in the colour of the entities that it is about; None: white."""

    words: str
    colour: int | None = None


def draw_slice(
    hu: NDArray[np.generic],
    entities: Sequence[OutlinedEntity],
    view: SliceView,
    *,
    window_hu: tuple[int, int] = LUNG_WINDOW,
    height_px: int = 640,
) -> Image.Image:
    """Draw a slice (rows, columns) in a window with its entities outlined."""
    low, high = window_hu
    grey = np.clip((hu.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
    height, width = height_px, round(height_px * view.aspect(hu))
    picture = Image.fromarray(grey).resize((width, height), Image.Resampling.BICUBIC).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for entity in entities:
        _outline(picture, draw, entity)
    draw.text((_MARGIN_PX, height // 2), view.letters[0], fill="white", font=_font(20))
    draw.text((width - 2 * _MARGIN_PX - 4, height // 2), view.letters[1], fill="white", font=_font(20))
    return picture


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _outline(picture: Image.Image, draw: ImageDraw.ImageDraw, entity: OutlinedEntity) -> None:
    mask = Image.fromarray(entity.mask.astype(np.uint8) * 255).resize(picture.size, Image.Resampling.NEAREST)
    filled = np.asarray(mask) > 0
    inner = filled.copy()
    for axis in (0, 1):
        for step in (-2, 2):
            inner &= np.roll(filled, step, axis)
    colour = _colour(entity.colour)
    picture.paste(
        Image.new("RGB", picture.size, colour), mask=Image.fromarray((filled & ~inner).astype(np.uint8) * 255)
    )
    rows, columns = np.nonzero(filled)
    if len(rows):
        draw.text((columns.max() + 4, rows.min() - 4), entity.name, fill=colour, font=_font(14))


def _colour(number: int | None) -> str:
    return "white" if number is None else _COLOURS[number % len(_COLOURS)]


def with_captions(picture: Image.Image, captions: Sequence[Caption]) -> Image.Image:
    """Put lines below a picture; what is longer than it is wide is cut off."""
    sheet = Image.new("RGB", (picture.width, picture.height + _LINE_PX * len(captions) + 2 * _MARGIN_PX), "black")
    sheet.paste(picture)
    draw = ImageDraw.Draw(sheet)
    for n, caption in enumerate(captions):
        place = (_MARGIN_PX, picture.height + _MARGIN_PX + n * _LINE_PX)
        draw.text(place, caption.words, fill=_colour(caption.colour), font=_font(13))
    return sheet
