"""Flagged: the figures that a warning still stands about, and those whose answer was accepted.

Here: counting them by indicator, from the check results and queries that the log holds.
Not here: the checks (validations), queries (ratings/queries.py), what the counts mean (ratings/quality.py).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ratings.queries import SUBJECT, accepted_findings, figure_says
from warehouse.event_log import Ledger
from warehouse.observations import state
from warehouse.query_log import recorded_queries

_FINDING = {
    **dict.fromkeys(("collection", "check", *SUBJECT, "says"), pl.String()),
    "newest": pl.Boolean(),
}


def flagged(
    ledger: Ledger, events: pl.DataFrame, read: Sequence[int], as_recorded: int | None = None
) -> pl.DataFrame:
    """Per indicator: what warnings about single organisations still stand.

    A warning about a figure stands while the figure known is the one it was about, whichever file it came
    from; one about a series, or a total and its parts, while the newest file of its collection says it.

    Args:
        ledger: where check results and queries are kept.
        events: observations and withdrawals, published by then.
        read: the batches whose files were read.
        as_recorded: a position, rounded down to the end of a batch; None for everything recorded.

    Returns:
        `indicator`; `flagged`, what a standing warning is about that no accepted answer explains; `answered`,
        what one explains.
    """
    found = _found(ledger, read, as_recorded)
    queries = recorded_queries(ledger, as_recorded=as_recorded)
    keys = ["collection", "check", *SUBJECT, "says"]
    accepted = pl.concat(
        accepted_findings(queries, name).select(pl.lit(name).alias("collection"), *keys[1:], "query")
        for name in ["", *found["collection"].unique().sort()]
    )
    known = state(events).select(
        *(pl.col(name).cast(pl.String) for name in ("collection", *SUBJECT)), figure_says().alias("now")
    )
    standing = (
        found.join(known, on=["collection", *SUBJECT], how="left")
        .filter(pl.col("newest") | (pl.col("says") == pl.col("now")))
        .unique(keys)
        .join(accepted.unique(keys), on=keys, how="left", nulls_equal=True)
    )
    return (
        standing.group_by(SUBJECT)
        .agg(open=pl.col("query").is_null().any())
        .group_by("indicator")
        .agg(flagged=pl.col("open").sum(), answered=(~pl.col("open")).sum())
    )


def _found(ledger: Ledger, read: Sequence[int], as_recorded: int | None) -> pl.DataFrame:
    """Every finding about an organisation in the files read, and whether its file is the newest."""
    among = set(read)
    results = [
        event for event in ledger.events("check_result", as_recorded=as_recorded) if event["batch"] in among
    ]
    # A release speaks of a few rows of a file read before, and so takes no file's place.
    releases = {b.id for b in ledger.batches(kind="vintage") if "released_from" in b.scope}
    newest: dict[str, tuple[int, int]] = {}
    for event in (one for one in results if one["batch"] not in releases):
        place = (event["published_at"], event["batch"])
        newest[event["collection"]] = max(newest.get(event["collection"], place), place)
    rows = [
        (
            event["collection"],
            event["payload"]["check"],
            *(one[name] for name in SUBJECT),
            one["says"],
            newest.get(event["collection"]) == (event["published_at"], event["batch"]),
        )
        for event in results
        for one in event["payload"].get("findings", ())
        if one["indicator"] is not None and one["organisation"] is not None
    ]
    return pl.DataFrame(rows, schema=_FINDING, orient="row")
