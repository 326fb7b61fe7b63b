"""The as-of law, against a naive reader that keeps whole files and replays them in order of publication."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from warehouse.batches import FULL, OVERLAY, Batch, NewBatch
from warehouse.event_log import Ledger
from warehouse.observations import KEY, SAID, observations, state, timeline
from warehouse.vintages import vintage_events, void_events

INDICATORS, ORGANISATIONS = ["i1", "i2"], ["o1", "o2"]
PERIODS = ["2020-01-01/P1Y", "2021-01-01/P1Y"]
CONTENT = {
    "indicator": pl.String,
    "organisation": pl.String,
    "period": pl.String,
    "value": pl.Float64,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "obs_status": pl.String,
    "conf_status": pl.String,
    "definition": pl.String,
    "organisation_code": pl.String,
    "period_label": pl.String,
    "source_row": pl.Int64,
}
Key = tuple[str, str, str]
Said = tuple[float | None, float | None, float | None, str, str | None, str]
"""value, numerator, denominator, obs_status, conf_status, definition: the order of SAID"""


@dataclass(frozen=True)
class File:
    """A file as the naive reader keeps it: when it came out, what it replaces, what it says."""

    published_at: int
    scope: dict[str, Any]
    figures: dict[Key, Said]
    refused: frozenset[Key] = frozenset()

    def frame(self) -> pl.DataFrame:
        rows = [
            (*key, *said, key[1], key[2][:4], n + 2) for n, (key, said) in enumerate(self.figures.items())
        ]
        return pl.DataFrame(rows, schema=CONTENT, orient="row")

    def quarantined(self) -> pl.DataFrame:
        return pl.DataFrame(
            list(self.refused - set(self.figures)), schema=dict.fromkeys(KEY, pl.String), orient="row"
        )


@dataclass(frozen=True)
class Void:
    """The naive reader's other act: the n-th file that still stands is taken back."""

    which: int


def covers(scope: dict[str, Any], key: Key) -> bool:
    if scope["kind"] == "full":
        return True
    if scope["kind"] == "overlay":
        return False
    lists = (scope.get("indicators"), scope.get("organisations"), scope.get("periods"))
    return all(names is None or part in names for part, names in zip(key, lists, strict=True))


def naive_state(files: list[File], as_published: int) -> dict[Key, Said]:
    """`files` in order of position; sorted() is stable, so ties keep that order."""
    known: dict[Key, Said] = {}
    for file in sorted(files, key=lambda f: f.published_at):
        if file.published_at > as_published:
            break
        known = {key: said for key, said in known.items() if not covers(file.scope, key)} | file.figures
    return known


K = ("i1", "o1", "2020-01-01/P1Y")
keys = st.tuples(st.sampled_from(INDICATORS), st.sampled_from(ORGANISATIONS), st.sampled_from(PERIODS))
said = st.sampled_from(
    [
        (1.0, None, None, "A", None, "1"),
        (2.0, None, None, "A", None, "1"),
        (2.0, None, None, "P", None, "1"),
        (2.0, 4.0, 2.0, "A", None, "1"),
        (2.0, 4.0, 3.0, "A", None, "1"),
        (2.0, None, None, "A", None, "2"),
        (None, None, None, "O", None, "1"),
        (None, None, None, "O", "C", "1"),
    ]
)


@st.composite
def files(draw: st.DrawFn, keys: st.SearchStrategy[Key], last: int) -> File:
    """A file of some keys, out at a time up to `last`."""
    kind = draw(st.sampled_from(["full", "full", "overlay", "named"]))
    scope = {"full": FULL, "overlay": OVERLAY}.get(kind) or {
        "kind": "named",
        "organisations": draw(st.lists(st.sampled_from(ORGANISATIONS), max_size=1)),
        "periods": draw(st.lists(st.sampled_from(PERIODS), min_size=1, max_size=1)),
    }
    figures = draw(st.dictionaries(keys, said, max_size=8))
    refused = draw(st.frozensets(keys, max_size=2))
    return File(draw(st.integers(1, last)), scope, figures, refused)


