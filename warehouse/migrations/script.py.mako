"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Take the step. There is no way back: a log is append-only."""
    ${upgrades if upgrades else "pass"}
