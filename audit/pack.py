"""Auditor pack: stars traced both ways, the bytes they came from, and the means to check them, in one zip.

Here: which stars are drawn, which events are shown for each, what lies where in the pack, and its checklist.
Not here: tracing (trace.py, trace_back.py), proofs, reading the warehouse (pipelines/audit_pack.py).

The same log, snapshot and seed give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from audit.trace_page import page, render

VERIFIER = "standalone_verifier.py"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time that a zip file can say
_MODE = 0o644 << 16
_FIGURES = 5


@dataclass(frozen=True, slots=True)
class Star:
    """A star in a pack.

    Attributes:
        trace: what `audit.trace.trace` gives.
        back: what `audit.trace_back.resting_on_event` gives, by position: of every event shown.
        name: how its files are called in the pack.
    """

    trace: Mapping[str, Any]
    back: Mapping[int, Mapping[str, Any]]
    name: str


@dataclass(frozen=True, slots=True)
class Pack:
    """What goes into a pack.

    Attributes:
        title: what it is about.
        drawn: how its stars were chosen, in a sentence.
        stars: in the order of the checklist.
        proofs: proof file by position.
        unproved: why there is no proof, by position.
        sources: bytes of landed files by SHA-256.
        missing: why there are no bytes, by SHA-256.
        file_names: names of the landed files by SHA-256.
        checkpoint: the signed note that all proofs end at.
        key: the public key it is signed with.
        more: further files of the pack, by path.
    """

    title: str
    drawn: str
    stars: Sequence[Star]
    proofs: Mapping[int, str]
    unproved: Mapping[int, str]
    sources: Mapping[str, bytes]
    missing: Mapping[str, str]
    file_names: Mapping[str, str]
    checkpoint: str
    key: str
    more: Mapping[str, bytes]


def draw(organisations: Iterable[str], snapshot_id: str, seed: str, sample: int) -> list[str]:
    """Which organisations a seed draws: those whose hashes come first.

    Anybody can repeat it: the organisations are put in order of the SHA-256 of `SEED SNAPSHOT ORGANISATION`,
    and the first ones are taken. Whoever fixes the seed before the snapshot is built cannot choose.
    """

    def place(organisation: str) -> str:
        return hashlib.sha256(f"{seed} {snapshot_id} {organisation}".encode()).hexdigest()

    return sorted(sorted(organisations, key=place)[:sample])


def events_shown(trace: Mapping[str, Any], seed: str, figures: int | None = _FIGURES) -> list[int]:
    """Which events of a trace a pack proves and traces back.

    Args:
        trace: what `audit.trace.trace` gives.
        seed: draws among the figures.
        figures: how many figures beside the key indicators and the oldest that decided; None for all.

    Returns:
        Positions, each once: recorded judgements, decisions, what was published then, evidence, key
        indicators, the oldest deciding figure, and figures drawn by hash.
    """
    facts = [trace["published"], trace["decision"]]
    facts += [each[name] for each in trace["judgements"] for name in ("event", "decision")]
    shown = [fact["event"] for fact in facts if fact] + [item["event"] for item in trace["evidence"]]
    star = trace["star"] or {}
    known = [figure for figure in trace["figures"] if figure["event"] is not None]
    oldest = star.get("oldest_deciding_indicator")
    always = [f for f in known if f["key"] or f["indicator"] == oldest]
    others = [f for f in known if f not in always]
    others.sort(key=lambda f: hashlib.sha256(f"{seed} {f['event']}".encode()).hexdigest())
    shown += [figure["event"] for figure in [*always, *others[:figures]]]
    return sorted(set(shown))


def pack_files(pack: Pack) -> dict[str, bytes]:
    """Every file of a pack by its path, SHA256SUMS and checklist.html among them."""
    found: dict[str, bytes] = dict(pack.more)
    for star in pack.stars:
        found[f"traces/{star.name}.html"] = page(dict(star.trace)).encode()
        found[f"traces/{star.name}.json"] = as_json(star.trace)
        for position, back in star.back.items():
            found[f"back/{position}.html"] = page(dict(back)).encode()
            found[f"back/{position}.json"] = as_json(back)
    for position, proof in pack.proofs.items():
        found[f"proofs/{position}.json"] = proof.encode()
    for sha256, content in pack.sources.items():
        found[source_path(sha256, pack.file_names[sha256])] = content
    found["checkpoint"] = pack.checkpoint.encode()
    found["key.txt"] = f"{pack.key}\n".encode()
    found[VERIFIER] = (files("audit") / VERIFIER).read_bytes()
    found["checklist.html"] = render("checklist.html", _checklist(pack)).encode()
    sums = (f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
    found["SHA256SUMS"] = "".join(sums).encode()
    return found


def zipped(found: Mapping[str, bytes]) -> bytes:
    """Files as the bytes of a zip file, the same for the same files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(found):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whatever made it
            entry.external_attr = _MODE
            archive.writestr(entry, found[name])
    return out.getvalue()


def source_path(sha256: str, name: str) -> str:
    """Where the bytes of a landed file lie in a pack; a name of theirs leads nowhere else."""
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")
    return f"sources/{sha256[:12]}-{safe or 'file'}"


def as_json(value: Mapping[str, Any]) -> bytes:
    """A value as the JSON files of a pack hold it."""
    return json.dumps(value, ensure_ascii=False, indent=1, default=str).encode()


def _checklist(pack: Pack) -> dict[str, Any]:
    """What the checklist shows: per star every event, what it says, and the cell it must be in."""
    return {
        "pack": pack,
        "verifier": VERIFIER,
        "stars": [
            {
                "name": star.name,
                "trace": star.trace,
                "events": [_step(pack, position, back) for position, back in sorted(star.back.items())],
            }
            for star in pack.stars
        ],
    }


def _step(pack: Pack, position: int, back: Mapping[str, Any]) -> dict[str, Any]:
    event = back["event"]
    file = event["source"]["file"]
    sha256: str = file["sha256"] if file else ""
    return {
        "position": position,
        "event": event,
        "proved": position in pack.proofs,
        "unproved": pack.unproved.get(position),
        "path": source_path(sha256, pack.file_names[sha256]) if sha256 in pack.sources else None,
        "missing": pack.missing.get(sha256),
    }
