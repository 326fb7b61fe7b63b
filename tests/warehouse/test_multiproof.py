"""Multiproofs: some leaves lead to the root of a tree of somebody else's, and nothing else does."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from warehouse.merkle import HASH_BYTES, SUBTREE_LEAVES, leaf_hash, root, subtree_hashes
from warehouse.multiproof import carried, multiproof, multiproof_from_subtrees, root_of

MOST = 700
LEAVES = [leaf_hash(b"%d" % n) for n in range(MOST)]


@st.composite
def chosen(draw: st.DrawFn) -> tuple[int, np.ndarray]:
    """A tree's size, and some of its leaves: single ones, runs, or all."""
    size = draw(st.integers(1, MOST))
    kind = draw(st.sampled_from(["some", "run", "all"]))
    if kind == "all":
        return size, np.arange(size)
    if kind == "run":
        start = draw(st.integers(0, size - 1))
        return size, np.arange(start, draw(st.integers(start + 1, size)))
    some = draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=9))
    return size, np.asarray(sorted(some))


@settings(max_examples=60)
@given(chosen())
def test_leaves_lead_to_the_root_and_stored_subtrees_give_the_same_proof(case) -> None:
    size, indexes = case
    hashes = LEAVES[:size]
    tree = InmemoryTree(algorithm="sha256")
    for n in range(size):
        tree.append_entry(b"%d" % n)
    nodes = multiproof(hashes, indexes)
    assert root_of(size, indexes, [hashes[n] for n in indexes], nodes) == tree.get_root()

    def leaves_of(blocks):
        return {n: hashes[n * SUBTREE_LEAVES : (n + 1) * SUBTREE_LEAVES] for n in blocks}

    assert multiproof_from_subtrees(size, indexes, subtree_hashes(hashes), leaves_of) == nodes


@settings(max_examples=40)
@given(chosen(), st.data())
def test_another_leaf_node_or_number_of_nodes_leads_elsewhere(case, data) -> None:
    size, indexes = case
    hashes = [LEAVES[n] for n in indexes]
    nodes = multiproof(LEAVES[:size], indexes)
    true = root(LEAVES[:size])
    at = data.draw(st.integers(0, len(hashes) - 1))
    other = [*hashes[:at], hashlib.sha256(hashes[at]).digest(), *hashes[at + 1 :]]
    assert root_of(size, indexes, other, nodes) != true
    if nodes:
        bit = data.draw(st.integers(0, len(nodes) - 1))
        altered = bytearray(nodes)
        altered[bit] ^= 1
        assert root_of(size, indexes, hashes, bytes(altered)) != true
    for wrong in (nodes + b"x" * HASH_BYTES, nodes[:-1] if nodes else b"x"):
        with pytest.raises(ValueError, match="nodes, and these leaves take"):
            root_of(size, indexes, hashes, wrong)


def test_no_node_is_carried_that_could_be_computed() -> None:
    assert sum(level.size for level in carried(1024, np.arange(1024))) == 0
    assert sum(level.size for level in carried(1024, np.asarray([5]))) == 10
    assert [level.tolist() for level in carried(7, np.asarray([0, 1, 6]))] == [[], [1, 2], []]


def test_a_stored_subtree_that_its_leaves_do_not_give_is_refused() -> None:
    hashes = LEAVES[:600]
    stored = bytearray(subtree_hashes(hashes))
    stored[0] ^= 1
    with pytest.raises(ValueError, match="subtree 0 do not give its stored hash"):
        multiproof_from_subtrees(
            600,
            np.asarray([3]),
            bytes(stored),
            lambda blocks: {n: hashes[n * 256 : n * 256 + 256] for n in blocks},
        )


@pytest.mark.parametrize(("size", "indexes"), [(1, [0, 0]), (2, [0, 100, 1]), (4, [2, 1]), (2, [-1, 0])])
def test_a_leaf_there_twice_or_out_of_order_is_refused_for_it_could_be_any(
    size: int, indexes: list[int]
) -> None:
    hashes = [LEAVES[abs(n)] for n in indexes]
    with pytest.raises(ValueError, match="not leaves of such a tree"):
        root_of(size, np.asarray(indexes, dtype=np.int64), hashes, b"")
