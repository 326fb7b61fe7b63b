"""Ratings: one snapshot as a table of organisations, to search, filter, sort, and take away.

Here: the table of ratings, the same rows for a spreadsheet, and the stars as a picture.
Not here: one organisation (organisation.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import Query

from audit.charts import stars_chart
from audit.web.archive import Archive, Opened
from audit.web.pages.about import About, PageNumber, PageRows, Part, Search, SnapshotId, about, part, region
from audit.web.pages.compare import choices
from ratings.errors import NotFoundError

Star = Annotated[
    Literal["", "0", "1", "2", "3", "4", "5", "none"],
    Query(description="Only organisations with so many stars"),
]
Region = Annotated[str, Query(max_length=80, description="Only organisations of this region, by name")]
Change = Annotated[
    Literal["", "never", "possibly", "certainly"], Query(description="Could fresh data change the star")
]
Sort = Annotated[
    Literal["name", "star", "-star", "-age", "-late", "-missing"], Query(description="Order; - is falling")
]


@dataclass(frozen=True, slots=True)
class Row:
    """An organisation in the table.

    Attributes:
        organisation: its id.
        name: its name.
        region: where it lies.
        star: its stars, null where it has none.
        status: rated, not_rated, under_review, set_aside or suspended; null where the method has no stars.
        oldest_days: age of the oldest figure that counted.
        late: figures that counted and are out of date.
        missing: figures that the method asks for and that are not known.
        could_change: never, possibly or certainly, by fresh data.
        bands: how many figures stand in each band; only where the method has no stars.
    """

    organisation: str
    name: str
    region: str | None
    star: int | None
    status: str | None
    oldest_days: int | None
    late: int | None
    missing: int | None
    could_change: str | None
    bands: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ratings:
    """The table of ratings, what was asked for, and the ratings that it can be compared with."""

    about: About
    has_stars: bool
    counts: dict[str, int]
    found: Part[Row]
    regions: tuple[str, ...]
    band_labels: tuple[str, ...]
    q: str
    star: str
    region: str
    could_change: str
    sort: str
    others: tuple[About, ...]


_ORDERS: dict[str, tuple[Callable[[Row], Any], bool]] = {
    "name": (lambda r: 0, False),
    "star": (lambda r: 99 if r.star is None else r.star, False),
    "-star": (lambda r: -1 if r.star is None else r.star, True),
    "-age": (lambda r: r.oldest_days or -1, True),
    "-late": (lambda r: r.late or 0, True),
    "-missing": (lambda r: r.missing or 0, True),
}


def ratings(
    archive: Archive,
    snapshot: SnapshotId,
    q: Search = "",
    star: Star = "",
    region: Region = "",
    could_change: Change = "",
    sort: Sort = "name",
    page: PageNumber = 1,
    rows: PageRows = 50,
) -> Ratings:
    """The organisations of a snapshot that fit what was asked."""
    found, said = about(archive, snapshot)
    every = _rows(archive, found)
    fitting = chosen(every, q, star, region, could_change, sort)
    return Ratings(
        about=said,
        has_stars=has_stars(found),
        counts=dict(found.manifest["stars"]),
        found=part(fitting, page, rows),
        regions=tuple(sorted({row.region for row in every if row.region})),
        band_labels=tuple(sorted({label for row in every for label in row.bands})),
        q=q,
        star=star,
        region=region,
        could_change=could_change,
        sort=sort,
        others=choices(archive, found),
    )


def table(
    archive: Archive,
    snapshot: SnapshotId,
    q: Search = "",
    star: Star = "",
    region: Region = "",
    could_change: Change = "",
    sort: Sort = "name",
) -> pl.DataFrame:
    """The same rows, all of them, as a table to take away; a column for each band in place of `bands`."""
    found, _ = about(archive, snapshot)
    fitting = chosen(_rows(archive, found), q, star, region, could_change, sort)
    labels = sorted({label for row in fitting for label in row.bands})
    schema = {
        "organisation": pl.String,
        "name": pl.String,
        "region": pl.String,
        "star": pl.Int64,
        "status": pl.String,
        "oldest_days": pl.Int64,
        "late": pl.Int64,
        "missing": pl.Int64,
        "could_change": pl.String,
    } | {f"band {label}": pl.Int64 for label in labels}
    flat = [
        {n: v for n, v in asdict(row).items() if n != "bands"}
        | {f"band {label}": row.bands.get(label, 0) for label in labels}
        for row in fitting
    ]
    return pl.DataFrame(flat, schema=schema).with_columns(pl.lit(found.id).alias("snapshot"))


def stars(archive: Archive, snapshot: SnapshotId) -> str:
    """How many organisations have how many stars, as a picture (SVG).

    Raises:
        NotFoundError: the rating's method gives no stars.
    """
    found, said = about(archive, snapshot)
    if not has_stars(found):
        raise NotFoundError("this rating has no stars to draw", hint="see its table")
    counts = [(stars_in_words(star), count) for star, count in found.manifest["stars"].items()]
    return stars_chart(counts, said.label)


def stars_in_words(star: str) -> str:
    """A number of stars, or a status, as a manifest counts it."""
    if not star.isdigit():
        return star.replace("_", " ").capitalize()
    return {"0": "No stars (0)", "1": "1 star"}.get(star, f"{star} stars")


def chosen(rows: list[Row], q: str, star: str, where: str, could_change: str, sort: str) -> list[Row]:
    """The rows that fit, in the order asked for; those alike by name."""
    wanted = q.casefold().strip()
    fitting = [
        row
        for row in rows
        if (not wanted or wanted in row.name.casefold() or wanted in row.organisation)
        and (not star or star == ("none" if row.star is None else str(row.star)))
        and (not where or where == row.region)
        and (not could_change or could_change == row.could_change)
    ]
    order, falling = _ORDERS[sort]
    return sorted(sorted(fitting, key=lambda r: r.name.casefold()), key=order, reverse=falling)


def has_stars(found: Opened) -> bool:
    """Whether a snapshot's method gives stars; otherwise it gives bands only."""
    return bool(found.manifest["tables"]["stars"]["rows"])


def _rows(archive: Archive, found: Opened) -> list[Row]:
    stars = {row["organisation"]: row for row in found.table("stars").to_dicts()}
    bands: dict[str, dict[str, int]] = {}
    if not stars:
        counted = found.table("bands").filter(pl.col("band_label").is_not_null())
        for organisation, label, count in (
            counted.group_by("organisation", "band_label").len().sort("band_label").iter_rows()
        ):
            bands.setdefault(organisation, {})[label] = count
    rows = []
    for body in found.table("organisations").to_dicts():
        star = stars.get(body["organisation"], {})
        rows.append(
            Row(
                organisation=body["organisation"],
                name=body["name"],
                region=region(archive, body["region"]),
                star=star.get("star"),
                status=star.get("rating_status"),
                oldest_days=star.get("oldest_deciding_age_days"),
                late=star.get("out_of_date_inputs"),
                missing=star.get("missing_inputs"),
                could_change=star.get("could_fresh_data_change_it"),
                bands=bands.get(body["organisation"], {}),
            )
        )
    return rows
