"""Rows of views, with no more tables than are needed."""

import pytest

from schema.queries.filters import FindingFilter, MetadataFilter, ScanFilter, finding_condition
from schema.queries.scope import NOW
from schema.queries.tables import SCAN
from schema.queries.views import Expression, findings

OF_SCAN = FindingFilter(scan=ScanFilter(metadata=MetadataFilter(manufacturer="Siemens")))


@pytest.mark.parametrize(
    ("needed", "joined"),
    [(finding_condition(OF_SCAN, NOW), False), (SCAN.c.name == "train_1_a_1", True)],
    ids=["a subquery's table is its own", "a column of the table"],
)
def test_a_table_is_joined_where_its_columns_are_needed(needed: Expression, *, joined: bool) -> None:
    assert findings().rows_with([needed]).is_derived_from(SCAN) is joined


def test_what_a_scan_is_known_by_needs_no_scan() -> None:
    """Its key alone is asked about, which the finding has."""
    text = str(finding_condition(OF_SCAN, NOW))
    assert "finding.scan_id IN (SELECT scan_metadata.scan_id" in text
    assert "scan.id" not in text.replace("scan_metadata.scan_id", "")
