"""Rate: how long rating takes, from figures in memory to bands, judgements and stars with their sentences.

Here: 150 councils under all indicators of the core; the same for 20 yearly rounds; every star with each
    indicator left out, and with every figure moved as far as another star; 1,000 draws of all figures and
    weights; the facility-quarters of Australian aged care, real ones where the files are given and as many
    invented ones otherwise.
Not here: reading a ledger (benchmarks/ledger.py), writing a snapshot (benchmarks/build_ratings.py).
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from benchmarks.machine import describe
from ratings.cases import Cases
from ratings.catalogue import load_catalogue
from ratings.counterfactuals import counterfactuals
from ratings.draws import draw_stars
from ratings.influence import influence
from ratings.methods import load_method
from ratings.rating import Rating, rate
from ratings.robustness import Robustness, robustness
from ratings.uncertainty import load_uncertainty

ONE_ROUND_SECONDS, ROUNDS_SECONDS, FACILITIES_SECONDS = 0.3, 3.0, 2.0
INFLUENCE_SECONDS, DRAWS_SECONDS, DRAWS = 3.0, 10.0, 1000
COUNCILS, ROUNDS, FIRST_YEAR, PERIODS = 150, 20, 2011, 3
FACILITIES, QUARTERS = 2616, 8
PARTS = ("residents_experience", "compliance", "staffing", "quality_measures")
NO_JUDGEMENTS = pl.DataFrame(
    schema=dict.fromkeys(("organisation", "round", "service", "aspect", "judgement"), pl.String)
    | {"published_at": pl.Int64, "position": pl.Int64}
)


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aged-care", type=Path, help="folder of star_ratings_*.csv; else invented ones")
    parser.add_argument("--runs", type=int, default=5, help="of each the best counts")
    arguments = parser.parse_args()
    print(describe(engine="none, figures in memory", durability="none"))
    catalogue, method = load_catalogue(), load_method("stars-illustrative")
    core = [i.code for i in catalogue.indicators.values() if method.in_scope(i)]
    councils = pl.DataFrame({"id": [f"council-{n}" for n in range(COUNCILS)], "kind": "council"})
    rounds = [council_figures(core, FIRST_YEAR + n) for n in range(ROUNDS)]

    def one_round(number: int) -> Rating:
        day = int(datetime(FIRST_YEAR + number + 1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
        return rate(method, rounds[number], NO_JUDGEMENTS, councils, catalogue, at_us=day)

    found = one_round(0)
    rated = found.stars.filter(pl.col("rating_status") == "rated").height
    print(f"{COUNCILS} councils x {len(core)} indicators: {found.bands.height} bands, {rated} stars")
    report("one round", ONE_ROUND_SECONDS, best(arguments.runs, lambda: one_round(ROUNDS - 1)))
    report(
        f"{ROUNDS} yearly rounds",
        ROUNDS_SECONDS,
        best(1, lambda: [one_round(number) for number in range(ROUNDS)]),
    )
    at_last = {"day": date(FIRST_YEAR + ROUNDS, 1, 1)}
    figures, last = rounds[ROUNDS - 1], one_round(ROUNDS - 1)
    left = influence(method, last, catalogue, **at_last)
    decided = left.filter("decides").height
    print(f"{left.height:,} pairs of council and indicator left out in turn: {decided:,} decide a star")
    seconds = best(arguments.runs, lambda: influence(method, last, catalogue, **at_last))
    report("leave-one-out over all indicators", INFLUENCE_SECONDS, seconds)
    moved = counterfactuals(method, figures, last, catalogue, **at_last)
    seconds = best(arguments.runs, lambda: counterfactuals(method, figures, last, catalogue, **at_last))
    print(f"{moved.height:,} smallest changes of one figure or judgement: {seconds:.2f} s")
    revised = pl.DataFrame({"indicator": core, "revised": 5, "figures": 100, "revision_size": 4.0})

    def all_draws() -> Robustness:
        cases = Cases.of(method, last, catalogue, at_last["day"], None)
        return robustness(draw_stars(cases, figures, revised, load_uncertainty(), draws=DRAWS, seed=1), cases)

    spread = all_draws()
    print(f"{spread.uncertain:,} figures drawn; in {spread.stars['same'].mean():.0%} the star stays the same")
    report(f"{DRAWS:,} draws", DRAWS_SECONDS, best(1, all_draws))
    quarters = real_quarters(arguments.aged_care) if arguments.aged_care else invented_quarters()
    aged, aged_rows = load_method("aged-care-au"), 0

    def all_quarters() -> int:
        rows = 0
        for figures, facilities in quarters:
            day = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
            rows += rate(aged, figures, NO_JUDGEMENTS, facilities, catalogue, at_us=day).stars.height
        return rows

    aged_rows = all_quarters()
    kind = "real" if arguments.aged_care else "invented"
    seconds = best(arguments.runs, all_quarters)
    report(f"{aged_rows:,} {kind} facility-quarters of aged care", FACILITIES_SECONDS, seconds)


def best(runs: int, work: Callable[[], object]) -> float:
    """The shortest of several runs, in seconds."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)


