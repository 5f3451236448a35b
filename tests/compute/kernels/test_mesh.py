"""Area, volume and sphericity of the mesh against a slow mesh, under changes that must not matter, and at limits."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from compute.kernels.cells import cell_triangles
from compute.kernels.mesh import mesh_area_mm2, mesh_cases, mesh_volume_mm3, sphericity
from compute.kernels.runs import label_runs

unhurried = settings(deadline=None, max_examples=60)  # the first example compiles

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

SKEW = np.array([[0.3, -0.2, 2.5], [0.1, 0.8, 0.0], [0.7, 0.2, 0.1]])


def cases_of(mask: Mask) -> npt.NDArray[np.int64]:
    return mesh_cases(label_runs(mask.view(np.uint8)), mask.shape[1])


def measure(mask: Mask, steps_mm: Floats) -> tuple[float, float]:
    cases = cases_of(mask)
    return float(mesh_area_mm2(cases, steps_mm)), float(mesh_volume_mm3(cases, steps_mm))


def count_plainly(mask: Mask) -> npt.NDArray[np.int64]:
    padded = np.pad(mask, 1)
    cases = np.zeros(256, np.int64)
    for z, y, x in np.ndindex(*(extent - 1 for extent in padded.shape)):
        corners = padded[z : z + 2, y : y + 2, x : x + 2].ravel()
        cases[sum(1 << n for n in range(8) if corners[n])] += 1
    cases[0] = 0
    return cases


def measure_plainly(mask: Mask, steps_mm: Floats) -> tuple[float, float]:
    """Triangle by triangle in millimetres: areas by Heron's formula, volume by tetrahedra from the origin."""
    padded, triangles = np.pad(mask, 1), cell_triangles()
    area = volume = 0.0
    for z, y, x in np.ndindex(*(extent - 1 for extent in padded.shape)):
        case = sum(1 << n for n in range(8) if padded[z : z + 2, y : y + 2, x : x + 2].ravel()[n])
        chosen = triangles.case == case
        corners_mm = (triangles.corners_zyx[chosen] + (z, y, x)) @ steps_mm
        a, b, c = np.linalg.norm(corners_mm - np.roll(corners_mm, 1, axis=1), axis=2).T
        half = (a + b + c) / 2
        area += float(np.sqrt(half * (half - a) * (half - b) * (half - c)) @ triangles.weight[chosen])
        volume += float(np.linalg.det(corners_mm) @ triangles.weight[chosen]) / 6
    return area, abs(volume)


def draw(seed: int) -> Mask:
    random = np.random.default_rng(seed)
    return random.random(random.integers(1, 8, 3)) < random.uniform(0.1, 0.95)


def test_counts_the_cells_of_200_random_shapes() -> None:
    for seed in range(200):
        mask = draw(seed)
        np.testing.assert_array_equal(cases_of(mask), count_plainly(mask))


def test_equals_the_slow_mesh_under_shear() -> None:
    for seed in range(20):
        mask = draw(seed)
        np.testing.assert_allclose(measure(mask, SKEW), measure_plainly(mask, SKEW), rtol=1e-11, atol=1e-11)


@unhurried
@given(st.integers(0, 2**32 - 1), st.permutations([0, 1, 2]), st.tuples(*[st.booleans()] * 3))
def test_turning_and_padding_change_nothing(seed: int, axes: list[int], flips: tuple[bool, ...]) -> None:
    mask = draw(seed)
    turned = np.pad(np.flip(mask.transpose(axes), np.flatnonzero(flips)), ((2, 0), (0, 3), (1, 2)))
    steps_mm = SKEW[axes] * np.where(flips, -1, 1)[:, None]
    np.testing.assert_allclose(measure(turned, steps_mm), measure(mask, SKEW), rtol=1e-13)
    assert mesh_volume_mm3(cases_of(turned), np.eye(3)) == mesh_volume_mm3(cases_of(mask), np.eye(3))


