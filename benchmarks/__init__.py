"""Benchmarks: how long the main jobs take, printed with the machine they ran on.

Here: one module a job, each run by itself: `make bench`, or `make bench-NAME` for one.
Not here: tests. A number that misses its target fails nothing; it is read by a person.
"""
