"""Quality: how far an indicator can be relied on, as green, amber or red with the reasons in sentences.

Here: what is counted of an indicator's figures, the thresholds (`quality.toml`), and the grade they give.
Not here: what the checks find in a file (validations), how late a figure is (freshness.py), how large
    revisions are (revisions.py).

A grade depends on its arguments alone: the figures known at a point on both time axes, and the thresholds.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import polars as pl

from ratings.catalogue import Catalogue
from ratings.errors import MethodError
from ratings.toml_table import Table

GRADES = ("green", "amber", "red")
FILE = "quality.toml"

# completeness   organisations without a figure
# suppression    figures held back because the numbers are small
# lateness       figures out of date
# revisions      the size of revisions
# small_numbers  figures that few cases move
# checks         rows refused, figures that a warning stands about
# definition     changes of definition
DIMENSIONS = (
    "completeness", "suppression", "lateness", "revisions", "small_numbers", "checks", "definition",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where one dimension turns amber and red.

    Attributes:
        standard: the dimension of the European Statistical System that it belongs to.
        measure: what is measured, with its unit; larger is worse.
        amber: more than this is amber. In the unit of the measure.
        red: more than this is red.
        source: where the numbers come from.
    """

    standard: str
    measure: str
    amber: float
    red: float
    source: str


@dataclass(frozen=True, slots=True)
class QualityRules:
    """Every threshold of a grade.

    Attributes:
        version: of the file.
        small_number: fewer cases than this make a figure one of small numbers.
        isolated: percent of figures revised up to which revisions are isolated corrections and do not count.
        thresholds: by dimension, one of each of DIMENSIONS.
        sha256: hash of the file.
    """

    version: str
    small_number: int
    isolated: float
    thresholds: Mapping[str, Threshold]
    sha256: str


@cache
def load_quality_rules() -> QualityRules:
    """The thresholds that come with this package."""
    return read_quality_rules((files("ratings") / FILE).read_bytes())


def read_quality_rules(raw: bytes) -> QualityRules:
    """Thresholds out of the bytes of a file.

    Raises:
        MethodError: it is not TOML, a dimension or key is missing or unknown, or red comes before amber.
    """
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MethodError(f"not a TOML file: {error}", file=FILE) from error
    table = Table(FILE, "", content)
    version = table.text("version")
    small, isolated = table.take("small_number", int), float(table.take("isolated", (int, float)))
    thresholds = {}
    for name in DIMENSIONS:
        entry = table.table(name)
        found = Threshold(
            standard=entry.text("standard"),
            measure=entry.text("measure"),
            amber=float(entry.take("amber", (int, float))),
            red=float(entry.take("red", (int, float))),
            source=entry.text("source"),
        )
        if not 0 <= found.amber <= found.red:
            raise entry.error("red", f"{found.red:g} is reached before amber ({found.amber:g}), or below 0")
        entry.done()
        thresholds[name] = found
    table.done()
    return QualityRules(
        version, small, isolated, MappingProxyType(thresholds), hashlib.sha256(raw).hexdigest()
    )


COUNTS = (
    "figures", "missing", "suppressed", "provisional", "revised", "withdrawn", "quarantined", "flagged",
    "answered", "definitions", "organisations", "reporting", "suppressing", "followed", "out_of_date",
    "cases_known", "small_numbers",
)  # fmt: skip


def evidence(
    figures: pl.DataFrame,
    counts: pl.DataFrame,
    fresh: pl.DataFrame,
    catalogue: Catalogue,
    organisations: int,
    rules: QualityRules,
) -> pl.DataFrame:
    """What a grade is given on: per indicator how many figures there are, and what happened to them.

    Args:
        figures: those known, of the organisations that count: `indicator`, `organisation`, `period`, `value`,
            `numerator`, `obs_status`; one row per indicator, organisation and period.
        counts: what happened before, by `indicator`: `revised`, `withdrawn`, `quarantined`, `flagged`,
            `answered`, `definitions` (numbers of figures, figures, rows, figures, figures and versions) and
            `revision_size` (percent, null where no value was revised).
        fresh: from `ratings.freshness`: `indicator`, `organisation`, `state`.
        catalogue: says which indicators are counts.
        organisations: how many organisations ought to have figures.
        rules: says which numbers are small.

    Returns:
        One row per indicator of `figures` or `fresh`: `indicator`, the columns COUNTS, `revision_size`. The
        last columns of COUNTS look at the newest period that each organisation reports: `reporting` a value,
        `suppressing` it; `followed`: organisations with a figure and a calendar, `out_of_date` of them;
        `cases_known`: values with a known number of cases, `small_numbers` of them.
    """
    there, held_back = pl.col("value").is_not_null(), pl.col("obs_status") == "Q"
    units = catalogue.frame().select("unit", indicator="code")
    cases = pl.col("numerator").fill_null(pl.when(pl.col("unit") == "count").then(pl.col("value")))
    known = there & cases.is_not_null()
    newest = figures.filter(
        pl.col("period") == pl.col("period").max().over("indicator", "organisation")
    ).join(units, on="indicator", how="left")
    counted = figures.group_by("indicator").agg(
        figures=there.sum(),
        missing=(~there).sum(),
        suppressed=(~there & held_back).sum(),
        provisional=(there & (pl.col("obs_status") == "P")).sum(),
    )
    reported = newest.group_by("indicator").agg(
        reporting=there.sum(),
        suppressing=(~there & held_back).sum(),
        cases_known=known.sum(),
        small_numbers=(known & (cases.abs() < rules.small_number)).sum(),
    )
    late = fresh.group_by("indicator").agg(
        followed=(pl.col("state") != "missing").sum(), out_of_date=(pl.col("state") == "out_of_date").sum()
    )
    return (
        pl.concat([fresh.select("indicator"), figures.select("indicator")])
        .unique()
        .join(counted, on="indicator", how="left")
        .join(counts, on="indicator", how="left")
        .join(reported, on="indicator", how="left")
        .join(late, on="indicator", how="left")
        .with_columns(organisations=pl.lit(organisations))
        .with_columns(pl.col(COUNTS).fill_null(0).cast(pl.Int64))
    )


