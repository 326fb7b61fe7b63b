"""Alembic environment: runs the steps on the connection that warehouse.database.upgrade hands over."""

from alembic import context

from warehouse.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
