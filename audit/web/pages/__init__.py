"""Pages: what stands on each kind of page, as plain values.

Here: one file for each kind; a function from the archive and what was asked to a frozen dataclass. The HTML
    page and its JSON twin are both made from that one value.
Not here: addresses (app.py), how it looks (templates/).
"""
