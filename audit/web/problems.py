"""Problems: what a reader is told when there is no page to show.

Here: errors as a status, a title and the next step; the public is told nothing of paths or databases.
Not here: raising them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from audit.web.archive import NOT_AS_BUILT, NotWholeError
from audit.web.comparisons import BusyError
from ratings.errors import LedgerError, NotFoundError, StarledgerError


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no page (the fields of RFC 9457).

    Attributes:
        status: of HTTP.
        title: what is wrong.
        detail: what to do next.
        problems: everything that is wrong with a snapshot that does not verify.
    """

    status: int
    title: str
    detail: str
    problems: tuple[str, ...] = ()


NOT_HERE = Problem(
    404,
    "There is no such page",
    "The address may be mistyped, or what it names is not published. Begin at the list of ratings.",
)
_MALFORMED = "The address is not understood"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": NOT_HERE.title},
    422: {"model": Problem, "description": _MALFORMED},
    503: {"model": Problem, "description": "It cannot be shown now"},
}
"""What an operation may answer instead, for its description."""


def problem_of(error: Exception, *, public: bool) -> Problem:
    """What a reader is told of an error.

    Args:
        error: any.
        public: whether the reader may be anybody: then one answer stands for all that is not there.
    """
    if isinstance(error, NotWholeError):
        return Problem(
            503,
            "This rating does not verify and is not shown",
            "Its files are not those that were built. Do not rely on any copy of it until its keeper has "
            "restored it.",
            (NOT_AS_BUILT,) if public else error.problems,
        )
    if isinstance(error, NotFoundError):
        if public or error.hint is None:
            return NOT_HERE
        return Problem(404, NOT_HERE.title, f"{_sentence(error.message)} {_sentence(error.hint)}")
    if isinstance(error, RequestValidationError):
        return Problem(422, _MALFORMED, "; ".join(_wrong(each) for each in error.errors())[:2000])
    if isinstance(error, HTTPException):
        return (
            NOT_HERE
            if error.status_code == 404
            else Problem(error.status_code, str(error.detail), "These pages can be read only: follow a link.")
        )
    if isinstance(error, LedgerError):
        detail = "Nothing is lost. Try again in a few minutes."
        return Problem(503, "The ledger cannot be read now", detail if public else _sentence(str(error)))
    if isinstance(error, BusyError):
        return Problem(503, "Another comparison is being worked out", "Try again in a minute.")
    if isinstance(error, StarledgerError):
        detail = "Ask those who run these pages." if public else _sentence(str(error))
        return Problem(503, "This cannot be shown now", detail)
    return Problem(500, "Something went wrong here", "It was noted. Begin at the list of ratings.")


def _wrong(found: dict[str, Any]) -> str:
    """One thing that is wrong with what was asked, without repeating it."""
    where = ".".join(str(part) for part in found["loc"][1:]) or "the address"
    return f"{where}: {found['msg']}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
