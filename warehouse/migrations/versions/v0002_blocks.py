"""Blocks of an indicator instead of an index of every figure: see docs/adr/0023."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_REFUSED = ("UPDATE", "DELETE")


def upgrade() -> None:
    """Take the step. There is no way back: a log is append-only."""
    op.create_table(
        "indicator_block",
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("batch.id"), primary_key=True, autoincrement=False),
        sa.Column("indicator", sa.Text, primary_key=True),
        sa.Column("first_position", sa.BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO indicator_block (batch, indicator, first_position) SELECT DISTINCT event.batch, "
        "event.indicator, batch.first_position + (event.position - batch.first_position) / 256 * 256 "
        "FROM event JOIN batch ON batch.id = event.batch WHERE event.indicator IS NOT NULL"
    )
    op.drop_index("event_figure", "event")
    if op.get_bind().dialect.name == "sqlite":
        for act in _REFUSED:
            op.execute(
                f"CREATE TRIGGER indicator_block_refuses_{act.lower()} BEFORE {act} ON indicator_block "
                f"BEGIN SELECT RAISE(ABORT, 'indicator_block is append-only'); END"
            )
        return
    op.execute(
        "CREATE TRIGGER indicator_block_refuses_change BEFORE UPDATE OR DELETE ON indicator_block "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER indicator_block_refuses_truncate BEFORE TRUNCATE ON indicator_block "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    # Roles that may read events, or append them, may do the same here.
    op.execute(
        "DO $$ DECLARE had record; BEGIN FOR had IN SELECT grantee, privilege_type FROM "
        "information_schema.role_table_grants WHERE table_schema = current_schema() AND table_name = 'event' "
        "AND privilege_type IN ('SELECT', 'INSERT') AND grantee <> current_user LOOP "
        "EXECUTE format('GRANT %s ON indicator_block TO %I', had.privilege_type, had.grantee); "
        "END LOOP; END $$"
    )
