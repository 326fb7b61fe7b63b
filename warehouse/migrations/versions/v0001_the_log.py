"""The log: ledger, landed_file, batch, event, quarantine, hashes and salts; what keeps them append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = ("ledger", "landed_file", "batch", "event", "quarantine", "batch_tree", "purged")
_FIGURES = sa.text("type NOT IN ('observation', 'withdrawal')")


def upgrade() -> None:
    """Take the step. There is no way back: a log is append-only."""
    op.create_table(
        "ledger",
        sa.Column("id", _Key, primary_key=True, autoincrement=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("founded_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "landed_file",
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("byte_size", sa.BigInteger, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("landed_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "batch",
        sa.Column("id", _Key, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("first_position", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("identity", sa.Text, nullable=False),
        sa.Column("voids", sa.BigInteger, sa.ForeignKey("batch.id")),
        sa.Column("collection", sa.Text),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("published_basis", sa.Text),
        sa.Column("received_at", sa.BigInteger),
        sa.Column("supplier", sa.Text),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("file_name", sa.Text),
        sa.Column("file_sha256", sa.Text, sa.ForeignKey("landed_file.sha256")),
        sa.Column("definitions_sha256", sa.Text),
        sa.Column("rows_read", sa.BigInteger, nullable=False),
        sa.Column("counts", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("actor_kind", sa.Text, nullable=False),
        sa.Column("on_behalf_of", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("simulated", sa.BigInteger, nullable=False),
    )
    op.create_index("batch_identity", "batch", ["identity"])
    op.create_table(
        "event",
        sa.Column("position", _Key, primary_key=True, autoincrement=False),
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batch.id"), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("schema_version", sa.BigInteger, nullable=False),
        sa.Column("collection", sa.Text),
        sa.Column("indicator", sa.Text),
        sa.Column("definition", sa.Text),
        sa.Column("organisation", sa.Text),
        sa.Column("organisation_code", sa.Text),
        sa.Column("period", sa.Text),
        sa.Column("period_label", sa.Text),
        sa.Column("value", sa.Double),
        sa.Column("numerator", sa.Double),
        sa.Column("denominator", sa.Double),
        sa.Column("obs_status", sa.Text),
        sa.Column("conf_status", sa.Text),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("stated_by", sa.BigInteger),
        sa.Column("source_batch", sa.BigInteger),
        sa.Column("source_row", sa.BigInteger),
        sa.Column("reason", sa.Text),
        sa.Column("payload", sa.Text),
    )
    op.create_index("event_figure", "event", ["batch", "indicator", "organisation"])
    op.create_index("event_type", "event", ["type"], sqlite_where=_FIGURES, postgresql_where=_FIGURES)
    op.create_table(
        "quarantine",
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batch.id"), primary_key=True, autoincrement=False),
        sa.Column("source_row", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("indicator", sa.Text),
        sa.Column("organisation", sa.Text),
        sa.Column("period", sa.Text),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("raw", sa.Text, nullable=False),
    )
    op.create_table(
        "batch_tree",
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batch.id"), primary_key=True, autoincrement=False),
        sa.Column("events_root", sa.LargeBinary, nullable=False),
        sa.Column("quarantine_sha256", sa.Text),
        sa.Column("subtrees", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "salt",
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batch.id"), primary_key=True, autoincrement=False),
        sa.Column("salts", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "purged",
        sa.Column("position", _Key, primary_key=True, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("purged_at", sa.BigInteger, nullable=False),
        sa.Column("purged_by", sa.BigInteger, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for act in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{act.lower()} BEFORE {act} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
