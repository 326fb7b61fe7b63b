"""Charts: what tables show, drawn as SVG on this machine, for people.

Here: the drawing, and its text alternative for those who do not see it.
Not here: the numbers (ratings, pipelines). No browser, no network, no script in the picture; the same numbers
    give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import polars as pl

from ratings.periods import describe_period, period_bounds
from warehouse.snapshot_manifest import iso

_MOST_PERIODS = 40  # rows that can still be read on a page
_MOST_BARS = 30
_LONGEST_NAME = 48  # characters of a label
_BEHIND = {"out_of_date": "Out of date", "missing": "Missing", "due": "Due"}
_GRADES = {"red": "#b2182b", "amber": "#e08214", "green": "#1b7837"}


def revision_triangle(cells: pl.DataFrame, what: str) -> str:
    """The revision triangle: a row for each period, a column for each publication.

    A cell says how many figures were revised; the darker, the larger their share of the figures known. The
    newest 40 periods are drawn.

    Args:
        cells: from `ratings.revisions.triangle`.
        what: whose figures they are, for the title.

    Returns:
        An SVG document with `title` and `desc`.
    """
    import altair as alt
    import vl_convert

    periods = sorted(cells["period"].unique(), key=lambda p: (period_bounds(p)[1], p), reverse=True)
    drawn = periods[:_MOST_PERIODS]
    times = sorted(cells["published_at"].unique())
    values = [
        {
            "period": f"{describe_period(row['period'])}",
            "publication": iso(row["published_at"])[:16].replace("T", " "),
            "revised": row["revised"],
            "share": 100 * row["revised"] / row["known"] if row["known"] else 0.0,
        }
        for row in cells.filter(pl.col("period").is_in(drawn)).iter_rows(named=True)
    ]
    title = f"Figures revised by each publication: {what}"
    base = alt.Chart(alt.Data(values=values), title=title).encode(
        x=alt.X(
            "publication:O",
            title="published (UTC)",
            sort=[iso(time)[:16].replace("T", " ") for time in times],
            axis=alt.Axis(labelAngle=-45),
        ),
        y=alt.Y("period:O", title="period", sort=list(dict.fromkeys(describe_period(p) for p in drawn))),
    )
    boxes = base.mark_rect(stroke="white").encode(
        color=alt.Color(
            "share:Q",
            title="% of figures revised",
            scale=alt.Scale(scheme="blues", domain=[0, 100]),
        )
    )
    numbers = base.mark_text(fontSize=9).encode(
        text="revised:Q",
        color=alt.condition("datum.share > 60", alt.value("white"), alt.value("black")),
    )
    chart = (boxes + numbers).properties(width=alt.Step(44), height=alt.Step(18))
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    return _with_alternative(_numbered(svg), title, _described(cells, len(periods)))


def influence_chart(found: dict[str, Any]) -> str:
    """The indicators that decide most stars: a bar for each, with its grade in words and in colour.

    Args:
        found: what `audit.influence.influence_of` gives.

    Returns:
        An SVG document with `title` and `desc`.
    """
    import altair as alt
    import vl_convert

    drawn = [row for row in found["indicators"] if row["decides"]][:_MOST_BARS]
    values = [
        {
            "indicator": f"{row['indicator']} ({row['grade']})",
            "stars": row["decides"],
            "grade": row["grade"],
        }
        for row in drawn
    ]
    title = f"Stars that each indicator decides alone: {found['snapshot']}"
    base = alt.Chart(alt.Data(values=values), title=title).encode(
        x=alt.X("stars:Q", title="stars that are others, or none, without it", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("indicator:N", title="indicator (grade)", sort=[row["indicator"] for row in values]),
    )
    bars = base.mark_bar().encode(
        color=alt.Color(
            "grade:N",
            title="grade",
            scale=alt.Scale(domain=list(_GRADES), range=list(_GRADES.values())),
        )
    )
    numbers = base.mark_text(align="left", dx=3, fontSize=9).encode(text="stars:Q")
    chart = (bars + numbers).properties(width=320, height=alt.Step(16))
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    says = "; ".join(f"{row['indicator']} {row['stars']}" for row in values) or "none"
    return _with_alternative(
        _numbered(svg),
        title,
        f"A bar for each of the {len(values)} indicators that decide most stars; {found['hanging']} of "
        f"{found['rated']} stars hang on a single one. Stars that each decides alone: {says}.",
    )


def distribution_chart(bins: Sequence[tuple[float, float, int]], what: str, unit: str) -> str:
    """How the figures of an indicator are spread: a bar for each stretch of values, the lowest first.

    Args:
        bins: start and end of each stretch, in the unit, and how many organisations are in it.
        what: the indicator, for the title.
        unit: of its figures.

    Returns:
        An SVG document with `title` and `desc`.
    """
    bars = [
        (f"{start:,.12g}" if start == end else f"{start:,.12g} to {end:,.12g}", count, str(count))
        for start, end, count in bins
    ]
    title = f"Organisations by figure: {what}"
    return _bars(bars, title, "organisations", unit, f"Organisations by figure, in {unit}.")


def stars_chart(counts: Sequence[tuple[str, int]], what: str) -> str:
    """How the stars of a rating are spread: a bar for each number of stars.

    Args:
        counts: stars in words, and how many organisations have so many; in the order to draw.
        what: the rating, for the title.

    Returns:
        An SVG document with `title` and `desc`.
    """
    title = f"Organisations by star: {what}"
    bars = [(words, count, str(count)) for words, count in counts]
    return _bars(bars, title, "organisations", "star", "Organisations by star.")


def history_chart(past: Sequence[tuple[str, int | None, str]], what: str) -> str:
    """The stars of an organisation, rating by rating: a bar for each, as long as it has stars.

    Args:
        past: the rating, its stars (None for none), and these in words; the oldest first.
        what: the organisation, for the title.

    Returns:
        An SVG document with `title` and `desc`.
    """
    title = f"History of stars: {what}"
    return _bars(
        [(rating, star or 0, words) for rating, star, words in past],
        title,
        "stars",
        "rating, the oldest first",
        "Stars by rating, the oldest first.",
    )


def _bars(
    bars: Sequence[tuple[str, int, str]], title: str, measured: str, named: str, description: str
) -> str:
    """A bar for each of some things, in this order, with words at its end.

    Args:
        bars: of each its name, which no other has, its length and what stands at the end of the bar.
        title: of the picture.
        measured: what the length is.
        named: what the names are.
        description: begins the text alternative, which goes on with every bar.
    """
    import altair as alt
    import vl_convert

    values: list[dict[str, Any]] = [
        {"name": name, "length": length, "words": words} for name, length, words in bars
    ]
    base = alt.Chart(alt.Data(values=values), title=title).encode(
        x=alt.X("length:Q", title=measured, axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("name:N", title=named, sort=[name for name, _, _ in bars], axis=alt.Axis(labelLimit=320)),
    )
    numbers = base.mark_text(align="left", dx=3, fontSize=9).encode(text="words:N")
    chart = (base.mark_bar() + numbers).properties(width=320, height=alt.Step(16))
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    says = "; ".join(f"{name}: {words}" for name, _, words in bars)
    return _with_alternative(_numbered(svg), title, f"{description} {says}.")


def freshness_chart(groups: Sequence[tuple[str, int, Mapping[str, int]]], by: str) -> str:
    """What is not up to date: a bar for each group, cut by state.

    Args:
        groups: name, how many figures, and how many of them are in each state; in the order to draw.
        by: what they are counted by, for the title.

    Returns:
        An SVG document with `title` and `desc`.
    """
    import altair as alt
    import vl_convert

    bars = [
        (f"{name[: _LONGEST_NAME - 1]}…" if len(name) > _LONGEST_NAME else name, figures, states)
        for name, figures, states in groups
    ]
    names = [f"{number}. {name}" for number, (name, _, _) in enumerate(bars, 1)]
    values = [
        {"group": name, "state": words, "count": states[state], "order": order}
        for name, (_, _, states) in zip(names, bars, strict=True)
        for order, (state, words) in enumerate(_BEHIND.items())
    ]
    totals = [
        {"group": name, "count": sum(states[state] for state in _BEHIND)}
        for name, (_, _, states) in zip(names, bars, strict=True)
    ]
    title = f"Figures that are not up to date, by {by}"
    y = alt.Y("group:N", title=None, sort=names, axis=alt.Axis(labelLimit=320))
    stacked = (
        alt.Chart(alt.Data(values=values))
        .mark_bar(stroke="black", strokeWidth=0.5)
        .encode(
            x=alt.X("sum(count):Q", title="figures", axis=alt.Axis(tickMinStep=1)),
            y=y,
            order="order:Q",
            color=alt.Color(
                "state:N",
                title="left to right",
                scale=alt.Scale(domain=list(_BEHIND.values()), range=["#b2182b", "#505a5f", "#f4d35e"]),
            ),
        )
    )
    numbers = (
        alt.Chart(alt.Data(values=totals))
        .mark_text(align="left", dx=3, fontSize=9)
        .encode(x="count:Q", y=y, text="count:Q")
    )
    chart = (stacked + numbers).properties(width=380, height=alt.Step(16), title=title)
    svg: str = vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])
    says = "; ".join(
        ", ".join([f"{name}: {figures} figures", *(f"{states[s]} {w.lower()}" for s, w in _BEHIND.items())])
        for name, figures, states in groups
    )
    return _with_alternative(_numbered(svg), title, f"{title}, the worst first. {says}.")


def _described(cells: pl.DataFrame, periods: int) -> str:
    """What the picture shows, in sentences."""
    revised = cells.group_by("published_at").agg(pl.col("revised").sum()).sort("published_at")
    says = [f"{iso(time)[:16].replace('T', ' ')}: {count:,}" for time, count in revised.iter_rows()]
    left = f" Only the newest {_MOST_PERIODS} are drawn." if periods > _MOST_PERIODS else ""
    return (
        f"A table of {periods} periods by {len(says)} publications; each cell says how many figures the "
        f"publication revised.{left} Figures revised in all periods, by publication (UTC): {'; '.join(says)}."
    )


def _numbered(svg: str) -> str:
    """The picture with its ids counted from 0: the library goes on counting from one picture to the next."""
    for number, name in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg))):
        svg = re.sub(rf'(\bid="|#){re.escape(name)}(?=["\')])', rf"\g<1>part-{number}", svg)
    return svg


def _with_alternative(svg: str, title: str, description: str) -> str:
    """The picture with the text that stands for it, first in the document, where readers look for it."""
    head, _, rest = svg.partition(">")
    if not head.startswith("<svg"):
        raise RuntimeError("what the chart library drew is not an SVG document")
    return (
        f'{head} role="img" aria-labelledby="title desc"><title id="title">{escape(title)}</title>'
        f'<desc id="desc">{escape(description)}</desc>{rest}'
    )
