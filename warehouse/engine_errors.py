"""Engine errors: what SQLite or PostgreSQL says of its own troubles, as one sentence and the next step.

Here: the troubles that people meet, told by the words an engine uses for them.
Not here: when they are caught (database.py); what the ledger itself refuses (event_log.py).
"""

from __future__ import annotations

import re

from ratings.errors import LedgerError

_AGAIN = "run the command again: an append happens wholly or not at all"
# What an engine says, the sentence for it, and the next step; the first that fits. `{at}` is the database.
_TROUBLES = (
    # SQLite
    (
        "readonly database|readonly directory",
        "the database file {at} cannot be written",
        "make the file and its directory writable for this user, on a disk that is not read-only",
    ),
    (
        "disk is full|No space left|could not extend file",
        "the disk of the database {at} is full",
        "free some space and run the command again: nothing was half-written",
    ),
    ("disk I/O error", "the disk of the database {at} fails", "look at the disk, then run the command again"),
    (
        "not a database|malformed",
        "{at} is not a database, or is damaged",
        "restore the file from a backup, or name another with --database-url",
    ),
    (
        "unable to open",
        "the database file {at} cannot be opened",
        "check that the directory exists and can be written to, or copy the ledger to one that can: SQLite "
        "keeps two files beside it even to read",
    ),
    ("database is locked", "another writer is busy in {at}", "run the command again"),
    # PostgreSQL: the way to it
    (
        "failed to resolve host|could not translate host name",
        "the host of {at} is not known",
        "check the name of the server in the URL",
    ),
    (
        "authentication failed|no password supplied",
        "the server does not let this user in with this password: {at}",
        "check the user and the password in the URL, or in ~/.pgpass",
    ),
    (
        "no pg_hba.conf entry",
        "the server admits no such connection from here: {at}",
        "ask its administrator for a line in pg_hba.conf",
    ),
    (
        'FATAL:  database ".*" does not exist',
        "the server has no such database: {at}",
        "make it with createdb, or name another in the URL",
    ),
    (
        'FATAL:  role ".*" does not exist',
        "the server has no such user: {at}",
        "make it with createuser, or name another in the URL",
    ),
    (
        "too many clients|too many connections|remaining connection slots",
        "the server has no connection left: {at}",
        "run the command again later, or raise max_connections",
    ),
    ("is starting up|is shutting down", "the server is starting or stopping: {at}", _AGAIN),
    (
        "connection failed|[Cc]onnection refused|could not connect|[Ff]ailed to connect|timeout expired",
        "no server answers at {at}",
        "check that the server runs and that --database-url, or else STARLEDGER_DATABASE_URL, is right",
    ),
    (
        "server closed the connection|terminating connection|connection is lost|connection has been closed|"
        "consuming input failed|could not receive data",
        "the server broke off the connection: {at}",
        _AGAIN,
    ),
    (
        "interrupted|statement timeout",
        "a query of {at} took longer than a reader's query may",
        "ask for less at once",
    ),
    # PostgreSQL: what it refuses
    (
        "read-only transaction",
        "{at} takes no writes: it is in a read-only transaction",
        "name a server that takes writes: this one is a standby, or set to refuse them",
    ),
    (
        "permission denied|must be owner",
        "permission denied: this user may not do that in {at}",
        "ask the owner of the ledger for a role that may: `starledger ledger grant --help`",
    ),
)


def reported(said: str, at: str) -> LedgerError:
    """What an engine said, as an error.

    Args:
        said: its message; of one that is not known the first line is repeated, and the error has no hint.
        at: the database, without its password.
    """
    for words, sentence, hint in _TROUBLES:
        if re.search(words, said):
            return LedgerError(sentence.format(at=at), hint=hint)
    return LedgerError(f"the database {at} answered: {said.strip().splitlines()[0]}")
