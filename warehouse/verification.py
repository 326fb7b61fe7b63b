"""Verification: whether the rows and the landed bytes are still what was recorded.

Here: everything hashed again from the rows, in chunks and on several processes; each problem says what is
    wrong and where (batch, position, file).
Not here: signatures and checkpoints as files (audit), who asks (pipelines/ledger_proofs.py).

Without a checkpoint kept elsewhere this finds what was altered in place; who can rewrite every row and hash
again is found out only by the checkpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, select

from ratings.errors import LedgerError, NotFoundError, StarledgerError
from warehouse import merkle, schema
from warehouse.batch_leaves import batch_leaves, raw_batches
from warehouse.canonical import sha256_of
from warehouse.canonical_events import SALT_BYTES
from warehouse.database import Database
from warehouse.event_log import QUARANTINE_SCHEMA, Ledger, quarantine_sha256
from warehouse.indicator_blocks import blocks_of
from warehouse.landing import Landing
from warehouse.purged import kept_leaves, leaves, purge_problems, purged_files, salts_between

CHUNK = 512 * merkle.SUBTREE_LEAVES
_WORTH_A_PROCESS = 2 * CHUNK  # a new process takes about as long to start as these events to hash


@dataclass(frozen=True, slots=True)
class Covered:
    """What a checkpoint, its signature believed, says the log was: batches, their root, last position."""

    size: int
    root: bytes
    position: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: how much was hashed, what is wrong, and what is gone by lawful order."""

    events: int
    batches: int
    root: bytes
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class _Segment:
    """Events of one batch that are hashed together; begins a whole number of subtrees into the batch."""

    batch: int
    batch_first: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Hashed:
    segment: _Segment
    tops: bytes  # of whole subtrees
    rest: bytes | None  # of the incomplete subtree behind them
    problems: tuple[str, ...]


