"""App: the audit pages as a web server - addresses, answers, errors, and what keeps readers safe.

Here: every page at its address and, from the same value, its JSON twin under /api; headers; errors as pages.
Not here: what a page says (pages/), who may see what (archive.py), the command (pipelines/cli/serve.py).
"""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import polars as pl
from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from audit.web.addresses import on_server
from audit.web.archive import Archive, NotWholeError
from audit.web.memory import Memory
from audit.web.pages.as_known import as_known
from audit.web.pages.compare import compare, compare_asked
from audit.web.pages.differing import differing_figures
from audit.web.pages.event import event, proof
from audit.web.pages.figure import figure, figure_of_period
from audit.web.pages.figures import figures
from audit.web.pages.file import file
from audit.web.pages.freshness import freshness, picture
from audit.web.pages.indicator import distribution, indicator
from audit.web.pages.ledger import checkpoint_beside, ledger, newest_checkpoint
from audit.web.pages.organisation import organisation
from audit.web.pages.past import drawn
from audit.web.pages.ratings import ratings, stars, table
from audit.web.pages.rounds import rounds
from audit.web.pages.words import words
from audit.web.problems import PROBLEMS, Problem, problem_of
from audit.web.render import html, prepare
from ratings.errors import StarledgerError

_LOG = logging.getLogger("starledger.web")
_BODY_BYTES = 48 * 2**20
_AT_ONCE = 4  # pages; the others wait their turn
_HTML, _JSON, _NOTE = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
_SVG = "image/svg+xml"
_STYLE = files("audit.web") / "static" / "style.css"

