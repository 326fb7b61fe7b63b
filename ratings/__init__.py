"""Ratings: what is true about indicators, bands, judgements and stars.

Here: pure functions on data frames and plain values; the catalogue, the collections, the calendar and
    the rating methods, which are data files of this package.
Not here: where figures are kept (warehouse), what is accepted (validations), what happens in which order
    (pipelines). Nothing here knows what day it is, and nothing reads a file that is not part of this package.
"""
