"""Audit: what can be shown about a rating, from star to cell and back.

Here: traces, proofs, differences, exports; all of it reads.
Not here: anything that writes to the log (pipelines) or decides what is accepted (validations).
"""
