"""Freshness on a ledger: a function of what was published by then, and a list by return and owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.observations import freshness_list
from pipelines.source_files import parse_time
from ratings.catalogue import load_catalogue
from ratings.errors import NotFoundError
from ratings.freshness import by_return, freshness
from tests.made_ledgers import append as append_events
from tests.made_ledgers import figure, some_figures, warehouse
from tests.warehouse.test_as_of_law import File, append
from warehouse.batches import FULL, OVERLAY, Batch
from warehouse.event_log import Ledger
from warehouse.observations import state, timeline
from warehouse.vintages import vintage_events

# Yearly figures, out 100 days after the end of their year, late from the thirtieth day on.
INDICATOR = replace(
    load_catalogue().indicator("LAIT:CPP_Total_NumRef"), code="i", publication_lag_days=100, grace_days=30
)
CATALOGUE = replace(load_catalogue(), indicators=MappingProxyType({"i": INDICATOR}))
ORGANISATIONS = ("bury", "kent")
YEARS = range(2016, 2021)
PAIRS = pl.DataFrame({"indicator": ["i", "i"], "organisation": ORGANISATIONS})
ASKED = [
    date(2018, 6, 15), date(2018, 12, 15), date(2019, 7, 20), date(2020, 12, 15), date(2021, 7, 20),
    date(2022, 6, 15),
]  # fmt: skip

State = dict[str, tuple[Any, ...]]


def us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def period(year: int) -> str:
    return f"{year}-04-01/P1Y"


@st.composite
def files(draw: st.DrawFn) -> File:
    told = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(ORGANISATIONS), st.sampled_from(YEARS)),
            st.sampled_from([1.0, 2.0, None]),
            max_size=6,
        )
    )
    figures = {
        ("i", who, period(year)): (value, None, None, "O" if value is None else "A", None, "1")
        for (who, year), value in told.items()
    }
    return File(us(draw(st.sampled_from(ASKED))), draw(st.sampled_from([FULL, OVERLAY])), figures)


def ingest(ledger: Ledger, history: list[File], standing: list[Batch]) -> None:
    """Ingest files in the order given, after those that stand."""
    for file in history:
        made = vintage_events(
            file.frame(),
            timeline(ledger, ["c"]),
            [b for b in standing if (b.published_at or 0) > file.published_at],
            collection="c",
            scope=file.scope,
            published_at=file.published_at,
            quarantined=file.quarantined(),
        )
        standing.append(append(ledger, "vintage", made.events, file))


def states(ledger: Ledger) -> dict[date, State]:
    """How fresh each council is on every day asked about."""
    found, said = {}, timeline(ledger, ["c"])
    for day in ASKED:
        known = state(said, us(day)).cast({pl.Categorical: pl.String})
        rows = freshness(
            known.select("indicator", "organisation", "period", "value"), CATALOGUE, us(day), PAIRS
        )
        found[day] = {row[1]: row[2:] for row in rows.iter_rows()}
    return found


@hypothesis_settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    history=st.lists(files(), min_size=1, max_size=5, unique_by=lambda f: f.published_at),
    chance=st.randoms(),
)
def test_how_fresh_a_figure_is_depends_on_what_was_published_by_then_and_not_on_when_it_was_ingested(
    history: list[File], chance: Any, new_ledger: Callable[[], Ledger]
) -> None:
    one, other = new_ledger(), new_ledger()
    ingest(one, history, [])
    ingest(other, chance.sample(history, len(history)), [])
    assert states(one) == states(other)


@hypothesis_settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    history=st.lists(files(), min_size=1, max_size=3, unique_by=lambda f: f.published_at),
    more=files(),
    asked=st.sampled_from(ASKED),
)
def test_running_again_or_filling_in_an_old_period_makes_nothing_fresh(
    history: list[File], more: File, asked: date, new_ledger: Callable[[], Ledger]
) -> None:
    ledger, standing = new_ledger(), list[Batch]()
    ingest(ledger, history, standing)
    before = states(ledger)
    ingest(ledger, [history[-1]], standing)  # the same file, run once more
    assert states(ledger) == before
    newest = {who: its[0] or "" for who, its in before[asked].items()}
    old = {key: said for key, said in more.figures.items() if key[2] < newest[key[1]]}
    ingest(ledger, [File(us(asked), OVERLAY, old)], standing)
    for day, after in states(ledger).items():
        for who, its in after.items():
            filled = [key[2] for key in old if key[1] == who]
            if day <= asked or all(each < (before[day][who][0] or "") for each in filled):
                assert its == before[day][who]


def test_the_list_puts_the_worst_first_by_return_and_owner_and_shows_who_never_reported(
    tmp_path: Path,
) -> None:
    where = warehouse(tmp_path / "w")
    some_figures(where)  # of 2022, published in January 2024
    append_events(where, [figure("bury", 4.0, indicator="LAIT:LACStable_2016on", period="2022-04-01/P1Y")])
    found = freshness_list(where, as_published=parse_time("2025-06-30"))
    rows = {(row["indicator"], row["organisation"]): row for row in found.to_dicts()}
    late = rows["LAIT:FirstYJS", "camden"]
    assert (late["state"], late["owner"]) == ("out_of_date", "Youth Justice Board")
    assert rows["LAIT:LACStable_2016on", "bury"]["source_return"] == "SSDA903"
    assert rows["LAIT:FirstYJS", "kent"]["state"] == "missing"
    assert not any(code.startswith("ASCOF:") for code, _ in rows)  # no file of it was ever ingested
    assert found["state"].to_list() == sorted(
        found["state"], key=["out_of_date", "missing", "due", "fresh"].index
    )
    returns = by_return(found)
    assert returns["figures"].sum() == found.height
    assert returns.row(0, named=True)["owner"] == "Youth Justice Board"
    only = freshness_list(where, as_published=parse_time("2025-06-30"), source_return="ssda903")
    assert set(only["source_return"]) == {"SSDA903"}
    mine = freshness_list(where, as_published=parse_time("2025-06-30"), owner="ofsted")
    assert set(mine["owner"]) == {"Ofsted"}
    with pytest.raises(NotFoundError, match=r"no owner is called 'Nobody'.*Ofsted"):
        freshness_list(where, owner="Nobody")
    done = CliRunner().invoke(
        app, ["freshness", "--as-published", "2025-06-30", "--warehouse", str(where.warehouse)]
    )
    assert done.exit_code == 0
    assert done.output.index("Youth Justice Board") < done.output.index("Figure by figure")
