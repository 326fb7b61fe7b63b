"""What the demonstration shows: tables for people, at most 100 columns wide.

Here: the totals by star, what became of each file, the most out-of-date and the most dubious inputs.
Not here: the order of things and the work itself (demo.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from rich import box
from rich.console import JustifyMethod
from rich.markup import escape
from rich.table import Table

from pipelines.ingest_report import INGESTED, IngestReport
from ratings.catalogue import load_catalogue
from ratings.crossfoot import STARS, Finding
from ratings.flips import ANSWERS
from ratings.periods import describe_period
from warehouse.snapshots import SnapshotRef

LISTED = 5  # inputs in a list of the worst
WIDTH = 30  # of an indicator's title
DOUBTS = ("suppressed", "missing", "revised", "withdrawn", "refused")


def reports_table(title: str, reports: Mapping[str, IngestReport]) -> Table:
    """What became of every row of every file.

    Args:
        title: of the table.
        reports: one per file, under the name to be shown.
    """
    went = {
        "rows": [report.read for report in reports.values()],
        "new": [report.observations for report in reports.values()],
        "unchanged": [report.unchanged for report in reports.values()],
        "not read": [report.out_of_scope for report in reports.values()],
        "refused": [report.quarantined for report in reports.values()],
        "gone": [report.withdrawn for report in reports.values()],
    }
    shown = {name: numbers for name, numbers in went.items() if any(numbers) or name in ("rows", "new")}
    table = plain_table(title, "source", "published", *(f"{name} >" for name in shown), "")
    for place, (name, report) in enumerate(reports.items()):
        said = "" if report.status == INGESTED else report.status
        counts = (f"{numbers[place]:,}" for numbers in shown.values())
        table.add_row(escape(name), report.published_at[:10], *counts, said)
    return table


def stars_table(title: str, snapshot: SnapshotRef, published: Sequence[int | None] | None = None) -> Table:
    """How many organisations got how many stars.

    Args:
        title: of the table.
        snapshot: where the stars stand.
        published: totals to show beside ours, least star first.
    """
    counts = dict(snapshot.table("stars").group_by("star").len().iter_rows())
    table = plain_table(title, "stars", "rated here >", *(["published >"] if published else []))
    for star, name in enumerate(STARS):
        beside = [str(published[star])] if published else []
        table.add_row(f"{name:<5} {'*' * star}", f"{counts.get(star, 0):,}", *beside)
    table.add_row("not rated", f"{counts.get(None, 0):,}", *([""] if published else []))
    return table


def bands_table(snapshot: SnapshotRef) -> Table:
    """How many figures fell into each band."""
    bands = snapshot.table("bands")
    table = plain_table(
        f"Bands of {bands['indicator'].n_unique()} measures, A is best",
        "band",
        "figures >",
        "of figures banded >",
    )
    banded = bands["band"].count()
    for label, count in bands.group_by("band_label").len().sort("band_label", nulls_last=True).iter_rows():
        table.add_row(label or "none", f"{count:,}", f"{1000 * count // banded / 10} %" if label else "")
    return table


def out_of_date_table(snapshot: SnapshotRef) -> Table:
    """The inputs of stars that most organisations are overdue with."""
    fresh = snapshot.table("freshness")
    late = _counted(snapshot, fresh.filter(pl.col("state") == "out_of_date"))
    worst = (
        late.group_by("indicator")
        .agg(pl.len().alias("councils"), pl.col("days_late", "age_days").max(), pl.col("latest_period").min())
        .sort(["councils", "days_late", "indicator"], descending=[True, True, False])
    )
    table = plain_table(
        f"Most out-of-date inputs: {late.height:,} figures of {worst.height} indicators are overdue",
        "indicator", "councils >", "newest", "days late >", "days old >",
    )  # fmt: skip
    for row in worst.head(LISTED).iter_rows(named=True):
        newest = describe_period(row["latest_period"])
        numbers = (str(row["days_late"]), str(row["age_days"]))
        table.add_row(_indicator(row["indicator"]), str(row["councils"]), newest, *numbers)
    return table


def could_change(snapshot: SnapshotRef) -> str:
    """A sentence: of how many stars fresh data could change what."""
    stars = snapshot.table("stars").filter(pl.col("star").is_not_null())
    counts = dict(stars["could_fresh_data_change_it"].value_counts().iter_rows())
    said = ", ".join(f"{answer} {counts.get(answer, 0)}" for answer in ANSWERS)
    alone = stars.filter(pl.col("flipping_inputs") > 0).height
    return (
        f"Could fresh data change a star, of {stars.height}? {said}; in {alone} a single figure could."
        f" {str(stars['held_fixed'][0]).capitalize()}."
    )


def dubious_table(snapshot: SnapshotRef) -> Table:
    """The inputs of stars with the most doubts per figure: missing, revised, taken back or refused."""
    quality = _counted(snapshot, snapshot.table("quality")).rename({"quarantined": "refused"})
    quality = quality.with_columns(
        # The suppressed are among the missing.
        doubtful=pl.sum_horizontal("missing", "revised", "withdrawn", "refused"),
        told=pl.sum_horizontal("figures", "missing"),
    )
    worst = quality.with_columns(share=pl.col("doubtful") * 100 // pl.col("told")).sort(
        ["share", "doubtful", "indicator"], descending=[True, True, False]
    )
    doubts = [f"{name} >" for name in DOUBTS]
    table = plain_table("Most dubious inputs: doubts per hundred figures", "indicator", *doubts, "per 100 >")
    for row in worst.head(LISTED).iter_rows(named=True):
        table.add_row(_indicator(row["indicator"]), *(str(row[name]) for name in DOUBTS), str(row["share"]))
    return table


def plain_table(title: str, *columns: str) -> Table:
    """A table with a rule under its header; a column whose name ends in ` >` holds numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        align: JustifyMethod = "right" if column.endswith(" >") else "left"
        table.add_column(column.removesuffix(" >"), justify=align, no_wrap=True)
    return table


def findings_table(findings: Sequence[Finding]) -> Table:
    """What the cross-foot found, a sentence each."""
    table = plain_table(
        "Cross-foot of the published totals: what cannot all be true", "round", "row >", "finding"
    )
    table.columns[-1].no_wrap = False
    for finding in findings:
        table.add_row(finding.round, str(finding.row), escape(finding.sentence))
    return table


def path_here(path: Path) -> str:
    """A path as it can be written from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _counted(snapshot: SnapshotRef, rows: pl.DataFrame) -> pl.DataFrame:
    """Only rows of indicators that some organisation has a band in: the inputs of its stars."""
    banded = snapshot.table("bands").filter(pl.col("band").is_not_null())
    return rows.join(banded, on="indicator", how="semi")


def _indicator(code: str) -> str:
    """An indicator's code, and under it as much of its title as fits."""
    title = load_catalogue().indicator(code).title
    title = title if len(title) <= WIDTH else title[: WIDTH - 1].rstrip() + "…"
    return f"{escape(code)}\n[dim]{escape(title)}[/]"
