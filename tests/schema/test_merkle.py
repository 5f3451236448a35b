"""The Merkle tree: against the recursive definition of RFC 9162 and known roots of certificate transparency."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.merkle import leaf_hash, merkle_root

LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
}
"""Roots over the first n test leaves of certificate transparency."""


def by_definition(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + by_definition(hashes[:split]) + by_definition(hashes[split:])).digest()


@pytest.mark.parametrize("count", list(ROOTS))
def test_known_roots(count: int) -> None:
    assert merkle_root(LEAVES[:count]) == ROOTS[count]


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=70))
def test_it_is_the_tree_of_the_definition(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == by_definition([leaf_hash(leaf) for leaf in leaves]).hex()


@given(st.lists(st.binary(max_size=4), min_size=2, max_size=20, unique=True), st.data())
def test_any_other_leaf_gives_another_root(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    other = [*leaves[:place], leaves[place] + b"!", *leaves[place + 1 :]]
    assert merkle_root(other) != merkle_root(leaves)
