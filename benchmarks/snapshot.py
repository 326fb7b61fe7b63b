"""Snapshot: building, verifying and reading the snapshot of 150 councils, 204 indicators and 10 years.

Here: the whole of `rate` over such a log and the part of it that writes, `verify` with every inclusion proof,
    one organisation's stars read by DuckDB, and the size beside the same tables written plainly.
Not here: rating alone (benchmarks/rate.py), the ledger's own speed (benchmarks/ledger.py).
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq

from audit.snapshot_verifier import verify_snapshot
from benchmarks.machine import describe
from pipelines.definitions import adopt, signed
from pipelines.inputs import read_inputs
from pipelines.ledger_proofs import public_key
from pipelines.rate import apply, input_position, write
from pipelines.settings import Settings
from pipelines.tables import snapshot_tables
from ratings.catalogue import load_catalogue
from ratings.methods import load_method
from ratings.periods import describe_period
from warehouse.batches import FULL
from warehouse.event_log import DEMONSTRATION, Ledger
from warehouse.snapshots import SnapshotRef

BUILD_SECONDS, WRITE_SECONDS, VERIFY_SECONDS, READ_MILLISECONDS = 5.0, 2.0, 10.0, 50.0
SIZE_RATIO, PROOF_BYTES = 1.2, 100.0
METHOD = "stars-illustrative"
LAST_YEAR = 2024


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--councils", type=int, default=150, help="at most 150")
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--runs", type=int, default=3, help="of each the best counts")
    arguments = parser.parse_args()
    print(describe())
    with tempfile.TemporaryDirectory(prefix="starledger-bench-") as directory:
        settings = Settings(Path(directory), Path(directory) / "ledger.db", "benchmark")
        ledger = settings.found_ledger(DEMONSTRATION)
        figures = fill(settings, ledger, arguments.councils, arguments.years)
        print(f"a log of {figures:,} figures was made (not counted)")
        public_key(settings)
        built = [build(settings, ledger, LAST_YEAR + 1, run) for run in range(arguments.runs)]
        report("build in all", BUILD_SECONDS, min(total for total, _, _ in built), "s")
        report(
            "of which writing, digests, fsync, signing", WRITE_SECONDS, min(own for _, own, _ in built), "s"
        )
        verify_and_read(settings, built[-1][2], arguments.runs)


def fill(settings: Settings, ledger: Ledger, councils: int, years: int) -> int:
    """Append a file of invented figures for every council, indicator and year; how many."""
    catalogue, method, chance = load_catalogue(), load_method(METHOD), random.Random(0)
    codes = [i.code for i in catalogue.indicators.values() if method.in_scope(i)]
    bodies = sorted(o.id for o in catalogue.organisations.values() if o.kind == "simulated")[:councils]
    rows = [
        (code, body, f"{year}-04-01/P1Y", round(chance.gauss(50, 15), 1))
        for code in codes
        for body in bodies
        for year in range(LAST_YEAR - years, LAST_YEAR)
    ]
    names = {"indicator": pl.String, "organisation": pl.String, "period": pl.String, "value": pl.Float64}
    at = int(datetime(LAST_YEAR, 12, 1, tzinfo=UTC).timestamp()) * 1_000_000
    text, number = pl.lit(None, pl.String), pl.lit(None, pl.Int64)
    events = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        type=pl.lit("observation"),
        schema_version=pl.lit(1, pl.Int64),
        collection=pl.lit("simulated"),
        definition=pl.lit("1"),
        organisation_code=pl.col("organisation"),
        period_label=pl.col("period").replace_strict({p: describe_period(p) for p in {r[2] for r in rows}}),
        numerator=pl.lit(None, pl.Float64),
        denominator=pl.lit(None, pl.Float64),
        obs_status=pl.lit("A"),
        conf_status=text,
        published_at=pl.lit(at, pl.Int64),
        stated_by=number,
        source_batch=number,
        source_row=pl.int_range(2, len(rows) + 2, dtype=pl.Int64),
        reason=text,
        payload=text,
    )
    ledger.record_landing("0" * 64, 1, "figures.csv")
    batch = signed(
        settings, "vintage", "", collection="simulated", published_at=at, published_basis="stated",
        received_at=at, scope=FULL, file_name="figures.csv", file_sha256="0" * 64, rows_read=len(rows),
        simulated=True,
    )  # fmt: skip
    ledger.append(batch, events)
    return len(rows)


def build(settings: Settings, ledger: Ledger, year: int, run: int) -> tuple[float, float, SnapshotRef]:
    """One snapshot: seconds in all, seconds from the finished tables on, and the snapshot."""
    begun = time.perf_counter()
    method, catalogue = load_method(METHOD), load_catalogue()
    at = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 + run  # each run its own snapshot
    definitions = adopt(settings, ledger, method, catalogue, METHOD)
    inputs = read_inputs(
        ledger,
        method,
        catalogue,
        as_published=at,
        as_recorded=input_position(ledger, {"simulated"}, definitions, method),
        simulated=True,
    )
    rating = apply(inputs)
    tables = snapshot_tables(inputs, rating)
    ready = time.perf_counter()
    built = write(settings, ledger, inputs, rating, tables)
    done = time.perf_counter()
    return done - begun, done - ready, built


def verify_and_read(settings: Settings, built: SnapshotRef, runs: int) -> None:
    """Verification, reading and sizes of a snapshot."""
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        found = verify_snapshot(built.path, [public_key(settings)])
        taken.append(time.perf_counter() - begun)
        assert found.problems == (), found.problems
    report(f"verify, {found.observations:,} inclusion proofs with it", VERIFY_SECONDS, min(taken), "s")
    body = built.table("stars")["organisation"][0]
    reads = []
    for _ in range(20):
        begun = time.perf_counter()
        with duckdb.connect() as connection:
            connection.execute(
                f"SELECT * FROM '{built.path}/stars.parquet' WHERE organisation = ?", [body]
            ).fetchall()
        reads.append(1000 * (time.perf_counter() - begun))
    report(
        "stars of one organisation, a new DuckDB each time", READ_MILLISECONDS, statistics.median(reads), "ms"
    )
    with tempfile.TemporaryDirectory() as directory:
        plain = 0
        for name in built.manifest["tables"]:
            with pq.ParquetFile(built.path / f"{name}.parquet") as opened:
                table = opened.read().replace_schema_metadata(None)
            file = Path(directory) / f"{name}.parquet"
            pq.write_table(table, file, compression="zstd")
            plain += file.stat().st_size
    proofs = (built.path / "proofs.bin").stat().st_size
    size = sum(file.stat().st_size for file in built.path.iterdir()) - proofs
    print(f"size: {size / 1e6:.2f} MB without proofs.bin, the tables plainly {plain / 1e6:.2f} MB")
    report("size against the same tables written plainly", SIZE_RATIO, size / plain, "x")
    report("proofs.bin, an observation", PROOF_BYTES, proofs / found.observations, "bytes")


def report(what: str, target: float, measured: float, unit: str) -> None:
    """One line, with the target beside it."""
    print(f"{what}: {measured:.2f} {unit} (target {target:g} {unit})")


if __name__ == "__main__":
    main()
