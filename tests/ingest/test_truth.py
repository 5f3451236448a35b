"""A phantom dataset comes in whole: every entity as it was drawn, every planted fault named, and none besides."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from ingest.faults import FaultDraft
from ingest.options import ImportOptions
from ingest.phantoms import Expected, TrueScan
from ingest.report import ImportReport
from ingest.rexgroundingct import import_dataset
from schema.arrays.store import ArrayStore
from schema.database import Database
from schema.postgres.address import OWNER, Address

Imported = tuple[Database, ImportReport]
Row = tuple[Any, ...]

ENTITIES = """
SELECT s.name, f.source_index, e.label, e.voxels,
       ARRAY[lower(e.box_i), lower(e.box_j), lower(e.box_k)], ARRAY[upper(e.box_i), upper(e.box_j), upper(e.box_k)],
       g.volume_mm3, upper(g.side::text), g.hu_mean
FROM {schema}.entity e
JOIN {schema}.annotation a ON a.id = e.annotation_id
JOIN {schema}.geometry g ON g.entity_id = e.id
JOIN finding f ON f.id = a.finding_id
JOIN scan s ON s.id = f.scan_id
WHERE a.state = 'accepted'
"""
FINDINGS = """
SELECT s.name, f.source_index, r.text, r.category_code
FROM finding f JOIN finding_revision r ON r.finding_id = f.id AND r.is_latest JOIN scan s ON s.id = f.scan_id
"""
FAULTS = "SELECT kind::text, severity::text, scan, finding, path, message, remedy FROM {schema}.fault"
VOLUMES = """
SELECT s.name, s.shape_vox, v.spacing_mm, v.orientation, v.affine_ras, v.body_midline_lps_mm
FROM scan s LEFT JOIN volume v ON v.scan_id = s.id
"""


@pytest.fixture(scope="module", params=["open", "hidden"])
def imported(
    request: pytest.FixtureRequest,
    phantom: tuple[Path, Expected],
    new_database: Callable[[], AbstractContextManager[Database]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Imported]:
    """The phantom dataset in a database, its test split open or hidden."""
    hide = frozenset({"test"} if request.param == "hidden" else ())
    options = ImportOptions(phantom[0] / "dataset.json", "round", release="base", hide=hide, workers=1)
    with new_database() as database, ArrayStore(str(tmp_path_factory.mktemp("arrays"))) as arrays:
        yield database, import_dataset(database, arrays, options)


def test_every_entity_is_as_it_was_drawn(imported: Imported, phantom: tuple[Path, Expected], server: Address) -> None:
    database, report = imported
    found = {
        row[:3]: row[3:]
        for schema in ("open", "hidden")
        for row in rows(server, database, ENTITIES.format(schema=schema))
    }
    expected = {
        (stem(scan), finding.index, entity.label): (
            entity.voxels,
            list(entity.box_min),
            list(entity.box_max),
            close(entity.volume_mm3),
            entity.side,
            entity.hu_mean and pytest.approx(entity.hu_mean, rel=1e-12),
        )
        for scan in kept(phantom[1])
        for finding in scan.findings
        for entity in finding.entities
    }
    assert found == expected
    assert report.to_json()["entities"] == {"new": len(expected), "unchanged": 0}


def test_hidden_entities_stand_in_the_hidden_schema_alone(
    imported: Imported, phantom: tuple[Path, Expected], server: Address, request: pytest.FixtureRequest
) -> None:
    database, report = imported
    places = {
        schema: {row[0] for row in rows(server, database, ENTITIES.format(schema=schema))}
        for schema in ("open", "hidden")
    }
    everything = {stem(scan) for scan in kept(phantom[1]) if any(one.entities for one in scan.findings)}
    test = {stem(scan) for scan in kept(phantom[1]) if scan.split == "test"}
    hidden = test if request.node.callspec.params["imported"] == "hidden" else set()
    assert len(test) > 1
    assert {one.scan for one in report.outcomes if one.hidden} == hidden
    assert places == {"open": everything - hidden, "hidden": hidden}


def test_every_finding_has_its_words(imported: Imported, phantom: tuple[Path, Expected], server: Address) -> None:
    found = {row[:2]: row[2:] for row in rows(server, imported[0], FINDINGS)}
    expected = {
        (stem(scan), finding.index): (finding.text, finding.category)
        for scan in kept(phantom[1])
        for finding in scan.findings
    }
    assert found == expected


def test_every_volume_has_its_frame(imported: Imported, phantom: tuple[Path, Expected], server: Address) -> None:
    found = {row[0]: row[1:] for row in rows(server, imported[0], VOLUMES)}
    expected = {
        stem(scan): (
            list(scan.shape),
            scan.spacing_mm and close(list(scan.spacing_mm)),
            scan.orientation,
            scan.affine_ras and close([value for row in scan.affine_ras for value in row]),
            close(scan.midline_lps_mm),
        )
        for scan in kept(phantom[1])
    }
    assert found == expected


def test_every_planted_fault_is_reported_and_no_other(imported: Imported, phantom: tuple[Path, Expected]) -> None:
    _, report = imported
    expected = sorted((f.kind, f.severity, stem(f), f.finding) for f in phantom[1].faults)
    assert sorted((f.kind, f.severity, f.scan, f.finding) for f in report.all_faults) == expected


def test_every_fault_says_where_and_what_to_do(imported: Imported, phantom: tuple[Path, Expected]) -> None:
    _, report = imported
    for one in report.all_faults:
        assert Path(one.path or "").exists() or one.kind in ("missing_mask", "missing_volume")
        assert one.message
        assert one.remedy
        assert "\n" not in one.message + one.remedy


def test_the_report_is_stored_as_it_is_given(imported: Imported, server: Address) -> None:
    database, report = imported
    stored = [
        FaultDraft(*row)
        for schema in ("open", "hidden")
        for row in rows(server, database, FAULTS.format(schema=schema))
    ]
    assert sorted(stored, key=repr) == sorted(
        (FaultDraft(*one.to_json().values()) for one in report.all_faults), key=repr
    )
    counts = rows(
        server,
        database,
        "SELECT sum(scans_new)::int, sum(scans_left_out)::int, sum(entities_new)::int "
        "FROM (SELECT * FROM open.import_summary UNION ALL SELECT * FROM hidden.import_summary) AS summary",
    )
    document = report.to_json()
    assert counts == [(document["scans"]["new"], document["scans"]["left_out"], document["entities"]["new"])]


def test_a_case_that_comes_twice_is_left_out_twice(imported: Imported, phantom: tuple[Path, Expected]) -> None:
    _, report = imported
    (twice,) = (stem(one) for one in phantom[1].faults if one.kind == "duplicate_scan")
    assert [one.left_out for one in report.outcomes if one.scan == twice] == [True]


def kept(expected: Expected) -> list[TrueScan]:
    """The scans that come in; of a case that stands twice, neither does."""
    twice = {fault.scan for fault in expected.faults if fault.kind == "duplicate_scan"}
    return [scan for scan in expected.scans if scan.kept and scan.name not in twice]


def stem(named: Any) -> str:
    """A scan's name without its ending, of a true scan or a planted fault."""
    name: str = named.name if isinstance(named, TrueScan) else named.scan
    return name.removesuffix(".nii.gz")


def close(value: Any) -> Any:
    """Equal but for what a NIfTI header rounds off: its affine has 24 bits."""
    return None if value is None else pytest.approx(value, rel=1e-6, abs=1e-4)


def rows(server: Address, database: Database, query: str) -> list[Row]:
    with server.connect(OWNER, database.owner_url.database or "") as connection:
        return connection.execute(query.encode()).fetchall()
