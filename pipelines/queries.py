"""Queries: a question on what a check found enters the log, and its answer, and who accepted it.

Here: proving each act against the log, and appending it once.
Not here: the life of a query (ratings/queries.py), what accepted answers silence (validations/findings.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.check_results import Checked, checked
from pipelines.definitions import blank_event, signed
from pipelines.settings import Settings
from pipelines.void import RETRIES
from ratings.catalogue import load_catalogue
from ratings.errors import InputError, LedgerError, NotFoundError
from ratings.queries import ACCEPTED, ANSWERED, RAISED, REOPENED, STATES, SUBJECT, Query, prove_act
from warehouse.batches import Batch, Head
from warehouse.event_log import ConflictError, Ledger, event_frame
from warehouse.query_log import query_row, recorded_queries


@dataclass(frozen=True, slots=True)
class Which:
    """Which finding of a check is meant: its number, or what it is about.

    Attributes:
        number: as `starledger checks BATCH --check CHECK` numbers them.
        indicator: code.
        organisation: id, name or code.
        period: canonical.
    """

    number: int | None = None
    indicator: str | None = None
    organisation: str | None = None
    period: str | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """A query as it stands in the log; `new` is False where it was so already."""

    query: Query
    new: bool


def raise_query(
    settings: Settings, batch: int, check: str, which: Which, question: str, asked_of: str | None = None
) -> Entered:
    """Ask a question on what a check found.

    Args:
        settings: where, and who asks.
        batch: the batch of the file.
        check: name of the check.
        which: the finding; it may be left open where the check found one thing only.
        question: what is asked.
        asked_of: who should answer; by default the supplier of the file.

    Returns:
        The query; the one already asked on the same finding where there is one.

    Raises:
        InputError: the question is empty, or more than one finding fits.
        LedgerError: there is no ledger, or other writers kept coming in between.
        NotFoundError: no such batch, check or finding.
    """
    _said(question, "a query needs a question", "--question")
    ledger = settings.ledger()
    for _ in range(RETRIES):
        head = ledger.head()
        found = checked(ledger, batch)
        one = _chosen(found, check, which)
        if one["query"] is not None:
            return Entered(_query(ledger, one["query"]), new=False)
        payload = {
            "act": RAISED,
            "batch": batch,
            "check": check,
            "says": one["says"],
            "found": one["sentence"],
            "question": question.strip(),
            "asked_of": asked_of or found.batch.supplier,
        }
        about = {name: one[name] for name in SUBJECT} | {"collection": found.batch.collection}
        event = blank_event("query", payload, **about)
        done = _append(settings, ledger, head, event, question.strip(), simulated=found.batch.simulated)
        if done is not None:
            return Entered(_query(ledger, done.first_position), new=True)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def answer(settings: Settings, number: int, text: str, by: str) -> Entered:
    """Enter the answer to a query; a later answer takes the place of one not yet accepted.

    Args:
        settings: where, and who enters it.
        number: of the query.
        text: the answer.
        by: who gave it.

    Raises:
        InputError: it is empty, by nobody, or the query's answer is accepted already.
        LedgerError: there is no ledger, or other writers kept coming in between.
        NotFoundError: there is no such query.
    """
    _said(text, "an answer needs words", "--answer")
    _said(by, "an answer comes from someone", "--by")
    return _act(settings, number, ANSWERED, {"answer": text.strip(), "by": by.strip()}, text.strip())


def accept(settings: Settings, number: int, reason: str) -> Entered:
    """Accept the answer to a query: what it is about is then silenced until another value stands there.

    Args:
        settings: where, and who accepts.
        number: of the query.
        reason: why the answer convinces.

    Raises:
        InputError: there is no reason, or no answer to accept.
        LedgerError: there is no ledger, or other writers kept coming in between.
        NotFoundError: there is no such query.
    """
    _said(reason, "accepting an answer needs a reason", "--reason")
    return _act(settings, number, ACCEPTED, {"reason": reason.strip()}, reason.strip())


def reopen(settings: Settings, number: int, reason: str) -> Entered:
    """Open a query again: its answer does not convince, or no longer.

    Args:
        settings: where, and who reopens.
        number: of the query.
        reason: why.

    Raises:
        InputError: there is no reason, or it is open already.
        LedgerError: there is no ledger, or other writers kept coming in between.
        NotFoundError: there is no such query.
    """
    _said(reason, "reopening a query needs a reason", "--reason")
    return _act(settings, number, REOPENED, {"reason": reason.strip()}, reason.strip())


def list_queries(
    settings: Settings,
    *,
    state: str | None = None,
    collection: str | None = None,
    indicator: str | None = None,
    organisation: str | None = None,
    as_recorded: int | None = None,
) -> list[dict[str, Any]]:
    """The queries, by number.

    Args:
        settings: where.
        state: only those in this state.
        collection: only those on its files.
        indicator: only those on this one, by code.
        organisation: only those on this one, by id, name or code.
        as_recorded: as the log held them up to this position; None for now.

    Returns:
        The attributes of each Query, `number` as `query`, times as text.

    Raises:
        InputError: there is no such state.
        NotFoundError: no such indicator or organisation.
    """
    if state is not None and state not in STATES:
        raise InputError(f"{state!r} is no state of a query", hint=f"choose one of {', '.join(STATES)}")
    catalogue = load_catalogue()
    wanted = {
        "state": state,
        "collection": collection,
        "indicator": catalogue.resolve_indicator(indicator).code if indicator else None,
        "organisation": catalogue.resolve(organisation).id if organisation else None,
    }
    return [
        query_row(query)
        for query in recorded_queries(settings.ledger(), as_recorded=as_recorded)
        if all(value is None or getattr(query, name) == value for name, value in wanted.items())
    ]


def _act(settings: Settings, number: int, act: str, says: dict[str, Any], reason: str) -> Entered:
    """Append an act on a query that may follow on its state."""
    ledger = settings.ledger()
    for _ in range(RETRIES):
        head = ledger.head()
        query = _query(ledger, number)
        prove_act(query, act)
        about = {name: getattr(query, name) for name in (*SUBJECT, "collection")}
        event = blank_event("query", {"act": act, "query": number} | says, **about)
        simulated = ledger.batch(query.batch).simulated
        if _append(settings, ledger, head, event, reason, simulated=simulated) is not None:
            return Entered(_query(ledger, number), new=True)
    raise LedgerError("other writers kept coming in between", hint="run the command again")


def _append(
    settings: Settings, ledger: Ledger, head: Head, event: dict[str, Any], reason: str, *, simulated: bool
) -> Batch | None:
    """Append one event in a batch of its own; None where the log has grown since `head`."""
    new = signed(settings, "query", "", reason, collection=event["collection"], simulated=simulated)
    try:
        return ledger.append(new, event_frame([event]), expected_position=head.position)
    except ConflictError:
        return None


def _query(ledger: Ledger, number: int) -> Query:
    found = next((query for query in recorded_queries(ledger) if query.number == number), None)
    if found is None:
        raise NotFoundError(f"there is no query {number}", hint="run `starledger queries list` to see them")
    return found


def _chosen(found: Checked, check: str, which: Which) -> dict[str, Any]:
    """The one finding that is meant.

    Raises:
        InputError: more than one fits.
        NotFoundError: none does, or there is no such check.
    """
    batch = found.batch.id
    if check not in found.findings:
        names = ", ".join(sorted(name for name, ones in found.findings.items() if ones)) or "none of them"
        raise NotFoundError(
            f"no check {check!r} was made of batch {batch}", hint=f"choose one that found something: {names}"
        )
    catalogue = load_catalogue()
    wanted = {
        "number": which.number,
        "indicator": catalogue.resolve_indicator(which.indicator).code if which.indicator else None,
        "organisation": catalogue.resolve(which.organisation).id if which.organisation else None,
        "period": which.period,
    }
    ones = found.findings[check]
    fits = [one for one in ones if all(value is None or one[name] == value for name, value in wanted.items())]
    where = f"check {check} of batch {batch}"
    see = f"see what it found with `starledger checks {batch} --check {check}`"
    if not fits:
        raise NotFoundError(f"{where} found nothing of that" if ones else f"{where} found nothing", hint=see)
    if len(fits) > 1:
        raise InputError(
            f"{where} found {len(fits):,} things that fit, and a query is about one",
            hint=f"name it with --indicator, --organisation and --period, or with --finding; {see}",
        )
    return fits[0]


def _said(text: str, message: str, option: str) -> None:
    if not text.strip():
        raise InputError(message, hint=f"say it: {option} TEXT")
