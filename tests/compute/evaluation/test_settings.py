"""Settings by name, as JSON, and their digests."""

import json
from dataclasses import fields, replace

import pytest

from compute.evaluation.settings import GROUNDCT, REXRANK, SETTINGS, settings_named


@pytest.mark.parametrize("name", ["rexrank", "groundct"])
def test_settings_are_found_by_their_names(name: str) -> None:
    assert settings_named(name).name == name
    assert settings_named(name) is SETTINGS[name]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="official"):
        settings_named("official")


def test_json_holds_every_setting() -> None:
    told = json.loads(json.dumps(GROUNDCT.to_json()))
    assert told == GROUNDCT.to_json()
    assert list(told) == [field.name for field in fields(GROUNDCT)]


def test_every_setting_changes_the_digest() -> None:
    assert GROUNDCT.digest == replace(GROUNDCT).digest
    assert len(GROUNDCT.digest) == len(bytes.fromhex(GROUNDCT.digest)) * 2 == 64
    changed = [
        replace(GROUNDCT, **{name: getattr(REXRANK, name)})
        for name in GROUNDCT.to_json()
        if getattr(REXRANK, name) != getattr(GROUNDCT, name)
    ]
    assert len({GROUNDCT.digest, *(each.digest for each in changed)}) == len(changed) + 1


def test_a_connectivity_is_6_18_or_26() -> None:
    with pytest.raises(ValueError, match="6, 18 or 26, not 2"):
        replace(GROUNDCT, connectivity=2)


def test_the_published_figures_are_those_of_the_published_script() -> None:
    assert (REXRANK.hit_dice, REXRANK.match_dice, REXRANK.min_voxels, REXRANK.cap) == (0.1, 0.2, 10, 50)
    assert (REXRANK.connectivity, REXRANK.epsilon, REXRANK.missing) == (18, 1e-6, "left_out")