def report(what: str, target: float, seconds: float) -> None:
    """One line, with the target beside it."""
    print(f"{what}: {seconds:.2f} s (target {target:g} s)")


def council_figures(indicators: list[str], year: int) -> pl.DataFrame:
    """Shares of 400 of every council and indicator for some years up to `year`, invented, always the same."""
    chance = random.Random(year)
    rows = [
        (code, f"council-{n}", f"{year - back}-04-01/P1Y", round(chance.gauss(50, 15), 1))
        for code in indicators
        for n in range(COUNCILS)
        for back in range(PERIODS)
    ]
    return figure_frame(rows).with_columns(numerator=pl.col("value") * 4, denominator=pl.lit(400.0))


def invented_quarters() -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """As many facility-quarters as were published from May 2023 to January 2025."""
    chance = random.Random(0)
    made = []
    for quarter in range(QUARTERS):
        year, number = 2023 + quarter // 4, quarter % 4
        names = [f"facility-{n}" for n in range(FACILITIES)]
        rows = [
            (f"AGEDCARE:{part}", name, f"{year}-{3 * number + 1:02d}-01/P3M", float(chance.randint(1, 5)))
            for name in names
            for part in PARTS
        ]
        made.append((figure_frame(rows), facility_frame(names)))
    return made


def real_quarters(folder: Path) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """The published parts, quarter by quarter; a facility that occurs twice counts twice."""
    made = []
    for file in sorted(folder.glob("star_ratings_*.csv")):
        table = pl.read_csv(file, infer_schema_length=0).with_row_index("row")
        period = f"{file.stem.removeprefix('star_ratings_')}/P3M"
        rows = [
            (f"AGEDCARE:{part}", f"{row['facility_id']} #{row['row']}", period, float(value))
            for row in table.iter_rows(named=True)
            for part in PARTS
            if (value := row[f"{part}_rating"])
        ]
        names = [f"{row['facility_id']} #{row['row']}" for row in table.iter_rows(named=True)]
        made.append((figure_frame(rows), facility_frame(names)))
    return made


def figure_frame(rows: list[tuple[str, str, str, float]]) -> pl.DataFrame:
    """Figures as a rating takes them."""
    names = ("indicator", "organisation", "period", "value")
    kinds = dict(zip(names, (pl.String, pl.String, pl.String, pl.Float64), strict=True))
    return pl.DataFrame(rows, schema=kinds, orient="row").with_columns(
        numerator=pl.lit(None, pl.Float64),
        denominator=pl.lit(None, pl.Float64),
        obs_status=pl.lit("A"),
        published_at=pl.lit(0, pl.Int64),
        position=pl.int_range(pl.len(), dtype=pl.Int64),
    )


def facility_frame(names: list[str]) -> pl.DataFrame:
    """A population of facilities."""
    return pl.DataFrame({"id": names, "kind": ["facility"] * len(names)})


if __name__ == "__main__":
    main()
