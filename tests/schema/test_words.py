"""The small words: names, identities, the ontology, policies, sides in texts, settings, errors."""

from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import identity
from schema.annotation import AnnotationPolicy, Policy
from schema.collection import ScanName
from schema.errors import GroundctError, SettingsError
from schema.finding import Side, side_in_text
from schema.ontology import Focality, assignable_codes, rexgroundingct_ontology, subtree_range
from schema.settings import Settings, load_settings

LETTERS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6)
NUMBERS = st.integers(0, 99_999).map(str)


@given(LETTERS, NUMBERS, LETTERS, NUMBERS, st.sampled_from(["", ".nii.gz"]))
def test_a_scan_name_is_its_parts(prefix: str, number: str, letter: str, reconstruction: str, ending: str) -> None:
    name = ScanName.parse(f"{prefix}_{number}_{letter}_{reconstruction}{ending}")
    assert name.patient == f"{prefix}_{number}"
    assert name.study == f"{prefix}_{number}_{letter}"
    assert name.scan == f"{prefix}_{number}_{letter}_{reconstruction}"
    assert name.nested_path == f"{name.patient}/{name.study}/{name.scan}.nii.gz"
    assert name.prefix == prefix


@given(st.text())
def test_what_is_no_scan_name_is_refused_or_has_no_way_out_of_a_folder(text: str) -> None:
    try:
        name = ScanName.parse(text)
    except ValueError:
        return
    assert not set(name.scan) & set("/\\.\0")


@pytest.mark.parametrize(
    "name", ["../train_1_a_1.nii.gz", "/train_1_a_1", "train_1_a_1\n", "train_1_a_1.nii", "1_1_a_1"]
)
def test_paths_and_other_endings_are_no_scan_names(name: str) -> None:
    with pytest.raises(ValueError, match="is not a scan name"):
        ScanName.parse(name)


def test_identities_never_change() -> None:
    finding = identity.finding_id("ct-rate", "train_1_a_1", 0)
    annotation = identity.annotation_id(finding, "first", None, 1)
    assert identity.scan_id("ct-rate", "train_1_a_1") == UUID("f87ae850-d9ce-5a93-9898-f311cadfe7ef")
    assert finding == UUID("3915b0b2-b359-5bd0-88fe-0620099725dc")
    assert identity.revision_id(finding, 1) == UUID("758c803a-328e-5741-8c11-9e1ffd366abb")
    assert annotation == UUID("5f95d858-c7a3-5140-9a38-74027214350b")
    assert identity.entity_id(annotation, 1) == UUID("327cd78f-aafb-5d3d-a235-8e41e3df950f")


def test_the_ontology_has_its_62_codes_of_which_14_are_segmented() -> None:
    categories = rexgroundingct_ontology().categories
    assert len(assignable_codes()) == 62
    segmented = {one.code for one in categories if one.segmented and one.assignable}
    assert segmented == {f"1{c}" for c in "abcdef"} | {f"2{c}" for c in "abcdefgh"}
    by_code = {one.code: one for one in categories}
    assert (by_code["2d"].focality, by_code["1c"].focality) == (Focality.FOCAL, Focality.NON_FOCAL)
    assert by_code["8f"].name == "Pericardial effusion"
    assert by_code["12"].assignable


def test_a_subtree_is_a_range_of_paths() -> None:
    categories = rexgroundingct_ontology().categories
    for root in (one for one in categories if one.parent is None):
        first, after = subtree_range(root.path)
        inside = {one.code for one in categories if first <= one.path < after}
        assert inside == {one.code for one in categories if root.code in (one.code, one.parent)}


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("exhaustive", AnnotationPolicy(Policy.EXHAUSTIVE)),
        ("at_most 3", AnnotationPolicy(Policy.AT_MOST, 3)),
        ("at_most:12", AnnotationPolicy(Policy.AT_MOST, 12)),
        ("unknown", AnnotationPolicy(Policy.UNKNOWN)),
    ],
)
def test_policies_are_read(text: str, policy: AnnotationPolicy) -> None:
    assert AnnotationPolicy.parse(text) == policy
    assert AnnotationPolicy.parse(str(policy)) == policy


@pytest.mark.parametrize("text", ["", "at_most", "at_most 0", "at_most -1", "some", "exhaustive 3"])
def test_other_policies_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a policy"):
        AnnotationPolicy.parse(text)


def test_protocols_have_policies() -> None:
    assert AnnotationPolicy.of_protocol("protocol2") == AnnotationPolicy(Policy.AT_MOST, 3)
    assert AnnotationPolicy.of_protocol("test") == AnnotationPolicy(Policy.EXHAUSTIVE)
    assert AnnotationPolicy.of_protocol(None) == AnnotationPolicy(Policy.UNKNOWN)


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("Nodule in the left upper lobe", Side.LEFT),
        ("Band in the lingula", Side.LEFT),
        ("Opacity in the middle lobe", Side.RIGHT),
        ("Right and left basal bands", Side.BILATERAL),
        ("Effusion in both lungs", Side.BILATERAL),
        ("Bilateral effusion", Side.BILATERAL),
        ("A bright spot", None),
        ("Cleft in the wall", None),
    ],
)
def test_sides_are_read_from_words(text: str, side: Side | None) -> None:
    assert side_in_text(text) == side


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDCT_DEVICE", "abacus")
    with pytest.raises(SettingsError, match="GROUNDCT_DEVICE"):
        load_settings()


def test_settings_come_from_variables_and_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("GROUNDCT_HOME=relative\nGROUNDCT_DEVICE=cpu\n")
    monkeypatch.setenv("GROUNDCT_DEVICE", "gpu")
    settings = load_settings()
    assert settings.home == tmp_path / "relative"
    assert settings.arrays_url == str(tmp_path / "relative" / "arrays")
    assert settings.device == "gpu"


def test_passwords_are_not_shown() -> None:
    settings = Settings(database_url="postgresql://someone:secret@host/db")  # type: ignore[arg-type]
    assert "secret" not in repr(settings)


def test_every_error_says_when_it_is_raised() -> None:
    def below(cls: type[Exception]) -> list[type[Exception]]:
        return [cls, *(each for child in cls.__subclasses__() for each in below(child))]

    for error in below(GroundctError):
        assert error.__doc__
        assert len(error.__doc__) > 20
