"""Robustness: how far the stars of a snapshot can be relied on, from its inputs as the log has them.

Here: reading the inputs back, drawing, and the result as plain values. Nothing is written anywhere.
Not here: what is uncertain, and the draws (ratings).
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.compare import inputs_of
from pipelines.rate import apply
from pipelines.settings import Settings
from pipelines.tables import rating_day
from ratings.cases import Cases
from ratings.draws import draw_stars
from ratings.robustness import robustness
from ratings.uncertainty import load_uncertainty, read_uncertainty
from warehouse.snapshots import snapshot


def robustness_of(
    settings: Settings, snapshot_id: str, *, draws: int, seed: int, uncertainty: Path | None = None
) -> dict[str, Any]:
    """Draw the stars of a snapshot from what is uncertain about its figures and weights.

    Args:
        settings: where the log and the snapshot are.
        snapshot_id: the snapshot.
        draws: how many.
        seed: chooses the draws; the same gives the same.
        uncertainty: file that says what is drawn; by default the one that comes with this package.

    Returns:
        `mark` (this is internal analysis), `snapshot`, `draws`, `seed`, `percent` of an interval, `drawn` in
        words, `uncertainty_sha256`, `figures` used and how many are `uncertain`; and `stars`: of each
        organisation its star, the share of draws that give the `same`, the interval of stars and of ranks,
        and the `probabilities` of each star, the least certain first.

    Raises:
        InputError: the number of draws cannot be.
        MethodError: the method has no stars, or is no longer to be found.
        NotFoundError: there is no such snapshot or file.
        SnapshotError: the snapshot was built from another log.
    """
    declared = read_uncertainty(uncertainty) if uncertainty else load_uncertainty()
    found = snapshot(settings.snapshots, snapshot_id)
    inputs = inputs_of(settings.ledger(), found)
    option = found.manifest["method"]["option"]
    rating = apply(inputs, option=option)
    cases = Cases.of(inputs.method, rating, inputs.catalogue, rating_day(inputs, rating), option)
    drawn = robustness(
        draw_stars(cases, inputs.figures, found.table("quality"), declared, draws=draws, seed=seed),
        cases,
    )
    names = dict(inputs.organisations.select("id", "name").iter_rows())
    each: dict[str, dict[str, float]] = {}
    for name, star, share in drawn.probabilities.iter_rows():
        each.setdefault(name, {})["none" if star is None else str(star)] = share
    stars = [
        {"organisation": row["organisation"], "name": names[row["organisation"]]}
        | {name: value for name, value in row.items() if name != "organisation"}
        | {"probabilities": each[row["organisation"]]}
        for row in drawn.stars.sort(pl.col("same"), "organisation").to_dicts()
    ]
    said = {name: value for name, value in asdict(drawn).items() if name not in ("stars", "probabilities")}
    return {
        "mark": said.pop("mark"),
        "snapshot": found.id,
        **said,
        "uncertainty_sha256": declared.sha256,
        "stars": stars,
    }