def acts(keys: st.SearchStrategy[Key], last: int) -> st.SearchStrategy[list[File | Void]]:
    file = files(keys, last)
    return st.lists(st.one_of(file, file, file, st.builds(Void, st.integers(0, 4))), min_size=1, max_size=9)


histories = st.one_of(acts(keys, last=5), acts(st.just(K), last=2))
"""Of many figures; and of one, where files of one time, late ones and voids meet in every way."""


def play(ledger: Ledger, history: list[File | Void]) -> list[tuple[int, list[File]]]:
    """Do every act to the ledger; returns, per batch end, the files that a naive reader would then hold."""
    standing: list[tuple[Batch, File]] = []
    seen: list[tuple[int, list[File]]] = []
    for act in history:
        events_so_far = timeline(ledger, ["c"])
        if isinstance(act, File):
            later = [b for b, f in standing if f.published_at > act.published_at]
            made = vintage_events(
                act.frame(),
                events_so_far,
                later,
                collection="c",
                scope=act.scope,
                published_at=act.published_at,
                quarantined=act.quarantined(),
            )
            batch = append(ledger, "vintage", made.events, act)
            standing.append((batch, act))
        elif standing:
            taken = standing.pop(act.which % len(standing))
            vintages = [b for b, _ in standing] + [taken[0]]
            made_void = void_events(taken[0], events_so_far, vintages)
            batch = append(ledger, "void", made_void, taken[1], voids=taken[0].id)
        else:
            continue
        seen.append((batch.last_position, [f for _, f in standing]))
    return seen


def append(ledger: Ledger, kind: str, events: pl.DataFrame, file: File, voids: int | None = None) -> Batch:
    note = events.clear(1).with_columns(
        pl.lit("check_result").alias("type"), pl.lit(1, pl.Int64).alias("schema_version")
    )
    new = NewBatch(
        kind=kind, actor="test", code_version="0", collection="c", published_at=file.published_at,
        scope=file.scope, voids=voids,
    )  # fmt: skip
    return ledger.append(new, pl.concat([events, note]))


def figures_of(known: pl.DataFrame) -> dict[Key, Said]:
    return {row[:3]: row[3:] for row in known.select(*KEY, *SAID).iter_rows()}


AT_ONE_TIME = [
    File(3, FULL, {}, frozenset()),
    File(3, OVERLAY, {K: (1.0, None, None, "A", None, "1")}, frozenset()),
    File(2, OVERLAY, {K: (2.0, None, None, "A", None, "1")}, frozenset()),
    Void(1),
]
ONE = {K: (1.0, None, None, "A", None, "1")}
AGREED_AT_ONE_TIME = [
    File(2, {"kind": "named", "organisations": ["o1"], "periods": [K[2]]}, {}, frozenset()),
    File(2, FULL, ONE, frozenset()),
    File(2, FULL, ONE, frozenset()),
    File(2, FULL, {}, frozenset()),
    File(1, FULL, {K: (2.0, None, None, "A", None, "1")}, frozenset()),
    Void(3),
]


VOIDED_ONE_AFTER_THE_OTHER = [
    File(2, FULL, ONE),
    File(2, FULL, ONE),
    File(1, FULL, {}),
    File(2, OVERLAY, ONE),
    File(1, FULL, {}),
    Void(0),
    Void(2),
]


@example(history=AT_ONE_TIME)
@example(history=AGREED_AT_ONE_TIME)
@example(history=VOIDED_ONE_AFTER_THE_OTHER)
@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(history=histories)
def test_any_log_gives_what_a_naive_reader_of_the_files_gets(history: list[File | Void], new_ledger) -> None:
    ledger = new_ledger()
    seen = play(ledger, history)
    for as_recorded, held in seen:
        events = timeline(ledger, ["c"], as_recorded)
        for as_published in range(0, 7):
            assert figures_of(state(events, as_published)) == naive_state(held, as_published)
        # A database that leaves out what was published later takes long: asked for one of the times.
        at = as_recorded % 7
        known = observations(ledger, ["c"], as_published=at, as_recorded=as_recorded)
        assert figures_of(known) == naive_state(held, at)
