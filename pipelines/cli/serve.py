"""The command that serves the audit pages: serve.

Here: its arguments, what it refuses, and the server.
Not here: the pages (audit/web).
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

import typer

from pipelines.cli.options import Actor, DatabaseUrl, Warehouse, open_settings
from ratings.errors import InputError

_READERS = 64
_QUERY_SECONDS = 10.0
_LOOK_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command()(serve)


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    audience: Annotated[
        str, typer.Option(help="public: released ratings, nothing confidential. internal: drafts and all.")
    ] = "public",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name that the pages are reached under; may be repeated."),
    ] = None,
    sign_in_header: Annotated[
        str | None,
        typer.Option(metavar="HEADER", help="Header in which the proxy in front says who signed in."),
    ] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Path under which the proxy mounts the pages.")
    ] = "",
    warehouse: Warehouse = None,
    database_url: DatabaseUrl = None,
    actor: Actor = None,
) -> None:
    """Show ratings as pages in a browser, down to the cells. Nothing is ever written."""
    from audit.web.archive import AUDIENCES, INTERNAL

    if audience not in AUDIENCES:
        raise InputError(f"there is no audience {audience!r}", hint="say public or internal")
    if audience == INTERNAL and sign_in_header is None and not _is_loopback(host):
        raise InputError(
            f"drafts would be shown to anybody who reaches {host}",
            hint="put a proxy in front that signs people in and name its header with --sign-in-header, or "
            "serve --audience public",
        )
    import uvicorn

    from audit.web.app import create_app
    from audit.web.archive import Archive
    from pipelines.compare import compare_apart
    from pipelines.ledger_proofs import prove
    from warehouse.event_log import now

    settings = open_settings(warehouse, database_url, actor)
    ledger = settings.reading_ledger(_QUERY_SECONDS)
    archive = Archive(
        ledger,
        settings.landing,
        settings.snapshots,
        audience=audience,
        now=now,
        prove=lambda position: prove(settings, position, ledger).to_json(),
        every=_LOOK_SECONDS,
        verified=settings.verified,
        compare=lambda before, after: compare_apart(settings, before, after),
    )
    hosts = ("localhost", "127.0.0.1", "::1", host, *(allow_host or ()))
    app = create_app(archive, hosts=hosts, root=root_path.rstrip("/"), sign_in_header=sign_in_header)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        http="h11",  # it refuses a request whose headers do not end; the faster one takes all that come
        limit_concurrency=_READERS,
        timeout_keep_alive=5,
        server_header=False,
    )
    try:
        listening = config.bind_socket()
    except SystemExit:  # the server has said why
        raise InputError(
            f"nothing can listen at {host}, port {port}",
            hint="name another --port (0: any that is free) or --host, or end what listens there",
        ) from None
    listening.listen()  # who follows the address as soon as it is printed waits, and is not refused
    address = f"[{host}]" if ":" in host else host
    typer.echo(
        f"{len(archive.entries())} ratings for the audience {audience} at "
        f"http://{address}:{listening.getsockname()[1]}/"
    )
    if hidden := archive.hidden():
        typer.echo(f"{hidden} not released, and not shown; --audience internal shows them")
    typer.echo("Ctrl+C ends it")
    uvicorn.Server(config).run(sockets=[listening])


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
