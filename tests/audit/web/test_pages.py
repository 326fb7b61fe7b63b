"""Pages: who sees what, what an unknown address gives, and that page and twin say the same."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from typer.testing import CliRunner

from audit.web.app import PAGES, SAFE_HEADERS, create_app
from audit.web.archive import NOT_AS_BUILT, Archive
from audit.web.memory import Memory
from audit.web.pages.indicator import Bin, bins
from pipelines.cli import app as command_line
from pipelines.compare import compare
from pipelines.ledger_proofs import prove
from pipelines.publish import release
from pipelines.settings import Settings
from ratings.errors import InputError, LedgerError
from tests.audit.test_trace import of_2002 as of_2002
from warehouse.event_log import now
from warehouse.snapshots import list_snapshots

HOUR = 3_600_000_000


def archive(settings: Settings, audience: str, at: int | None = None) -> Archive:
    return Archive(
        settings.reading_ledger(10.0),
        settings.landing,
        settings.snapshots,
        audience=audience,
        now=lambda: now() if at is None else at,
        prove=lambda position: prove(settings, position).to_json(),
        verified=settings.verified,
        compare=lambda before, after: compare(settings, before, after),
    )


def client(settings: Settings, audience: str = "internal", at: int | None = None, **more: str) -> TestClient:
    app = create_app(archive(settings, audience, at), **more)
    return TestClient(app, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def snapshot(of_2002: Settings) -> str:
    return list_snapshots(of_2002.snapshots)[0].id


@pytest.fixture(scope="module")
def inside(of_2002: Settings) -> TestClient:
    return client(of_2002)


def test_a_star_leads_to_its_judgement_and_its_cell(inside: TestClient, snapshot: str) -> None:
    walsall = inside.get(f"/api/snapshots/{snapshot}/organisations/walsall").json()
    assert walsall["star"]["star"] == 0
    assert walsall["star"]["oldest_days"] == 425
    assert walsall["published_star"] == "0"
    judgement = next(j for j in walsall["judgements"] if j["part"] == "children_serving")
    said = inside.get(f"/api/snapshots/{snapshot}/events/{judgement['event']}").json()
    assert {"column": "children_serving", "means": "judgement", "text": "no"} in said["source"]["cells"]
    [figure] = [f for f in walsall["key"] if f["indicator"] == "PAF:A1"]
    page = inside.get(f"/api/snapshots/{snapshot}/organisations/walsall/figures/{figure['indicator']}").json()
    [version] = page["versions"]
    assert version["used"]
    assert [c["text"] for c in version["source"]["cells"][:2]] == ["57", "406"]
    proof = inside.get(f"/snapshots/{snapshot}/events/{version['event']}/proof.json").json()
    assert proof["position"] == version["event"]


def test_a_page_says_what_its_twin_says(inside: TestClient, snapshot: str) -> None:
    path = f"/snapshots/{snapshot}/organisations/walsall"
    page, twin = inside.get(path).text, inside.get("/api" + path).json()
    assert twin["star"]["reason"] in page
    assert twin["cite"].split(".")[0] in page
    for judgement in twin["judgements"]:
        assert judgement["title"] in page.replace("&#39;", "'")


def test_a_page_leads_to_the_twin_of_what_it_was_asked(inside: TestClient, snapshot: str) -> None:
    asked = "q=wal&sort=-star"
    page = inside.get(f"/snapshots/{snapshot}?{asked}").text
    assert f'href="/api/snapshots/{snapshot}?{asked.replace("&", "&amp;")}"' in page
    assert inside.get(f"/snapshots/{snapshot}?_block_vars=x&context=y").status_code == 200


def test_a_proof_for_a_reader_makes_and_records_no_key(of_2002: Settings, tmp_path: Path) -> None:
    elsewhere = replace(of_2002, warehouse=tmp_path)  # the same log, with no keys beside it
    before = of_2002.ledger().head()
    with pytest.raises(LedgerError):
        prove(elsewhere, 1, of_2002.reading_ledger(10.0))
    assert of_2002.ledger().head() == before
    assert not (tmp_path / "keys").exists()
    reading = prove(of_2002, 1, of_2002.reading_ledger(10.0))
    assert reading.to_json() == prove(of_2002, 1).to_json()


def test_an_indicator_shows_its_figures_across_organisations(inside: TestClient, snapshot: str) -> None:
    path = f"/snapshots/{snapshot}/indicators/PAF:A1"
    twin, page = inside.get("/api" + path).json(), inside.get(path).text
    rated = pl.read_parquet(inside.get(f"/snapshots/{snapshot}/ratings.parquet").content).height
    assert sum(b["organisations"] for b in twin["bins"]) + twin["without"] == rated
    assert sum(twin["bands"].values()) == rated
    assert twin["bins"]
    assert all(reason in page for reason in twin["reasons"])
    assert f"{path}/distribution.svg" in page
    drawn = inside.get(f"{path}/distribution.svg")
    assert drawn.headers["Content-Type"] == "image/svg+xml"
    assert f'<title id="title">Organisations by figure: {twin["title"]}' in drawn.text
    assert inside.get(f"/snapshots/{snapshot}/indicators/PAF:NONE/distribution.svg").status_code == 404
    whose = inside.get(f"/snapshots/{snapshot}/organisations/walsall").text
    assert f'href="{path}"' in whose


def test_bins_hold_every_value_once_and_between_their_edges() -> None:
    assert bins([]) == ()
    assert bins([7.0, 7.0]) == (Bin(7.0, 7.0, 2),)
    found = bins([0.1, 0.2, 0.3, 0.3, 1.0])
    assert [(b.start, b.end, b.organisations) for b in found][:3] == [
        (0.1, 0.2, 1),
        (0.2, 0.3, 1),
        (0.3, 0.4, 2),
    ]
    assert sum(b.organisations for b in found) == 5
    assert [(b.start, b.organisations) for b in bins([-250_000.0, 900_000.0])][::6] == [
        (-400_000.0, 1),
        (800_000.0, 1),
    ]


def test_every_answer_has_safe_headers(inside: TestClient, snapshot: str) -> None:
    for path in ("/", f"/snapshots/{snapshot}", "/nowhere", "/style.css", "/api/openapi.json"):
        headers = inside.get(path).headers
        for name, value in SAFE_HEADERS.items():
            assert headers[name] == value, path
    assert "<script" not in inside.get(f"/snapshots/{snapshot}").text
    assert " style=" not in inside.get(f"/snapshots/{snapshot}").text


def test_the_same_page_again_is_not_sent_again(inside: TestClient, snapshot: str) -> None:
    first = inside.get(f"/snapshots/{snapshot}")
    again = inside.get(f"/snapshots/{snapshot}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_table_of_ratings_is_searched_filtered_sorted_and_taken_away(
    inside: TestClient, snapshot: str
) -> None:
    path = f"/snapshots/{snapshot}"
    found = inside.get("/api" + path, params={"q": "WALS"}).json()["found"]
    assert [row["organisation"] for row in found["rows"]] == ["walsall"]
    rated = inside.get("/api" + path, params={"star": "2"}).json()["found"]["rows"]
    assert [row["organisation"] for row in rated] == ["bolton"]
    ordered = inside.get("/api" + path, params={"sort": "-star", "rows": 2}).json()["found"]
    assert [row["star"] for row in ordered["rows"]] == [2, 0]
    assert ordered["pages"] == 75
    csv = inside.get(f"{path}/ratings.csv", params={"star": "2"}).content
    assert pl.read_csv(csv)["organisation"].to_list() == ["bolton"]
    parquet = inside.get(f"{path}/ratings.parquet").content
    assert pl.read_parquet(parquet).height == 150
    assert inside.get("/api" + path, params={"page": 99}).json()["found"]["rows"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/snapshots/ssi-2002-20020530-000000000000", 404),
        ("/snapshots/..%2F..%2Fledger.db", 404),
        ("/snapshots/nonsense", 422),
        ("/snapshots/{s}/organisations/nobody", 404),
        ("/snapshots/{s}/organisations/%3Cscript%3E", 422),
        ("/snapshots/{s}/organisations/walsall/figures/PAF:NONE", 404),
        ("/snapshots/{s}/organisations/walsall/figures/PAF:A1/1999-01-01--P1Y", 404),
        ("/snapshots/{s}/organisations/walsall/figures/PAF:A1/1999", 422),
        ("/snapshots/{s}/indicators/PAF:NONE", 404),
        ("/snapshots/{s}/events/999999", 404),
        ("/snapshots/{s}/events/0", 422),
        ("/snapshots/{s}/events/99999999999999999999", 422),
        ("/snapshots/{s}?rows=1000000", 422),
        ("/snapshots/{s}?q=" + "x" * 500, 422),
        ("/snapshots/{s}?page=0", 422),
        ("/snapshots/{s}?page=" + "9" * 18, 422),
        ("/snapshots/{s}?page=" + "9" * 5000, 422),
        ("/snapshots/{s}?rows=0", 422),
        ("/snapshots/%00", 422),
        ("/snapshots/{s}%00", 422),
        ("/snapshots/{s}/organisations/%2e%2e", 422),
        ("/snapshots/{s}/organisations/%2e%2e%2f%2e%2e%2fledger.db", 404),
        ("/snapshots/{s}/organisations/" + "a" * 10_000, 422),
        ("/snapshots/{s}/indicators/PAF:A1%00", 422),
        ("/snapshots/{s}/indicators/" + "A" * 10_000, 422),
        ("/snapshots/{s}/events/" + "9" * 10_000, 422),
        ("/snapshots/{s}/organisations/walsall/figures/PAF:A1/9999-99-99--P1Y", 404),
    ],
)
def test_what_is_not_there_or_not_understood_has_its_page(
    inside: TestClient, snapshot: str, path: str, status: int
) -> None:
    path = path.replace("{s}", snapshot)
    page, twin = inside.get(path), inside.get("/api" + path)
    assert (page.status_code, twin.status_code) == (status, status)
    assert "<h1>" in page.text
    assert twin.json()["status"] == status


def test_the_public_sees_released_ratings_only_and_nothing_tells_the_others_from_none(
    of_2002: Settings, snapshot: str
) -> None:
    paths = (f"/snapshots/{snapshot}", f"/snapshots/{snapshot}/organisations/walsall")
    nothing = client(of_2002, "public").get("/snapshots/ssi-2002-20020530-000000000000")
    for path in paths:
        hidden = client(of_2002, "public").get(path)
        assert (hidden.status_code, hidden.content) == (404, nothing.content)
    embargo = now() + HOUR
    release(of_2002, snapshot, at=embargo, reason="an embargo")
    assert client(of_2002, "public").get(paths[0]).content == nothing.content
    later = client(of_2002, "public", embargo + 1)
    assert later.get(paths[1]).status_code == 200
    assert snapshot in later.get("/").text
    builds = [e["position"] for e in of_2002.ledger().events("snapshot_built", "release", "definition")]
    assert builds
    for position in builds:
        assert later.get(f"/snapshots/{snapshot}/events/{position}").status_code == 404
    release(of_2002, snapshot, state="held", reason="a doubt")
    assert client(of_2002, "public", embargo + 1).get(paths[0]).content == nothing.content


def test_a_snapshot_that_was_altered_is_shown_as_such_and_never_as_good(
    of_2002: Settings, snapshot: str
) -> None:
    release(of_2002, snapshot, reason="seen by all")
    reader = client(of_2002)
    table = of_2002.snapshots / snapshot / "stars.parquet"
    path, whole = f"/snapshots/{snapshot}", table.read_bytes()
    assert reader.get(path).status_code == 200
    table.chmod(0o644)
    try:
        table.write_bytes(whole[:-9] + b"x" + whole[-8:])
        assert reader.get(path).status_code == 503
        assert "does not verify" in reader.get(path).text
        assert "does not verify" in reader.get("/").text
        assert reader.get(f"{path}/organisations/walsall").status_code == 503
        assert "stars.parquet" in reader.get("/api").text
        anybody = client(of_2002, "public")
        for shown in (anybody.get("/").text, anybody.get("/api").text):
            assert NOT_AS_BUILT in shown
            assert "stars.parquet" not in shown
    finally:
        table.write_bytes(whole)
    assert reader.get(path).status_code == 200
    release(of_2002, snapshot, state="held", reason="as before")


def test_a_ledger_that_goes_away_has_its_page_and_the_server_stays_up(
    of_2002: Settings, snapshot: str
) -> None:
    reader = client(of_2002)
    assert reader.get("/").status_code == 200
    ledger = of_2002.warehouse / "ledger.db"
    away = ledger.rename(ledger.with_name("away.db"))
    try:
        gone = reader.get(f"/snapshots/{snapshot}")
        assert gone.status_code == 503
        assert "The ledger cannot be read now" in gone.text
        assert str(of_2002.warehouse) not in client_text(reader, of_2002)
    finally:
        away.rename(ledger)
    assert reader.get(f"/snapshots/{snapshot}").status_code == 200


def client_text(reader: TestClient, settings: Settings) -> str:
    """What the headers of an error say, where no path may stand either."""
    return json.dumps(dict(reader.get("/").headers))


def test_a_reader_who_did_not_sign_in_sees_nothing(of_2002: Settings, snapshot: str) -> None:
    reader = client(of_2002, sign_in_header="X-Remote-User")
    assert reader.get(f"/snapshots/{snapshot}").status_code == 401
    signed_in = reader.get(f"/snapshots/{snapshot}", headers={"X-Remote-User": "<b>officer</b>"})
    assert signed_in.status_code == 200
    assert "Signed in as &lt;b&gt;officer" in signed_in.text


def test_another_name_of_the_server_is_refused(of_2002: Settings) -> None:
    reader = TestClient(create_app(archive(of_2002, "internal"), hosts=("127.0.0.1",)))
    assert reader.get("/", headers={"Host": "127.0.0.1"}).status_code == 200
    assert reader.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_the_connection_of_the_pages_writes_nothing(of_2002: Settings) -> None:
    from sqlalchemy import text

    read_only = archive(of_2002, "public").ledger.database
    with pytest.raises(LedgerError), read_only.write() as connection:
        connection.execute(text("DELETE FROM salt"))


def test_drafts_are_not_served_to_a_network_without_sign_in(tmp_path: Path) -> None:
    asked = ["serve", "--audience", "internal", "--host", "0.0.0.0", "--warehouse", str(tmp_path)]
    result = CliRunner().invoke(command_line, asked)
    assert isinstance(result.exception, InputError)
    assert "--sign-in-header" in str(result.exception)


def test_a_port_that_is_taken_is_refused_with_the_next_step(of_2002: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        asked = ["serve", "--port", str(port), "--warehouse", str(of_2002.warehouse)]
        result = CliRunner().invoke(command_line, asked)
    assert isinstance(result.exception, InputError)
    assert f"port {port}. Next: name another --port" in str(result.exception)


def test_memory_keeps_within_its_bound_and_forgets_the_least_used() -> None:
    memory: Memory[bytes] = Memory(10, len)
    memory.put("a", b"12345")
    memory.put("b", b"12345")
    assert memory.get("a") == b"12345"
    memory.put("c", b"12345")
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (b"12345", None, b"12345")
    memory.put("d", b"12345678901")
    assert memory.get("d") is None
    assert memory.once("e", lambda: b"1") == b"1"


def test_the_api_answers_as_its_description_says(of_2002: Settings) -> None:
    described = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(archive(of_2002, "internal")))
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) == len(PAGES)
    for operation in operations:

        @given(case=operation.as_strategy())
        @hypothesis_settings(max_examples=4, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate()

        holds()
