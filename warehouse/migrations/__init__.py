"""Migrations: how the ledger's tables came to be, one numbered step each; run by warehouse.database.upgrade."""
