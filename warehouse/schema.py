"""Schema: the tables of the ledger, the same on SQLite and PostgreSQL.

Here: table and column definitions for SQLAlchemy Core, and the Arrow types of the `event` columns.
Not here: how they came to be (migrations/), who may write them and how (event_log.py).

Only BIGINT, TEXT, DOUBLE and BLOB are used and times are int64 microseconds UTC: both engines must return
exactly what they were given.
"""

from __future__ import annotations

import polars as pl
from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData()

# SQLite makes a column the row id, and so a range scan cheap, only when it is spelt INTEGER PRIMARY KEY.
_Key = BigInteger().with_variant(Integer(), "sqlite")

ledger = Table(
    "ledger",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False, comment="always 1"),
    Column("origin", Text, nullable=False, comment="random name of this log, part of every checkpoint"),
    Column("kind", Text, nullable=False, comment="production or demonstration"),
    Column("founded_at", BigInteger, nullable=False),
    comment="What this log is. One row.",
)

landed_file = Table(
    "landed_file",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("byte_size", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False, comment="name it first arrived under"),
    Column("landed_at", BigInteger, nullable=False),
    comment="Provenance of the bytes in the landing store.",
)

batch = Table(
    "batch",
    metadata,
    Column("id", _Key, primary_key=True, autoincrement=False, comment="gapless, in commit order"),
    Column("kind", Text, nullable=False, comment="vintage, rejected, definition, ...: see NewBatch"),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("identity", Text, nullable=False, comment="what makes a second append the same append"),
    Column("voids", BigInteger, ForeignKey("batch.id"), comment="the batch this one takes back"),
    Column("collection", Text),
    Column("published_at", BigInteger),
    Column("published_basis", Text, comment="stated, announced, observed or assumed"),
    Column("received_at", BigInteger),
    Column("supplier", Text),
    Column("scope", Text, nullable=False, comment="JSON: what of its collection a vintage replaces"),
    Column("file_name", Text),
    Column("file_sha256", Text, ForeignKey("landed_file.sha256")),
    Column("definitions_sha256", Text, comment="the definitions the file was read with"),
    Column("rows_read", BigInteger, nullable=False),
    Column("counts", Text, nullable=False, comment="JSON: where every row read went"),
    Column("actor", Text, nullable=False, comment="pseudonymous id"),
    Column("actor_kind", Text, nullable=False, comment="person, schedule or sensor"),
    Column("on_behalf_of", Text),
    Column("reason", Text),
    Column("run_id", Text),
    Column("code_version", Text, nullable=False),
    Column("simulated", BigInteger, nullable=False, comment="1 when its figures are invented"),
    Index("batch_identity", "identity"),
    comment="One append: the events that went in together, and why.",
)

is_no_figure = text("type NOT IN ('observation', 'withdrawal')")
"""Condition of the index `event_type`: only a query that says the same, word by word, is answered from it."""

event = Table(
    "event",
    metadata,
    Column("position", _Key, primary_key=True, autoincrement=False, comment="gapless, in commit order"),
    Column("batch", BigInteger, ForeignKey("batch.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("schema_version", BigInteger, nullable=False),
    Column("collection", Text),
    Column("indicator", Text),
    Column("definition", Text, comment="version of the indicator's definition"),
    Column("organisation", Text),
    Column("organisation_code", Text, comment="the code as printed"),
    Column("period", Text, comment="SDMX time range: start date and duration"),
    Column("period_label", Text, comment="the label as printed"),
    Column("value", Double),
    Column("numerator", Double),
    Column("denominator", Double),
    Column("obs_status", Text, comment="SDMX CL_OBS_STATUS"),
    Column("conf_status", Text, comment="SDMX CL_CONF_STATUS"),
    Column("published_at", BigInteger),
    Column("stated_by", BigInteger, comment="the vintage this event speaks for; null: its own batch"),
    Column("source_batch", BigInteger, comment="the batch whose file holds the cell; null: its own batch"),
    Column("source_row", BigInteger, comment="row of that file, as a person counts it"),
    Column("reason", Text),
    Column("payload", Text, comment="RFC 8785 JSON"),
    Index(
        "event_type",
        "type",
        sqlite_where=is_no_figure,
        postgresql_where=is_no_figure,
    ),
    comment="The log: immutable facts.",
)

indicator_block = Table(
    "indicator_block",
    metadata,
    Column("batch", BigInteger, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("indicator", Text, primary_key=True),
    Column(
        "first_position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="of a block of 256 events",
    ),
    sqlite_with_rowid=False,
    comment="Where in a batch an indicator is spoken of: what leads to the events of one figure.",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("batch", BigInteger, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("source_row", BigInteger, primary_key=True, autoincrement=False),
    Column("indicator", Text),
    Column("organisation", Text),
    Column("period", Text),
    Column("reasons", Text, nullable=False, comment="JSON: every reason, as check name and sentence"),
    Column("raw", Text, nullable=False, comment="JSON: the row as printed, by column"),
    comment="Rows that were refused, with all reasons.",
)

batch_tree = Table(
    "batch_tree",
    metadata,
    Column("batch", BigInteger, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("events_root", LargeBinary, nullable=False, comment="RFC 6962 root over the batch's event leaves"),
    Column("quarantine_sha256", Text, comment="hash of the refused rows; null where there are none"),
    Column(
        "subtrees", LargeBinary, nullable=False, comment="hashes of its whole 256-leaf subtrees, in order"
    ),
    comment="What a batch hashes to.",
)

salt = Table(
    "salt",
    metadata,
    Column("batch", BigInteger, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("salts", LargeBinary, nullable=False, comment="16 bytes an event, in order"),
    comment="Random bytes that keep a small number from being guessed from its hash. Erasable: see purge.",
)

purged = Table(
    "purged",
    metadata,
    Column("position", _Key, primary_key=True, autoincrement=False, comment="the event that lost something"),
    Column("leaf", LargeBinary, nullable=False, comment="its RFC 6962 leaf hash, from before"),
    Column("what", Text, nullable=False, comment="what was removed: salt, or salt and payload"),
    Column("authority", Text, nullable=False, comment="who may order it"),
    Column("reason", Text, nullable=False),
    Column("purged_at", BigInteger, nullable=False),
    Column("purged_by", BigInteger, nullable=False, comment="the batch that records the purge"),
    comment="What is left of purged events: their place in the tree.",
)

OBSERVATION_VERSION = 1


def frame_schema(table: Table) -> dict[str, pl.DataType]:
    """The Polars types of a table's columns, in order."""
    types: dict[type, pl.DataType] = {
        BigInteger: pl.Int64(), Double: pl.Float64(), Text: pl.String(), LargeBinary: pl.Binary(),
    }  # fmt: skip
    return {c.name: types[type(c.type)] for c in table.columns}
