"""Stars: bands, judgements, stars and the draft snapshot that holds them.

Here: the four assets that one step makes, because they are made together or not at all.
Not here: how they come about (pipelines/rate.py), and releasing: that is a person's act, never a run's.

(Annotations are not postponed in this file: Dagster reads those of the functions it calls.)
"""

from collections.abc import Iterable, Iterator

import dagster as dg

from assets.checks import snapshot_check_specs, snapshot_checks
from assets.columns import band_lineage, column_schema, lineage
from assets.partitions import ROUNDS
from assets.resources import READ_AGAIN, Warehouse
from pipelines.settings import code_version
from warehouse.snapshot_tables import TABLES
from warehouse.snapshots import SnapshotRef

BANDS, JUDGEMENTS, STARS, SNAPSHOT = (
    dg.AssetKey(name) for name in ("bands", "judgements", "stars", "snapshot")
)
GROUP = "ratings"
SNAPSHOT_TAG = "starledger/snapshot"


def rating_assets(indicators: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """Bands on every indicator, judgements on bands, stars on judgements, and the snapshot of them all."""
    indicators = list(indicators)
    rests_on = {
        BANDS: indicators,
        JUDGEMENTS: [BANDS],
        STARS: [JUDGEMENTS],
        SNAPSHOT: [BANDS, JUDGEMENTS, STARS],
    }
    columns = {
        BANDS: band_lineage(indicators),
        JUDGEMENTS: lineage("judgement", BANDS, "band"),
        STARS: lineage("star", JUDGEMENTS, "judgement"),
    }

    @dg.multi_asset(
        name="rate",
        specs=[
            *(_table_spec(key, rests_on[key]) for key in (BANDS, JUDGEMENTS, STARS)),
            dg.AssetSpec(
                SNAPSHOT,
                deps=rests_on[SNAPSHOT],
                description="A draft: Parquet tables and their manifest. Releasing it is a person's act.",
                group_name=GROUP,
                code_version=code_version(),
                owners=["team:ratings"],
                kinds={"parquet", "snapshot"},
                partitions_def=ROUNDS,
            ),
        ],
        check_specs=snapshot_check_specs(SNAPSHOT),
        description="Rates what is known and writes the draft snapshot.",
        retry_policy=READ_AGAIN,
    )
    def rate(context: dg.AssetExecutionContext, warehouse: Warehouse) -> Iterator[dg.MaterializeResult]:
        built = warehouse.build(context)
        context.instance.add_run_tags(context.run.run_id, {SNAPSHOT_TAG: built.id})
        for key in (BANDS, JUDGEMENTS, STARS):
            yield _table_result(key, built, columns[key])
        yield dg.MaterializeResult(
            asset_key=SNAPSHOT,
            data_version=dg.DataVersion(built.manifest["digest"]),
            metadata=_snapshot_metadata(built)
            | {
                "audit": warehouse.command(context, "snapshots", "show", built.id),
                "release": _release(built),
            },
            check_results=snapshot_checks(
                SNAPSHOT, warehouse.conservation(context), warehouse.wholeness(context, built)
            ),
        )

    return rate


def _release(built: SnapshotRef) -> str:
    """What a person would do next with the draft."""
    if built.manifest["method"]["status"] == "illustrative":
        return "never: the method is illustrative"
    return f"by a person, with a reason: starledger release {built.id} --reason REASON"


def _table_spec(key: dg.AssetKey, deps: Iterable[dg.AssetKey]) -> dg.AssetSpec:
    meaning = TABLES[key.path[-1]].meaning
    return dg.AssetSpec(
        key,
        deps=deps,
        description=f"{meaning[0].upper()}{meaning[1:]}.",
        group_name=GROUP,
        code_version=code_version(),
        owners=["team:ratings"],
        kinds={"parquet", "table"},
        partitions_def=ROUNDS,
        metadata={"dagster/column_schema": column_schema(key.path[-1])},
    )


def _table_result(
    key: dg.AssetKey, built: SnapshotRef, columns: dg.TableColumnLineage
) -> dg.MaterializeResult:
    table = built.manifest["tables"][key.path[-1]]
    return dg.MaterializeResult(
        asset_key=key,
        data_version=dg.DataVersion(table["digest"]),
        metadata={
            "dagster/row_count": table["rows"],
            "dagster/column_lineage": columns,
            "file": dg.MetadataValue.path(built.path / table["file"]),
            "digest": table["digest"],
            "snapshot": built.id,
            "method_status": built.manifest["method"]["status"],
        },
    )


def _snapshot_metadata(built: SnapshotRef) -> dict[str, dg.MetadataValue | str | int]:
    manifest = built.manifest
    method = manifest["method"]
    return {
        "id": built.id,
        "label": manifest["label"],
        "state": "there before: the same was built already" if built.existed else "a new draft",
        "path": dg.MetadataValue.path(built.path),
        "digest": manifest["digest"],
        "dagster/row_count": sum(table["rows"] for table in manifest["tables"].values()),
        "method": f"{method['id']} {method['version']}",
        "method_status": method["status"],
        "simulated": "yes" if manifest["simulated"] else "no",
        "as_published": manifest["as_published"],
        "as_recorded": manifest["as_recorded"],
        "stars": ", ".join(f"{name}: {count}" for name, count in sorted(manifest["stars"].items())),
    }
