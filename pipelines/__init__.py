"""Pipelines: what happens, in order, as plain functions.

Here: ingest, rate, publish, replay, the settings, and the command line.
Not here: what is true (ratings), accepted (validations) or kept (warehouse); when it runs (assets).
"""
