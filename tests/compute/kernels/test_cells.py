"""The table of cells: known cases, all 48 turns of the cube, and a closed mesh whose inside has the table's volume."""

from itertools import permutations, product

import numpy as np
import numpy.typing as npt
import pytest

from compute.kernels.cells import CASES, VOLUME_PARTS, cell_triangles, cell_volumes

CORNERS = [(corner >> 2 & 1, corner >> 1 & 1, corner & 1) for corner in range(8)]
TURNS = list(product(permutations(range(3)), product((False, True), repeat=3)))

Floats = npt.NDArray[np.float64]


def case_of(cube: npt.NDArray[np.generic]) -> int:
    return sum(int(cube[corner]) << n for n, corner in enumerate(CORNERS))


def areas() -> Floats:
    triangles = cell_triangles()
    sides = np.diff(triangles.corners_zyx, axis=1)
    area = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1) / 2
    return np.bincount(triangles.case, triangles.weight * area, CASES)


def mesh_of(mask: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """All triangles (t,3,3) of a mask's mesh where they stand, and their weights."""
    padded = np.pad(mask, 1)
    triangles = cell_triangles()
    corners, weights = [], []
    for z, y, x in np.ndindex(*(extent - 1 for extent in padded.shape)):
        chosen = triangles.case == case_of(padded[z : z + 2, y : y + 2, x : x + 2])
        corners.append(triangles.corners_zyx[chosen] + (z - 1, y - 1, x - 1))
        weights.append(triangles.weight[chosen])
    return np.concatenate(corners), np.concatenate(weights)


@pytest.mark.parametrize(
    ("case", "area", "volume"),
    [
        (0b00000000, 0, 0),
        (0b00000001, 3**0.5 / 8, 1 / 48),
        (0b00000011, 0.5**0.5, 1 / 8),
        (0b00001111, 1, 1 / 2),
        (0b00010111, 0.75 * 3**0.5, 1 / 2),
        (0b00001001, 3**0.5 / 4, 1 / 24),
        (0b10000001, 3**0.5 / 4, 1 / 24),
        (0b01101001, 3**0.5 / 2, 1 / 12),
        (0b11111110, 3**0.5 / 8, 47 / 48),
        (0b11111111, 0, 1),
    ],
)
def test_known_cases(case: int, area: float, volume: float) -> None:
    assert areas()[case] == pytest.approx(area, rel=1e-14)
    assert cell_volumes()[case] == VOLUME_PARTS * volume


def test_no_turn_of_the_cube_changes_area_or_volume() -> None:
    area, volume = areas(), cell_volumes()
    for case in range(CASES):
        cube = np.array([case >> n & 1 for n in range(8)]).reshape(2, 2, 2)
        turned = [case_of(np.flip(cube.transpose(axes), np.flatnonzero(flips))) for axes, flips in TURNS]
        np.testing.assert_allclose(area[turned], area[case], rtol=1e-14)
        np.testing.assert_array_equal(volume[turned], volume[case])


def test_inside_corners_across_a_face_are_kept_apart() -> None:
    area, volume = areas(), cell_volumes()
    for one, other in [(0b00000001, 0b11001000), (0b00000011, 0b11000000), (0b00000001, 0b01101000)]:
        assert area[one | other] == pytest.approx(area[one] + area[other], rel=1e-14)
        assert volume[one | other] == volume[one] + volume[other]


def test_volumes_are_whole_parts() -> None:
    triangles = cell_triangles()
    assert set(cell_volumes()) <= set(range(VOLUME_PARTS + 1))
    parts = VOLUME_PARTS * np.bincount(
        triangles.case, triangles.weight * np.linalg.det(triangles.corners_zyx) / 6, CASES
    )
    np.testing.assert_allclose(parts, np.rint(parts), atol=1e-11)


def test_the_mesh_of_random_masks_is_closed_and_holds_the_volume() -> None:
    random = np.random.default_rng(3)
    for _ in range(40):
        mask = random.random(random.integers(1, 5, 3)) < random.uniform(0.1, 0.9)
        corners, weights = mesh_of(mask)
        assert edges_cancel(corners, weights)
        padded = np.pad(mask, 1)
        cases = [
            case_of(padded[z : z + 2, y : y + 2, x : x + 2]) for z, y, x in np.ndindex(*(np.array(padded.shape) - 1))
        ]
        inside = (weights * np.linalg.det(corners)).sum() / 6
        assert inside == pytest.approx(cell_volumes()[cases].sum() / VOLUME_PARTS, abs=1e-11)


def edges_cancel(corners: Floats, weights: Floats) -> bool:
    """Whether every edge is walked as often to as fro, which makes a mesh of triangles closed."""
    walked: dict[tuple[bytes, bytes], float] = {}
    for triangle, weight in zip(np.rint(2 * corners).astype(np.int8), weights, strict=True):
        points = [point.tobytes() for point in triangle]
        for start, stop in zip(points, points[1:] + points[:1], strict=True):
            walked[start, stop] = walked.get((start, stop), 0) + weight
    return all(abs(weight - walked.get((stop, start), 0)) < 1e-12 for (start, stop), weight in walked.items())
