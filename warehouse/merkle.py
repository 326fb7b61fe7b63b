"""Merkle: RFC 6962 trees over 32-byte hashes.

Here: leaf and node hashes, roots, inclusion and consistency paths and their verification, and the same from
    stored hashes of subtrees, so that a large tree need not be hashed again for one proof.
Not here: what a leaf says (canonical_events.py), where hashes are kept (event_log.py), files and signatures
    (audit).

Indexes count from 0. A path is listed from the leaf to the root, as RFC 6962, 2.1.1 and 2.1.2, has it. Trees
are built in levels from below, where an odd last node moves up unchanged: that is the tree of the RFC (its
left half is the largest power of two below the size), without the recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32
SUBTREE_LEAVES = 256
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf that holds these bytes. Source: RFC 6962, 2.1."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of the node above two hashes. Source: RFC 6962, 2.1."""
    return sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Root of the tree over these leaf hashes; SHA-256 of nothing where there are none."""
    level: Sequence[bytes] = hashes
    while len(level) > 1:
        level = level_above(level)
    return level[0] if level else EMPTY_ROOT


def subtree_hashes(hashes: Sequence[bytes], leaves: int = SUBTREE_LEAVES) -> bytes:
    """Roots of the aligned, complete subtrees of a tree.

    Args:
        hashes: all leaf hashes of the tree.
        leaves: leaves of one subtree, a power of two.

    Returns:
        The roots in order, joined: 32 bytes for every `leaves` leaves, nothing for an incomplete rest.
    """
    _check_power_of_two(leaves)
    level = hashes[: len(hashes) - len(hashes) % leaves]
    while leaves > 1:
        # The number of nodes stays even until each stands for a whole subtree: none moves up alone.
        level = level_above(level)
        leaves //= 2
    return b"".join(level)


def inclusion_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from one leaf to the root.

    Args:
        hashes: all leaf hashes of the tree.
        index: which leaf.

    Raises:
        IndexError: the tree has no such leaf.
    """
    if not 0 <= index < len(hashes):
        raise IndexError(f"a tree of {len(hashes)} leaves has no leaf {index}")
    path = []
    level: Sequence[bytes] = hashes
    while len(level) > 1:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        level = level_above(level)
        index >>= 1
    return path


def inclusion_path_from_subtrees(
    index: int,
    size: int,
    subtrees: bytes,
    leaves_of: Callable[[int, int], Sequence[bytes]],
    leaves: int = SUBTREE_LEAVES,
) -> list[bytes]:
    """The same as `inclusion_path`, for a tree whose complete subtrees are stored.

    Args:
        index: which leaf.
        size: leaves of the tree.
        subtrees: what `subtree_hashes` gave for it.
        leaves_of: gives the leaf hashes from the first index up to, but without, the second. It is asked for
            the subtree around `index` and for the incomplete rest: fewer than twice `leaves` in all.
        leaves: leaves of one subtree.

    Raises:
        IndexError: the tree has no such leaf.
        ValueError: `subtrees` or an answer of `leaves_of` has the wrong length, or the leaves do not give the
            stored hash of their subtree: what is stored was altered, and a path made of it leads nowhere.
    """
    tops = _tops(size, subtrees, leaves_of, leaves)
    if not 0 <= index < size:
        raise IndexError(f"a tree of {size} leaves has no leaf {index}")
    block = index // leaves
    start, stop = block * leaves, min((block + 1) * leaves, size)
    around = _asked(leaves_of, start, stop)
    if root(around) != tops[block]:
        raise ValueError(f"the leaves {start} to {stop - 1} do not give the stored hash of their subtree")
    return inclusion_path(around, index - start) + inclusion_path(tops, block)


