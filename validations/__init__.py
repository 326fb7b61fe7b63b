"""Validations: what is accepted, and for what reason the rest is not.

Here: Great Expectations suites, check results, quarantine. The only package that imports great_expectations.
Not here: where the accepted rows go (warehouse); limits and word lists, which are data (ratings).
"""
