"""Inclusion proofs of RFC 6962: the few hashes that lead from one record to the root of the tree; stores nothing."""

from collections.abc import Iterable, Mapping, Sequence

from control.audit.tree import node_hash

Path = tuple[bytes, ...]
"""Hashes of the neighbours from the leaf up to the root (RFC 6962 section 2.1.1)."""


def inclusion_proofs(leaves: Sequence[bytes], wanted: Iterable[int]) -> Mapping[int, Path]:
    """Return the proofs of the records with the numbers `wanted` in the tree over all `leaves`."""
    roots: dict[tuple[int, int], bytes] = {}

    def root(low: int, high: int) -> bytes:
        if high - low == 1:
            return leaves[low]
        found = roots.get((low, high))
        if found is None:
            middle = low + _split(high - low)
            found = roots[low, high] = node_hash(root(low, middle), root(middle, high))
        return found

    def path(number: int, low: int, high: int) -> Path:
        if high - low == 1:
            return ()
        middle = low + _split(high - low)
        if number < middle:
            return (*path(number, low, middle), root(middle, high))
        return (*path(number, middle, high), root(low, middle))

    return {number: path(number, 0, len(leaves)) for number in wanted}


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1