def root_from_subtrees(
    size: int,
    subtrees: bytes,
    leaves_of: Callable[[int, int], Sequence[bytes]],
    leaves: int = SUBTREE_LEAVES,
) -> bytes:
    """The same as `root`, for a tree whose complete subtrees are stored (see `inclusion_path_from_subtrees`).

    Raises:
        ValueError: `subtrees` or an answer of `leaves_of` has the wrong length.
    """
    return root(_tops(size, subtrees, leaves_of, leaves))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path leads from a leaf hash, at this index of a tree of this size, to this root.

    Source: RFC 9162, 2.1.3.2 (the tree is that of RFC 6962; the older text has no algorithm for it).
    """
    if not 0 <= index < size or not _are_hashes([leaf, root, *path]):
        return False
    node, last, reached = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            reached = node_hash(sibling, reached)
            # A last node without a neighbour moves up unchanged, as often as it has none.
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            reached = node_hash(reached, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and reached == root


def consistency_path(hashes: Sequence[bytes], old_size: int) -> list[bytes]:
    """The hashes that show a tree to be the continuation of its own first leaves.

    Args:
        hashes: all leaf hashes of the larger tree.
        old_size: leaves of the smaller tree. From nothing, or to the same size, there is nothing to show.

    Raises:
        IndexError: the smaller tree is not the smaller one.
    """
    if not 0 <= old_size <= len(hashes):
        raise IndexError(f"a tree of {len(hashes)} leaves never had {old_size}")
    if old_size in (0, len(hashes)):
        return []
    node, level = old_size - 1, hashes
    while node & 1:
        # The smaller tree ends with a complete subtree: the path starts at its top.
        level, node = level_above(level), node >> 1
    path = [level[node]] if node else []
    while len(level) > 1:
        if node ^ 1 < len(level):
            path.append(level[node ^ 1])
        level, node = level_above(level), node >> 1
    return path


def verify_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether a path shows that the tree of the new root continues the tree of the old one.

    Source: RFC 9162, 2.1.4.2; a tree of no leaves is continued by every tree.
    """
    if not 0 <= old_size <= new_size or not _are_hashes([old_root, new_root, *path]):
        return False
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT and (new_size > 0 or new_root == EMPTY_ROOT)
    if old_size == new_size:
        return not path and old_root == new_root
    if not path:
        return False
    # The top of the smaller tree's last complete subtree is left out where it is the smaller tree itself.
    steps = list(path) if old_size & (old_size - 1) else [old_root, *path]
    node, last = old_size - 1, new_size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    reached_old = reached_new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            reached_old = node_hash(sibling, reached_old)
            reached_new = node_hash(sibling, reached_new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            reached_new = node_hash(reached_new, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and reached_old == old_root and reached_new == new_root


def level_above(level: Sequence[bytes]) -> list[bytes]:
    """The nodes over the nodes of one level; an odd last one moves up unchanged."""
    # No call of a Python function for each node: a million leaves take well under a second.
    each = iter(level)
    above = [sha256(b"\x01" + left + right).digest() for left, right in zip(each, each, strict=False)]
    if len(level) % 2:
        above.append(level[-1])
    return above


def _tops(
    size: int, subtrees: bytes, leaves_of: Callable[[int, int], Sequence[bytes]], leaves: int
) -> list[bytes]:
    """The roots of the stored subtrees, and of the incomplete rest where there is one."""
    _check_power_of_two(leaves)
    whole, rest = divmod(size, leaves)
    if len(subtrees) != whole * HASH_BYTES:
        raise ValueError(f"a tree of {size} leaves has {whole} subtrees, not {len(subtrees) / HASH_BYTES:g}")
    tops = [subtrees[at : at + HASH_BYTES] for at in range(0, len(subtrees), HASH_BYTES)]
    return [*tops, root(_asked(leaves_of, size - rest, size))] if rest else tops


def _asked(leaves_of: Callable[[int, int], Sequence[bytes]], start: int, stop: int) -> Sequence[bytes]:
    hashes = leaves_of(start, stop)
    if len(hashes) != stop - start:
        raise ValueError(f"asked for the leaves {start} to {stop - 1}, got {len(hashes)} of {stop - start}")
    return hashes


def _are_hashes(hashes: Sequence[bytes]) -> bool:
    return all(len(each) == HASH_BYTES for each in hashes)


def _check_power_of_two(leaves: int) -> None:
    if leaves < 1 or leaves & (leaves - 1):
        raise ValueError(f"a subtree has a power of two of leaves, not {leaves}")
