"""Rows of where a finding's entities lie."""

from uuid import UUID, uuid5

import numpy as np
import pytest

from compute.location import KERNEL_VERSION, OrganFrame, locate_finding
from schema.arrays.runs import LabelRuns
from schema.identity import entity_id
from schema.location import Location

NAMES = {"1": "liver", "10": "lung_upper_lobe_left", "12": "lung_upper_lobe_right"}
ANNOTATION = uuid5(UUID(int=0), "annotation")


def drawn() -> tuple[LabelRuns, LabelRuns]:
    """A finding with two entities, and organs."""
    organs, labels = np.zeros((6, 8, 20), np.uint8), np.zeros((6, 8, 20), np.uint16)
    organs[:, :, 2:8], organs[:, :, 12:18], organs[:, 0, 0] = 12, 10, 7
    labels[2:4, 3:5, 4:10], labels[:, 0, 0] = 300, 2
    return LabelRuns.from_dense(labels), LabelRuns.from_dense(organs)


def test_a_row_has_every_column_that_is_not_the_databases() -> None:
    finding, organs = drawn()
    frame = OrganFrame.of(organs, NAMES, np.diag([-1.0, -1.0, 2.0, 1.0]), 9.5)
    nameless, entity = locate_finding(finding, frame)
    row = entity.row(ANNOTATION, 5)
    assert row.keys() == Location.model_fields.keys() - {"computed_at"}
    assert (row["entity_id"], row["organ_mask_id"]) == (entity_id(ANNOTATION, 300), 5)
    assert (row["shares"], row["lung_share"], row["lobe"]) == (
        {"lung_upper_lobe_right": pytest.approx(2 / 3)},
        pytest.approx(2 / 3),
        "right upper lobe",
    )
    assert (row["left_share"], row["right_share"], row["lobe_share"]) == (0.0, row["lung_share"], row["lung_share"])
    assert (row["lung_border_mm"], row["rel_x"]) == (0.0, pytest.approx((6.5 - 2) / 15))
    assert (row["kernel_version"], row["device"]) == (KERNEL_VERSION, "cpu")
    assert nameless.location["shares"] == {"7": 1.0}
    assert nameless.location["lung_share"] == 0.0
    assert nameless.location["lung_border_mm"] == pytest.approx(2.0)


def test_without_lung_nothing_is_said_of_it() -> None:
    finding, organs = drawn()
    for entity in locate_finding(finding, OrganFrame.of(organs, {"10": "spleen", "12": "colon"})):
        known = {name for name, value in entity.location.items() if value is not None}
        assert known == {"shares", "kernel_version", "device"}


def test_scans_of_different_shapes_are_refused() -> None:
    finding, organs = drawn()
    frame = OrganFrame.of(organs, NAMES)
    assert locate_finding(LabelRuns.empty(finding.shape_zyx), frame) == []
    with pytest.raises(ValueError, match=r"shape \(6, 8, 21\) and the organs have \(6, 8, 20\)"):
        locate_finding(LabelRuns.empty((6, 8, 21)), frame)
