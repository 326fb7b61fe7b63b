"""Grants: what a role of PostgreSQL may do with the ledger.

Here: the statements for a role that appends and one that only reads, carrying them out, who owns the tables.
Not here: making roles and their passwords (the server's administrator), SQLite, which has no roles.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy import Connection, text

from ratings.errors import LedgerError, NotFoundError
from warehouse import schema
from warehouse.database import Database

Access = Literal["writer", "read-only"]

_EVERY = (*(table.name for table in schema.metadata.sorted_tables), "alembic_version")
# What an append and a landing write. `ledger` has its one row, and a purge is the owner's.
_WRITTEN = ("landed_file", "batch", "event", "indicator_block", "quarantine", "batch_tree", "salt")


def grant_statements(database: Database, role: str, access: Access) -> list[str]:
    """The SQL that gives a role this access and no other.

    Args:
        database: on PostgreSQL.
        role: the role's name, as it stands in `pg_roles`.
        access: `writer` (SELECT and INSERT) or `read-only` (SELECT).

    Raises:
        LedgerError: the database is not PostgreSQL.
    """
    if database.dialect != "postgresql":
        raise LedgerError(
            f"{database.shown} is SQLite, which has no roles",
            hint="set the rights of the file and its directory instead, or move the log to PostgreSQL with "
            "`starledger ledger copy`",
        )
    name = database.engine.dialect.identifier_preparer.quote_identifier(role)
    statements = [
        f"REVOKE ALL ON {', '.join(_EVERY)} FROM {name}",
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT ON {', '.join(_EVERY)} TO {name}",
    ]
    if access == "writer":
        statements.append(f"GRANT INSERT ON {', '.join(_WRITTEN)} TO {name}")
    return statements


def grant(database: Database, role: str, access: Access) -> list[str]:
    """Give a role this access and no other, in one transaction.

    Args:
        database: on PostgreSQL, by a URL of the role that owns the tables.
        role: who gets it.
        access: `writer` or `read-only`.

    Returns:
        The statements that were carried out.

    Raises:
        LedgerError: the database is not PostgreSQL, this role does not own the tables, or the other one has
            their owner's rights, which no grant can take away.
        NotFoundError: there is no such role.
    """
    statements = grant_statements(database, role, access)
    with database.write() as connection:
        if not owns(connection):
            raise LedgerError(
                "only the owner of the ledger's tables may grant",
                hint="give a --database-url with the role that founded the ledger",
            )
        known = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
        if known.first() is None:
            raise NotFoundError(
                f"the server has no role {role!r}",
                hint="let its administrator make one: CREATE ROLE name LOGIN PASSWORD '...'",
            )
        if owns(connection, role):
            raise LedgerError(
                f"the role {role!r} has the rights of the tables' owner, or is a superuser: a grant cannot "
                "narrow them",
                hint="grant to a role of its own that is not a member of the owner's",
            )
        for statement in statements:
            connection.exec_driver_sql(statement)
    return statements


def owns(connection: Connection, role: str | None = None) -> bool:
    """Whether a role (by default, that of the connection) may do what the owner of the tables may.

    In SQLite whoever may write the file may.
    """
    if connection.dialect.name == "sqlite":
        return True
    query = (
        "SELECT bool_and(pg_has_role(CAST(coalesce(:role, current_user) AS name), relowner, 'MEMBER')) "
        "FROM pg_class WHERE oid = ANY(ARRAY['event'::regclass, 'salt'::regclass, 'purged'::regclass])"
    )
    return bool(connection.execute(text(query.replace("::", "\\:\\:")), {"role": role}).scalar())
