"""Named organisations: bodies that no register here knows, only the files that name them.

Here: the id that a printed name gets, and what is done where a name stands on several rows.
Not here: which collections name their own (collections.py, `organisation.named_as`), finding those that a
    log names (warehouse/named_in_log.py).

The id is the scheme and the name in small letters, marks as hyphens: `Waranga Health | VIC` of the scheme
`AGEDCARE` is `agedcare-waranga-health-vic`. It is the same in every file that prints the name so.

A name that stands on several rows where each body has one is the name of several bodies. Nothing printed
tells them apart, so they are numbered in the order of the file, and every one of them bears its number:
`agedcare-waranga-health-vic--1` and `--2`. No body without a number is ever taken for one with: when one row
of the name is left in a later file, nobody can say which of the two that is. That the numbers mean the same
bodies in the next file rests on the publisher's order; every such row is counted by a warning.
"""

from __future__ import annotations

import re

import polars as pl

_NUMBERED = re.compile(r"--(\d+)$")


def named_organisation(read: pl.DataFrame, scheme: str, once: list[str]) -> pl.DataFrame:
    """Give every row the organisation that it names.

    Args:
        read: `organisation_code` (the name as printed, null where blank) and the columns of `once`.
        scheme: the collection's scheme; collections of one scheme mean the same bodies by the same name.
        once: columns within whose every value a name stands once, unless several bodies have it.

    Returns:
        `read` plus `organisation` (Categorical, null where no name is given) and `namesake`: which of the
        bodies of that name it is, counted from 1 in the order of the rows; null where there is one.
    """
    name = pl.col("organisation_code").cast(pl.String).str.to_lowercase()
    slug = name.str.replace_all(r"[\W_]+", "-").str.strip_chars("-").replace("", None)
    within = ["organisation", *once]
    named = read.with_columns(organisation=pl.lit(f"{scheme.lower()}-") + slug).with_columns(
        namesake=pl.when(pl.len().over(within) > 1).then(pl.int_range(1, pl.len() + 1).over(within))
    )
    numbered = pl.format("{}--{}", "organisation", "namesake")
    return named.with_columns(
        organisation=pl.coalesce(numbered, "organisation").cast(pl.Categorical),
        namesake=pl.when(pl.col("organisation").is_not_null()).then("namesake"),
    )


def name_for_people(identifier: str, printed: str) -> str:
    """The name as printed, with its number where several bodies have it."""
    found = _NUMBERED.search(identifier)
    return f"{printed} ({found[1]})" if found else printed
