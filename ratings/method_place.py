"""Method place: where in a method file something stands, and the words that are read there.

Here: errors that name file, table and key; words of a scale as levels.
Not here: the tables themselves (method_file.py, method_stars.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from ratings.errors import MethodError
from ratings.stars import Parts


class Place:
    """A table of a file, for errors that say where they are."""

    def __init__(self, file: str, name: str = "") -> None:
        self.file = file
        self.name = name

    def error(self, key: str, problem: str, hint: str | None = None) -> MethodError:
        """An error that names file, table and key."""
        place = f"[{self.name}] {key}" if self.name else key
        return MethodError(f"{place}: {problem}", file=self.file, hint=hint)

    def within(self, name: str, number: int | None = None) -> Place:
        """A table within; numbered from 0 where there are several."""
        inner = f"{self.name}.{name}" if self.name else name
        return Place(self.file, inner if number is None else f"{inner} {number + 1}")


def level_of(
    part: str, word: str, parts: Parts, place: Place, part_key: str = "part", word_key: str = "at_most"
) -> int:
    """The level that a word means for a part.

    Raises:
        MethodError: there is no such part, or the word is not on its scale.
    """
    if part not in parts.names:
        raise place.error(part_key, f"{part!r} is not one of {', '.join(parts.names) or 'no parts'}")
    if word not in parts.scale(part):
        raise place.error(word_key, f"{word!r} is not one of {', '.join(parts.scale(part))}")
    return parts.scale(part).index(word)


def aspects_of(conditions: Mapping[str, str], parts: Parts, place: Place, key: str) -> dict[str, int]:
    """Words by aspect as levels; each aspect is one that every service has.

    Raises:
        MethodError: an aspect that a service lacks, or a word that is not on its scale.
    """
    levels = {}
    for aspect, word in conditions.items():
        having = {part.service for part in parts.all if part.aspect == aspect}
        if having != set(parts.services):
            raise place.error(f"{key}.{aspect}", f"{aspect!r} is not an aspect of every service")
        if word not in parts.scales[aspect]:
            raise place.error(f"{key}.{aspect}", f"{word!r} is not one of {', '.join(parts.scales[aspect])}")
        levels[aspect] = parts.scales[aspect].index(word)
    return levels