SAFE_HEADERS: dict[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NOT_KEPT = {"Cache-Control": "no-store"}  # where an answer says nothing else


@dataclass(frozen=True, slots=True)
class Page:
    """A kind of page: its address, what reads it, and how it is shown.

    Attributes:
        path: with the names of what is asked in braces.
        read: from the archive and what is asked to a frozen dataclass.
        template: of the HTML page.
        kept: whether an answer may be given again: not where it depends on more than log and snapshots.
    """

    path: str
    read: Callable[..., Any]
    template: str
    kept: bool = True


_SNAPSHOT = "/snapshots/{snapshot}"
_ORGANISATION = _SNAPSHOT + "/organisations/{organisation}"
_INDICATOR = _SNAPSHOT + "/indicators/{indicator}"
PAGES = (
    Page("/", rounds, "rounds.html"),
    Page(_SNAPSHOT, ratings, "ratings.html"),
    Page(_ORGANISATION, organisation, "organisation.html"),
    Page(_ORGANISATION + "/figures", figures, "figures.html"),
    Page(_ORGANISATION + "/figures/{indicator}", figure, "figure.html"),
    Page(_ORGANISATION + "/figures/{indicator}/{period}", figure_of_period, "figure.html"),
    Page(_INDICATOR, indicator, "indicator.html"),
    Page(_SNAPSHOT + "/freshness", freshness, "freshness.html"),
    Page(_SNAPSHOT + "/events/{position}", event, "event.html"),
    Page(_SNAPSHOT + "/known", as_known, "known.html"),
    Page(_SNAPSHOT + "/files/{sha256}", file, "file.html", kept=False),
    Page(_SNAPSHOT + "/compare", compare_asked, "compare.html"),
    Page(_SNAPSHOT + "/compare/{other}", compare, "compare.html"),
    Page(_SNAPSHOT + "/compare/{other}/figures", differing_figures, "differing.html"),
    Page("/ledger", ledger, "ledger.html", kept=False),
    Page("/words", words, "words.html"),
)


@dataclass(frozen=True, slots=True)
class _Body:
    """An answer that may be given again: its bytes, what they are, and their tag."""

    content: bytes
    type: str
    tag: str


def create_app(
    archive: Archive,
    *,
    hosts: tuple[str, ...] = ("*",),
    root: str = "",
    sign_in_header: str | None = None,
    foot: str | None = None,
) -> FastAPI:
    """The pages of an archive.

    Args:
        archive: what may be shown, and to whom.
        hosts: names that the server answers to; another name in a request is refused, so that a page
            elsewhere cannot read this one through a name of its own.
        root: path under which a proxy mounts the pages, such as `/audit`; blank for none.
        sign_in_header: header in which a proxy in front says who signed in; a request without it is refused.
        foot: words that stand at the foot of each page; of a copy that is kept as files, what it leaves out.
    """
    app = FastAPI(
        title="starledger audit pages",
        description="What every star rests on. Each path has an HTML page at the same address without /api.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        root_path=root,
        lifespan=_few_at_once,
    )
    answers = _Answers(archive, root, sign_in_header, foot)
    for page in PAGES:
        answers.add(app, page)
    answers.add_file(
        app, _SNAPSHOT + "/ratings.csv", lambda rows: rows.write_csv().encode(), table, "text/csv"
    )
    answers.add_file(app, _SNAPSHOT + "/ratings.parquet", _parquet, table, "application/vnd.apache.parquet")
    answers.add_file(app, _SNAPSHOT + "/events/{position}/proof.json", str.encode, proof, _JSON)
    answers.add_file(app, _SNAPSHOT + "/stars.svg", str.encode, stars, _SVG)
    answers.add_file(app, _ORGANISATION + "/history.svg", str.encode, drawn, _SVG)
    answers.add_file(app, _INDICATOR + "/distribution.svg", str.encode, distribution, _SVG)
    answers.add_file(app, _SNAPSHOT + "/freshness/states.svg", str.encode, picture, _SVG)
    answers.add_file(app, "/ledger/checkpoint", str.encode, newest_checkpoint, _NOTE)
    answers.add_file(app, _SNAPSHOT + "/checkpoint", str.encode, checkpoint_beside, _NOTE)
    app.add_api_route("/style.css", _style, methods=["GET"], include_in_schema=False)
    answers.add_errors(app)
    app.add_middleware(_Guard, answers=answers)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    return app


@asynccontextmanager
async def _few_at_once(_app: FastAPI) -> AsyncIterator[None]:
    """Let few pages be made at once: Python makes one at a time, and many that take turns are all late."""
    to_thread.current_default_thread_limiter().total_tokens = _AT_ONCE
    yield


class _Answers:
    """Makes answers, and keeps those that will be the same again."""

    def __init__(self, archive: Archive, root: str, sign_in_header: str | None, foot: str | None) -> None:
        self._archive = archive
        self._address = on_server(root)
        self._header = sign_in_header
        self._foot = foot
        self._kept: Memory[_Body] = Memory(_BODY_BYTES, lambda body: len(body.content) + 300)

    def add(self, app: FastAPI, page: Page) -> None:
        """A page at its address, and its JSON twin."""
        prepare(page.template)
        adapter = TypeAdapter(inspect.signature(page.read, eval_str=True).return_annotation)

        def as_html(request: Request, value: Any) -> bytes:
            reader = {
                "audience": self._archive.audience,
                "user": self._user(request),
                "query": str(request.query_params),
                "foot": self._foot,
            }
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            return html(page.template, value, self._address, path, reader).encode()

        def as_json(_request: Request, value: Any) -> bytes:
            return adapter.dump_json(value)

        app.add_api_route(
            page.path,
            self._endpoint(page.read, as_html, _HTML, kept=page.kept),
            methods=["GET", "HEAD"],
            include_in_schema=False,
        )
        app.add_api_route(
            "/api" + page.path.rstrip("/"),
            self._endpoint(page.read, as_json, _JSON, kept=page.kept),
            methods=["GET"],
            response_model=adapter._type,
            responses=PROBLEMS,
            name=page.read.__name__,
            summary=(page.read.__doc__ or "").splitlines()[0],
        )

    def add_file(
        self, app: FastAPI, path: str, form: Callable[[Any], bytes], read: Callable[..., Any], type: str
    ) -> None:
        """A file to take away: what `read` gives, in a form of its own."""
        endpoint = self._endpoint(read, lambda _request, value: form(value), type)
        app.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False)

    def _endpoint(
        self, read: Callable[..., Any], form: Callable[[Request, Any], bytes], type: str, kept: bool = True
    ) -> Callable[..., Response]:
        """What FastAPI calls: it takes what `read` takes, as FastAPI has checked it."""

        def endpoint(request: Request, **asked: Any) -> Response:
            key = (type, request.url.path, request.url.query, self._user(request), self._archive.version())
            body = self._kept.get(key)
            if body is None:
                content = form(request, read(self._archive, **asked))
                body = _Body(content, type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
                if kept:
                    self._kept.put(key, body)
            return _answer(request, body)

        taken = list(inspect.signature(read, eval_str=True).parameters.values())[1:]
        asks = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        each = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in taken]
        endpoint.__signature__ = inspect.Signature([asks, *each])  # type: ignore[attr-defined]
        return endpoint

    def add_errors(self, app: FastAPI) -> None:
        """Every error as a page of its own, or as JSON under /api."""

        async def known(request: Request, error: Exception) -> Response:
            problem = problem_of(error, public=self._archive.public)
            if problem.status >= 500:
                _LOG.error("%s: %s", type(error).__name__, problem.title)
            return self.problem(request, problem)

        for kind in (StarledgerError, NotWholeError, HTTPException, RequestValidationError, Exception):
            app.add_exception_handler(kind, known)

    def problem(self, request: Request, problem: Problem) -> Response:
        path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
        if path == "/api" or path.startswith("/api/"):
            return Response(TypeAdapter(Problem).dump_json(problem), problem.status, media_type=_JSON)
        reader = {"audience": self._archive.audience, "user": self._user(request)}
        text = html("problem.html", problem, self._address, path, reader)
        return Response(text, problem.status, headers=dict(SAFE_HEADERS), media_type=_HTML)

    def refused(self, request: Request) -> bool:
        """Whether a reader has to sign in first."""
        return bool(self._header) and not self._user(request)

    def _user(self, request: Request) -> str | None:
        """Who signed in, as the proxy says."""
        return request.headers.get(self._header) if self._header else None


class _Guard:
    """Nobody who has not signed in, where that is asked; safe headers on every answer.

    Between the server and the app (ASGI), where it costs least: every answer goes through it.
    """

    def __init__(self, app: ASGIApp, answers: _Answers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (SAFE_HEADERS | _NOT_KEPT).items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._app
        if scope["type"] == "http" and self._answers.refused(request := Request(scope)):
            problem = Problem(401, "You are not signed in", "Sign in and come back.")
            answer = self._answers.problem(request, problem)
        await answer(scope, receive, send_safely)


def _answer(request: Request, body: _Body) -> Response:
    headers = {"ETag": body.tag, "Cache-Control": "private, no-cache"}
    if body.tag in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body.content, headers=headers, media_type=body.type)


def _parquet(rows: pl.DataFrame) -> bytes:
    sink = io.BytesIO()
    rows.write_parquet(sink)
    return sink.getvalue()


def _style() -> Response:
    return Response(
        _STYLE.read_bytes(), media_type="text/css", headers={"Cache-Control": "public, max-age=3600"}
    )
