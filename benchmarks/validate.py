"""Validate: what the checks of rows cost beside reading a file, and how soon the command answers.

Here: the suite over the newest LAIT vintage, clean and with every row failing; over 2.4 million clean rows;
    `starledger --help`. CPU seconds beside those of the clock, for others may be at work.
Not here: the checks of a batch against what is known, which `make bench-ingest` includes.

Run by `make bench-validate`, with ARGS="DIR" for another directory with vintages/. Without one, rows are made
of the same shape.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks.machine import describe
from ratings.catalogue import load_catalogue
from ratings.collections import load_collection
from ratings.reading import read_figures
from validations.runner import LOOKED_AT, validate_figures
from warehouse.readers import ROW, read_rows

DEFAULT = Path(__file__).parents[2] / "shared" / "data" / "lait"
ROWS, MANY = 641_070, 2_400_000


def main() -> None:
    """Measure and print."""
    print(describe())
    started = time.perf_counter()
    import great_expectations  # noqa: F401 (imported to be timed apart)

    print(f"importing Great Expectations, apart: {time.perf_counter() - started:.1f} s")
    rows, origin = _rows(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
    kind, catalogue = load_collection("lait"), load_catalogue()
    read = read_figures(rows, kind, catalogue, origin)
    validate_figures(read.head(1000))  # makes the context, once a process
    _told(f"{read.height:,} rows of {origin}", read, "1.5 s")
    wrong = read.with_columns(pl.lit(-1.0).alias("value"), pl.lit(0.0).alias("valid_min"))
    _told(f"{wrong.height:,} rows, every one failing", wrong, "4 s")
    accepted = validate_figures(read).rows.filter(LOOKED_AT & pl.col("reasons").is_null())
    clean = read.join(accepted.select("source_row"), on="source_row", how="semi")
    # Every copy is a series of its own, or all would be agreeing duplicates.
    times = -(-MANY // clean.height)
    copies = pl.concat(
        clean.with_columns(
            pl.format("{}#{}", pl.col("organisation").cast(pl.String), pl.lit(n))
            .cast(pl.Categorical())
            .alias("organisation"),
            (pl.col("source_row") + n * read.height).alias("source_row"),
        )
        for n in range(times)
    ).head(MANY)
    _told(f"{copies.height:,} clean rows", copies, f"{MANY / 1e6:.1f} s")
    started = time.perf_counter()
    command = [Path(sys.executable).with_name("starledger"), "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"{'starledger --help':44} {time.perf_counter() - started:6.2f} s   target: under 0.5 s")


def _told(what: str, read: pl.DataFrame, target: str) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    validation = validate_figures(read)
    seconds = time.perf_counter() - started
    refused = validation.rows["reasons"].len() - validation.rows["reasons"].null_count()
    print(
        f"{what:44} {seconds:6.2f} s   target: {target}; CPU {time.process_time() - cpu:.2f} s,"
        f" {read.height / seconds / 1e6:.2f} M rows/s, {refused:,} refused"
    )


def _rows(directory: Path) -> tuple[pl.DataFrame, str]:
    """The newest vintage, else as many rows made up: every measure, council and year in turn."""
    files = sorted((directory / "vintages").glob("*.parquet"))
    if files:
        return read_rows(files[-1], load_collection("lait"), files[-1].name), files[-1].name
    catalogue = load_catalogue()
    codes = [c.removeprefix("LAIT:") for c in catalogue.indicators if c.startswith("LAIT:")]
    councils = catalogue.code_frame("LA")["code"].unique().sort().to_list()
    number = pl.int_range(pl.len())
    made = pl.DataFrame({ROW: range(2, ROWS + 2)}).with_columns(
        pl.lit(codes).list.get(number % len(codes)).alias("Short Desc"),
        (2010 + number // (len(codes) * len(councils))).cast(pl.String).alias("Years"),
        pl.lit("somewhere").alias("LA and Regions"),
        (number % 50).cast(pl.String).alias("Values"),
        pl.lit(councils).list.get(number // len(codes) % len(councils)).alias("LA Number"),
    )
    return made, "simulated LAIT"


if __name__ == "__main__":
    main()
