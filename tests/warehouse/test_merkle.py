"""RFC 6962 trees, held against published vectors and against an implementation that is not ours."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion

from warehouse import merkle

LARGEST = 600

# The eight leaves of certificate-transparency's reference tests, and the roots of their first 1, 2, .. 8.
# Source: google/certificate-transparency, merkletree tests (also in transparency-dev/merkle).
VECTOR_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
VECTOR_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@cache
def data() -> list[bytes]:
    return [f"leaf {n}".encode() * (n % 5) + n.to_bytes(4, "big") for n in range(LARGEST)]


@cache
def leaves() -> list[bytes]:
    return [merkle.leaf_hash(each) for each in data()]


@cache
def roots() -> list[bytes]:
    return [merkle.root(leaves()[:size]) for size in range(LARGEST + 1)]


@cache
def independent() -> InmemoryTree:
    """The tree of `data` by pymerkle: SHA-256 with the RFC's prefixes 0x00 and 0x01 is its default."""
    tree = InmemoryTree(algorithm="sha256")
    for each in data():
        tree.append_entry(each)
    return tree


def test_the_roots_are_those_of_the_published_vectors() -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in VECTOR_LEAVES]
    assert [merkle.root(hashes[: size + 1]).hex() for size in range(8)] == VECTOR_ROOTS


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_the_inclusion_paths_are_those_of_the_published_vectors() -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in VECTOR_LEAVES]
    published = {
        (0, 8): [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
        (5, 8): [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
        (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    }
    for (index, size), path in published.items():
        assert [each.hex() for each in merkle.inclusion_path(hashes[:size], index)] == path


def test_every_size_has_the_root_an_independent_implementation_gives() -> None:
    assert roots() == [independent().get_root(size) for size in range(LARGEST + 1)]


@pytest.mark.parametrize("hundred", range(0, LARGEST, 100))
def test_inclusion_paths_at_every_size_are_the_independent_ones_and_verify(hundred: int) -> None:
    chance = random.Random(hundred)
    for size in range(hundred + 1, hundred + 101):
        every = range(size) if size <= 70 or size % 64 in (0, 1, 63) else chance.sample(range(size), 24)
        for index in {0, size - 1, *every}:
            path = merkle.inclusion_path(leaves()[:size], index)
            assert merkle.verify_inclusion(leaves()[index], index, size, path, roots()[size])
            theirs = independent().prove_inclusion(index + 1, size)
            verify_inclusion(leaves()[index], roots()[size], theirs, index + 1, size, "sha256")
            assert path == theirs.path[1:]


@pytest.mark.parametrize("hundred", range(0, LARGEST, 100))
def test_consistency_paths_at_every_size_are_the_independent_ones_and_verify(hundred: int) -> None:
    chance = random.Random(hundred)
    for size in range(hundred + 1, hundred + 101):
        every = range(1, size + 1) if size <= 70 else chance.sample(range(1, size + 1), 16)
        for old in {1, size - 1, size, *every} - {0}:
            path = merkle.consistency_path(leaves()[:size], old)
            assert merkle.verify_consistency(old, size, roots()[old], roots()[size], path)
            assert path == definition(old, leaves()[:size], True)
            theirs = independent().prove_consistency(old, size)
            verify_consistency(roots()[old], roots()[size], theirs, old, size, "sha256")
            # pymerkle cuts the last complete subtree of the old tree up, down to a leaf, and so has other
            # hashes than the RFC wherever that subtree is more than one leaf. Where it is one, the same.
            if old % 2 and 1 < old < size:
                assert sorted(path) == sorted(theirs.path)


def definition(old: int, hashes: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF(m, D[n], b) as RFC 6962, 2.1.2 writes it."""
    if old == len(hashes):
        return [] if whole else [merkle.root(hashes)]
    left = 1 << (len(hashes) - 1).bit_length() - 1
    if old <= left:
        return [*definition(old, hashes[:left], whole), merkle.root(hashes[left:])]
    return [*definition(old - left, hashes[left:], False), merkle.root(hashes[:left])]


def test_from_nothing_and_to_itself_there_is_nothing_to_show() -> None:
    assert merkle.consistency_path(leaves()[:7], 0) == merkle.consistency_path(leaves()[:7], 7) == []
    assert merkle.verify_consistency(0, 7, merkle.EMPTY_ROOT, roots()[7], [])
    assert merkle.verify_consistency(7, 7, roots()[7], roots()[7], [])
    assert not merkle.verify_consistency(7, 7, roots()[7], roots()[6], [])
    assert not merkle.verify_consistency(0, 7, roots()[1], roots()[7], [])
    assert not merkle.verify_consistency(0, 0, merkle.EMPTY_ROOT, roots()[1], [])


def test_a_leaf_outside_the_tree_has_no_path() -> None:
    for index in (-1, 5):
        with pytest.raises(IndexError, match="no leaf"):
            merkle.inclusion_path(leaves()[:5], index)
    with pytest.raises(IndexError, match="never had 6"):
        merkle.consistency_path(leaves()[:5], 6)


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, 600])
def test_a_path_from_stored_subtrees_is_the_path_of_the_whole_tree(size: int) -> None:
    asked = 0

    def leaves_of(start: int, stop: int) -> Sequence[bytes]:
        nonlocal asked
        asked += stop - start
        return leaves()[start:stop]

    subtrees = merkle.subtree_hashes(leaves()[:size])
    assert len(subtrees) == size // 256 * 32
    assert merkle.root_from_subtrees(size, subtrees, leaves_of) == roots()[size]
    for index in {0, size // 3, size // 2, size - 1}:
        asked = 0
        path = merkle.inclusion_path_from_subtrees(index, size, subtrees, leaves_of)
        assert path == merkle.inclusion_path(leaves()[:size], index)
        assert asked <= 512


def test_small_subtrees_give_the_same_path_for_every_leaf_of_every_size() -> None:
    for size in range(1, 70):
        subtrees = merkle.subtree_hashes(leaves()[:size], 4)
        for index in range(size):
            path = merkle.inclusion_path_from_subtrees(
                index, size, subtrees, lambda start, stop: leaves()[start:stop], 4
            )
            assert path == merkle.inclusion_path(leaves()[:size], index)


def test_a_root_is_no_leaf_of_its_own_tree() -> None:
    for size in (2, 7, 8):
        assert not merkle.verify_inclusion(roots()[size], 0, size, [], roots()[size])
        assert not merkle.verify_consistency(1, size, roots()[size], roots()[size], [])
        assert not merkle.verify_consistency(3, 8, roots()[size], roots()[size], [roots()[size]])
    assert merkle.verify_inclusion(leaves()[0], 0, 1, [], roots()[1])


def test_a_path_longer_than_the_tree_is_high_leads_nowhere() -> None:
    more = leaves()[9]
    for size in (1, 2, 5, 8):
        path = merkle.inclusion_path(leaves()[:size], size - 1)
        above = merkle.node_hash(more, roots()[size])
        assert not merkle.verify_inclusion(leaves()[size - 1], size - 1, size, [*path, more], above)
    path = merkle.consistency_path(leaves()[:8], 3)
    assert not merkle.verify_consistency(
        3, 8, merkle.node_hash(more, roots()[3]), merkle.node_hash(more, roots()[8]), [*path, more]
    )


def test_stored_subtrees_that_do_not_fit_the_leaves_are_refused() -> None:
    subtrees = merkle.subtree_hashes(leaves()[:600])

    def leaves_of(start: int, stop: int) -> list[bytes]:
        return leaves()[start:stop]

    def path(size: int, subtrees: bytes, answer: object = leaves_of, leaves: int = 256) -> None:
        merkle.inclusion_path_from_subtrees(3, size, subtrees, answer, leaves)  # type: ignore[arg-type]

    with pytest.raises(ValueError, match="has 2 subtrees, not 1"):
        path(600, subtrees[:32])
    with pytest.raises(ValueError, match="do not give the stored hash"):
        path(600, bytes(32) + subtrees[32:])
    with pytest.raises(ValueError, match="got 0 of 88"):
        path(600, subtrees, lambda start, stop: [])
    with pytest.raises(ValueError, match="power of two"):
        path(600, subtrees, leaves=100)
    with pytest.raises(IndexError, match="no leaf 3"):
        path(3, b"")


sizes = st.integers(1, LARGEST)


@settings(deadline=None, max_examples=300)
@given(size=sizes, where=st.randoms(use_true_random=False))
def test_an_inclusion_path_with_one_flipped_bit_leads_elsewhere(size: int, where: random.Random) -> None:
    index = where.randrange(size)
    parts = [leaves()[index], roots()[size], *merkle.inclusion_path(leaves()[:size], index)]
    flip(parts, where)
    assert not merkle.verify_inclusion(parts[0], index, size, parts[2:], parts[1])


@settings(deadline=None, max_examples=300)
@given(size=sizes.filter(lambda size: size > 1), where=st.randoms(use_true_random=False))
def test_a_consistency_path_with_one_flipped_bit_leads_elsewhere(size: int, where: random.Random) -> None:
    old = where.randrange(1, size)
    parts = [roots()[old], roots()[size], *merkle.consistency_path(leaves()[:size], old)]
    flip(parts, where)
    assert not merkle.verify_consistency(old, size, parts[0], parts[1], parts[2:])


@settings(deadline=None, max_examples=300)
@given(size=sizes, where=st.randoms(use_true_random=False))
def test_a_path_proves_one_place_in_a_tree_of_one_shape(size: int, where: random.Random) -> None:
    index = where.randrange(size)
    leaf, path = leaves()[index], merkle.inclusion_path(leaves()[:size], index)
    elsewhere = where.choice([other for other in range(-1, size + 1) if other != index])
    assert not merkle.verify_inclusion(leaf, elsewhere, size, path, roots()[size])
    assert not merkle.verify_inclusion(leaf, index, size, [*path, leaf], roots()[size])
    if path:
        assert not merkle.verify_inclusion(leaf, index, size, path[:-1], roots()[size])
        assert not merkle.verify_inclusion(leaf, index, size, path[1:], roots()[size])
        assert not merkle.verify_inclusion(leaf, index, size, [path[0][:-1], *path[1:]], roots()[size])


@settings(deadline=None, max_examples=200)
@given(size=sizes, where=st.randoms(use_true_random=False))
def test_no_path_makes_a_tree_the_continuation_of_another(size: int, where: random.Random) -> None:
    old = where.randrange(1, size + 1)
    path = merkle.consistency_path(leaves()[:size], old)
    other = merkle.root([merkle.leaf_hash(b"another"), *leaves()[1:old]])
    assert not merkle.verify_consistency(old, size, other, roots()[size], path)
    assert not merkle.verify_consistency(old, size, roots()[old], roots()[size], [*path, leaves()[0]])
    assert not merkle.verify_consistency(size + 1, size, roots()[old], roots()[size], path)


def flip(parts: list[bytes], where: random.Random) -> None:
    part = where.randrange(len(parts))
    at = where.randrange(len(parts[part]))
    changed = bytearray(parts[part])
    changed[at] ^= 1 << where.randrange(8)
    parts[part] = bytes(changed)