def verify(
    ledger: Ledger,
    landing: Landing | None = None,
    covered: Covered | None = None,
    *,
    processes: int = 2,
    tell: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Hash the whole log again and compare it with what is recorded.

    Args:
        ledger: the log.
        landing: where landed bytes lie; None leaves them out.
        covered: what a checkpoint kept elsewhere says.
        processes: how many hash at once.
        tell: is told how far it is.

    Returns:
        Problems in the order: batches, events, refused rows, files, purges, checkpoint.
    """
    with ledger.database.read() as connection:
        rows = raw_batches(connection)
        end = max((row["last_position"] for row in rows), default=0)
        event = schema.event.c.position
        stray = connection.execute(
            select(func.count(), func.min(event)).where((event > end) | (event < 1))
        ).one()
        known = select(schema.batch.c.id)
        orphans = [
            (table.name, number)
            for table in (schema.batch_tree, schema.salt, schema.quarantine, schema.indicator_block)
            for (number,) in connection.execute(
                select(table.c.batch).where(table.c.batch.not_in(known)).distinct().order_by(table.c.batch)
            )
        ]
    problems = list(_ranges(rows))
    if stray[0]:
        problems.append(f"{stray[0]} events are in no batch, the first at position {stray[1]}")
    problems += [f"table {name} has rows of batch {number}, which is not there" for name, number in orphans]
    whole = [row for row in rows if row["events_root"] is not None]
    hashed: dict[int, list[_Hashed]] = {}
    done = 0
    for parts in _each(ledger.database, _chunks(whole), processes, end):
        for part in parts:
            hashed.setdefault(part.segment.batch, []).append(part)
            done += part.segment.last - part.segment.first + 1
        tell(f"verified {done:,} of {end:,} events")
    for row in whole:
        parts = sorted(hashed.pop(row["id"], []), key=lambda part: part.segment.first)
        problems += _event_problems(row, parts)
    problems += _quarantine_problems(ledger.database, rows)
    notes = _authorities(ledger)
    problems += _purges(ledger)
    if landing is not None:
        for problem, is_note in _files(ledger, landing):
            (notes if is_note else problems).append(problem)
    every = batch_leaves(rows)
    if covered is not None:
        problems += _against(covered, rows, every)
    return Verification(done, len(rows), merkle.root(every), tuple(problems), tuple(notes))


def _ranges(rows: list[dict[str, Any]]) -> Iterator[str]:
    number = position = 0
    for row in rows:
        if row["id"] != number + 1:
            yield f"batch {number + 1} is missing: batch {row['id']} follows batch {number}"
        if row["first_position"] != position + 1:
            yield (
                f"batch {row['id']} begins at position {row['first_position']}, and the one before ends at "
                f"{position}"
            )
        if row["last_position"] < row["first_position"]:
            yield f"batch {row['id']} ends at position {row['last_position']}, before it begins"
        if row["events_root"] is None:
            yield f"batch {row['id']} has no row in batch_tree: what it hashed to is missing"
        number, position = row["id"], row["last_position"]


def _chunks(rows: list[dict[str, Any]]) -> Iterator[list[_Segment]]:
    """Segments of about `CHUNK` events in all; small batches share one read."""
    chunk: list[_Segment] = []
    held = 0
    for row in rows:
        first = row["first_position"]
        for start in range(first, row["last_position"] + 1, CHUNK):
            segment = _Segment(row["id"], first, start, min(start + CHUNK - 1, row["last_position"]))
            size = segment.last - segment.first + 1
            if chunk and (held + size > CHUNK or segment.first != chunk[-1].last + 1):
                yield chunk
                chunk, held = [], 0
            chunk.append(segment)
            held += size
    if chunk:
        yield chunk


def _each(
    database: Database, chunks: Iterator[list[_Segment]], processes: int, events: int
) -> Iterator[list[_Hashed]]:
    """Chunks hashed, in no particular order. This process is one of them: others take seconds to start."""
    others = processes - 1 if events > _WORTH_A_PROCESS else 0
    if not others:
        for chunk in chunks:
            yield _hash(database, chunk)
        return
    with ProcessPoolExecutor(others, mp_context=get_context("spawn")) as pool:
        given: deque[Future[list[_Hashed]]] = deque()
        try:
            for chunk in chunks:
                while given and given[0].done():
                    yield given.popleft().result()
                if len(given) < 2 * others:  # one to hash and one to go on with
                    given.append(pool.submit(_hash_at, database.address, chunk))
                else:
                    yield _hash(database, chunk)
            for each in given:
                yield each.result()
        except BrokenProcessPool:
            raise LedgerError(
                "a process that hashed a part of the log was killed",
                hint="see whether memory ran out, then run the command again",
            ) from None


def _hash_at(address: str | Path, segments: list[_Segment]) -> list[_Hashed]:
    return _hash(Database(address), segments)


def _hash(database: Database, segments: list[_Segment]) -> list[_Hashed]:
    first, last = segments[0].first, segments[-1].last
    try:
        with database.read() as connection:
            salts = {s.batch: salts_between(connection, s.first, s.last) for s in segments}
            kept = kept_leaves(connection, first, last)
            blocks = _blocks(connection, segments)
        columns = [c.name for c in schema.event.columns]
        where = f"position BETWEEN {first} AND {last}"
        events = database.frame(schema.event, columns, where, compact=False)
    except (StarledgerError, pl.exceptions.PolarsError, ValueError, OSError) as error:
        said = f"positions {first} to {last} cannot be read: {str(error).splitlines()[0]}"
        return [_Hashed(s, b"", None, (said,) if s is segments[0] else ()) for s in segments]
    if not events["position"].is_sorted():
        events = events.sort("position")
    lost = _block_problems(events, segments, blocks)
    every = events["position"].to_numpy()
    found = []
    for segment in segments:
        start, stop = every.searchsorted(segment.first), every.searchsorted(segment.last, side="right")
        part = _hash_segment(segment, events[int(start) : int(stop)], salts[segment.batch], kept)
        found.append(replace(part, problems=(*part.problems, *lost.pop(segment.batch, []))))
    return found


def _blocks(connection: Connection, segments: list[_Segment]) -> pl.DataFrame:
    """The rows of `indicator_block` about these events."""
    table = schema.indicator_block
    rows = connection.execute(
        select(table).where(
            table.c.batch.between(segments[0].batch, segments[-1].batch),
            table.c.first_position.between(segments[0].first, segments[-1].last),
        )
    )
    return pl.DataFrame([tuple(row) for row in rows], schema=schema.frame_schema(table), orient="row")


def _block_problems(
    events: pl.DataFrame, segments: list[_Segment], stored: pl.DataFrame
) -> dict[int, list[str]]:
    """Where `indicator_block` does not lead to the events that are there, by batch."""
    starts = pl.DataFrame([(s.batch, s.batch_first) for s in segments], ["batch", "begins"], orient="row")
    expected = blocks_of(events.join(starts.unique(), on="batch", maintain_order="left"), pl.col("begins"))
    found: dict[int, list[str]] = {}
    for rows, others, said in ((expected, stored, "does not lead"), (stored, expected, "leads in vain")):
        wrong = rows.join(others, on=rows.columns, how="anti").sort("batch", "first_position", "indicator")
        for batch, indicator, position in wrong.unique("batch", keep="first", maintain_order=True).rows():
            found.setdefault(batch, []).append(
                f"batch {batch}: indicator_block {said} to events of {indicator} from position {position} on"
            )
    return found


def _hash_segment(segment: _Segment, events: pl.DataFrame, salts: bytes, kept: dict[int, bytes]) -> _Hashed:
    size, problems = segment.last - segment.first + 1, []
    if events.height < size:
        there = set(events["position"].to_list())
        missing = [p for p in range(segment.first, segment.last + 1) if p not in there]
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        problems.append(f"batch {segment.batch}: the event at position {missing[0]}{more} is missing")
    wrong = events.filter(pl.col("batch") != segment.batch)["position"]
    if len(wrong):
        problems.append(f"position {wrong[0]} says that it is in another batch than batch {segment.batch}")
    if len(salts) != size * SALT_BYTES:
        problems.append(
            f"batch {segment.batch}: salts of positions {segment.first} to {segment.last} are missing"
        )
    if events.height < size or len(salts) != size * SALT_BYTES:
        return _Hashed(segment, b"", None, tuple(problems))
    here = {p: leaf for p, leaf in kept.items() if segment.first <= p <= segment.last}
    hashes = leaves(events, salts, here)
    rest = hashes[size - size % merkle.SUBTREE_LEAVES :]
    return _Hashed(
        segment,
        merkle.subtree_hashes(hashes),
        merkle.root(rest) if rest else None,
        tuple(problems),
    )


def _event_problems(row: dict[str, Any], parts: list[_Hashed]) -> Iterator[str]:
    for part in parts:
        yield from part.problems
    if any(part.problems and not (part.tops or part.rest) for part in parts):
        return  # what cannot be hashed was named above
    width, leaves_each = merkle.HASH_BYTES, merkle.SUBTREE_LEAVES
    tops = b"".join(part.tops for part in parts)
    rests = [part.rest for part in parts if part.rest is not None]
    stored, named = bytes(row["subtrees"]), False
    if len(stored) != len(tops):
        yield f"batch {row['id']}: its stored subtrees are {len(stored)} bytes long, not {len(tops)}"
    for at in range(0, min(len(stored), len(tops)), width):
        if stored[at : at + width] != tops[at : at + width]:
            first, named = row["first_position"] + at // width * leaves_each, True
            yield (
                f"batch {row['id']}: an event between positions {first} and {first + leaves_each - 1} is not "
                "what was recorded"
            )
    found = merkle.root([*(tops[at : at + width] for at in range(0, len(tops), width)), *rests])
    if found != bytes(row["events_root"]) and not named:
        first = row["first_position"] + len(tops) // width * leaves_each
        where = f"positions {first} and {row['last_position']}" if rests else "its first and last position"
        yield f"batch {row['id']}: an event between {where}, or its recorded root, is not what was recorded"


def _quarantine_problems(database: Database, rows: list[dict[str, Any]]) -> Iterator[str]:
    with database.read() as connection:
        counted = set(connection.execute(select(schema.quarantine.c.batch).distinct()).scalars())
    for row in rows:
        expected = row["quarantine_sha256"]
        if expected is None and row["id"] not in counted:
            continue
        refused = database.frame(schema.quarantine, list(QUARANTINE_SCHEMA), f"batch = {row['id']:d}")
        if quarantine_sha256(refused) != expected:
            yield f"batch {row['id']}: its refused rows (quarantine) are not what was recorded"


def _authorities(ledger: Ledger) -> list[str]:
    table = schema.purged.c
    query = select(table.authority, table.purged_by, func.count(), func.min(table.position))
    with ledger.database.read() as connection:
        found = connection.execute(query.group_by(table.authority, table.purged_by)).all()
    return [
        f"{count} events, the first at position {first}, were purged under authority of {who} (batch {batch})"
        for who, batch, count, first in found
    ]


def _purges(ledger: Ledger) -> list[str]:
    try:
        return purge_problems(ledger)
    except (KeyError, ValueError, TypeError) as error:
        return [f"the record of purges cannot be read: {error!r}"]


def _files(ledger: Ledger, landing: Landing) -> Iterator[tuple[str, bool]]:
    landed, batch = schema.landed_file.c, schema.batch.c
    with ledger.database.read() as connection:
        names = {r.sha256: r.file_name for r in connection.execute(select(landed.sha256, landed.file_name))}
        used = connection.execute(select(batch.file_sha256, batch.file_name, batch.id)).all()
    for sha256, name, number in used:
        if sha256 is not None and sha256 not in names:
            yield f"batch {number}: its file {name} ({sha256}) has no row in landed_file", False
            names[sha256] = name
    gone = purged_files(ledger)
    for sha256, name in sorted(names.items()):
        if sha256 in gone:
            yield (
                f"landed file {name} ({sha256}) was purged under authority of {gone[sha256].authority}",
                True,
            )
            continue
        try:
            found = sha256_of(landing.path(sha256))
        except NotFoundError:
            yield f"landed file {name} ({sha256}) is missing", False
        except OSError as error:
            yield f"landed file {name} ({sha256}) cannot be read: {error.strerror}", False
        else:
            if found != sha256:
                yield f"landed file {name} ({sha256}) was changed: its bytes now hash to {found}", False


def _against(covered: Covered, rows: list[dict[str, Any]], every: list[bytes]) -> Iterator[str]:
    if len(rows) < covered.size:
        yield (
            f"the log ends at batch {len(rows)}, and the checkpoint covers {covered.size}: it was cut, or an "
            "older copy was put in its place"
        )
    elif merkle.root(every[: covered.size]) != covered.root:
        yield f"the first {covered.size} batches are not those of the checkpoint: the log was rewritten"
    elif covered.size and rows[covered.size - 1]["last_position"] != covered.position:
        yield f"batch {covered.size} does not end at position {covered.position}, as the checkpoint says"
