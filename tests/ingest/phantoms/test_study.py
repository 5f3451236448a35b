"""A scan in memory: frames, sides, Hounsfield values and words agree with what was painted."""

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from ingest.phantoms import CODES, make_scan, write_scan

EVERYTHING = (*CODES, "midline")


@pytest.fixture(scope="module")
def scans():
    return [make_scan(seed, split="val", categories=EVERYTHING[seed::3]) for seed in range(3)]


def test_arguments_decide_the_scan():
    assert np.array_equal(make_scan(7).volume, make_scan(7).volume)
    assert not np.array_equal(make_scan(7).volume, make_scan(8).volume)
    assert [f.text for f in make_scan(7).findings] == [f.text for f in make_scan(7, noise_seed=1).findings]


def test_a_scan_of_thirteen_findings():
    codes = [code for code in CODES if code != "2g"]
    scan = make_scan(3, categories=codes, mask_dtype="int16")
    assert scan.mask().shape == (13, 96, 96, 64)
    assert scan.mask().dtype == np.int16
    assert len({finding.text for finding in scan.findings}) == 13


def test_a_small_field_of_view_is_refused():
    with pytest.raises(ValueError, match="too small"):
        make_scan(0, shape=(20, 20, 20))


def test_a_second_effusion_finds_no_room():
    with pytest.raises(ValueError, match="no room"):
        make_scan(0, categories=("2e",) * 3)


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LAS", "RPS", "PLS", "SAR"])
def test_every_orientation_shows_the_same_patient(orientation):
    options = {"split": "val", "categories": ("2d", "2e"), "shape": (64, 56, 48), "spacing_mm": (5.0, 5.5, 4.5)}
    straight, turned = make_scan(2, **options), make_scan(2, orientation=orientation, **options)
    assert "".join(nib.aff2axcodes(turned.affine_ras)) == orientation
    for one, other in zip(straight.findings, turned.findings, strict=True):
        places = [centre_ras(scan, finding) for scan, finding in ((straight, one), (turned, other))]
        assert np.allclose(*places)
    assert [f.side for f in straight.truth().findings] == [f.side for f in turned.truth().findings]


def centre_ras(scan, finding):
    return nib.affines.apply_affine(scan.affine_ras, np.argwhere(finding.labels > 0)).mean(axis=0)


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "LAS"])
def test_the_heart_lies_left_and_the_liver_right(orientation):
    scan = make_scan(1, categories=("2d",), orientation=orientation)
    to_lps = nib.orientations.ornt_transform(
        nib.io_orientation(scan.affine_ras), nib.orientations.axcodes2ornt(("L", "P", "S"))
    )
    volume = nib.orientations.apply_orientation(scan.volume, to_lps)
    soft = volume > -200
    heart, domes = soft[:, 30:48, 18:26], soft[:, 40:56, 12:17]
    assert heart[52:76].sum() > 1.3 * heart[20:44].sum()
    assert domes[20:44].sum() > 1.3 * domes[52:76].sum()


def test_the_ct_holds_what_was_painted(scans):
    for scan in scans:
        for finding in scan.truth().findings:
            for entity in finding.entities:
                painted = sum(t.hu * t.voxels for t in entity.painted) / entity.voxels
                assert sum(t.voxels for t in entity.painted) == entity.voxels
                assert abs(entity.hu_mean - painted) < 5 * 8 / np.sqrt(entity.voxels) + 1.5


def test_lesions_stand_out_from_the_lung(scans):
    for scan in scans:
        for finding in scan.findings:
            if finding.category == "2e":
                continue  # fluid lies between muscle and liver, which are much like it
            inside = finding.labels > 0
            around = ndimage.binary_dilation(inside, iterations=2) & ~inside
            assert abs(scan.volume[inside].mean() - np.median(scan.volume[around])) > 60, finding.category


def test_the_truth_counts_the_mask(scans):
    for scan in scans:
        for channel, finding in zip(scan.mask(), scan.truth().findings, strict=True):
            assert finding.voxels == np.count_nonzero(channel)
            assert [e.label for e in finding.entities] == np.unique(channel[channel > 0]).tolist()
            for entity in finding.entities:
                place = np.argwhere(channel == entity.label)
                assert entity.voxels == len(place)
                assert entity.volume_mm3 == pytest.approx(len(place) * 3.5**3)
                assert entity.box_min == tuple(place.min(axis=0))
                assert entity.box_max == tuple(place.max(axis=0) + 1)


def test_sides_are_far_from_the_border_of_the_midline(written):
    for scan in written.expected.scans:
        if scan.midline_lps_mm is None or scan.name in written.faulty:
            continue
        for finding in scan.findings:
            for entity in finding.entities:
                middle = [(a + b - 1) / 2 for a, b in zip(entity.box_min, entity.box_max, strict=True)]
                x = -(np.array(scan.affine_ras) @ [*middle, 1])[0] - scan.midline_lps_mm
                assert abs(abs(x) - 10) > 2


def test_reconstructions_share_their_findings(written):
    one, other = (written.expected.scan(f"train_1_a_{n}.nii.gz") for n in (1, 2))
    assert one.orientation != other.orientation
    assert [(f.text, f.voxels, f.side) for f in one.findings] == [(f.text, f.voxels, f.side) for f in other.findings]


def test_written_files_read_back(tmp_path, scans):
    write_scan(tmp_path, scans[0])
    name = scans[0].name
    assert np.array_equal(nib.load(tmp_path / "segmentations" / name).dataobj, scans[0].mask())
    assert np.array_equal(nib.load(tmp_path / "volumes" / name).dataobj, scans[0].volume)
