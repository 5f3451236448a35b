"""Distances by SciPy and by CuPy against their definition."""

from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import scipy.ndimage

from compute.kernels.cuda.devices import NoDevice, open_device
from compute.kernels.cuda.distances import distances_mm

SPACINGS = ((1.0, 1.0, 1.0), (1.5, 0.7, 0.7), (0.7, 0.71, 0.73))


@pytest.fixture(params=["scipy", pytest.param("cupy", marks=pytest.mark.gpu)])
def libraries(request: pytest.FixtureRequest) -> tuple[ModuleType, ModuleType]:
    """An array library and its `ndimage`."""
    if request.param == "scipy":
        return np, scipy.ndimage
    try:
        open_device()
    except NoDevice as reason:
        pytest.skip(str(reason))
    return import_module("cupy"), import_module("cupyx.scipy.ndimage")


def defined(mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    voxels, sites = (np.argwhere(each) * spacing for each in (np.ones_like(mask), mask))
    return np.linalg.norm(voxels[:, None] - sites, axis=2).min(axis=1).reshape(mask.shape)


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_definition(seed: int, spacing: tuple[float, float, float], libraries: tuple) -> None:
    xp, ndimage = libraries
    random = np.random.default_rng(seed)
    mask = random.random(tuple(random.integers(1, (9, 12, 40)))) < 0.02
    mask.ravel()[random.integers(mask.size)] = True
    distances = distances_mm(xp.asarray(mask), spacing, ndimage)
    assert distances.dtype == np.float64
    np.testing.assert_allclose(np.asarray(distances.tolist()), defined(mask, spacing), rtol=1e-6)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_surface_of_a_ball_in_a_volume(spacing: tuple[float, float, float], libraries: tuple) -> None:
    xp, ndimage = libraries
    centre = np.array([50, 60, 70])
    from_centre = np.linalg.norm((np.indices((100, 120, 140)).T - centre) * spacing, axis=-1).T
    mask = np.abs(from_centre - 20) < 0.8
    expected = scipy.ndimage.distance_transform_edt(~mask, sampling=spacing)
    found = distances_mm(xp.asarray(mask), spacing, ndimage)
    np.testing.assert_allclose(np.asarray(found.tolist()), expected, rtol=1e-6)


def test_without_a_mask_all_is_infinitely_far(libraries: tuple) -> None:
    xp, ndimage = libraries
    for shape in ((2, 3, 4), (0, 3, 4)):
        found = distances_mm(xp.zeros(shape, bool), (1, 1, 1), ndimage)
        assert found.shape == shape
        assert found.dtype == np.float64
        assert bool((found == np.inf).all())
