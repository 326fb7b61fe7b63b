"""The day: sensors, schedules and single acts, driven as Dagster drives them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from assets.definitions import defs
from assets.operations import BATCH_TAG, COLLECTION_TAG
from assets.partitions import ROUNDS
from assets.resources import Warehouse
from assets.schedules import RETURNS_TAG
from assets.sensors import failure_alert
from assets.sources import source_key
from assets.stars import BANDS, JUDGEMENTS, SNAPSHOT, SNAPSHOT_TAG, STARS
from pipelines.drafts import round_name
from pipelines.overdue import returns_due
from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from tests.made_ledgers import OUT, append, figure, simulated_warehouse, some_figures, warehouse
from tests.pipelines.test_alerts import Hook, hook, webhook
from warehouse.event_log import now
from warehouse.release_history import history
from warehouse.snapshot_manifest import iso
from warehouse.snapshots import latest, snapshot

__all__ = ["hook"]
METHOD = "lait-quartile"
LONDON = ZoneInfo("Europe/London")
ROW = "LAIT:CPP_Num,001,2020,1,,,\n"
HEADER = "indicator,organisation,period,value,numerator,denominator,status\n"


@pytest.fixture(scope="module")
def loaded() -> dg.Definitions:
    return defs()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), overrides={"telemetry": {"enabled": False}}) as made:
        yield made


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    made = warehouse(tmp_path / "w")
    some_figures(made)
    return made


@pytest.fixture
def run(loaded: dg.Definitions, instance: dg.DagsterInstance) -> Callable[..., Any]:
    def run_it(job: str, where: Settings, **options: Any) -> Any:
        config: dict[str, Any] = {}
        if job != "prune_run_history":
            at = {"directory": str(where.warehouse), "method": METHOD}
            config = {"resources": {"warehouse": {"config": at}}}
        step = loaded.resolve_job_def(job).nodes[0].name
        if asked := options.pop("config", None):
            config["ops"] = {step: {"config": asked}}
        return loaded.resolve_job_def(job).execute_in_process(
            instance=instance, run_config=config, raise_on_error=False, **options
        )

    return run_it


def sensor(loaded: dg.Definitions, name: str) -> Any:
    return next(each for each in loaded.sensors or [] if each.name == name)


def look(
    loaded: dg.Definitions,
    name: str,
    where: Settings,
    instance: dg.DagsterInstance,
    cursor: str | None = None,
) -> Any:
    with dg.build_sensor_context(
        instance=instance,
        instance_ref=instance.get_ref(),
        cursor=cursor,
        resources={"warehouse": Warehouse(directory=str(where.warehouse), method=METHOD)},
        repository_def=loaded.get_repository_def(),
    ) as context:
        return sensor(loaded, name).evaluate_tick(context)


def tick(
    loaded: dg.Definitions, name: str, where: Settings, instance: dg.DagsterInstance, at: datetime
) -> Any:
    schedule: Any = next(each for each in loaded.schedules or [] if each.name == name)
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=at,
        resources={"warehouse": Warehouse(directory=str(where.warehouse), method=METHOD)},
        repository_def=loaded.get_repository_def(),
    ) as context:
        return schedule.evaluate_tick(context)


def drop(where: Settings, name: str, text: str = HEADER + ROW) -> Path:
    folder = where.warehouse / "inbox" / "simulated"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def failures(result: Any) -> str:
    return "; ".join(
        event.event_specific_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure
    )


def test_a_dropped_file_is_asked_for_once_ingested_and_named_on_the_run(
    loaded: dg.Definitions,
    instance: dg.DagsterInstance,
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STARLEDGER_INBOX_STILL_SECONDS", "0")
    where = simulated_warehouse(tmp_path / "w")
    drop(where, "a.csv")
    first = look(loaded, "inbox", where, instance)
    assert (first.run_requests, first.skip_message) == ([], "simulated/a.csv is being written")
    second = look(loaded, "inbox", where, instance, first.cursor)
    [asked] = second.run_requests
    assert look(loaded, "inbox", where, instance, second.cursor).run_requests == []

    result = loaded.resolve_job_def("ingest").execute_in_process(
        instance=instance,
        run_config=dict(asked.run_config)
        | {"resources": {"warehouse": {"config": {"directory": str(where.warehouse)}}}},
        tags={**asked.tags, "dagster/sensor_name": "inbox"},
    )
    [batch] = where.ledger().batches("simulated", "vintage")
    assert (batch.actor, batch.actor_kind, batch.run_id) == ("inbox", "sensor", result.run_id)
    tags = instance.get_run_by_id(result.run_id).tags  # type: ignore[union-attr]
    assert (tags[BATCH_TAG], tags[COLLECTION_TAG]) == (str(batch.id), "simulated")
    [landed] = result.get_asset_materialization_events()
    assert landed.asset_key == source_key("simulated")
    assert (where.warehouse / "inbox" / "simulated" / "done" / "a.csv").exists()
    assert run("ingest", where, config={"collection": "simulated"}).success  # nothing left to do


def test_two_daemons_over_one_inbox_ask_alike_and_every_file_is_ingested_once(
    loaded: dg.Definitions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLEDGER_INBOX_STILL_SECONDS", "0")
    where = simulated_warehouse(tmp_path / "w")
    drop(where, "a.csv")
    config = {"resources": {"warehouse": {"config": {"directory": str(where.warehouse)}}}}
    with ExitStack() as stack:
        both = []
        for name in ("one", "other"):  # each has a history of its own, and knows nothing of the other's
            (tmp_path / name).mkdir()
            made = dg.DagsterInstance.local_temp(
                str(tmp_path / name), overrides={"telemetry": {"enabled": False}}
            )
            both.append(stack.enter_context(made))
        asked = []
        for daemon in both:
            first = look(loaded, "inbox", where, daemon)
            asked += look(loaded, "inbox", where, daemon, first.cursor).run_requests
        assert [request.run_key for request in asked] == [asked[0].run_key] * 2
        for daemon, request in zip(both, asked, strict=True):
            job = loaded.resolve_job_def("ingest")
            assert job.execute_in_process(
                instance=daemon, run_config=dict(request.run_config) | config
            ).success
    assert len(where.ledger().batches("simulated", "vintage")) == 1
    assert [path.name for path in (where.warehouse / "inbox" / "simulated" / "done").iterdir()] == ["a.csv"]


def test_a_bad_file_fails_the_run_after_the_good_one_went_in(run: Callable[..., Any], tmp_path: Path) -> None:
    where = simulated_warehouse(tmp_path / "w")
    drop(where, "bad.csv", "indicator\nLAIT:CPP_Num\n")
    drop(where, "good.csv")
    result = run("ingest", where, config={"collection": "simulated"})
    assert not result.success
    assert "bad.csv was refused" in failures(result)
    assert len(where.ledger().batches("simulated", "vintage")) == 1
    assert (where.warehouse / "inbox" / "simulated" / "refused" / "bad.csv.error.txt").exists()


def test_a_folder_that_is_no_collection_fails_the_run_and_says_which_there_are(
    run: Callable[..., Any], here: Settings
) -> None:
    (here.warehouse / "inbox" / "latt").mkdir(parents=True)
    result = run("ingest", here, config={"collection": "latt"})
    assert not result.success
    assert "lait" in failures(result)


def test_a_draft_is_asked_for_in_its_round_once_nothing_is_being_ingested(
    loaded: dg.Definitions, instance: dg.DagsterInstance, here: Settings
) -> None:
    busy = dg.DagsterRun(
        job_name="ingest", run_id="00000000-0000-4000-8000-000000000001", status=dg.DagsterRunStatus.STARTED
    )
    instance.add_run(busy)
    waiting = look(loaded, "draft", here, instance)
    assert waiting.run_requests == []
    assert "waiting until 1 runs of ingest have ended" in waiting.skip_message
    instance.delete_run(busy.run_id)
    found = look(loaded, "draft", here, instance)
    [asked] = found.run_requests
    [added] = found.dynamic_partitions_requests
    assert (added.partitions_def_name, list(added.partition_keys)) == (ROUNDS.name, [asked.partition_key])
    assert look(loaded, "draft", here, instance).run_requests[0].run_key == asked.run_key


def test_a_draft_of_a_round_is_built_as_published_by_then_and_asked_for_no_more(
    loaded: dg.Definitions, instance: dg.DagsterInstance, here: Settings, run: Callable[..., Any]
) -> None:
    append(here, [figure("camden", 9.0)], at=OUT + 60_000_000)
    instance.add_dynamic_partitions(str(ROUNDS.name), [iso(OUT)])
    result = run(
        "build_ratings",
        here,
        partition_key=iso(OUT),
        asset_selection=[BANDS, JUDGEMENTS, STARS, SNAPSHOT],
    )
    assert result.success
    built = instance.get_run_by_id(result.run_id).tags[SNAPSHOT_TAG]  # type: ignore[union-attr]
    assert snapshot(here.snapshots, built).manifest["as_published"] == iso(OUT)
    events = result.get_asset_materialization_events()
    assert {event.partition for event in events} == {iso(OUT)}
    assert "dagster/column_lineage" in events[0].materialization.metadata
    # A round of the past does not hold what was published since: that is still asked for, and then no more.
    [asked] = look(loaded, "draft", here, instance).run_requests
    instance.add_dynamic_partitions(str(ROUNDS.name), [asked.partition_key])
    newest = [BANDS, JUDGEMENTS, STARS, SNAPSHOT]
    assert run("build_ratings", here, partition_key=asked.partition_key, asset_selection=newest).success
    assert "holds everything" in look(loaded, "draft", here, instance).skip_message


def test_a_run_whose_time_is_not_that_of_its_round_is_refused(
    loaded: dg.Definitions, instance: dg.DagsterInstance, here: Settings
) -> None:
    instance.add_dynamic_partitions(str(ROUNDS.name), ["2024-02-01"])
    result = loaded.resolve_job_def("build_ratings").execute_in_process(
        instance=instance,
        run_config={
            "resources": {
                "warehouse": {"config": {"directory": str(here.warehouse), "as_published": "2024-03-01"}}
            }
        },
        partition_key="2024-02-01",
        asset_selection=[BANDS, JUDGEMENTS, STARS, SNAPSHOT],
        raise_on_error=False,
    )
    assert "leave as_published out" in failures(result)


def test_a_release_asks_for_a_person_and_a_reason_and_is_an_act_of_that_person(
    run: Callable[..., Any], here: Settings
) -> None:
    built = build(here, METHOD, as_published=OUT)
    nobody = run("release", here, config={"snapshot": built.id, "actor": " ", "reason": "r"})
    assert failures(nobody) == "a release needs a person: fill in `actor`"
    why = run("release", here, config={"snapshot": built.id, "actor": "ann", "reason": " "})
    assert "a release needs a reason" in failures(why)
    with pytest.raises(dg.DagsterInvalidConfigError, match="reason"):
        run("release", here, config={"snapshot": built.id, "actor": "ann"})
    assert latest(here.snapshots) is None
    assert run("release", here, config={"snapshot": built.id, "actor": "ann", "reason": "checked"}).success
    [step] = history(here.ledger())
    [batch] = here.ledger().batches(kind="release")
    assert (step.actor, step.reason, batch.actor_kind) == ("ann", "checked", "person")
    assert (latest(here.snapshots) or {})["id"] == built.id


def test_an_embargo_takes_effect_when_its_time_has_come(
    loaded: dg.Definitions, instance: dg.DagsterInstance, run: Callable[..., Any], here: Settings
) -> None:
    built = build(here, METHOD, as_published=OUT)
    later = iso(now() + 86_400_000_000)
    config = {"snapshot": built.id, "actor": "ann", "reason": "with the report", "at": later}
    assert run("release", here, config=config).success
    assert latest(here.snapshots) is None
    assert look(loaded, "embargo", here, instance).skip_message == "latest.json says what the log says"
    release(here, built.id, state="held", reason="not yet")
    release(here, built.id, at=now() + 200_000, reason="with the report")
    asked = look(loaded, "embargo", here, instance).run_requests
    while not asked:
        asked = look(loaded, "embargo", here, instance).run_requests
    assert asked[0].tags[SNAPSHOT_TAG] == built.id
    assert latest(here.snapshots) is None
    assert run("settle", here).success
    assert (latest(here.snapshots) or {})["id"] == built.id
    assert look(loaded, "embargo", here, instance).run_requests == []


def test_verify_and_replay_pass_on_what_was_written_and_name_what_was_altered(
    run: Callable[..., Any], here: Settings
) -> None:
    built = build(here, METHOD, as_published=OUT)
    assert run("verify", here).success
    assert run("replay", here).success
    file = built.path / "stars.parquet"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    result = run("verify", here)
    assert f"{built.id}: stars.parquet is cut short" in failures(result)
    assert (
        "is not a snapshot" in failures(run("replay", here, config={"snapshot": "x"}))
        or not run("replay", here, config={"snapshot": "x"}).success
    )


def test_late_returns_are_told_once_each(
    run: Callable[..., Any], here: Settings, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STARLEDGER_ALERTS", raising=False)
    (here.warehouse / "alerts.toml").write_text(webhook(hook.server_port))
    assert run("alert_overdue_returns", here).success
    groups = [alert["group"] for alert in hook.got]
    assert "SSDA903" in groups
    assert len(groups) == len(set(groups)) > 1
    assert run("alert_overdue_returns", here).success
    assert len(hook.got) == len(groups)


def test_a_failed_run_is_told_with_its_reason_and_the_same_failure_is_the_same_alert(
    run: Callable[..., Any], instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    where = simulated_warehouse(tmp_path / "w")
    keys = set()
    for _ in range(2):
        drop(where, "bad.csv", "indicator\nLAIT:CPP_Num\n")
        result = run("ingest", where, config={"collection": "simulated"})
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failure",
            dagster_instance=instance,
            dagster_run=instance.get_run_by_id(result.run_id),  # type: ignore[arg-type]
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        alert = failure_alert(context)
        assert alert.subject == "ingest failed for simulated"
        assert "bad.csv was refused" in alert.text
        assert result.run_id in alert.text
        keys.add(alert.key)
    assert len(keys) == 1


def test_old_runs_go_and_the_newest_of_each_job_stays(
    run: Callable[..., Any], instance: dg.DagsterInstance, here: Settings
) -> None:
    runs = [run("verify", here).run_id for _ in range(3)]
    assert run("prune_run_history", here, config={"keep_days": 1}).success
    assert {r.run_id for r in instance.get_runs()} >= set(runs)
    records = instance.run_storage
    for identifier in runs:
        with records.connect() as connection:  # type: ignore[attr-defined]
            connection.exec_driver_sql(
                "UPDATE runs SET create_timestamp = ? WHERE run_id = ?",
                (datetime.now(UTC).replace(tzinfo=None) - timedelta(days=400), identifier),
            )
    assert run("prune_run_history", here, config={"keep_days": 90}).success
    assert {r.run_id for r in instance.get_runs(dg.RunsFilter(job_name="verify"))} == {runs[-1]}


def test_the_release_calendar_asks_for_a_draft_on_its_days_only(
    loaded: dg.Definitions, instance: dg.DagsterInstance, here: Settings, tmp_path: Path
) -> None:
    days = [datetime(2025, 1, 1, 18, tzinfo=LONDON) + timedelta(n) for n in range(365)]
    busy = next(day for day in days if returns_due(day.date()))
    quiet = next(day for day in days if not returns_due(day.date()))
    [asked] = tick(loaded, "release_calendar", here, instance, busy).run_requests
    assert asked.partition_key == round_name(int(busy.timestamp()) * 1_000_000)
    assert asked.tags[RETURNS_TAG] == ", ".join(returns_due(busy.date()))
    assert instance.has_dynamic_partition(str(ROUNDS.name), asked.partition_key)
    assert tick(loaded, "release_calendar", here, instance, quiet).run_requests == []
    invented = simulated_warehouse(tmp_path / "invented")
    append(invented, [figure("sim-amberdale", 1.0)], collection="simulated", simulated=True)
    assert "of their own" in tick(loaded, "release_calendar", invented, instance, busy).skip_message


def test_nightly_runs_wait_for_a_ledger(
    loaded: dg.Definitions, instance: dg.DagsterInstance, here: Settings, tmp_path: Path
) -> None:
    nowhere = Settings(tmp_path / "nowhere", tmp_path / "nowhere" / "ledger.db", "tester")
    at = datetime(2026, 1, 5, 3, tzinfo=UTC)
    for name in ("nightly_freshness", "nightly_verification", "morning_overdue_returns", "weekly_pruning"):
        assert len(tick(loaded, name, here, instance, at).run_requests) == 1
        assert "no ledger" in tick(loaded, name, nowhere, instance, at).skip_message
    for name in ("draft", "embargo"):
        assert "no ledger" in look(loaded, name, nowhere, instance).skip_message
    assert not nowhere.warehouse.exists()


@pytest.mark.parametrize("begin", ["2026-03-27", "2026-10-23", "2028-02-27"])
def test_every_night_has_one_tick_also_when_clocks_change_and_in_a_leap_year(
    loaded: dg.Definitions, begin: str
) -> None:
    first = datetime.fromisoformat(begin).replace(tzinfo=LONDON)
    for schedule in loaded.schedules or []:
        cron = str(schedule.cron_schedule)
        if cron.endswith("0"):
            continue  # weekly
        ticks = cron_string_iterator(first.timestamp(), cron, schedule.execution_timezone)
        days = [next(ticks).astimezone(LONDON) for _ in range(5)]
        assert [day.date() for day in days] == [(first + timedelta(n)).date() for n in range(5)]
        assert len({(day.hour, day.minute) for day in days}) == 1


@pytest.mark.parametrize("name", ["dagster.yaml", "dagster-postgres.yaml"])
def test_the_given_settings_make_an_instance_that_says_nothing_to_anybody(
    name: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Path(__file__).parents[2] / "docs" / "deploy" / name
    (tmp_path / "dagster.yaml").write_text(given.read_text())
    if "postgres" in name:
        pytest.importorskip("dagster_postgres")
        made = request.getfixturevalue("new_postgresql")()
        monkeypatch.setenv(
            "DAGSTER_POSTGRES_URL", str(made.url).replace("postgresql+psycopg:", "postgresql:")
        )
    with dg.DagsterInstance.from_config(str(tmp_path)) as made_instance:
        assert not made_instance.telemetry_enabled
        assert made_instance.run_retries_enabled
        assert not made_instance.get_runs()
        made_instance.add_dynamic_partitions(str(ROUNDS.name), ["2025-06-30"])
        assert made_instance.get_dynamic_partitions(str(ROUNDS.name)) == ["2025-06-30"]
        assert json.dumps(made_instance.get_settings("retention"))
