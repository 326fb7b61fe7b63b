"""Uncertainty: what could be otherwise about the figures and weights of a rating, to be drawn from.

Here: what is declared (`uncertainty.toml`, or a file of one's own), the error of each figure, and figures
    drawn from it.
Not here: what the drawn figures make of the stars (robustness.py), how far an indicator can be relied on
    (quality.py).

Every figure has a stream of chance of its own: a counter-based generator whose key is a hash of the seed and
of the figure's name. So a draw is the same whatever else is drawn, in whatever order, on however many cores.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import pi, sqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from ratings.catalogue import Catalogue
from ratings.errors import MethodError, NotFoundError
from ratings.toml_table import Table

FILE = "uncertainty.toml"
SHARE, COUNT = "share", "count"
_BASES = {"percent": 100.0, "rate per 1,000": 1e3, "rate per 10,000": 1e4, "rate per 100,000": 1e5}
"""What one case in one is worth in a unit; a share of other units is scaled by the figure itself."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """What is drawn, and how far.

    Attributes:
        version: of the file.
        measurement: whether figures with numbers of cases are drawn with their error.
        revisions: whether figures are drawn as revised as often, and by as much, as those of their indicator.
        weights: lowest and highest share of its own weight that a weight is drawn between; None where weights
            stay as they are.
        percent: how many percent of the draws an interval holds.
        sha256: hash of the file.
    """

    version: str
    measurement: bool
    revisions: bool
    weights: tuple[float, float] | None
    percent: int
    sha256: str


@cache
def load_uncertainty() -> Uncertainty:
    """What comes with this package."""
    return parse_uncertainty((files("ratings") / FILE).read_bytes(), FILE)


def read_uncertainty(path: Path) -> Uncertainty:
    """What a file declares.

    Raises:
        NotFoundError: there is no such file.
        MethodError: it contradicts itself; names table and key.
    """
    if not path.is_file():
        raise NotFoundError("there is no such file", file=str(path), hint="check the path")
    return parse_uncertainty(path.read_bytes(), path.name)


def parse_uncertainty(raw: bytes, file: str) -> Uncertainty:
    """What the bytes of a file declare.

    Raises:
        MethodError: they are not TOML, a key is missing or unknown, or bounds are out of order.
    """
    try:
        content = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MethodError(f"not a TOML file: {error}", file=file) from error
    top = Table(file, "", content)
    version = top.text("version")
    drawn: dict[str, bool] = {}
    for name in ("measurement", "revisions"):
        table = top.table(name)
        drawn[name] = table.take("drawn", bool)
        table.text("source")
        table.done()
    weights = top.table("weights")
    vary = weights.take("drawn", bool)
    low, high = (float(weights.take(key, (int, float))) for key in ("lowest", "highest"))
    if not 0 < low <= 1 <= high:
        raise weights.error(
            "highest", f"{low:g} to {high:g} does not hold 1, or begins below what a weight can be"
        )
    weights.text("source")
    weights.done()
    interval = top.table("interval")
    percent = interval.take("percent", int)
    if not 0 < percent < 100:
        raise interval.error("percent", f"{percent} is not between 0 and 100")
    interval.text("source")
    interval.done()
    top.done()
    return Uncertainty(
        version,
        drawn["measurement"],
        drawn["revisions"],
        (low, high) if vary else None,
        percent,
        hashlib.sha256(raw).hexdigest(),
    )


def stream(seed: int, *names: str) -> np.random.Generator:
    """The stream of chance of one thing: the same for the same seed and names, another for any other."""
    said = "\x1f".join((str(seed), *names)).encode()
    key = np.frombuffer(hashlib.sha256(said).digest()[:16], dtype="<u8").astype(np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def errors(
    figures: pl.DataFrame, quality: pl.DataFrame, catalogue: Catalogue, declared: Uncertainty
) -> pl.DataFrame:
    """How uncertain each figure is.

    Args:
        figures: `indicator`, `organisation`, `period`, `value`, `numerator`, `denominator`; rows without a
            value are left out.
        quality: by `indicator`: `revised`, `figures`, `revision_size` (percent), as in quality.evidence.
        catalogue: units, and what a value can be.
        declared: what is drawn.

    Returns:
        One row per figure: `indicator`, `organisation`, `period`, `value`; `model` (`share`: `cases` of
        `among`; `count`: `cases`; null where its error is not known) and `scale`, what a share of one, or one
        case, is worth in the indicator's unit; `revised` (share of figures that are) and `size` (mean
        absolute revision, as a share of the value); `lowest` and `highest` value there can be.
    """
    units = catalogue.frame().select("unit", indicator="code", lowest="valid_min", highest="valid_max")
    rates = quality.select(
        "indicator",
        share=pl.when(pl.col("figures") > 0).then(pl.col("revised") / pl.col("figures")),
        size=pl.col("revision_size") / 100,
    )
    value, unit = pl.col("value"), pl.col("unit")
    among = pl.col("denominator")
    base = unit.replace_strict(_BASES, default=None, return_dtype=pl.Float64)
    cases = pl.coalesce("numerator", value * among / base, pl.when(unit == "count").then(value))
    is_share = among.is_not_null() & (among > 0) & (cases >= 0) & (cases <= among)
    scale = (
        pl.when(is_share & (cases > 0))
        .then(value * among / cases)
        .when(is_share)
        .then(base)
        .when(cases > 0)
        .then(value / cases)
        .when(unit == "count")
        .then(1.0)
    )
    model = (
        pl.when(pl.lit(not declared.measurement) | cases.is_null() | (cases < 0) | scale.is_null())
        .then(pl.lit(None, pl.String))
        .when(is_share)
        .then(pl.lit(SHARE))
        .otherwise(pl.lit(COUNT))
    )
    known = figures.filter(value.is_not_null())
    return (
        known.join(units, on="indicator", how="left")
        .join(rates, on="indicator", how="left")
        .with_columns(cases=cases, among=among, scale=scale, model=model)
        .select(
            "indicator",
            "organisation",
            "period",
            "value",
            "model",
            "cases",
            "among",
            "scale",
            revised=pl.when(pl.lit(declared.revisions) & pl.col("size").is_not_null())
            .then(pl.col("share"))
            .fill_null(0.0),
            size=pl.col("size").fill_null(0.0),
            lowest=pl.col("lowest").fill_null(-np.inf),
            highest=pl.col("highest").fill_null(np.inf),
        )
    )


def drawn(rows: pl.DataFrame, draws: int, seed: int) -> Floats:
    """Figures drawn from their errors.

    Args:
        rows: from `errors`.
        draws: how many times each.
        seed: chooses the draws.

    Returns:
        A row per figure and a column per draw, in the indicator's unit; a figure without an error is itself
        in every draw.
    """
    value = rows["value"].to_numpy()[:, None]
    measured, revised = (np.zeros((rows.height, draws)) for _ in range(2))
    columns = ("indicator", "organisation", "period", "model", "revised")
    for n, (indicator, organisation, period, model, share) in enumerate(rows.select(columns).iter_rows()):
        if model is None and not share:
            continue
        chance = stream(seed, "figure", indicator, organisation, period)
        if model is not None:
            measured[n] = chance.standard_normal(draws)
        if share:
            revised[n] = (chance.random(draws) < share) * chance.standard_normal(draws)
    changed = value + _measured(rows, measured)
    # A normal whose mean absolute value is the size of the indicator's revisions.
    if revised.any():
        changed = changed * (1 + revised * (sqrt(pi / 2) * rows["size"].to_numpy()[:, None]))
    low, high = (rows[name].to_numpy()[:, None] for name in ("lowest", "highest"))
    return np.asarray(np.clip(changed, np.minimum(low, value), np.maximum(high, value)))


def _measured(rows: pl.DataFrame, normal: Floats) -> Floats:
    """What measurement adds to each figure, in its unit."""
    added = np.zeros_like(normal)
    cases, among, scale = (
        rows[name].fill_null(1.0).to_numpy()[:, None] for name in ("cases", "among", "scale")
    )
    share, count = ((rows["model"] == name).fill_null(False).to_numpy() for name in (SHARE, COUNT))
    if share.any():
        p, n = cases[share] / among[share], among[share]
        angle = np.arcsin(np.sqrt(p)) + normal[share] / (2 * np.sqrt(n))
        added[share] = scale[share] * (np.sin(angle) ** 2 - p)
    if count.any():
        x = cases[count]
        added[count] = scale[count] * ((np.sqrt(x) + normal[count] / 2) ** 2 - x)
    return added


def drawn_weights(
    weights: Mapping[tuple[str, str], int], declared: Uncertainty, draws: int, seed: int
) -> dict[tuple[str, str], npt.NDArray[np.int64]]:
    """Weights drawn between their bounds, in thousandths of what they are.

    Args:
        weights: (part, indicator), or (part, blank) for the weight of a part, -> its weight.
        declared: the bounds.
        draws: how many times each.
        seed: chooses the draws.

    Returns:
        For each a weight per draw: a thousand times the method's own where weights stay as they are.
    """
    low, high = declared.weights or (1.0, 1.0)
    found = {}
    for name, weight in weights.items():
        share = np.ones(draws)
        if declared.weights:
            share = low + (high - low) * stream(seed, "weight", *name).random(draws)
        found[name] = np.floor(weight * 1000 * share + 0.5).astype(np.int64)
    return found


def in_words(declared: Uncertainty) -> str:
    """What is drawn, in words."""
    parts = [
        *(["the error of figures with numbers of cases"] if declared.measurement else []),
        *(["revisions as often and as large as so far"] if declared.revisions else []),
        *(
            [f"weights between {declared.weights[0]:g} and {declared.weights[1]:g} of their own"]
            if declared.weights
            else []
        ),
    ]
    return "drawn: " + "; ".join(parts) if parts else "nothing is drawn"
