"""Auditor packs: collecting from a warehouse what goes into one.

Here: the stars that are drawn or asked for, traced both ways; proofs against one checkpoint; source bytes.
Not here: what lies where in a pack (audit/pack.py), arguments and output (cli/audit.py).
"""

from __future__ import annotations

from collections.abc import Iterable

from audit.pack import Pack, Star, as_json, draw, events_shown
from audit.questions import questions
from audit.sources import Sources
from audit.trace import trace
from audit.trace_back import resting_on_events
from audit.trace_lines import counted
from pipelines.ledger_proofs import prove_many
from pipelines.settings import Settings
from pipelines.signing import signer
from ratings.catalogue import load_catalogue
from ratings.errors import InputError, NotFoundError, StarledgerError
from warehouse.named_in_log import with_named
from warehouse.snapshot_files import CHECKPOINT, RECEIPT
from warehouse.snapshot_manifest import MANIFEST
from warehouse.snapshots import SnapshotRef, list_snapshots, snapshot

_ALL_FIGURES = None


def sample_pack(
    settings: Settings, snapshot_id: str, *, sample: int, seed: str, with_sources: bool = True
) -> Pack:
    """A pack of stars drawn by a seed.

    Args:
        settings: where; the checkpoint is signed with its key.
        snapshot_id: the snapshot whose stars are drawn from.
        sample: how many; all where there are fewer.
        seed: any text.
        with_sources: whether the landed files go in; they hold all organisations, and every cell as it came.

    Raises:
        InputError: the sample is not at least one, or the snapshot holds nobody.
        NotFoundError: there is no such snapshot.
        SnapshotError: it is of another log, or cannot be read.
    """
    if sample < 1:
        raise InputError(f"a sample of {sample} shows nothing", hint="give --sample 30")
    found = snapshot(settings.snapshots, snapshot_id)
    everybody = found.table("organisations")["organisation"].to_list()
    drawn = draw(everybody, found.id, seed, sample)
    manifest = found.manifest
    return _pack(
        settings,
        f"{len(drawn)} of {len(everybody)} organisations of {found.id}",
        f"Drawn from {manifest['method']['title']}, as published by {manifest['as_published']}: the"
        f" organisations of which the SHA-256 of “{seed} {found.id} ORGANISATION” comes first. Of each:"
        " recorded judgements, key indicators, the oldest deciding figure, and five more drawn likewise.",
        [(found, who) for who in drawn],
        seed,
        figures=5,
        with_sources=with_sources,
        more={},
    )


def organisation_pack(settings: Settings, organisation: str, *, with_sources: bool = True) -> Pack:
    """A pack with everything on one organisation: every snapshot that holds it, every figure that counted.

    Args:
        settings: where; the checkpoint is signed with its key.
        organisation: id, name or code.
        with_sources: whether the landed files go in; they hold other organisations too.

    Raises:
        NotFoundError: nothing is called that, or no snapshot holds it.
    """
    ledger = settings.ledger()
    body = with_named(load_catalogue(), ledger).resolve(organisation)
    held = [
        found
        for found in list_snapshots(settings.snapshots)
        if found.manifest["ledger"]["origin"] == ledger.origin
        and not found.table("organisations", organisation=body.id).is_empty()
    ]
    if not held:
        raise NotFoundError(f"{body.name} is in no snapshot", hint="build one with `starledger rate` first")
    more = {
        f"questions/{found.id}.json": as_json(questions(ledger, settings.snapshots, body.id, found.id))
        for found in held
    }
    return _pack(
        settings,
        body.name,
        f"Everything on {body.name} in {counted(len(held), 'snapshot')}: every figure, judgement and piece of"
        " evidence that counted or stood beside, with the questions that remain.",
        [(found, body.id) for found in held],
        "",
        figures=_ALL_FIGURES,
        with_sources=with_sources,
        more=more,
    )


def _pack(
    settings: Settings,
    title: str,
    drawn: str,
    wanted: Iterable[tuple[SnapshotRef, str]],
    seed: str,
    *,
    figures: int | None,
    with_sources: bool,
    more: dict[str, bytes],
) -> Pack:
    ledger = settings.ledger()
    signer(settings, ledger)  # where the key is put on record, that comes before everything else
    reading = Sources(ledger, settings.landing)
    traces = [
        (found, trace(ledger, settings.landing, settings.snapshots, who, None, found.id, sources=reading))
        for found, who in wanted
    ]
    shown = [events_shown(ahead, seed, figures) for _, ahead in traces]
    snapshots = {found.id: found for found, _ in traces}
    backs = resting_on_events(reading, list(snapshots.values()), sorted({p for each in shown for p in each}))
    stars: list[Star] = []
    names: dict[str, str] = {}
    manifests: dict[str, bytes] = {}
    for (found, ahead), positions in zip(traces, shown, strict=True):
        back = {position: backs[position] for position in positions}
        stars.append(Star(ahead, back, f"{found.id}-{ahead['organisation']['id']}"))
        for name in (MANIFEST, CHECKPOINT, RECEIPT):
            if (found.path / name).is_file():
                manifests[f"snapshots/{found.id}/{name}"] = (found.path / name).read_bytes()
        for each in back.values():
            if file := each["event"]["source"]["file"]:
                names[file["sha256"]] = file["name"] or "file"
    proofs, unproved, checkpoint, key = prove_many(
        settings, sorted({position for star in stars for position in star.back})
    )
    sources, missing = {}, {}
    for sha256 in sorted(names):
        if not with_sources:
            missing[sha256] = "left out on purpose; ask for it by its hash"
            continue
        try:
            sources[sha256] = settings.landing.path(sha256).read_bytes()
        except (StarledgerError, OSError) as error:
            missing[sha256] = str(error)
    return Pack(
        title, drawn, stars, proofs, unproved, sources, missing, names, checkpoint, str(key),
        more=manifests | more,
    )  # fmt: skip
