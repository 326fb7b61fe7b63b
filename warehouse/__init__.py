"""Warehouse: where everything is kept.

Here: the event log, landed files, readers, snapshots. The only package that imports sqlalchemy.
Not here: what is accepted (validations), and what a figure is worth (ratings).
"""
