"""The hash tree of RFC 6962 over records that are only ever appended; decides roots, stores nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of no records (RFC 6962 section 2.1)."""


def leaf_hash(record: bytes) -> bytes:
    """Return the hash of one record: SHA-256 over 0x00 and its bytes."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbours: SHA-256 over 0x01 and both."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees from left to right: all that is needed to append and to tell the root."""

    size: int = 0
    """Records so far."""
    subtrees: tuple[bytes, ...] = ()
    """Their roots, one for each bit that is set in `size`, the greatest first."""

    def appended(self, leaf: bytes) -> "Frontier":
        """Return the frontier with one more record, given by its leaf hash."""
        subtrees = [*self.subtrees, leaf]
        size = self.size
        while size & 1:
            right = subtrees.pop()
            subtrees[-1] = node_hash(subtrees[-1], right)
            size >>= 1
        return Frontier(self.size + 1, tuple(subtrees))

    @classmethod
    def of(cls, size: int, subtrees: Sequence[str]) -> "Frontier | None":
        """Return the frontier over `size` records with these roots, hexadecimal; None when they cannot be one."""
        try:
            found = tuple(bytes.fromhex(text) for text in subtrees)
        except (TypeError, ValueError):
            return None
        is_one = size >= 0 and len(found) == size.bit_count() and all(len(item) == 32 for item in found)
        return cls(size, found) if is_one else None

    @property
    def root(self) -> bytes:
        """Root over all records."""
        if not self.subtrees:
            return EMPTY_ROOT
        *rest, root = self.subtrees
        for left in reversed(rest):
            root = node_hash(left, root)
        return root
