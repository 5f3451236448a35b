"""A Merkle tree over byte strings, as RFC 9162 defines it: one digest for any number of leaves."""

import hashlib
from collections.abc import Sequence


def leaf_hash(leaf: bytes) -> bytes:
    """Hash one leaf: SHA-256 over 0x00 and the leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    """Hash the hashes of leaves in their order; without leaves, SHA-256 of nothing.

    An inner node is SHA-256 over 0x01, its left and its right child; the left subtree holds the largest power of two
    of leaves that is smaller than their number. Computed level by level, which gives the same tree.
    """
    if not hashes:
        return hashlib.sha256(b"").digest()
    level = list(hashes)
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + (level[-1:] if len(level) % 2 else [])
    return level[0]


def merkle_root(leaves: Sequence[bytes]) -> str:
    """Give the root over leaves in their order, in hex."""
    return root_of_hashes([leaf_hash(leaf) for leaf in leaves]).hex()
