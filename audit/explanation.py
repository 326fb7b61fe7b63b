"""Explanation: what bound a star, and how little would have made it another, as a snapshot says.

Here: the caps that applied, the counterfactuals, and the inputs without which the star would be another.
Not here: reckoning them (ratings), the rest of a trace (trace.py), the sentences (trace_lines.py).
"""

from __future__ import annotations

from typing import Any

from warehouse.snapshots import SnapshotRef


def explanation(found: SnapshotRef, organisation: str) -> dict[str, list[dict[str, Any]]]:
    """Why a star is what it is, and not another.

    Args:
        found: the snapshot.
        organisation: its id.

    Returns:
        `caps`: the judgements that a key threshold or another judgement held down. `counterfactuals`: the
        smallest change of each one input that gives another star, the nearest of its kind and direction
        first. `rests_on`: the inputs that, left out alone, give another star, those graded worst first. The
        last two are empty for a snapshot of before schema version 4, which did not hold them.
    """
    capped = [
        {
            "part": row["part"],
            "from": row["computed_judgement"],
            "to": row["undecided_judgement"],
            "by": row["capped_by"],
            "value": row["cap_value"],
            "threshold": row["cap_threshold"],
        }
        for row in sorted(
            found.table("judgements", organisation=organisation).to_dicts(), key=lambda row: row["part"]
        )
        if row["capped_by"]
    ]
    return {
        "caps": capped,
        "counterfactuals": sorted(
            _rows(found, "counterfactuals", organisation),
            key=lambda row: (not row["nearest"], row["direction"] != "up", row["kind"], row["input"]),
        ),
        "rests_on": sorted(
            (
                {"indicator": row["indicator"], "grade": row["grade"], "star_without": row["star_without"]}
                for row in _rows(found, "influence", organisation)
                if row["decides"]
            ),
            key=lambda row: (("red", "amber", "green").index(row["grade"]), row["indicator"]),
        ),
    }


def _rows(found: SnapshotRef, table: str, organisation: str) -> list[dict[str, Any]]:
    """The rows of an organisation in a table, none where the snapshot is older than the table."""
    if table not in found.manifest["tables"]:
        return []
    return [
        {name: value for name, value in row.items() if name != "organisation"}
        for row in found.table(table, organisation=organisation).to_dicts()
    ]
