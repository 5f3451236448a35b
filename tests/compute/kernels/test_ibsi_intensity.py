"""IBSI's consensus values for the intensities of its digital phantom."""

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from compute.kernels.intensities import hu_histograms, intensities_of
from compute.kernels.runs import label_runs

FIGURES = {
    "stat_mean": "mean",
    "stat_skew": "skewness",
    "stat_kurt": "kurtosis",
    "stat_median": "median",
    "stat_min": "min",
    "stat_p10": "p10",
    "stat_p90": "p90",
    "stat_max": "max",
    "ih_entropy": "entropy",
}


@pytest.fixture(scope="module")
def published(shared_data: Path) -> dict[str, float]:
    with (shared_data / "ibsi/digital/reference_values.csv").open() as lines:
        rows = [row for row in csv.DictReader(lines, delimiter=";") if row["reference value"]]
    return {row["tag"]: float(row["reference value"]) for row in rows}


@pytest.fixture(scope="module")
def found(shared_data: Path) -> dict[str, float]:
    image, mask = (
        np.asanyarray(nib.load(shared_data / f"ibsi/digital/{name}.nii.gz").dataobj).T for name in ("phantom", "mask")
    )
    runs = label_runs(mask.astype(np.uint8))
    histograms = hu_histograms(
        runs, image.astype(np.int16), height=mask.shape[1], origin_zyx=(0, 0, 0), label=np.array([1])
    )
    hu = intensities_of(histograms, bin_hu=1)
    figures = {tag: getattr(hu, name)[0] for tag, name in FIGURES.items()}
    return figures | {
        "stat_var": hu.std[0] ** 2,
        "stat_iqr": hu.p75[0] - hu.p25[0],
        "stat_cov": hu.std[0] / hu.mean[0],
    }


def test_every_figure_has_the_digits_that_are_published(found: dict[str, float], published: dict[str, float]) -> None:
    """No tolerance is given for them: IBSI rounds to three significant digits, so a 4.2 would not pass for its 4."""
    assert {tag: float(f"{value:.3g}") for tag, value in found.items()} == {tag: published[tag] for tag in found}
