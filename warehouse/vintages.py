"""Vintages: how a file of figures becomes the fewest events that keep the as-of law, in any order of arrival.

Here: pure functions on frames. A vintage is compared with the state at its publish time; where vintages
published later are already known, repairs keep what they said by agreeing with the older state.
Not here: reading and checking the file (readers.py, validations), writing events (event_log.py).

The law, and why the repairs suffice: docs/adr/0003-as-of-law.md. Held by tests/warehouse/test_as_of_law.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ratings.periods import period_bounds
from warehouse.batches import Batch
from warehouse.event_log import EVENT_SCHEMA
from warehouse.observations import KEY, SAID, state
from warehouse.schema import OBSERVATION_VERSION

_RESTORED = ["collection", "organisation_code", "period_label", "source_batch", "source_row", *SAID]
EVENT_COLUMNS = [name for name in EVENT_SCHEMA if name not in ("position", "batch")]


@dataclass(frozen=True, slots=True)
class VintageEvents:
    """The events of one vintage, and how its rows came out.

    Attributes:
        events: observations and withdrawals at the publish time, then repairs at later ones.
        observations: rows that became events.
        unchanged: rows that said what was known.
        relabelled: of the unchanged, those whose label alone differs.
        withdrawn: keys gone, by reason (withdrawn, rolled_off, quarantined).
        repairs: events that restore what later vintages say.
        compared: the rows beside what was known of their keys: KEY, `value`, `numerator`, `denominator`,
            `old_value`, `known` (the key had a figure), `same` (it says what was known), `source_row`.
        gone: the keys that are gone: KEY and `reason`.
        before: the figures known before: KEY and `value`.
    """

    events: pl.DataFrame
    observations: int
    unchanged: int
    relabelled: int
    withdrawn: dict[str, int]
    repairs: int
    compared: pl.DataFrame
    gone: pl.DataFrame
    before: pl.DataFrame


def vintage_events(
    content: pl.DataFrame,
    timeline: pl.DataFrame,
    later: Sequence[Batch],
    *,
    collection: str,
    scope: dict[str, Any],
    published_at: int,
    quarantined: pl.DataFrame,
) -> VintageEvents:
    """Turn the accepted rows of a file into events.

    Args:
        content: accepted rows, one per key: KEY, SAID, organisation_code, period_label, source_row.
        timeline: every standing event of the collection (observations.timeline).
        later: standing vintages of the collection published after `published_at`.
        collection: whose file it is.
        scope: what the file replaces (NewBatch.scope).
        published_at: microseconds UTC.
        quarantined: KEY columns of refused rows whose key could be read.

    Returns:
        Events without position and batch; `stated_by` and `source_batch` are null for the file's own.
    """
    content = content.cast({pl.String: pl.Categorical})
    quarantined = quarantined.cast({pl.String: pl.Categorical})
    before = state(timeline, published_at)
    old = before.select(*KEY, *(pl.col(c).alias(f"old_{c}") for c in [*_RESTORED, "position"]))
    rows = content.join(old, on=KEY, how="left")
    same = pl.col("old_position").is_not_null() & pl.all_horizontal(
        pl.col(c).eq_missing(pl.col(f"old_{c}")) for c in SAID
    )
    rows = rows.with_columns(same.alias("same"))
    written = rows.filter(~pl.col("same")) if scope["kind"] == "full" else rows
    gone = in_scope(old, scope).join(content, on=KEY, how="anti")
    gone = gone.with_columns(_gone_reason(gone, content, quarantined))
    own = [
        written.with_columns(
            pl.lit("observation").alias("type"), pl.lit(None, pl.Int64).alias("source_batch"), _null("reason")
        ),
        gone.select(
            *KEY,
            pl.lit("withdrawal").alias("type"),
            pl.lit(None, pl.Int64).alias("source_batch"),
            pl.col("old_definition").alias("definition"),
            pl.col("old_period_label").alias("period_label"),
            "reason",
        ),
    ]
    events = pl.concat([_event(part, collection, published_at) for part in own])
    changed = pl.concat([rows.filter(~pl.col("same")).select(old.columns), gone.select(old.columns)])
    repairs = _repairs(changed, timeline, later, published_at)
    silent = rows.filter("same") if scope["kind"] == "full" else rows.clear()
    relabelled = silent.filter(pl.col("period_label").ne_missing(pl.col("old_period_label"))).height
    return VintageEvents(
        events=pl.concat([events, *repairs]) if repairs else events,
        observations=written.height,
        unchanged=rows.height - written.height,
        relabelled=relabelled,
        withdrawn=dict(sorted(gone.group_by("reason").len().iter_rows())),
        repairs=sum(part.height for part in repairs),
        compared=rows.select(
            *KEY,
            "value",
            "numerator",
            "denominator",
            "old_value",
            pl.col("old_position").is_not_null().alias("known"),
            "same",
            "source_row",
        ),
        gone=gone.select(*KEY, "reason"),
        before=before.select(*KEY, "value"),
    )


def in_scope(keys: pl.DataFrame, scope: dict[str, Any]) -> pl.DataFrame:
    """The rows of `keys` (with KEY columns) that a file of this scope replaces."""
    if scope["kind"] == "full":
        return keys
    if scope["kind"] == "overlay":
        return keys.clear()
    for column in KEY:
        if (
            named := scope.get(f"{column}s")
        ) is not None:  # an empty list names nothing, and so replaces nothing
            keys = keys.filter(pl.col(column).is_in(named))
    return keys


def _repairs(
    changed: pl.DataFrame, timeline: pl.DataFrame, later: Sequence[Batch], published_at: int
) -> list[pl.DataFrame]:
    """Events that keep what later files said only by agreeing with the state before `changed`.

    For each changed key: at the first later file that covers it, unless something was said in between.
    """
    repairs: list[pl.DataFrame] = []
    waiting, after = changed, timeline.filter(pl.col("published_at") > published_at)
    for n in sorted(later, key=_place):
        if not waiting.height:
            break
        said, after = after.filter(_up_to(n)), after.filter(~_up_to(n))
        waiting = waiting.join(said, on=KEY, how="anti")
        covered = in_scope(waiting, n.scope)
        waiting = waiting.join(covered, on=KEY, how="anti")
        if covered.height:
            repairs.append(_restored(covered, state(timeline.filter(_up_to(n))), n))
    return repairs


def _place(vintage: Batch) -> tuple[int, int]:
    """The place of a vintage in order of publication: of one time, as they were recorded."""
    return vintage.published_at or 0, vintage.id


def _up_to(vintage: Batch) -> pl.Expr:
    """Whether an event speaks for a vintage or one before it in order of publication."""
    at = vintage.published_at or 0
    return (pl.col("published_at") < at) | (
        (pl.col("published_at") == at) & (pl.col("stated_by") <= vintage.id)
    )


def _restored(old: pl.DataFrame, content: pl.DataFrame, vintage: Batch) -> pl.DataFrame:
    """Events at a vintage's time that say again what it said: the old figure, or that there is none."""
    known = pl.col("old_position").is_not_null()
    absent = old.filter(~known)
    reasons = absent.with_columns(_gone_reason(absent, content, old.clear())).select(*KEY, "reason")
    rows = old.join(reasons, on=KEY, how="left").with_columns(
        pl.when(known).then(pl.lit("observation")).otherwise(pl.lit("withdrawal")).alias("type"),
        *(pl.col(f"old_{c}").alias(c) for c in _RESTORED),
    )
    return _event(rows, vintage.collection or "", vintage.published_at or 0, stated_by=vintage.id)


