"""Drawing cohorts: by patient, in proportion, the same every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.queries.cohorts import CohortPlan, draw_patients, folds
from schema.queries.mistakes import ReadMistake

archives = st.dictionaries(
    st.integers(0, 500).map(lambda n: f"train_{n}"),
    st.lists(st.sampled_from(["1a", "2d", "2c", None]), min_size=1, max_size=4),
    min_size=1,
    max_size=60,
)


@given(archives, st.integers(1, 70), st.integers(0, 9))
def test_so_many_patients_are_drawn_the_same_every_time(
    archive: dict[str, list[str | None]], patients: int, seed: int
) -> None:
    plan = CohortPlan(patients=patients, seed=seed)
    drawn = draw_patients(archive, plan)
    assert len(drawn) == min(patients, len(archive))
    assert drawn <= set(archive)
    assert draw_patients(dict(reversed(archive.items())), plan) == drawn


@given(archives, st.integers(1, 60))
def test_more_places_keep_who_was_drawn(archive: dict[str, list[str | None]], patients: int) -> None:
    alike = {patient: ["2d"] for patient in archive}
    fewer = draw_patients(alike, CohortPlan(patients=patients))
    assert fewer <= draw_patients(alike, CohortPlan(patients=patients + 1))


def test_strata_have_their_shares() -> None:
    archive = {f"train_{n}": ["2d" if n % 4 else "1a", "2d" if n % 4 else "1a", "2c"] for n in range(200)}
    drawn = draw_patients(archive, CohortPlan(patients=20))
    assert sum(int(patient.removeprefix("train_")) % 4 == 0 for patient in drawn) == 5


def test_another_seed_draws_others() -> None:
    archive = {f"train_{n}": ["2d"] for n in range(100)}
    assert len({frozenset(draw_patients(archive, CohortPlan(patients=10, seed=seed))) for seed in range(5)}) == 5


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 5))
def test_folds_keep_patients_together(patients: int, number: int, seed: int) -> None:
    scans = {f"train_{n}": [f"train_{n}_{study}_1" for study in "ab"[: 1 + n % 2]] for n in range(patients)}
    if number > patients:
        with pytest.raises(ReadMistake, match="folds"):
            folds(scans, number, seed)
        return
    split = folds(scans, number, seed)
    everything = sorted(scan for each in scans.values() for scan in each)
    assert sorted(scan for fold in split for scan in fold["val"]) == everything
    for fold in split:
        assert sorted(fold["train"] + fold["val"]) == everything
        patients_of = [{scan.rsplit("_", 2)[0] for scan in fold[side]} for side in ("train", "val")]
        assert not patients_of[0] & patients_of[1]


def test_nobody_is_no_cohort() -> None:
    with pytest.raises(ReadMistake, match="at least one patient"):
        CohortPlan(patients=0)
