"""From a file to events: what is appended, what is refused, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from audit.trace import trace
from pipelines.drafts import next_draft
from pipelines.ingest import ingest
from pipelines.ingest_report import DRY_RUN, INGESTED, KNOWN, REFUSED, failed
from pipelines.observations import write_observations
from pipelines.rate import build
from pipelines.settings import Settings, settings
from pipelines.source_files import parse_time
from pipelines.void import void
from ratings.errors import InputError, LedgerError, StarledgerError
from warehouse.batches import NewBatch
from warehouse.event_log import event_frame, now
from warehouse.facts import facts as standing_facts
from warehouse.observations import observations, timeline
from warehouse.snapshot_manifest import microseconds

HEADER = "Short Desc,Years,LA and Regions,Values,LA Number\n"
MAY, JUNE, JULY = (parse_time(day) for day in ("2025-05-01", "2025-06-01", "2025-07-01"))


@pytest.fixture
def here(tmp_path: Path) -> Settings:
    return settings(tmp_path / "warehouse", actor="ann")


def lait(directory: Path, name: str, *rows: str) -> Path:
    file = directory / name
    file.write_text(HEADER + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return file


def row(council: int = 202, value: object = 3.5, year: str = "2022", indicator: str = "InfMort") -> str:
    return f'{indicator},{year},somewhere,"{value}",{council}'


def values(
    here: Settings, as_published: int | None = None, as_recorded: int | None = None
) -> dict[str, float | None]:
    known = observations(here.ledger(), ["lait"], as_published=as_published, as_recorded=as_recorded)
    return {f"{o} {p[:4]}": v for o, p, v in known.select("organisation", "period", "value").iter_rows()}


def test_a_file_becomes_events_that_name_the_row_they_came_from(here: Settings, tmp_path: Path) -> None:
    (report,) = ingest(
        here, [lait(tmp_path, "a.csv", row(202), row(203, "-"))], "lait", published_at=MAY, reason="trial"
    )
    assert (report.status, report.read, report.observations) == (INGESTED, 2, 2)
    event = here.ledger().history("LAIT:InfMort", "greenwich")[0]
    assert (event["organisation"], event["organisation_code"], event["source_row"]) == ("greenwich", "203", 3)
    assert (event["value"], event["obs_status"]) == (None, "O")
    batch = here.ledger().batch(report.batch or 0)
    assert (batch.actor, batch.reason, batch.file_name, batch.published_basis) == (
        "ann",
        "trial",
        "a.csv",
        "stated",
    )
    assert here.landing.path(batch.file_sha256 or "").read_bytes() == (tmp_path / "a.csv").read_bytes()


def test_the_same_release_twice_says_so_and_appends_nothing(here: Settings, tmp_path: Path) -> None:
    file = lait(tmp_path, "a.csv", row())
    ingest(here, [file], "lait", published_at=MAY)
    head = here.ledger().head()
    (again,) = ingest(here, [file], "lait", published_at=MAY)
    assert again.status == KNOWN
    assert f"already known as batch {again.batch}" in again.message
    assert here.ledger().head() == head


def test_the_same_bytes_at_another_time_are_a_new_release(here: Settings, tmp_path: Path) -> None:
    file, other = lait(tmp_path, "a.csv", row(value=1)), lait(tmp_path, "b.csv", row(value=2))
    ingest(here, [file], "lait", published_at=MAY)
    ingest(here, [other], "lait", published_at=JUNE)
    (report,) = ingest(here, [file], "lait", published_at=JULY)
    assert (report.status, report.observations) == (INGESTED, 1)
    assert [values(here, at)["camden 2022"] for at in (MAY, JUNE, JULY)] == [1.0, 2.0, 1.0]


def test_a_full_file_that_says_nothing_new_adds_no_observation(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(202), row(203))], "lait", published_at=MAY)
    (report,) = ingest(here, [lait(tmp_path, "b.csv", row(203), row(202))], "lait", published_at=JUNE)
    assert (report.observations, report.unchanged, report.withdrawn) == (0, 2, 0)


def test_a_change_of_label_alone_is_counted_and_not_an_event(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(year="2022 (Rev)"))], "lait", published_at=MAY)
    (report,) = ingest(here, [lait(tmp_path, "b.csv", row(year="2022 (Final)"))], "lait", published_at=JUNE)
    assert (report.observations, report.unchanged, report.relabelled) == (0, 1, 1)


def test_provisional_and_revised_are_one_figure_of_two_statuses(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(year="2022 (Prov)"))], "lait", published_at=MAY)
    (report,) = ingest(here, [lait(tmp_path, "b.csv", row(year="2022 (Rev)"))], "lait", published_at=JUNE)
    assert report.observations == 1
    assert len(values(here)) == 1
    assert [e["obs_status"] for e in here.ledger().history("LAIT:InfMort", "camden")] == ["P", "A"]


def test_figures_that_vanish_are_withdrawn_or_rolled_off(here: Settings, tmp_path: Path) -> None:
    first = lait(tmp_path, "a.csv", row(202, year="2015"), row(202, year="2016"), row(203, year="2016"))
    ingest(here, [first], "lait", published_at=MAY)
    (report,) = ingest(here, [lait(tmp_path, "b.csv", row(202, year="2016"))], "lait", published_at=JUNE)
    assert report.withdrawn_reasons == {"rolled_off": 1, "withdrawn": 1}
    assert set(values(here)) == {"camden 2016"}
    assert len(values(here, MAY)) == 3


def test_a_quarantined_row_of_a_full_file_withdraws_its_figure(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(202), row(203))], "lait", published_at=MAY)
    (report,) = ingest(here, [lait(tmp_path, "b.csv", row(202), row(203, -5))], "lait", published_at=JUNE)
    assert (report.quarantined, report.withdrawn_reasons) == (1, {"quarantined": 1})
    assert set(values(here)) == {"camden 2022"}
    (refused,) = here.ledger().quarantine(report.batch)
    assert refused["source_row"] == 3
    assert refused["raw"]["Values"] == "-5"
    assert refused["reasons"][0]["message"] == "value -5.0 is below 0.0, the least that can be true"


def test_unknown_rows_are_quarantined_and_the_rest_goes_in(here: Settings, tmp_path: Path) -> None:
    rows = [row(n) for n in range(202, 210)]
    bad = [row(indicator="Nonsense"), row(999), row(year="0"), row(value="n/a")]
    (report,) = ingest(here, [lait(tmp_path, "a.csv", *rows, *bad)], "lait", published_at=MAY)
    assert (report.status, report.read, report.observations, report.quarantined) == (INGESTED, 12, 8, 4)


def test_a_refused_file_is_kept_recorded_and_appends_no_figure(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("This,is,something,else\n1,2,3,4\n")
    reports = ingest(here, [file], "lait", published_at=MAY)
    assert reports[0].status == REFUSED
    assert "not a file of collection lait" in str(failed(reports))
    ledger = here.ledger()
    (check,) = ledger.events("check_result")
    assert check["payload"]["severity"] == "critical"
    assert ledger.batch(reports[0].batch or 0).kind == "rejected"
    assert here.landing.path(reports[0].sha256).read_bytes() == file.read_bytes()
    assert observations(ledger).height == 0


def test_a_refused_file_is_recorded_once(here: Settings, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(b"")
    ingest(here, [file], "lait", published_at=MAY)
    head = here.ledger().head()
    assert ingest(here, [file], "lait", published_at=MAY)[0].status == REFUSED
    assert here.ledger().head() == head


def test_a_dry_run_reports_the_same_and_writes_nothing(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(202))], "lait", published_at=MAY)
    head = here.ledger().head()
    file = lait(tmp_path, "b.csv", row(202), row(203))
    (dry,) = ingest(here, [file], "lait", published_at=JUNE, dry_run=True)
    assert here.ledger().head() == head
    (wet,) = ingest(here, [file], "lait", published_at=JUNE)
    assert (dry.status, wet.status) == (DRY_RUN, INGESTED)
    assert (
        (dry.read, dry.observations, dry.unchanged)
        == (wet.read, wet.observations, wet.unchanged)
        == (2, 1, 1)
    )


def test_a_dry_run_needs_no_ledger(here: Settings, tmp_path: Path) -> None:
    (report,) = ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=MAY, dry_run=True)
    assert (report.status, report.observations) == (DRY_RUN, 1)
    assert not here.warehouse.exists()


def test_a_partial_file_replaces_what_it_is_complete_for(here: Settings, tmp_path: Path) -> None:
    ingest(
        here, [lait(tmp_path, "a.csv", row(202), row(203), row(203, year="2021"))], "lait", published_at=MAY
    )
    scope = {"kind": "named", "organisations": ["greenwich"], "periods": ["2022-01-01/P1Y"]}
    file = lait(tmp_path, "b.csv", row(203, "-", indicator="Under18concep"))
    (report,) = ingest(here, [file], "lait", published_at=JUNE, scope=scope)
    assert report.withdrawn == 1
    assert set(values(here)) == {"camden 2022", "greenwich 2021", "greenwich 2022"}
    assert values(here)["greenwich 2022"] is None


def test_a_void_takes_a_batch_back_and_is_itself_recorded(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(value=1))], "lait", published_at=MAY)
    (wrong,) = ingest(here, [lait(tmp_path, "b.csv", row(value=2))], "lait", published_at=JUNE)
    before = here.ledger().head().position
    void(here, wrong.batch or 0, "the wrong file")
    assert values(here)["camden 2022"] == 1.0
    assert values(here, as_recorded=before)["camden 2022"] == 2.0
    (event,) = here.ledger().events("batch_voided")
    assert (event["reason"], event["payload"]) == ("the wrong file", {"batch": wrong.batch})
    assert ingest(here, [tmp_path / "b.csv"], "lait", published_at=JUNE)[0].status == INGESTED


def test_only_a_standing_vintage_can_be_voided(here: Settings, tmp_path: Path) -> None:
    (report,) = ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=MAY)
    done = void(here, report.batch or 0, "a mistake")
    with pytest.raises(LedgerError, match=f"was voided by batch {done.id}"):
        void(here, report.batch or 0, "again")
    with pytest.raises(LedgerError, match="is of kind void, and only a vintage"):
        void(here, done.id, "no")


def test_several_files_need_a_time_each(here: Settings, tmp_path: Path) -> None:
    files = [lait(tmp_path, f"{n}.csv", row(value=n)) for n in (1, 2)]
    with pytest.raises(InputError, match="nothing says when each was published"):
        ingest(here, files, "lait")
    (tmp_path / "releases.csv").write_text("file,published_at\n1.csv,2025-05-01\n")
    with pytest.raises(InputError, match=r"releases\.csv: no publish time for 2\.csv"):
        ingest(here, files, "lait", releases=tmp_path / "releases.csv")
    (tmp_path / "releases.csv").write_text(
        "file,published_at\n1.csv,2025-06-01\n2.csv,2025-05-01T09:30+01:00\n"
    )
    reports = ingest(here, files, "lait", releases=tmp_path / "releases.csv")
    assert [(r.file, r.published_at) for r in reports] == [
        ("2.csv", "2025-05-01T08:30:00Z"),
        ("1.csv", "2025-06-01T00:00:00Z"),
    ]


def test_a_file_from_the_future_is_refused(here: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lies in the future"):
        ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=parse_time("2999-01-01"))


def test_an_announced_file_is_kept_and_nothing_shows_its_figures_before_they_are_out(
    here: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row(indicator="FirstYJS"))], "lait", published_at=MAY)
    out = now() + 86_400_000_000
    early = lait(tmp_path, "b.csv", row(value="77", indicator="FirstYJS"))
    [report] = ingest(here, [early], "lait", published_at=out, announced=True)
    batch = here.ledger().batch(report.batch or 0)
    assert (report.status, batch.published_basis, batch.published_at) == ("ingested", "announced", out)

    def shown() -> list[float]:
        write_observations(here, "lait", tmp_path / "now.parquet")
        return pl.read_parquet(tmp_path / "now.parquet")["value"].to_list()

    def traced() -> list[float]:
        found = trace(here.ledger(), here.landing, here.snapshots, "camden", "FirstYJS")
        return [version["value"] for figure in found["figures"] for version in figure["history"]]

    assert 77.0 not in shown()
    assert traced() == [3.5]
    before = next_draft(here, "lait-quartile")
    assert microseconds(before.round) < out
    build(here, "lait-quartile", as_published=microseconds(before.round))
    assert not next_draft(here, "lait-quartile").due
    for module in ("pipelines.observations", "pipelines.drafts", "audit.trace"):
        monkeypatch.setattr(f"{module}.now", lambda: out)  # the embargo has ended
    assert 77.0 in shown()
    assert traced() == [3.5, 77.0]
    after = next_draft(here, "lait-quartile")
    assert (after.due, microseconds(after.round)) == (True, out)


def test_only_a_stated_time_of_figures_can_be_announced(here: Settings, tmp_path: Path) -> None:
    later = now() + 86_400_000_000
    with pytest.raises(InputError, match="lies in the future"):
        ingest(here, [lait(tmp_path, "a.csv", row())], "lait", observed_at=later, announced=True)
    with pytest.raises(InputError, match="cannot be announced"):
        ingest(here, [lait(tmp_path, "a.csv", row())], "judgements", published_at=later, announced=True)


def test_a_missing_file_founds_no_ledger(here: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        ingest(here, [tmp_path / "nowhere.csv"], "lait", published_at=MAY)
    assert not here.warehouse.exists()


def test_a_production_ledger_refuses_the_simulated_collection(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=MAY)
    file = tmp_path / "s.csv"
    file.write_text(
        "indicator,organisation,period,value,numerator,denominator,status\nLAIT:InfMort,001,2022,1,,,\n"
    )
    with pytest.raises(LedgerError, match="refuses simulated"):
        ingest(here, [file], "simulated", published_at=MAY)


def test_the_2002_facts_become_judgements_and_ratings(here: Settings, shared_data: Path) -> None:
    file = shared_data / "facts" / "published_ratings.csv"
    (ratings,) = ingest(here, [file], "published_ratings")
    (judgements,) = ingest(here, [file], "judgements")
    assert (ratings.read, ratings.observations) == (151, 151)
    assert judgements.out_of_scope_reasons == {"no judgement given": 99}
    event = next(e for e in here.ledger().events("judgement") if e["organisation"] == "walsall")
    assert (event["payload"]["service"], event["payload"]["judgement"], event["payload"]["round"]) == (
        "children",
        "no",
        "2002-05",
    )
    assert event["published_at"] == parse_time("2002-05-30")


FACTS = "council,rating_round,published_date,regime,children_serving,children_prospects,adults_serving,adults_prospects,stars,completeness,granularity,evidence,note,source_url\n"  # noqa: E501


def facts(directory: Path, name: str, *rows: str) -> Path:
    file = directory / name
    file.write_text(FACTS + "".join(f"{row},,,,,\n" for row in rows), encoding="utf-8")
    return file


def fact(
    council: str, serving: str = "most", stars: object = 2, round: str = "2002-05", date: str = "2002-05-30"
) -> str:
    return f"{council},{round},{date},joint,{serving},promising,most,promising,{stars}"


def judged(here: Settings, as_published: int | None = None) -> dict[str, str]:
    events = standing_facts(here.ledger(), "judgement", as_published=as_published)
    return {
        e["organisation"]: e["payload"]["judgement"]
        for e in events
        if (e["payload"]["service"], e["payload"]["aspect"]) == ("children", "serving")
    }


def test_facts_that_contradict_each_other_or_use_other_words_are_quarantined(
    here: Settings, tmp_path: Path
) -> None:
    good = [fact(c) for c in ("Camden", "Hackney", "Leeds", "Kent", "Dorset", "Essex")]
    bad = [fact("Sunderland"), fact("Sunderland", "yes"), fact("Walsall", "banana"), fact("Bolton", round="")]
    file = facts(tmp_path, "f.csv", *good, fact("Camden"), *bad)
    (report,) = ingest(here, [file], "judgements")
    assert (report.observations, report.unchanged, report.quarantined) == (6, 1, 4)
    wrong = {r["source_row"]: r["reasons"][0]["check"] for r in here.ledger().quarantine(report.batch)}
    assert wrong == {9: "fact_stated_once", 10: "fact_stated_once", 11: "word_known", 12: "round_given"}


def test_a_star_that_is_no_number_of_stars_is_quarantined(here: Settings, tmp_path: Path) -> None:
    rows = [fact(c) for c in ("Camden", "Hackney", "Leeds")]
    (report,) = ingest(
        here, [facts(tmp_path, "f.csv", *rows, fact("Kent", stars="two"))], "published_ratings"
    )
    assert (report.observations, report.quarantined) == (3, 1)


def test_a_later_file_of_facts_does_not_change_what_was_known_before_it(
    here: Settings, tmp_path: Path
) -> None:
    ingest(here, [facts(tmp_path, "a.csv", fact("Camden"), fact("Leeds"))], "judgements", published_at=MAY)
    ingest(here, [facts(tmp_path, "b.csv", fact("Camden", "some"))], "judgements", published_at=JULY)
    assert judged(here, parse_time("2002-06-01")) == {"camden": "most", "leeds": "most"}
    assert judged(here, JUNE) == {"camden": "most", "leeds": "most"}
    assert judged(here, JULY) == {"camden": "some"} == judged(here)


def test_a_row_from_the_future_refuses_the_file(here: Settings, tmp_path: Path) -> None:
    file = facts(tmp_path, "f.csv", fact("Camden"), fact("Leeds", date="2999-01-01"))
    (report,) = ingest(here, [file], "judgements")
    assert report.status == REFUSED
    assert (
        "row 3, column 'published_date': the date 2999-01-01T00:00:00Z lies in the future" in report.message
    )


def test_a_scope_is_for_figures(here: Settings, tmp_path: Path) -> None:
    scope = {"kind": "named", "organisations": ["leeds"]}
    with pytest.raises(InputError, match="replaces all of it"):
        ingest(here, [facts(tmp_path, "f.csv", fact("Leeds"))], "judgements", scope=scope)


def test_a_file_with_nothing_in_scope_is_refused_and_withdraws_nothing(
    here: Settings, tmp_path: Path
) -> None:
    header = (
        "Geographical Code,Geographical Description,Geographical Level,ONS Code,ASCOF Measure Code,"
        "Disaggregation Level,Measure Type,Measure Value\n"
    )
    first, second = tmp_path / "ascof_2020-21.csv", tmp_path / "ascof_2021-22.csv"
    first.write_text(header + "211,Kirklees,Council,E08000034,1A,Total,Outcome,19.6\n")
    second.write_text(header + "211,Kirklees,Council,E08000034,1A,Female,Outcome,19.6\n")
    ingest(here, [first], "ascof", published_at=MAY)
    (report,) = ingest(here, [second], "ascof", published_at=JUNE)
    assert (report.status, report.withdrawn) == (REFUSED, 0)
    assert "not one row is in scope" in report.message
    assert observations(here.ledger(), ["ascof"]).height == 1


def test_lines_of_one_figure_that_contradict_each_other_are_quarantined(
    here: Settings, tmp_path: Path
) -> None:
    header = (
        "Geographical Code,Geographical Description,Geographical Level,ONS Code,ASCOF Measure Code,"
        "Disaggregation Level,Measure Type,Measure Value\n"
    )
    lines = [f"{code},x,Council,x,1A,Total,Outcome,19.6" for code in (204, 210, 211)]
    parts = ["211,x,Council,x,1A,Total,Numerator,83160", "211,x,Council,x,1A,Total,Numerator,999999"]
    file = tmp_path / "ascof_2020-21.csv"
    file.write_text(header + "\n".join([*lines, *parts]) + "\n")
    (report,) = ingest(here, [file], "ascof", published_at=MAY)
    assert (report.observations, report.quarantined) == (2, 1)
    (refused,) = here.ledger().quarantine(report.batch)
    assert refused["reasons"][0]["message"] == "numerator 83160 or 999999 is no number"


def test_a_dry_run_of_a_refused_file_writes_nothing(here: Settings, tmp_path: Path) -> None:
    ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=MAY)
    head = here.ledger().head()
    (tmp_path / "b.csv").write_text("a,b\n1,2\n")
    (report,) = ingest(here, [tmp_path / "b.csv"], "lait", published_at=JUNE, dry_run=True)
    assert (report.status, report.batch) == (REFUSED, None)
    assert here.ledger().head() == head


def test_a_dry_run_says_what_is_already_known(here: Settings, tmp_path: Path) -> None:
    file = lait(tmp_path, "a.csv", row())
    ingest(here, [file], "lait", published_at=MAY)
    assert ingest(here, [file], "lait", published_at=MAY, dry_run=True)[0].status == KNOWN


def test_a_landed_copy_that_was_cut_is_put_right(here: Settings, tmp_path: Path) -> None:
    file = lait(tmp_path, "a.csv", row(202), row(203))
    (report,) = ingest(here, [file], "lait", published_at=MAY)
    landed = here.landing.path(report.sha256)
    landed.chmod(0o644)
    landed.write_bytes(landed.read_bytes()[:70])
    (again,) = ingest(here, [file], "lait", published_at=JUNE)
    assert (again.read, again.withdrawn) == (2, 0)
    assert landed.read_bytes() == file.read_bytes()


def test_a_warehouse_may_have_any_name(tmp_path: Path) -> None:
    file = lait(tmp_path, "a.csv", row())
    for name in ("a b", "50%20", "what?mode=ro", "x#y", "naïve"):
        here = settings(tmp_path / name)
        assert ingest(here, [file], "lait", published_at=MAY)[0].status == INGESTED
        assert len(values(here)) == 1
        assert (tmp_path / name / "ledger.db").is_file()


def test_a_log_of_very_many_alternating_batches_can_be_read(new_ledger) -> None:
    ledger = new_ledger()
    figure = event_frame(
        [{"type": "observation", "schema_version": 1, "collection": "lait", "indicator": "i",
         "organisation": "o", "period": "2020-01-01/P1Y", "value": 1.0, "published_at": 1}]
    )  # fmt: skip
    other = figure.with_columns(pl.lit("oflog").alias("collection"))
    for n in range(230):
        ledger.append(NewBatch("vintage", "a", "0", collection="lait", published_at=n), figure)
        ledger.append(NewBatch("vintage", "a", "0", collection="oflog", published_at=n), other)
    assert timeline(ledger, ["lait"]).height == 230


cells = st.one_of(
    st.sampled_from(["-", "", "3.5", "-1", "1e309", "NaN", "c", "1,2"]),
    st.floats(0, 1000).map(str),
    st.text(st.characters(blacklist_characters='\r\n,"\x00', blacklist_categories=("Cs",)), max_size=6),
)
lines = st.tuples(
    st.sampled_from(["InfMort", "Under18concep", "Nonsense"]),
    st.sampled_from(["2021", "2022", "2022 (prov)", "0", "next year"]),
    st.sampled_from([202, 203, 204, 970, 999]),
    cells,
)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=st.lists(st.lists(lines, min_size=1, max_size=12), min_size=1, max_size=3))
def test_every_row_read_goes_somewhere(files: list, tmp_path_factory: pytest.TempPathFactory) -> None:
    directory = tmp_path_factory.mktemp("conservation")
    here = settings(directory / "warehouse")
    for number, rows in enumerate(files, start=1):
        file = lait(directory, f"{number}.csv", *(row(c, v, y, i) for i, y, c, v in rows))
        (report,) = ingest(here, [file], "lait", published_at=number)
        assert report.read == len(rows)
        if report.status != REFUSED:
            total = report.observations + report.unchanged + report.quarantined + report.out_of_scope
            assert total == report.read
            assert len(here.ledger().quarantine(report.batch)) == report.quarantined
            assert (
                json.loads(json.dumps(here.ledger().batch(report.batch or 0).counts))["read"] == report.read
            )


def test_a_scope_with_a_misspelt_name_is_refused(here: Settings, tmp_path: Path) -> None:
    file = lait(tmp_path, "a.csv", row())
    for scope, said in (
        ({"kind": "named", "organisations": ["camdn"]}, "no organisation is called 'camdn'"),
        ({"kind": "named", "periods": ["2024-25"]}, "2024-25"),
        ({"kind": "named", "indicators": ["InfMort"]}, "no indicator 'InfMort'"),
    ):
        with pytest.raises(StarledgerError, match=said):
            ingest(here, [file], "lait", published_at=MAY, scope=scope)


def test_the_scope_names_councils_as_a_person_does(here: Settings, tmp_path: Path) -> None:
    scope = {"kind": "named", "organisations": ["Camden", "203"]}
    (report,) = ingest(here, [lait(tmp_path, "a.csv", row())], "lait", published_at=MAY, scope=scope)
    assert here.ledger().batch(report.batch or 0).scope["organisations"] == ["camden", "greenwich"]
