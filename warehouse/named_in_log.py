"""Named in the log: the organisations that no register knows, as the files in the log name them.

Here: the catalogue with these bodies added, as known at a position of the log.
Not here: what id a name gets (ratings/named_organisations.py), the register (ratings/catalogue.py).
"""

from __future__ import annotations

import polars as pl

from ratings.catalogue import Catalogue, Code, Organisation
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
    these = ", ".join(f"'{identifier}'" for identifier in sorted(kinds))
    found = ledger.database.frame(
        schema.event,
        ["position", "batch", "organisation", "organisation_code"],
        f"position BETWEEN {first:d} AND {last:d} AND collection IN ({these})"
        " AND organisation_code IS NOT NULL",
    ).filter(pl.col("batch").is_in([b.id for b in batches]))
    collection = {b.id: kinds[b.collection or ""] for b in batches}
    bodies: list[Organisation] = []
    codes: list[Code] = []
    for batch, identifier, printed in (
        found.sort("position")
        .unique("organisation", keep="last", maintain_order=True)
        .select("batch", "organisation", "organisation_code")
        .iter_rows()
    ):
        said, name = collection[batch], name_for_people(identifier, printed)
        bodies.append(Organisation(identifier, name, said.organisations_named_as or "", None, None, None))
        codes.append(Code(identifier, said.organisation_scheme, printed, None, None))
    return catalogue.plus(bodies, codes)
