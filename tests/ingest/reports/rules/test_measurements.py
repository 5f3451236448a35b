import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.reports.rules.measurements import find_measurements, spaced


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("a 12x10 mm nodule", [(12, 10)]),
        ("2.5 cm", [(25,)]),
        ("2,5 cm across", [(25,)]),
        ("8-9 mm", [(9,)]),
        ("6 x 4.5 x 3.2 cm", [(60, 45, 32)]),
        ("1.2 cm x 8 mm", [(12, 8)]),
        ("5mm and 0.7 cm", [(5,), (7,)]),
        ("foci of 9 and 12 mm", [(12,), (9,)]),
        ("shrank from 30 mm to 21 mm", [(21,)]),
        ("segment 8, 9 mm cyst", [(9,)]),
        ("3 nodules, T12, 30 HU, 5 mm3, 0 mm", []),
        ("slice thickness of 1.5 mm", []),
    ],
)
def test_lengths_in_millimetres(text: str, sizes: list[tuple[float, ...]]) -> None:
    assert [found.sizes_mm for found in find_measurements(text)] == sizes


def test_a_value_is_written_in_millimetres() -> None:
    (found,) = find_measurements("mass of 4x3.25 cm")
    assert found.value == "40 x 32.5 mm"


lengths = st.integers(1, 99)


@given(
    st.lists(lengths, min_size=1, max_size=3),
    st.sampled_from(["x", " x ", "X", "\u00d7", "*"]),
    st.text("abc ", max_size=9),
)
def test_what_is_written_is_read_at_its_characters(axes: list[int], cross: str, before: str) -> None:
    said = cross.join(map(str, axes)) + " mm"
    text = f"{before} {said} lesion"
    (found,) = find_measurements(text)
    assert found.sizes_mm == tuple(map(float, axes))
    assert text[found.start : found.end] == said


@given(st.text("0123456789 xX*\u00d7mc.,abc"))
def test_spacing_changes_no_length(text: str) -> None:
    before = [found.sizes_mm for found in find_measurements(text)]
    assert [found.sizes_mm for found in find_measurements(spaced(text))] == before
