"""What is kept is bounded, and what was asked for last stays."""

from hypothesis import given
from hypothesis import strategies as st

from schema.queries.kept import Kept

ASKED = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12)), max_size=40)


@given(ASKED)
def test_it_holds_the_last_that_were_asked_for_and_no_more(asked: list[tuple[int, int]]) -> None:
    kept: Kept[int] = Kept(3, 10)
    last: dict[int, int] = {}
    for key, characters in asked:
        known = kept.find(key)
        assert known == (key if key in last else None)
        if known is None:
            assert kept.put(key, key, characters) == key
            if characters <= 10:
                last[key] = characters
        else:
            last[key] = last.pop(key)
        while len(last) > 3 or sum(last.values()) > 10:
            last.pop(next(iter(last)))
        assert kept.all() == list(last)


def test_another_answer_takes_the_place_of_the_first() -> None:
    kept: Kept[str] = Kept(3, 10)
    kept.put(1, "one", 6)
    kept.put(2, "two", 4)
    kept.put(1, "other", 5)
    assert kept.all() == ["two", "other"]
