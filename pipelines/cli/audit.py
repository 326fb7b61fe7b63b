"""Commands audit: what an auditor takes away.

Here: their arguments, and writing the file.
Not here: what goes into a pack (pipelines/audit_pack.py), what lies where in it (audit/pack.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Json, Warehouse, open_settings, print_json
from ratings.errors import InputError

app = typer.Typer(help="What an auditor takes away.", no_args_is_help=True)


@app.callback()
def audit() -> None:
    """What an auditor takes away."""


@app.command()
def pack(
    out: Annotated[Path, typer.Option(metavar="FILE.zip", help="The file to write.")],
    sample: Annotated[int, typer.Option(metavar="N", help="How many stars are drawn.")] = 30,
    seed: Annotated[
        str | None, typer.Option(metavar="S", help="What draws them: any text, the same gives the same.")
    ] = None,
    snapshot: Annotated[
        str | None,
        typer.Option(metavar="ID", help="From which snapshot. Default: the released one, else the newest."),
    ] = None,
    organisation: Annotated[
        str | None, typer.Option(metavar="O", help="Instead: everything on one organisation.")
    ] = None,
    sources: Annotated[
        bool,
        typer.Option(help="Put the landed files in. They hold all organisations, and every cell as it came."),
    ] = True,
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write a zip file of stars traced both ways, with source bytes, proofs, a verifier and a checklist.

    It verifies offline with the verifier inside it. The same log and seed give the same bytes.
    """
    from audit.pack import pack_files, zipped
    from pipelines.audit_pack import organisation_pack, sample_pack
    from pipelines.outputs import replaced
    from pipelines.publish import released_or_newest

    settings = open_settings(warehouse, database_url, actor)
    if organisation is not None:
        if seed is not None or snapshot is not None:
            raise InputError(
                "a pack on one organisation draws nothing", hint="leave --seed and --snapshot out"
            )
        made = organisation_pack(settings, organisation, with_sources=sources)
    elif seed is None:
        raise InputError("a sample needs a seed", hint="give --seed TEXT, fixed before you look at anything")
    else:
        made = sample_pack(
            settings,
            snapshot or released_or_newest(settings),
            sample=sample,
            seed=seed,
            with_sources=sources,
        )
    content = zipped(pack_files(made))
    with replaced(out) as sink:
        sink.write(content)
    if as_json:
        print_json(
            {
                "file": str(out),
                "bytes": len(content),
                "stars": len(made.stars),
                "proofs": len(made.proofs),
                "unproved": {str(position): why for position, why in made.unproved.items()},
                "missing": dict(made.missing),
            }
        )
        return
    print(
        f"{out}: {len(made.stars)} stars, {len(made.proofs)} proofs, {len(made.sources)} source files,"
        f" {len(content):,} bytes; begin with checklist.html"
    )
    for position, why in made.unproved.items():
        print(f"no proof of event {position}: {why}")
    if sources:
        for sha256, why in made.missing.items():
            print(f"no bytes of {sha256}: {why}")
