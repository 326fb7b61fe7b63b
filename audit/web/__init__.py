"""Web: the audit pages, for people who ask why a council has its star.

Here: pages, templates and pictures over what is kept; everything reads, nothing writes.
Not here: the command that starts the server (pipelines/cli/serve.py).
"""
