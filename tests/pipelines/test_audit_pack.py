"""Auditor packs: whoever has only the zip file and a key checks every event down to the bytes of its file."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import subprocess
import sys
import zipfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from audit.pack import VERIFIER, draw, source_path
from pipelines.cli import app
from pipelines.ingest import ingest
from pipelines.rate import build
from pipelines.settings import Settings
from ratings.errors import InputError, NotFoundError
from tests.audit.test_trace import A1, LAIT, MAY_2002, MEASURE, RATINGS, ingested
from tests.made_ledgers import OUT, warehouse
from warehouse.snapshots import SnapshotRef

HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, SnapshotRef, SnapshotRef]:
    made = warehouse(tmp_path_factory.mktemp("packs") / "w")
    ingested(made, "ratings.csv", RATINGS, "published_ratings")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "a1.csv", A1, "a1_2001")
    ingested(made, "odd name.csv", LAIT.format(earlier=1, now=2), "lait", OUT)
    return (
        made,
        build(made, "ssi-2002", as_published=MAY_2002),
        build(made, "lait-quartile", as_published=OUT),
    )


def packed(settings: Settings, out: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        app,
        ["audit", "pack", *words, "--out", str(out), "--json", "--warehouse", str(settings.warehouse)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.output))


def seed_of(found: SnapshotRef) -> str:
    """A seed that draws both councils of which judgements are known."""
    everybody = found.table("organisations")["organisation"].to_list()
    return next(
        str(n) for n in count() if {"walsall", "bolton"} <= set(draw(everybody, found.id, str(n), 30))
    )


@pytest.fixture(scope="module")
def sampled(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A pack of thirty organisations, both rated ones among them, and where it is unpacked."""
    settings, of_2002, _ = rated
    folder = tmp_path_factory.mktemp("unpacked")
    archive = folder / "pack.zip"
    packed(settings, archive, "--seed", seed_of(of_2002), "--snapshot", of_2002.id)
    zipfile.ZipFile(archive).extractall(folder / "empty")
    return archive, folder / "empty"


def verify(folder: Path, proof: str, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """The stand-alone verifier of the pack, by a Python that knows nothing of ours."""
    given = key or (folder / "key.txt").read_text().strip()
    return subprocess.run(
        [sys.executable, "-I", str(folder / VERIFIER), str(folder / proof), "--key", given],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_proof_of_a_pack_verifies_with_nothing_but_the_pack(sampled: tuple[Path, Path]) -> None:
    _, folder = sampled
    proofs = sorted((folder / "proofs").iterdir())
    assert len(proofs) == 2 * 6  # of two councils: four judgements, the rating published then, A1
    for proof in proofs[:4] + proofs[-2:]:
        done = verify(folder, f"proofs/{proof.name}")
        assert done.returncode == 0, done.stderr
        assert f"The proof holds: position {proof.stem} of starledger-" in done.stdout
    assert "import starledger" not in (folder / VERIFIER).read_text()
    assert verify(folder, "proofs/" + proofs[0].name, key="other+00000000+AAAA").returncode == 2


def test_an_altered_proof_is_found_out(sampled: tuple[Path, Path]) -> None:
    _, folder = sampled
    proof = next(
        path for path in (folder / "proofs").iterdir() if json.loads(path.read_text())["event"]["value"]
    )
    altered = folder / "proofs" / "altered"
    altered.write_text(re.sub(r'("value": )[\d.]+', r"\g<1>1.5", proof.read_text()))
    done = verify(folder, "proofs/altered")
    altered.unlink()
    assert done.returncode == 1
    assert "does NOT hold" in done.stderr


def test_every_event_says_what_its_cell_says_in_the_bytes_of_the_pack(sampled: tuple[Path, Path]) -> None:
    _, folder = sampled
    checked = 0
    for proof in (folder / "proofs").iterdir():
        said = json.loads(proof.read_text())
        back = json.loads((folder / "back" / f"{proof.stem}.json").read_text())
        file = back["event"]["source"]["file"]
        assert said["batch"]["file_sha256"] == file["sha256"]
        content = (folder / source_path(file["sha256"], file["name"])).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        row = list(csv.reader(io.StringIO(content.decode())))[said["event"]["source_row"] - 1]
        for cell in back["event"]["source"]["cells"]:
            assert cell["text"] in row
            checked += 1
        if said["event"]["value"] is not None:
            assert round(float(row[2]) / float(row[3]) * 100, 4) == round(said["event"]["value"], 4)
    assert checked > 20


def test_every_star_is_traced_both_ways_and_the_ways_agree(sampled: tuple[Path, Path]) -> None:
    _, folder = sampled
    traced = 0
    for path in sorted((folder / "traces").glob("*.json")):
        ahead = json.loads(path.read_text())
        for judgement in ahead["judgements"]:
            if judgement["event"] is None:
                continue
            back = json.loads((folder / "back" / f"{judgement['event']['event']}.json").read_text())
            [star] = back["snapshots"][0]["stars"]
            assert star["organisation"] == ahead["organisation"]["id"]
            assert star["star"] == ahead["star"]["star"]
            assert {way["part"] for way in star["through"]} == {judgement["part"]}
            traced += 1
    assert traced == 8


def test_the_sums_and_links_of_a_pack_name_every_file_and_no_other(sampled: tuple[Path, Path]) -> None:
    _, folder = sampled
    there = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == there - {"SHA256SUMS"}
    for name, hashed in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == hashed
    checklist = (folder / "checklist.html").read_text()
    links = re.findall(r'href="([^"#]+)"', checklist)
    assert len(links) > 30
    assert set(links) <= there
    assert (folder / "key.txt").read_text().strip() in checklist
    assert "<script" not in checklist


def test_the_same_seed_gives_the_same_bytes_and_another_draws_others(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], sampled: tuple[Path, Path], tmp_path: Path
) -> None:
    settings, of_2002, _ = rated
    packed(settings, tmp_path / "again.zip", "--seed", seed_of(of_2002), "--snapshot", of_2002.id)
    assert (tmp_path / "again.zip").read_bytes() == sampled[0].read_bytes()
    everybody = [f"council-{n}" for n in range(150)]
    drawn = {seed: draw(everybody, "s", seed, 30) for seed in ("a", "b")}
    assert drawn["a"] == draw(reversed(everybody), "s", "a", 30)
    assert len(drawn["a"]) == len(set(drawn["a"])) == 30
    assert drawn["a"] != drawn["b"]
    assert set(draw(everybody, "s", "a", 5)) <= set(drawn["a"])


def test_a_pack_on_one_organisation_holds_every_snapshot_of_it(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], tmp_path: Path
) -> None:
    settings, of_2002, of_lait = rated
    told = packed(settings, tmp_path / "camden.zip", "--organisation", "202")
    assert (told["stars"], told["unproved"], told["missing"]) == (2, {}, {})
    names = zipfile.ZipFile(tmp_path / "camden.zip").namelist()
    for found in (of_2002, of_lait):
        assert f"traces/{found.id}-camden.html" in names
        assert f"questions/{found.id}.json" in names
        assert f"snapshots/{found.id}/manifest.json" in names
        assert f"snapshots/{found.id}/checkpoint" in names
    assert any(name.endswith("-odd_name.csv") for name in names)
    backs = [
        json.loads(zipfile.ZipFile(tmp_path / "camden.zip").read(name))
        for name in names
        if re.fullmatch(r"back/\d+\.json", name)
    ]
    assert all({each["id"] for each in back["snapshots"]} == {of_2002.id, of_lait.id} for back in backs)
    assert MEASURE in zipfile.ZipFile(tmp_path / "camden.zip").read("checklist.html").decode()


