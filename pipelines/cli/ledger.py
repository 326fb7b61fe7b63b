"""Commands on the ledger itself: its batches, checkpoints and proofs.

Here: their arguments and what they print.
Not here: what a batch is (warehouse/batches.py), how it is proved (pipelines/ledger_proofs.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import ledger_admin
from pipelines.cli.options import (
    Actor,
    DatabaseUrl,
    Json,
    Warehouse,
    open_settings,
    print_json,
    print_table,
    progress,
)
from ratings.errors import InputError

Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file instead of the screen.")]

app = typer.Typer(help="The event log.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The event log."""


@app.command()
def batches(
    warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None, as_json: Json = False
) -> None:
    """Every batch, in the order recorded: what went in together, when, by whom."""
    from warehouse.snapshot_manifest import iso

    rows = [
        {
            "batch": b.id,
            "kind": b.kind,
            "positions": f"{b.first_position}-{b.last_position}",
            "collection": b.collection,
            "file": b.file_name,
            "published_at": None if b.published_at is None else iso(b.published_at),
            "recorded_at": iso(b.recorded_at),
            "actor": b.actor,
            "voided_by": b.voided_by,
        }
        for b in open_settings(warehouse, database_url, actor).ledger().batches()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            "Batches",
            rows,
            ["batch", "kind", "positions", "collection", "file", "published_at", "actor", "voided_by"],
        )


@app.command()
def verify(
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint that was kept elsewhere.")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="VKEY", help="The key it is signed with. Default: the warehouse's own."),
    ] = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Hash every row and landed file again and say what is wrong, and where; exit code 1 when anything is."""
    from pipelines import ledger_proofs

    if key is not None and checkpoint is None:
        raise InputError(
            "--key says who signed a checkpoint, and no checkpoint is given",
            hint="add --checkpoint FILE, or leave --key out",
        )
    note = None if checkpoint is None else _read(checkpoint)
    with progress() as tell:
        settings = open_settings(warehouse, database_url, actor)
        found = ledger_proofs.verify(settings, note, key, progress=tell)
    if as_json:
        print_json({"ok": found.ok, "events": found.events, "problems": found.problems, "notes": found.notes})
    else:
        for sentence in found.notes:
            print(f"note: {sentence}")
        for sentence in found.problems:
            print(f"problem: {sentence}")
        verdict = "as recorded" if found.ok else f"{len(found.problems)} problems"
        print(f"{found.events:,} events in {found.batches:,} batches: {verdict}")
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def checkpoint(
    out: Out = None, warehouse: Warehouse = None, database_url: DatabaseUrl = None, actor: Actor = None
) -> None:
    """Sign what the log is now. Keep it where those who run the database cannot reach it."""
    from pipelines import ledger_proofs

    _write(ledger_proofs.make_checkpoint(open_settings(warehouse, database_url, actor)), out)


@app.command()
def prove(
    position: int,
    out: Out = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """The proof that one event is in the log; verifies offline with only the public key."""
    from pipelines import ledger_proofs

    _write(ledger_proofs.prove(open_settings(warehouse, database_url, actor), position).to_json(), out)


@app.command()
def consistency(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The older checkpoint.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The newer checkpoint.")],
    out: Out = None,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """The proof that one checkpoint continues another."""
    from pipelines import ledger_proofs

    settings = open_settings(warehouse, database_url, actor)
    _write(ledger_proofs.consistency(settings, _read(old), _read(new)).to_json(), out)


@app.command()
def key(
    new: Annotated[
        bool, typer.Option("--new", help="Sign with a new key from now on; old checkpoints still verify.")
    ] = False,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """The public key that checkpoints are signed with, to be given to whoever checks them."""
    from pipelines import ledger_proofs

    settings = open_settings(warehouse, database_url, actor)
    print(ledger_proofs.new_key(settings) if new else ledger_proofs.public_key(settings))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            f"cannot be read: {why}", file=str(path), hint="give a file that `ledger checkpoint` wrote"
        ) from None


def _write(text: str, out: Path | None) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", file=str(out), hint="name another --out"
        ) from None


ledger_admin.register(app)
