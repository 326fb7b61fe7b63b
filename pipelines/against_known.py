"""Against what is known: the checks of a whole batch.

Here: what they need, brought to them - what the log knew before a file; published totals as printed.
Not here: the checks (validations/history.py), comparing figures to make events (warehouse/vintages.py).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ratings.collections import Collection
from validations.check_result import CheckResult
from validations.coverage import councils_present, decimals_as_declared
from validations.history import Comparison, validate_history
from validations.totals import are_totals, totals_add_up
from warehouse.batches import Batch, NewBatch
from warehouse.observations import KEY, ORDER
from warehouse.snapshot_manifest import iso
from warehouse.vintages import VintageEvents


def against_known(
    made: VintageEvents,
    known: pl.DataFrame,
    standing: Sequence[Batch],
    base: NewBatch,
    accepted: pl.DataFrame,
) -> list[CheckResult]:
    """What the checks of the batch stage find.

    Args:
        made: the file compared with the state at its publish time.
        known: every standing event of its collection.
        standing: the standing vintages of its collection.
        base: the batch to be.
        accepted: findings that an accepted answer silences (ratings.queries.accepted_findings).
    """
    published_at = base.published_at or 0
    changing = made.compared.filter(pl.col("known") & ~pl.col("same")).select(KEY)
    earlier = (
        known.lazy()
        .filter((pl.col("published_at") <= published_at) & (pl.col("type") == "observation"))
        .join(changing.lazy(), on=KEY, how="semi")
        .sort(ORDER)
        .select(*KEY, "value")
        .collect()
    )
    batch = Comparison(
        figures=made.compared,
        gone=made.gone,
        before=made.before,
        earlier=earlier,
        same_bytes=_same_bytes(standing, base),
        accepted=accepted,
    )
    return [
        councils_present(made.compared, accepted),
        decimals_as_declared(made.compared, accepted),
        *validate_history(batch),
    ]


def published_totals(
    path: Path, kind: Collection, file_name: str, accepted: pl.DataFrame
) -> list[CheckResult]:
    """Whether a file of published totals adds up; no result for a file of another kind.

    The file is read whole: percentages and the number rated are columns that only some of its sources have.
    """
    if kind.event != "published_rating" or not are_totals(kind.payload):
        return []
    with path.open(encoding=kind.file.encoding, newline="") as file:
        return [totals_add_up(csv.DictReader(file, delimiter=kind.file.delimiter), file_name, accepted)]


def _same_bytes(standing: Sequence[Batch], base: NewBatch) -> str | None:
    """The earlier release of these very bytes, where another came out since; None where there is none."""
    before = sorted(
        (b for b in standing if (b.published_at or 0) < (base.published_at or 0)),
        key=lambda b: (b.published_at or 0, b.id),
    )
    same = [b for b in before if b.file_sha256 == base.file_sha256]
    if not same or before[-1].file_sha256 == base.file_sha256:
        return None
    return f"{same[-1].file_name}, published {iso(same[-1].published_at or 0)}"