def test_lost_or_withheld_bytes_are_said_to_be_missing_and_the_proofs_still_hold(
    rated: tuple[Settings, SnapshotRef, SnapshotRef], tmp_path: Path
) -> None:
    settings, *_ = rated
    told = packed(settings, tmp_path / "p.zip", "--organisation", "camden", "--no-sources")
    archive = zipfile.ZipFile(tmp_path / "p.zip")
    assert len(told["missing"]) == 1
    assert not any(name.startswith("sources/") for name in archive.namelist())
    assert "left out on purpose" in archive.read("checklist.html").decode()
    [sha256] = told["missing"]
    lost = settings.landing.path(sha256)
    kept = lost.read_bytes()
    lost.unlink()
    told = packed(settings, tmp_path / "q.zip", "--organisation", "camden")
    lost.write_bytes(kept)
    assert "no bytes with SHA-256" in told["missing"][sha256]
    assert told["proofs"] == 1


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        ([], InputError, "a sample needs a seed"),
        (["--seed", "s", "--sample", "0"], InputError, "a sample of 0 shows nothing"),
        (["--organisation", "camden", "--seed", "s"], InputError, "draws nothing"),
        (["--organisation", "Atlantis"], NotFoundError, "no organisation is called 'Atlantis'"),
        (["--seed", "s", "--snapshot", "nothing"], NotFoundError, "no snapshot 'nothing'"),
    ],
)
def test_a_pack_that_cannot_be_made_is_refused_and_no_file_is_left(
    rated: tuple[Settings, SnapshotRef, SnapshotRef],
    tmp_path: Path,
    words: list[str],
    error: type[Exception],
    says: str,
) -> None:
    out = tmp_path / "pack.zip"
    done = CliRunner().invoke(
        app, ["audit", "pack", *words, "--out", str(out), "--warehouse", str(rated[0].warehouse)]
    )
    assert isinstance(done.exception, error), done.output
    assert says in str(done.exception)
    assert not out.exists()


def test_a_file_name_of_a_source_leads_nowhere_else() -> None:
    assert source_path("a" * 64, "../../etc/pass wd") == "sources/aaaaaaaaaaaa-_.._etc_pass_wd"
    assert source_path("a" * 64, "...") == "sources/aaaaaaaaaaaa-file"


def test_an_event_under_an_embargo_is_traced_to_nobody(tmp_path: Path) -> None:
    from warehouse.event_log import now

    made = warehouse(tmp_path / "w")
    early = tmp_path / "early.csv"
    early.write_text(LAIT.format(earlier=1, now=2))
    [report] = ingest(made, [early], "lait", published_at=now() + HOUR, announced=True)
    position = made.ledger().batch(report.batch or 0).first_position
    done = CliRunner().invoke(app, ["trace", "--event", str(position), "--warehouse", str(made.warehouse)])
    assert isinstance(done.exception, NotFoundError)
    assert "under an embargo until" in str(done.exception)