def _gone_reason(gone: pl.DataFrame, content: pl.DataFrame, quarantined: pl.DataFrame) -> pl.Series:
    """Why keys are no longer in a file: `rolled_off` when older than all the file holds of the indicator."""
    ends = pl.concat([gone["period"], content["period"]]).unique()
    end_of = pl.DataFrame(
        {"period": ends, "end": [period_bounds(p)[1] for p in ends]},
        schema={"period": pl.Categorical, "end": pl.Date},
    )
    first = content.select("indicator", "period").unique().join(end_of, on="period")
    first = first.group_by("indicator").agg(pl.col("end").min().alias("first"))
    marks = quarantined.select(KEY).unique().with_columns(pl.lit(True).alias("quarantined"))
    return (
        gone.select(KEY)
        .join(end_of, on="period", how="left", maintain_order="left")
        .join(first, on="indicator", how="left", maintain_order="left")
        .join(marks, on=KEY, how="left", maintain_order="left")
        .select(
            pl.when(pl.col("quarantined"))
            .then(pl.lit("quarantined"))
            .when(pl.col("end") < pl.col("first"))
            .then(pl.lit("rolled_off"))
            .otherwise(pl.lit("withdrawn"))
            .alias("reason")
        )
        .to_series()
    )


def _null(name: str) -> pl.Expr:
    return pl.lit(None, EVENT_SCHEMA[name]).alias(name)


