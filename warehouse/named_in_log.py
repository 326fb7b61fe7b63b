"""Named in the log: the organisations that no register knows, as the files in the log name them.

Here: the catalogue with these bodies added, as known at a position of the log.
Not here: what id a name gets (ratings/named_organisations.py), the register (ratings/catalogue.py).
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import polars as pl

from ratings.catalogue import NAME_SCHEME, Catalogue, Code, Organisation
from ratings.collections import list_collections
from ratings.named_organisations import name_for_people
from warehouse import schema
from warehouse.event_log import Ledger


def with_named(catalogue: Catalogue, ledger: Ledger, *, as_recorded: int | None = None) -> Catalogue:
    """A catalogue with the organisations that the files in the log name.

    Args:
        catalogue: what is registered.
        ledger: the log.
        as_recorded: named up to this position, rounded down to a batch end; None for all.

    Returns:
        `catalogue` itself where no file names any. A name is found by itself and under its scheme; its last
        spelling counts.
    """
    kinds = {c.id: c for c in list_collections() if c.organisations_named_as}
    batches = [b for b in ledger.batches(kind="vintage", as_recorded=as_recorded) if b.collection in kinds]
    if not batches:
        return catalogue
    first, last = batches[0].first_position, max(b.last_position for b in batches)
    found = ledger.database.frame(
        schema.event,
        ["position", "batch", "organisation", "organisation_code"],
        f"position BETWEEN {first:d} AND {last:d} AND organisation_code IS NOT NULL",
    ).filter(pl.col("batch").is_in([b.id for b in batches]))
    collection = {b.id: kinds[b.collection or ""] for b in batches}
    bodies: dict[str, Organisation] = {}
    codes: list[Code] = []
    for batch, identifier, printed in (
        found.sort("position")
        .unique("organisation", keep="last", maintain_order=True)
        .select("batch", "organisation", "organisation_code")
        .iter_rows()
    ):
        named = collection[batch]
        name = name_for_people(identifier, printed)
        bodies[identifier] = Organisation(
            identifier, name, named.organisations_named_as or "", None, None, None
        )
        codes += [
            Code(identifier, scheme, text, None, None)
            for scheme, text in ((NAME_SCHEME, name), (named.organisation_scheme, printed))
        ]
    return replace(
        catalogue,
        organisations=MappingProxyType({**catalogue.organisations, **bodies}),
        codes=(*catalogue.codes, *codes),
    )
