"""Sources: one asset for each collection of source files.

Here: the assets that indicators rest on. The job `ingest` reports each accepted file as a materialisation, so
    that the way of a figure begins at its file here too.
Not here: ingesting (pipelines), the assets made from figures (indicators.py).
"""

from __future__ import annotations

import re

import dagster as dg

from pipelines.inbox import Taken
from ratings.collections import Collection, list_collections

GROUP = "sources"
# Codes are spelt in letters, digits and underscores; signs that mean something get a word.
_SPELT = {"%": "_pct_", "&": "_and_"}


def spelt(text: str) -> str:
    """A text in the letters, digits and single underscores that Dagster takes for a name."""
    for sign, word in _SPELT.items():
        text = text.replace(sign, word)
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def source_key(collection: str) -> dg.AssetKey:
    """The asset key of a collection's files: `sources/lait`."""
    return dg.AssetKey([GROUP, collection])


def source_specs() -> list[dg.AssetSpec]:
    """Every collection, as its own file describes it."""
    return [_spec(collection) for collection in list_collections()]


def _spec(collection: Collection) -> dg.AssetSpec:
    return dg.AssetSpec(
        source_key(collection.id),
        description=(
            f"{collection.title}\n\nDrop files into `inbox/{collection.id}/` of the warehouse, or give them"
            f" to `starledger ingest --collection {collection.id}`."
        ),
        group_name=GROUP,
        owners=["team:data"],
        kinds={"file", collection.file.formats[0].removesuffix(".gz")},  # Dagster takes three at most
        tags={"starledger/collection": collection.id, "starledger/coverage": collection.coverage},
        metadata={
            "publisher": collection.publisher,
            "licence": collection.licence,
            "coverage": collection.coverage,
            "formats": ", ".join(collection.file.formats),
        },
    )


def landed(collection: str, taken: Taken) -> dg.AssetMaterialization:
    """What Dagster is told of a file that was accepted."""
    return dg.AssetMaterialization(
        source_key(collection),
        description=taken.message or taken.status,
        metadata={
            "file": taken.file,
            "batch": taken.batch or 0,
            "status": taken.status,
            "dagster/row_count": taken.read,
        },
    )
