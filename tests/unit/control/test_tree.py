"""The hash tree against RFC 6962's own definition and the test vectors of Certificate Transparency."""

import hashlib

import pytest

from control.audit.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash

LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
"""Inputs of the reference implementation's test."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_no_record_has_the_hash_of_nothing() -> None:
    assert Frontier().root == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size: int) -> None:
    tree = Frontier()
    for leaf in LEAVES[:size]:
        tree = tree.appended(leaf_hash(bytes.fromhex(leaf)))
    assert tree.size == size
    assert tree.root.hex() == ROOTS[size - 1]


def test_a_leaf_is_never_a_node() -> None:
    assert leaf_hash(b"a" * 64) != node_hash(b"a" * 32, b"a" * 32)