def graded(evidence: pl.DataFrame, rules: QualityRules) -> pl.DataFrame:
    """The grade of every indicator, and why.

    Args:
        evidence: from `evidence`.
        rules: the thresholds.

    Returns:
        `evidence` with `grade` (one of GRADES: that of the worst dimension) and `reasons`: a sentence for
        each dimension that is amber or red, the worst first, with its number and the threshold; then one for
        what could not be assessed. Sentences are parted by a line break.
    """
    grades = [grade(row, rules) for row in evidence.iter_rows(named=True)]
    return evidence.with_columns(
        pl.Series("grade", [given for given, _ in grades], pl.String),
        pl.Series("reasons", ["\n".join(reasons) for _, reasons in grades], pl.String),
    )


def grade(row: Mapping[str, Any], rules: QualityRules) -> tuple[str, list[str]]:
    """The grade of one indicator and its reasons: see `graded`.

    Args:
        row: a row of `evidence`.
        rules: the thresholds.
    """
    if not row["figures"]:
        return "red", ["no figure is known"]
    found: list[tuple[int, str]] = []
    unknown: list[str] = []
    for name, size, sentence in _measured(row, rules):
        threshold = rules.thresholds[name]
        if size is None:
            unknown.append(sentence)
        elif size > threshold.red:
            found.append((2, f"{sentence}, and more than {threshold.red:g} is red"))
        elif size > threshold.amber:
            found.append((1, f"{sentence}, and more than {threshold.amber:g} is amber"))
    reasons = [
        sentence for _, sentence in sorted(found, key=lambda one: -one[0])
    ]  # stable: in order of DIMENSIONS
    worst = max((level for level, _ in found), default=0)
    if not reasons:
        reasons = ["every dimension assessed is within its thresholds"]
    return GRADES[worst], reasons + unknown


def _measured(row: Mapping[str, Any], rules: QualityRules) -> Iterator[tuple[str, float | None, str]]:
    """Each dimension: its measure, None where it cannot be assessed, and the sentence that says so."""
    bodies, without = row["organisations"], row["organisations"] - row["reporting"] - row["suppressing"]
    yield _share(
        "completeness",
        without,
        bodies,
        "organisations have no figure in the newest period they report, or none at all",
    )
    yield _share(
        "suppression", row["suppressing"], bodies, "organisations have their newest figure suppressed"
    )
    if row["followed"]:
        yield _share("lateness", row["out_of_date"], row["followed"], "newest figures are out of date")
    else:
        yield "lateness", None, "lateness: not assessed, since the catalogue gives no calendar"
    figures = row["figures"] + row["missing"]
    size = row["revision_size"] if 100 * row["revised"] > rules.isolated * figures else 0.0
    yield (
        "revisions",
        size or 0.0,
        f"revisions: {row['revised']:,} of {figures:,} figures were revised, on average by "
        f"{_short(size or 0.0)} percent of their value",
    )
    if row["cases_known"]:
        words = f"newest figures rest on fewer than {rules.small_number} cases"
        yield _share("small_numbers", row["small_numbers"], row["cases_known"], words)
    else:
        yield "small_numbers", None, "small numbers: not assessed, since numbers of cases are not published"
    rows = figures + row["quarantined"]
    words = "rows were refused by a check"
    if row["flagged"] or row["answered"]:
        words = "rows were refused, or are figures that a warning stands about"
    if row["answered"]:
        words += f" ({row['answered']:,} more were explained, and the answer was accepted)"
    yield _share("checks", row["quarantined"] + row["flagged"], rows, words)
    breaks = max(0, row["definitions"] - 1)
    yield "definition", float(breaks), f"definition: it changed {breaks} time{'' if breaks == 1 else 's'}"


def _share(name: str, part: int, whole: int, words: str) -> tuple[str, float, str]:
    share = 100 * part / whole if whole else 0.0
    return name, share, f"{name.replace('_', ' ')}: {part:,} of {whole:,} {words}: {_short(share)} percent"


def _short(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"
