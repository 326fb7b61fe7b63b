"""Words: what the words on the pages mean, for people who meet them there first.

Here: the words by subject, in the order in which a reader meets them.
Not here: what any rating says.
"""

from __future__ import annotations

from dataclasses import dataclass

from audit.web.archive import Archive


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and what it means here."""

    word: str
    means: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Words that belong together."""

    subject: str
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """The words on the pages."""

    subjects: tuple[Subject, ...]


_WORDS = {
    "A rating": {
        "Rating, snapshot": (
            "the stars of all organisations by one method on one day, kept for good. It was written once "
            "and never changes; neither does its address."
        ),
        "Draft, released, superseded, held, withdrawn": (
            "its life. A draft was built and is not out. Of those that are released one counts now. A "
            "superseded one has given way to another, a held one waits, and a withdrawn one is no longer "
            "to be relied on."
        ),
        "Method": (
            "the rules that make stars of figures. Official: as a regulator published it. Reconstructed: "
            "put together from what was published, since the official rules were not found. Illustrative:"
            " nobody rates this way."
        ),
        "Simulated": ("organisations and figures are invented, to show how it works."),
    },
    "A star": {
        "Judgement": (
            "how well a service does, in a word such as poor or excellent. The regulator's own, where it "
            "was recorded; else worked out from bands."
        ),
        "Band": (
            "which of a few groups, from the worst to the best, a figure falls in. A rating without stars"
            " ends here."
        ),
        "Key indicator, key threshold": (
            "a measure that matters so much that a figure on the wrong side of its threshold holds a "
            "judgement down, whatever all others say."
        ),
        "Capped": (
            "held down by a key indicator or another judgement. What it would have been stands beside it."
        ),
        "Decision": (
            "somebody with authority changed or suspended the outcome, as after an appeal. What the "
            "method gives without it stands beside it."
        ),
        "Could fresh data change the star": (
            "whether figures that are out of date or missing could, once they come, give another star. "
            "Never: no value of theirs does. Possibly: some do. Certainly: all do. What the answer takes "
            "as given is said with it."
        ),
    },
    "A figure": {
        "Indicator": ("what is measured, such as the share of children who moved three times in a year."),
        "Figure": ("the value of an indicator for one organisation and one period."),
        "Age": ("days from the end of the figure's period to the day of the rating."),
        "Up to date, due, out of date, missing, discontinued": (
            "by the indicator's own calendar. Up to date: nothing newer is due, however old it is. Due: a"
            " newer one is due, and not late yet. Out of date: a newer one is late. Missing: none is "
            "known. Discontinued: the series has stopped."
        ),
        "Quality: green, amber, red": (
            "how far an indicator's figures can be relied on, by how complete, suppressed, late, revised "
            "and small they are. Its page gives each reason."
        ),
        "Confidential, withheld": ("the figure may be used and not shown: it could tell of a few people."),
        "Revised, withdrawn, taken back": (
            "revised: the source put out another value later. Withdrawn: the source no longer states it. "
            "Taken back: our own mistake, undone; it is still there to be seen."
        ),
    },
    "Two times": {
        "Published": (
            "when the source put a file out. A rating as published by a day rests on nothing later."
        ),
        "Recorded": ("when we took it down. A file that was out for a year may have reached us yesterday."),
    },
    "What proves it": {
        "Ledger, event, batch": (
            "all that is known, in one log that is only ever added to. An event is one fact in it, with a"
            " number, its position; a batch is what was added at once, such as a file."
        ),
        "SHA-256, root": (
            "a fingerprint: 64 letters and digits that come out otherwise as soon as one letter of a file"
            " is another. The root is that of the whole ledger."
        ),
        "Manifest": (
            "the list of all that is in a snapshot, with fingerprints. Its own fingerprint stands for the"
            " snapshot."
        ),
        "Checkpoint": ("the root at some time, signed. Kept by somebody else, it shows any later change."),
        "Inclusion proof": (
            "a small file that shows, without us and offline, that an event is in the ledger under a "
            "checkpoint. An auditor pack holds the program that checks it."
        ),
    },
}


def words(archive: Archive) -> Words:
    """What the words on the pages mean."""
    return Words(
        tuple(Subject(s, tuple(Word(w, means) for w, means in each.items())) for s, each in _WORDS.items())
    )
