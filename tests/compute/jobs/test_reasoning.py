"""Chains of thought walk from scan to lesion: boxes hold the entities, sides are right, contradictions are counted."""

from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from compute.jobs.geometry import compute_geometry
from compute.jobs.reasoning import compute_reasoning
from compute.reasoning import holds_box
from ingest.options import ImportOptions
from ingest.organs import OrganOptions, import_organs
from ingest.rexgroundingct import import_dataset
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.base import HIDDEN, OPEN
from schema.database import Database, Role
from schema.organ import organ_schemes
from tests.compute.jobs.planted import LOBE_NAMES, Planted, describe_all

STEPS = """
  SELECT c.name AS scan, f.source_index AS finding, r.origin, r.version, s.*, v.text_side
  FROM {0}.reasoning r JOIN {0}.reasoning_step s ON s.reasoning_id = r.id JOIN finding f ON f.id = r.finding_id
  JOIN finding_revision v ON v.finding_id = f.id AND v.is_latest JOIN scan c ON c.id = f.scan_id
  ORDER BY c.name, f.source_index, s.position"""
DRAWN = """
  SELECT c.name AS scan, f.source_index AS finding, e.box_i, e.box_j, e.box_k, g.*
  FROM {0}.entity e JOIN {0}.geometry g ON g.entity_id = e.id JOIN {0}.annotation a ON a.id = e.annotation_id
  JOIN finding f ON f.id = a.finding_id JOIN scan c ON c.id = f.scan_id"""
Key = tuple[str, int]


def read(database: Database, query: str, schema: str) -> dict[Key, list[Any]]:
    found: dict[Key, list[Any]] = defaultdict(list)
    with database.engine(Role.OWNER).connect() as connection:
        for row in connection.execute(sa.text(query.format(schema))):
            found[row.scan, row.finding].append(row)
    return found


def change(database: Database, statement: str) -> None:
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text(statement))


def box(row: Any) -> Any:
    return tuple(row.box_vox_min), tuple(row.box_vox_max)


def box_of_entity(row: Any) -> Any:
    ranges = (row.box_i, row.box_j, row.box_k)
    return tuple(one.lower for one in ranges), tuple(one.upper for one in ranges)


def check_boxes(chains: dict[Key, list[Any]], drawn: dict[Key, list[Any]]) -> None:
    """Every box of a claim that does not contradict holds all entities, in voxels and in mm, and the next box."""
    for key, steps in chains.items():
        held = [
            step for step in steps if step.box_vox_min is not None and (step.holds is not False or step is steps[-1])
        ]
        for step in held:
            for entity in drawn[key]:
                assert holds_box(box(step), box_of_entity(entity)), (key, step.level)
                low = [getattr(entity, f"box_min_{axis}_lps_mm") for axis in "xyz"]
                high = [getattr(entity, f"box_max_{axis}_lps_mm") for axis in "xyz"]
                assert (np.array(step.box_lps_mm_min) <= np.array(low) + 1e-6).all()
                assert (np.array(step.box_lps_mm_max) >= np.array(high) - 1e-6).all()
        assert all(holds_box(box(outer), box(inner)) for outer, inner in pairwise(held))


@pytest.fixture
def reasoned(planted: Planted) -> Planted:
    assert compute_reasoning(planted.database, planted.arrays).failed == {}
    return planted


@pytest.mark.parametrize("schema", [OPEN, HIDDEN])
def test_boxes_of_every_phantom_finding_hold_its_entities(reasoned: Planted, schema: str) -> None:
    chains, drawn = (read(reasoned.database, query, schema) for query in (STEPS, DRAWN))
    assert chains.keys() == drawn.keys() != set()
    check_boxes(chains, drawn)
    for steps in chains.values():
        assert [step.position for step in steps] == list(range(len(steps)))
        assert (steps[0].level, steps[-1].level) == ("scan", "lesion")
        assert box(steps[0])[0] == (0, 0, 0)


def test_sides_and_lobes_are_those_of_the_entities_and_contradictions_those_that_are_planted(reasoned: Planted) -> None:
    chains, drawn = (read(reasoned.database, query, OPEN) for query in (STEPS, DRAWN))
    wrong: dict[str, set[Key]] = defaultdict(set)
    for key, steps in chains.items():
        (side,) = [step for step in steps if step.level == "side"]
        sides = {entity.side for entity in drawn[key]} - {"midline"}
        said = {"bilateral": {"left", "right"}}.get(side.place, {side.place})
        if side.holds:
            assert sides <= said, key
        if side.holds is False:
            assert not said <= sides, key
        for step in steps:
            if step.holds is False:
                wrong[step.level].add(key)
    planted = defaultdict(set)
    for scan, finding, check in reasoned.truth:
        planted[check].add((scan, finding))
    assert wrong["side"] == planted["side"] | planted["bilateral"]
    assert wrong["lobe"] == planted["lobe"]
    assert wrong["lesion"] == planted["count"] | planted["size"] | planted["attenuation_hu"] | planted["category_shape"]
    assert wrong.keys() == {"side", "lobe", "lesion"}
    lobes = [step for steps in chains.values() for step in steps if step.level == "lobe" and step.holds]
    assert len(lobes) > 10
    assert {step.evidence["box"] for step in lobes} == {"organ mask lobes"}


