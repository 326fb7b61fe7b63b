"""Indicators: every centrally required measure is an asset of its own.

Here: what an indicator is called and shown as in Dagster, and one step per rating collection that
    materialises all of its indicators from one reading of the log.
Not here: what is read (pipelines/indicators.py), the checks shown beside it (checks.py).

(Annotations are not postponed in this file: Dagster reads those of the functions it calls.)
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import dagster as dg

from assets.checks import indicator_check_specs, indicator_checks
from assets.columns import column_schema, figure_lineage
from assets.resources import READ_AGAIN, Warehouse
from assets.sources import source_key, spelt
from pipelines.indicators import IndicatorFigures
from pipelines.inputs import SIMULATED
from pipelines.settings import code_version
from ratings.catalogue import Indicator, load_catalogue
from ratings.collections import load_collection
from ratings.errors import DefinitionError
from ratings.periods import describe_period
from ratings.roster import return_name

# Whether the nightly sweep ran, and nothing else: how fresh a figure is, the check `freshness` says.
NIGHTLY = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))
_COLUMNS = column_schema("observations")


def indicator_key(indicator: Indicator) -> dg.AssetKey:
    """The asset key of an indicator: its rating collection, and its code without the prefix.

    `LAIT:CPP_Total_Rateper10,000` is `lait/CPP_Total_Rateper10_000`, `ASCOF:1C(1A)` is `ascof/1C_1A`,
    `LAIT:UASC_%_Starting` is `lait/UASC_pct_Starting`.
    """
    return dg.AssetKey([indicator.collection, spelt(indicator.code.partition(":")[2])])


def indicator_keys(indicators: Iterable[Indicator]) -> dict[str, dg.AssetKey]:
    """The asset key of each indicator, by its code.

    Raises:
        DefinitionError: two codes are spelt alike.
    """
    keys: dict[str, dg.AssetKey] = {}
    taken: dict[dg.AssetKey, str] = {}
    for indicator in indicators:
        key = keys[indicator.code] = indicator_key(indicator)
        if key in taken:
            raise DefinitionError(
                f"{taken[key]} and {indicator.code} would both be the asset {key.to_user_string()}",
                hint="give one of them a code that differs in more than signs",
            )
        taken[key] = indicator.code
    return keys


def group_name(indicator: Indicator) -> str:
    """The group of an indicator: the return that feeds it, else that of all whose return is not known.

    Topics would be finer, and too many: the first screen is to hold all groups.
    """
    return spelt(return_name(indicator)).lower()


def indicator_spec(indicator: Indicator) -> dg.AssetSpec:
    """An indicator as the catalogue describes it."""
    basis = f" ({indicator.polarity_basis})" if indicator.polarity_basis else ""
    url = indicator.source.startswith("https://")
    return dg.AssetSpec(
        indicator_key(indicator),
        description=f"{indicator.title}\n\n`{indicator.code}`, {indicator.unit}",
        group_name=group_name(indicator),
        code_version=f"{code_version()}, definition {indicator.definition}",
        owners=[f"team:{spelt(indicator.owner).lower()}"],
        kinds={"indicator"},
        deps=[source_key(indicator.collection)],
        freshness_policy=NIGHTLY,
        tags={
            "starledger/collection": indicator.collection,
            "starledger/service": spelt(indicator.service).lower(),
            "starledger/polarity": indicator.polarity,
            "starledger/banded": "yes" if indicator.banded else "no",
        },
        metadata={
            "dagster/column_schema": _COLUMNS,
            "code": indicator.code,
            "title": indicator.title,
            "topic": indicator.topic,
            "unit": indicator.unit,
            "polarity": indicator.polarity + basis,
            "source_return": indicator.source_return or "not known",
            "owner": indicator.owner,
            "period_rule": indicator.period_rule,
            "publication_lag_days": (
                indicator.publication_lag_days if indicator.publication_lag_days is not None else "not known"
            ),
            "source": dg.MetadataValue.url(indicator.source) if url else indicator.source,
        },
    )


def indicator_assets() -> list[dg.AssetsDefinition]:
    """One multi-asset per rating collection of the core, in the order of the catalogue."""
    core = load_catalogue().core()
    indicator_keys(core)
    collections = dict.fromkeys(indicator.collection for indicator in core)
    return [
        _collection(name, [indicator for indicator in core if indicator.collection == name])
        for name in collections
    ]


def _collection(name: str, indicators: Sequence[Indicator]) -> dg.AssetsDefinition:
    specs = {indicator.code: indicator_spec(indicator) for indicator in indicators}

    @dg.multi_asset(
        name=name,
        specs=list(specs.values()),
        check_specs=[check for spec in specs.values() for check in indicator_check_specs(spec.key)],
        can_subset=True,
        description=f"Reads what the log holds of the {len(specs)} indicators rated from {name}.",
        retry_policy=READ_AGAIN,
    )
    def read(
        context: dg.AssetExecutionContext, warehouse: Warehouse
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        figures, received = warehouse.figures(context), warehouse.received(context)
        files = load_collection(SIMULATED if warehouse.at(context).simulated else name)
        for indicator in indicators:
            key, known = specs[indicator.code].key, figures[indicator.code]
            checks = [
                check
                for check in indicator_checks(key, known, received[indicator.code])
                if dg.AssetCheckKey(key, check.check_name or "") in context.selected_asset_check_keys
            ]
            if key not in context.selected_asset_keys:
                yield from checks  # asked for alone
                continue
            yield dg.MaterializeResult(
                asset_key=key,
                data_version=dg.DataVersion(known.digest),
                metadata=_shown(known)
                | {
                    "dagster/column_lineage": figure_lineage(source_key(files.id), files, indicator.code),
                    "audit": warehouse.command(context, *_trace(indicator.code, known)),
                },
                check_results=checks,
            )

    return read


def _trace(code: str, known: IndicatorFigures) -> list[str]:
    return ["trace", known.example or "ORGANISATION", "--indicator", code]


def _shown(known: IndicatorFigures) -> dict[str, dg.MetadataValue | str | int]:
    shown: dict[str, dg.MetadataValue | str | int] = {
        "dagster/row_count": known.figures,
        "missing": known.missing,
        "suppressed": known.suppressed,
        "organisations": known.organisations,
        "state": known.state,
        "quality": f"{known.grade}: {'; '.join(known.reasons)}",
        "latest_period": describe_period(known.latest_period) if known.latest_period else "none",
        "expected_period": describe_period(known.expected_period) if known.expected_period else "none",
    }
    if known.newest_published_at is not None:
        shown["newest_published_at"] = dg.MetadataValue.timestamp(known.newest_published_at / 1_000_000)
    return shown