@unhurried
@given(st.integers(0, 2**32 - 1))
def test_parts_that_share_no_face_add_up(seed: int) -> None:
    mask = draw(seed)
    parts, count = ndimage.label(mask)
    alone = [measure(parts == part, SKEW) for part in range(1, count + 1)]
    np.testing.assert_allclose(measure(mask, SKEW), np.sum(alone, axis=0) if alone else 0, rtol=1e-12, atol=1e-12)


@unhurried
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_longer_steps_scale_area_and_volume(seed: int, factor: float) -> None:
    area, volume = measure(draw(seed), SKEW)
    np.testing.assert_allclose(
        measure(draw(seed), factor * SKEW), (factor**2 * area, factor**3 * volume), rtol=1e-12, atol=1e-12
    )


def test_runs_that_touch_count_as_one() -> None:
    mask = np.ones((1, 1, 5), np.bool_)
    runs = label_runs(mask.view(np.uint8))
    split = np.array([[0, 0, 2, 1], [0, 2, 5, 1]], np.int32)
    np.testing.assert_array_equal(mesh_cases(split, 1), mesh_cases(runs, 1))


def test_one_voxel_is_an_octahedron() -> None:
    one = np.ones((1, 1, 1), np.bool_)
    assert measure(one, np.eye(3)) == pytest.approx((3**0.5, 1 / 6), rel=1e-14)
    assert measure(one, np.diag([2.0, 2.0, 2.0])) == pytest.approx((4 * 3**0.5, 8 / 6), rel=1e-14)
    assert sphericity(*measure(one, np.eye(3))) == pytest.approx(np.pi ** (1 / 3) / 3**0.5, rel=1e-14)


@pytest.mark.parametrize(
    ("steps_mm", "area", "volume"),
    # scikit-image 0.26.0: marching_cubes(method="lorensen", spacing=...), mesh_surface_area, and tetrahedra.
    [((1, 1, 1), 1081.1392016573843, 2951.1666666666665), ((3, 0.7, 0.7), 1803.5913277931459, 4338.215)],
)
def test_a_ball_equals_another_program(steps_mm: tuple[float, ...], area: float, volume: float) -> None:
    ball = np.square(np.indices((21, 21, 21)) - 10).sum(axis=0) < 9**2
    assert measure(ball, np.diag(steps_mm)) == pytest.approx((area, volume), rel=1e-9)


def test_a_box_is_cut_at_its_edges() -> None:
    sides, edges = 19 * 29 + 29 * 39 + 19 * 39, 19 + 29 + 39
    area, volume = measure(np.ones((20, 30, 40), np.bool_), np.eye(3))
    assert area == pytest.approx(2 * sides + 4 * edges * 0.5**0.5 + 3**0.5, rel=1e-14)
    assert volume == pytest.approx(19 * 29 * 39 + sides + edges / 2 + 1 / 6, rel=1e-14)


def test_no_voxels_have_no_surface() -> None:
    cases = mesh_cases(np.empty((0, 4), np.int32), 5)
    assert not cases.any()
    assert (mesh_area_mm2(cases, np.eye(3)), mesh_volume_mm3(cases, np.eye(3))) == (0, 0)
    assert np.isnan(sphericity(0, 0))


def test_sphericity_is_that_of_known_solids() -> None:
    assert sphericity(4 * np.pi * 9, 4 / 3 * np.pi * 27) == pytest.approx(1, rel=1e-14)
    np.testing.assert_allclose(sphericity([6, 24], [1, 8]), (np.pi / 6) ** (1 / 3), rtol=1e-14)


def test_stacked_entities_equal_each_alone() -> None:
    cases = np.stack([cases_of(draw(seed)) for seed in range(6)])
    areas, volumes = mesh_area_mm2(cases, SKEW), mesh_volume_mm3(cases, SKEW)
    for row in range(6):
        assert areas[row] == mesh_area_mm2(cases[row], SKEW)
        assert volumes[row] == mesh_volume_mm3(cases[row], SKEW)
    np.testing.assert_array_equal(sphericity(areas, volumes).shape, (6,))