def _event(
    rows: pl.DataFrame, collection: str, published_at: int, stated_by: int | None = None
) -> pl.DataFrame:
    """Rows with a type as events of one time: every event column, nulls where a row has none."""
    said = rows.with_columns(
        pl.lit(OBSERVATION_VERSION, pl.Int64).alias("schema_version"),
        pl.lit(collection).alias("collection"),
        pl.lit(published_at, pl.Int64).alias("published_at"),
        pl.lit(stated_by, pl.Int64).alias("stated_by"),
        _null("payload"),
    )
    return said.with_columns(_null(c) for c in EVENT_COLUMNS if c not in said.columns).select(
        pl.col(c).cast(EVENT_SCHEMA[c]) for c in EVENT_COLUMNS
    )


def void_events(voided: Batch, timeline: pl.DataFrame, vintages: Sequence[Batch]) -> pl.DataFrame:
    """The repairs that later files need when a vintage is taken back.

    What they said only by agreeing with the voided file, and what was written for them because of it, is said
    again on their own account.

    Args:
        voided: the vintage taken back.
        timeline: every standing event of its collection, the voided vintage's among them.
        vintages: the standing vintages of its collection.

    Returns:
        Events without position and batch, each in the name (`stated_by`) of the file it speaks for.
    """
    of_voided = (pl.col("batch") == voided.id) | (pl.col("stated_by") == voided.id)
    keys = timeline.filter(of_voided).select(KEY).unique()
    events = timeline.join(keys, on=KEY, how="semi")
    rest = events.filter(~of_voided)
    truth = _figures(keys, state(rest.filter(_up_to(voided))))
    corrections: list[pl.DataFrame] = []
    for n in sorted(vintages, key=_place):
        if _place(n) <= _place(voided):
            continue
        meant = state(events.filter(_up_to(n)))
        said = _figures(_spoken_of(n, keys, events), meant)
        truth = pl.concat([truth.join(said, on=KEY, how="anti"), said])
        logged = _figures(keys, state(rest.filter(_up_to(n)))).select(
            *KEY, *(pl.col(f"old_{c}").alias(f"log_{c}") for c in [*SAID, "position"])
        )
        wrong = truth.join(logged, on=KEY).filter(
            (pl.col("old_position").is_null() != pl.col("log_position").is_null())
            | pl.any_horizontal(pl.col(f"old_{c}").ne_missing(pl.col(f"log_{c}")) for c in SAID)
        )
        if wrong.height:
            correction = _restored(wrong.select(truth.columns), meant, n)
            corrections.append(correction)
            # After all recorded positions: a correction outranks what the vintage said before.
            unplaced = correction.with_columns(
                pl.lit(2**62 + len(corrections), pl.Int64).alias("position"),
                pl.lit(n.id, pl.Int64).alias("batch"),
            )
            rest = pl.concat([rest, unplaced.select(rest.columns).cast(rest.schema)])
    return pl.concat(corrections) if corrections else pl.DataFrame(schema=EVENT_SCHEMA).select(EVENT_COLUMNS)


def _spoken_of(vintage: Batch, keys: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The keys a vintage said something of: outright, or by leaving its scope as it was."""
    outright = events.filter(pl.col("stated_by") == vintage.id).select(KEY)
    return pl.concat([outright, in_scope(keys, vintage.scope)]).unique()


def _figures(keys: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Keys with the figure known of each in `old_` columns, null `old_position` where there is none."""
    old = known.select(*KEY, *(pl.col(c).alias(f"old_{c}") for c in [*_RESTORED, "position"]))
    return keys.join(old, on=KEY, how="left")
