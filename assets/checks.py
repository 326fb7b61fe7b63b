"""Checks: what the log and the calendar say, shown beside the assets.

Here: check results made from what pipelines read; the steps that materialise an asset give them along.
Not here: checking anything (validations), how fresh a figure is (ratings/freshness.py), and any gate: a
    check that fails here stops nothing. What is refused is refused before it enters the log.
"""

from __future__ import annotations

import dagster as dg

from pipelines.indicators import IndicatorFigures
from pipelines.ingest_report import WENT
from pipelines.received import Conservation, Received
from ratings.freshness import LATE
from ratings.periods import describe_period

FRESHNESS, QUALITY = "freshness", "quality"
CONSERVATION, WHOLE = "conservation", "whole"

_WARN, _ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def indicator_check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The two checks of every indicator."""
    return [
        dg.AssetCheckSpec(
            FRESHNESS,
            asset=asset,
            description="Whether most councils have the figures that its calendar says should be known.",
        ),
        dg.AssetCheckSpec(
            QUALITY,
            asset=asset,
            description="What the checks found in its rows of the newest release, as recorded in the log.",
        ),
    ]


def snapshot_check_specs(asset: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a snapshot."""
    return [
        dg.AssetCheckSpec(
            CONSERVATION, asset=asset, description="Every row read from the files behind it went somewhere."
        ),
        dg.AssetCheckSpec(
            WHOLE, asset=asset, description="Its files are those of its manifest, and the log speaks of it."
        ),
    ]


def indicator_checks(
    asset: dg.AssetKey, known: IndicatorFigures, received: Received
) -> list[dg.AssetCheckResult]:
    """Both checks of an indicator."""
    return [_freshness(asset, known), _quality(asset, received)]


def _freshness(asset: dg.AssetKey, known: IndicatorFigures) -> dg.AssetCheckResult:
    councils = ", ".join(f"{count} {state}" for state, count in sorted(known.councils.items()))
    metadata: dict[str, str | int] = {"state": known.state, "councils": councils}
    if known.state in LATE:
        metadata["days_late"] = known.days_late
    if known.age_days is not None:
        metadata["age_days"] = known.age_days
    if known.worst:
        metadata["furthest_behind"] = "; ".join(
            f"{organisation} ({describe_period(period)}, {days} days late)"
            for organisation, period, days in known.worst
        )
    return dg.AssetCheckResult(
        passed=known.state not in LATE,
        asset_key=asset,
        check_name=FRESHNESS,
        severity=_WARN,
        description=f"{known.state}: {councils or 'nothing is known'}",
        metadata=metadata,
    )


def _quality(asset: dg.AssetKey, received: Received) -> dg.AssetCheckResult:
    refused = sum(received.refused_rows.values())
    if received.batch is None:
        says = f"no release of {received.collection} is known"
    elif received.refused_file is not None:
        says = f"{received.file_name} was refused as a whole: {received.refused_file}"
    elif refused == 1:
        says = f"one fault in a refused row of {received.file_name}: {received.example}"
    elif refused:
        says = f"{refused} faults in refused rows of {received.file_name}; first: {received.example}"
    else:
        says = f"no row of {received.file_name} was refused"
    metadata: dict[str, str | int | dg.MetadataValue] = {"collection": received.collection}
    if received.batch is not None:
        metadata |= {"batch": received.batch, "file": received.file_name or ""}
        metadata["checks"] = (
            f"{received.checks} made, {len(received.failed_checks)} found something in the file;"
            f" recorded from position {received.first_check} of the log"
        )
    if received.docs is not None:
        metadata["data_docs"] = dg.MetadataValue.url(received.docs.absolute().as_uri())
    if refused:
        metadata["refused"] = ", ".join(f"{check} {n}" for check, n in sorted(received.refused_rows.items()))
    return dg.AssetCheckResult(
        passed=not refused and received.refused_file is None,
        asset_key=asset,
        check_name=QUALITY,
        severity=_ERROR if received.refused_file is not None else _WARN,
        description=says,
        metadata=metadata,
    )


def snapshot_checks(
    asset: dg.AssetKey, conservation: Conservation, problems: list[str]
) -> list[dg.AssetCheckResult]:
    """Both checks of a snapshot."""
    rows = conservation.rows
    adds_up = f"{rows.get('read', 0)} rows of {conservation.files} files = " + " + ".join(
        f"{rows.get(name, 0)} {name}" for name in WENT
    )
    return [
        dg.AssetCheckResult(
            passed=not conservation.problems,
            asset_key=asset,
            check_name=CONSERVATION,
            severity=_ERROR,
            description="; ".join(conservation.problems) or adds_up,
            metadata={"files": conservation.files} | dict(rows),
        ),
        dg.AssetCheckResult(
            passed=not problems,
            asset_key=asset,
            check_name=WHOLE,
            severity=_ERROR,
            description="; ".join(problems) or "every file is as its manifest says",
        ),
    ]