def test_contradictions_are_counted_and_a_second_run_has_nothing_to_do(reasoned: Planted) -> None:
    before = read(reasoned.database, STEPS, OPEN)
    report = compute_reasoning(reasoned.database, reasoned.arrays)
    assert (report.made, report.failed) == (0, {})
    counted = dict.fromkeys(report.contradictions, 0)
    for schema in (OPEN, HIDDEN):
        for steps in read(reasoned.database, STEPS, schema).values():
            for step in steps:
                counted[step.level] += step.holds is False
    assert report.contradictions == counted
    assert compute_reasoning(reasoned.database, reasoned.arrays, force=True).made == report.findings
    assert read(reasoned.database, STEPS, OPEN) == before


def test_only_what_is_stale_is_made_again(reasoned: Planted) -> None:
    before = read(reasoned.database, STEPS, OPEN)
    change(reasoned.database, "UPDATE open.reasoning SET version = '0' WHERE finding_id IN "
           "(SELECT f.id FROM finding f JOIN scan s ON s.id = f.scan_id WHERE s.name = 'train_1_a_1')")  # fmt: skip
    assert compute_reasoning(reasoned.database, reasoned.arrays).made == 1
    assert read(reasoned.database, STEPS, OPEN) == before
    describe_all(reasoned.database, "test reader 2")
    assert compute_reasoning(reasoned.database, reasoned.arrays).made > 1
    describe_all(reasoned.database)


def test_an_organ_mask_of_another_shape_is_one_line_and_the_chain_is_made_without_it(reasoned: Planted) -> None:
    stored = reasoned.arrays.write_labels([LabelRuns.from_dense(np.ones((3, 4, 5), np.uint8))], "labels")
    change(reasoned.database, f"""UPDATE organ_mask SET digest = '{stored.digest}' WHERE scan_id =
        (SELECT id FROM scan WHERE name = 'train_1_a_1')""")  # fmt: skip
    report = compute_reasoning(reasoned.database, reasoned.arrays, force=True)
    steps = read(reasoned.database, STEPS, OPEN)["train_1_a_1", 0]
    kept = reasoned.arrays.write_labels(
        [LabelRuns.from_dense(np.ascontiguousarray(reasoned.made["train_1_a_1"].lobes.T))], "labels"
    )
    change(reasoned.database, f"""UPDATE organ_mask SET digest = '{kept.digest}' WHERE scan_id =
        (SELECT id FROM scan WHERE name = 'train_1_a_1')""")  # fmt: skip
    ((name, reason),) = report.failed.items()
    assert name == "train_1_a_1, organ mask lobes"
    assert "it has the shape [5, 4, 3] and the scan [64, 64, 60]" in reason
    assert report.made == report.findings
    (side,) = [step for step in steps if step.level == "side"]
    assert side.evidence["box"] == "half of the volume at the body midline"
    assert side.holds
    compute_reasoning(reasoned.database, reasoned.arrays, force=True)


def test_names_of_lobes_are_those_of_a_known_scheme() -> None:
    assert set(LOBE_NAMES.values()) <= set(organ_schemes()["totalsegmentator-v2"].names.values())


def test_the_real_case_with_its_lungs(database: Database, arrays: ArrayStore, shared_data: Path) -> None:
    real = shared_data / "rex_real"
    import_dataset(database, arrays, ImportOptions(real / "dataset.json", round="real", workers=1))
    import_organs(database, arrays, OrganOptions(real / "organs", organ_schemes()["lungs"], workers=1))
    compute_geometry(database, arrays)
    report = compute_reasoning(database, arrays)
    assert (report.made, report.steps, sum(report.contradictions.values()), report.failed) == (2, 6, 0, {})
    chains, drawn = (read(database, query, OPEN) for query in (STEPS, DRAWN))
    check_boxes(chains, drawn)
    assert [[step.place for step in steps if step.level == "side"] for steps in chains.values()] == [
        ["left"],
        ["bilateral"],
    ]
    assert {step.evidence["box"] for steps in chains.values() for step in steps if step.level == "side"} == {
        "organ mask lungs, cut at the body midline"
    }
    assert all(step.holds for steps in chains.values() for step in steps)
