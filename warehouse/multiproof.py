"""Multiproof: one proof for many leaves of an RFC 6962 tree.

Here: which nodes such a proof carries, taking them from leaf hashes or from stored hashes of subtrees, and
    the root that leaves and nodes lead to.
Not here: proofs of one leaf (merkle.py), whose leaves they are (proof_rows.py).

A node is carried where its neighbour can be computed from the leaves and it cannot. They are listed level by
level from the leaves up, and from left to right in a level; each is 32 bytes. An odd last node of a level
moves up unchanged (merkle.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from warehouse.merkle import HASH_BYTES, SUBTREE_LEAVES, level_above, root

Indexes = NDArray[np.int64]


def carried(size: int, indexes: Indexes) -> list[Indexes]:
    """Which nodes the proof of some leaves carries.

    Args:
        size: leaves of the tree.
        indexes: the leaves, ascending, none twice.

    Returns:
        For each level, the leaves' own first, the indexes of its nodes.
    """
    levels = []
    while size > 1:
        # Ascending, so that a pair stands side by side: no search, no sorting.
        left = (indexes[:-1] ^ 1) == indexes[1:]
        paired = np.append(left, False) | np.append(False, left)
        neighbours = indexes[~paired] ^ 1
        levels.append(neighbours[neighbours < size])
        indexes, size = _above(indexes), (size + 1) // 2
    return levels


def multiproof(hashes: Sequence[bytes], indexes: Indexes) -> bytes:
    """The nodes that prove some leaves, from all leaf hashes of the tree.

    Args:
        hashes: every leaf hash.
        indexes: the leaves to prove, ascending, none twice.
    """
    nodes, level = [], hashes
    for needed in carried(len(hashes), indexes):
        nodes += [level[index] for index in needed.tolist()]
        level = level_above(level)
    return b"".join(nodes)


def multiproof_from_subtrees(
    size: int,
    indexes: Indexes,
    subtrees: bytes,
    leaves_of: Callable[[Sequence[int]], Mapping[int, Sequence[bytes]]],
) -> bytes:
    """The same for a tree whose complete subtrees of 256 leaves are stored.

    Args:
        size: leaves of the tree.
        indexes: the leaves to prove, ascending, none twice.
        subtrees: what `merkle.subtree_hashes` gave for the tree.
        leaves_of: gives all leaf hashes of each of these subtrees, by its number.

    Raises:
        ValueError: leaves do not give the stored hash of their subtree: what is stored was altered.
    """
    height = SUBTREE_LEAVES.bit_length() - 1
    levels = carried(size, indexes)
    inside = {int(n) >> (height - level) for level, needed in enumerate(levels[:height]) for n in needed}
    whole, rest = divmod(size, SUBTREE_LEAVES)
    above = any(needed.size for needed in levels[height:])
    leaves = leaves_of(sorted(inside | ({whole} if rest and above else set())))
    tops = [subtrees[at : at + HASH_BYTES] for at in range(0, whole * HASH_BYTES, HASH_BYTES)]
    for block, hashes in leaves.items():
        if block == whole:
            tops.append(root(hashes))
        elif root(hashes) != tops[block]:
            raise ValueError(f"the events of subtree {block} do not give its stored hash")
    nodes: list[bytes] = []
    below = dict(leaves)
    for level, needed in enumerate(levels[:height]):
        shift = height - level
        nodes += [below[n >> shift][n - ((n >> shift) << shift)] for n in needed.tolist()]
        below = {block: level_above(hashes) for block, hashes in below.items()}
    for needed in levels[height:]:
        nodes += [tops[n] for n in needed.tolist()]
        tops = level_above(tops)
    return b"".join(nodes)


def root_of(size: int, indexes: Indexes, hashes: Sequence[bytes], nodes: bytes) -> bytes:
    """The root that leaves lead to with the nodes of their proof.

    Args:
        size: leaves of the tree.
        indexes: the leaves, ascending, none twice, at least one.
        hashes: their leaf hashes, in the same order.
        nodes: the proof.

    Raises:
        ValueError: the proof is not one of these leaves: it has too few or too many nodes, or a leaf is not
            in such a tree, out of order or there twice.
    """
    ascending = indexes.size > 0 and bool((np.diff(indexes) > 0).all())
    if not ascending or len(hashes) != indexes.size or indexes[0] < 0 or indexes[-1] >= size:
        raise ValueError("these are not leaves of such a tree")
    expected = sum(needed.size for needed in carried(size, indexes))
    if len(nodes) != expected * HASH_BYTES:
        raise ValueError(f"the proof has {len(nodes) / HASH_BYTES:g} nodes, and these leaves take {expected}")
    given = iter([nodes[at : at + HASH_BYTES] for at in range(0, len(nodes), HASH_BYTES)])
    level = list(hashes)
    for needed in carried(size, indexes):
        # Side by side they are whole pairs, but for an odd last one.
        both = level + list(islice(given, needed.size))
        order = np.argsort(np.concatenate([indexes, needed]))
        level = level_above([both[n] for n in order.tolist()])
        indexes = _above(indexes)
    return level[0]


def _above(indexes: Indexes) -> Indexes:
    """The indexes of the nodes above, ascending, none twice."""
    above = indexes >> 1
    return above[np.append(True, above[1:] != above[:-1])] if above.size else above
