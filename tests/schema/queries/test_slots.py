"""Values that come later: what is left of a value is its shape, and the slots give each of its values back."""

from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from schema.finding import Side
from schema.queries.filters import Between, FindingFilter, InRelease
from schema.queries.slots import Slot, shape_of, slots_of


@st.composite
def filters(draw: st.DrawFn) -> FindingFilter:
    return FindingFilter(
        ids=[uuid4() for _ in range(draw(st.integers(0, 3)))],
        text=draw(st.none() | st.text(max_size=5)),
        release=draw(st.none() | st.builds(InRelease, st.text(max_size=5), st.none() | st.text(max_size=5))),
        text_side=draw(st.none() | st.sampled_from(Side)),
        entity_count=draw(st.none() | st.builds(Between, st.floats(0, 9), st.none() | st.integers(0, 9))),
        or_=[FindingFilter(text=draw(st.text(max_size=5)))] if draw(st.booleans()) else None,
    )


def filled(slotted: Any, value: Any) -> Any:
    """What slots stand for, put in their places."""
    if isinstance(slotted, Slot):
        return slotted.value(value)
    if isinstance(slotted, list):
        return [filled(each, value) for each in slotted]
    if hasattr(slotted, "__dataclass_fields__"):
        return type(slotted)(**{name: filled(getattr(slotted, name), value) for name in slotted.__dataclass_fields__})
    return slotted


@given(filters())
def test_slots_give_the_values_back(value: FindingFilter) -> None:
    assert filled(slots_of(value), value) == value


@given(filters(), filters())
def test_one_shape_is_one_set_of_slots(one: FindingFilter, other: FindingFilter) -> None:
    assert (shape_of(one) == shape_of(other)) == (slots_of(one) == slots_of(other))


def test_values_that_come_later_are_not_in_the_shape() -> None:
    assert shape_of(["a", 1.5, UUID(int=1)]) == shape_of(["b", 2.5, UUID(int=2)]) != shape_of(["a", 1, UUID(int=1)])
