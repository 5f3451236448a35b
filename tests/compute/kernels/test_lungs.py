"""What names say of lungs, sides and lobes."""

import pytest

from compute.kernels.lungs import lung_roles

TOTAL_SEGMENTATOR = {
    5: "liver",
    10: "lung_upper_lobe_left",
    11: "lung_lower_lobe_left",
    12: "lung_upper_lobe_right",
    13: "lung_middle_lobe_right",
    14: "lung_lower_lobe_right",
    16: "trachea",
    53: "pulmonary_vein",
    61: "atrial_appendage_left",
}


def test_the_lobes_of_total_segmentator() -> None:
    roles = lung_roles(TOTAL_SEGMENTATOR)
    assert roles.lungs == {10, 11, 12, 13, 14}
    assert (roles.left, roles.right, roles.unsided) == ({10, 11}, {12, 13, 14}, frozenset())
    assert roles.lobes == {
        10: "left upper lobe",
        11: "left lower lobe",
        12: "right upper lobe",
        13: "right middle lobe",
        14: "right lower lobe",
    }


@pytest.mark.parametrize("name", ["lung", "Lungs", "both lungs", "lung_nodules", "lung vessels"])
def test_lung_without_a_side(name: str) -> None:
    roles = lung_roles({1: name})
    assert (roles.lungs, roles.unsided, roles.lobes) == ({1}, {1}, {})


@pytest.mark.parametrize(
    ("name", "lobe"),
    [
        ("RML", "right middle lobe"),
        ("lul", "left upper lobe"),
        ("Left Lower Lobe", "left lower lobe"),
        ("right_upper_lobe_segment_2", "right upper lobe"),
        ("lung-lobe-lower-right", "right lower lobe"),
    ],
)
def test_lobes_in_other_words(name: str, lobe: str) -> None:
    roles = lung_roles({7: name})
    assert roles.lobes == {7: lobe}
    assert roles.lungs == {7} == roles.left | roles.right


@pytest.mark.parametrize(
    "name",
    [
        "lung_trachea_bronchia",
        "lung airways",
        "lung_pleura_left",
        "liver_right_lobe_upper_segment",
        "liver_segment_4",
        "lobe",
        "brain_left_lobe",
        "heart",
        "",
    ],
)
def test_what_is_not_lung(name: str) -> None:
    roles = lung_roles({1: name})
    assert roles.lungs == roles.left == roles.right == frozenset()
    assert roles.lobes == {}


def test_a_lung_of_both_sides_has_none() -> None:
    assert lung_roles({1: "lung left and right"}).unsided == {1}
