"""Schemes that name the labels of organ masks."""

from typing import Any

import pytest

from compute.kernels.lungs import lung_roles
from schema.organ import OrganScheme, organ_schemes


def test_the_schemes_that_are_known() -> None:
    schemes = organ_schemes()
    assert set(schemes) == {"lungs", "totalsegmentator-v2"}
    total = schemes["totalsegmentator-v2"].names
    assert list(total) == list(range(1, 118))
    assert [total[n] for n in (1, 16, 51, 79, 92, 115, 117)] == [
        "spleen",
        "trachea",
        "heart",
        "spinal_cord",
        "rib_left_1",
        "rib_right_12",
        "costal_cartilages",
    ]
    assert lung_roles(total).lungs == set(range(10, 15))
    assert lung_roles(schemes["lungs"].names).lungs == {1}


def test_a_scheme_is_read_in_the_order_of_its_labels_and_written_as_it_came() -> None:
    scheme = OrganScheme.parse("own", {"10": "heart", "2": " lung "})
    assert list(scheme.names.items()) == [(2, "lung"), (10, "heart")]
    assert OrganScheme.parse("own", scheme.to_json()) == scheme


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "must be an object"),
        ({}, "must be an object"),
        ({"0": "lung"}, "'0' is not a label"),
        ({"-1": "lung"}, "'-1' is not a label"),
        ({"65536": "lung"}, "'65536' is not a label"),
        ({"²": "lung"}, "is not a label"),
        ({"1": ""}, "label 1 has no name"),
        ({"1": 5}, "label 1 has no name"),
        ({"1": "lung", "2": "lung"}, "have the same name"),
        ({"1": "lung", "01": "heart"}, "two labels are the same"),
    ],
)
def test_what_is_no_scheme_is_refused(names: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OrganScheme.parse("own", names)
