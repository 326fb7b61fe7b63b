"""Collection tables: a table of a collection's TOML file that knows where it stands and what was read of it.

Here: taking a value of the right kind out of it; errors that name file, table and key; keys that nobody read.
Not here: what the keys mean (collection_file.py).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from ratings.errors import DefinitionError


class Table:
    """A TOML table that knows where it stands and which of its keys were read."""

    def __init__(self, file: str, path: str, content: Any) -> None:
        self.file, self.path = file, path
        if not isinstance(content, dict):
            raise DefinitionError("this must be a table", file=file, column=path)
        self.content: dict[str, Any] = content
        self._read: set[str] = set()
        self._parts: list[Table] = []

    @property
    def present(self) -> bool:
        """Whether the file has this table."""
        return bool(self.content)

    def fault(self, key: str, message: str) -> DefinitionError:
        """An error that says where it is."""
        return DefinitionError(message, file=self.file, column=f"{self.path}.{key}" if self.path else key)

    def maybe(self, key: str) -> str | None:
        """A text; None where the key is not there."""
        self._read.add(key)
        value = self.content.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self.fault(key, "this must be a text with something in it")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        """A text that has to be there, unless there is a default."""
        if key == "prefix" and self.content.get(key) == "":
            self._read.add(key)
            return ""
        value = self.maybe(key)
        if value is None and default is None:
            raise self.fault(key, "this key is missing")
        return value if value is not None else str(default)

    def choice(self, key: str, among: tuple[str, ...]) -> str:
        """One of these texts."""
        value = self.text(key)
        if value not in among:
            raise self.fault(key, f"{value!r} is not one of {', '.join(among)}")
        return value

    def texts(self, key: str, among: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts, empty where the key is not there."""
        self._read.add(key)
        values = self.content.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self.fault(key, "this must be a list of texts")
        for value in values:
            if among is not None and value not in among:
                raise self.fault(key, f"{value!r} is not one of {', '.join(among)}")
        return tuple(values)

    def mapping(self, key: str) -> dict[str, str]:
        """A table of texts, empty where the key is not there."""
        self._read.add(key)
        values = self.content.get(key, {})
        if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
            raise self.fault(key, "this must be a table of texts")
        return values

    def lists(self) -> dict[str, tuple[str, ...]]:
        """The table itself, each key with a list of texts."""
        return {key: self.texts(key) for key in self.content}

    def flag(self, key: str) -> bool:
        """True or false; false where the key is not there."""
        self._read.add(key)
        value = self.content.get(key, False)
        if not isinstance(value, bool):
            raise self.fault(key, "this must be true or false")
        return value

    def number(self, key: str, default: int | None = None) -> int:
        """A whole number, 0 or above."""
        self._read.add(key)
        value = self.content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.fault(key, "this must be a whole number")
        return value

    def amount(self, key: str) -> float | None:
        """A number above 0; None where the key is not there."""
        self._read.add(key)
        value = self.content.get(key)
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or value <= 0
        ):
            raise self.fault(key, "this must be a number above 0")
        return None if value is None else float(value)

    def day(self, key: str) -> date | None:
        """A date; None where the key is not there."""
        self._read.add(key)
        value = self.content.get(key)
        if value is not None and type(value) is not date:
            raise self.fault(key, "this must be a date such as 2001-03-31, without quotes")
        return value

    def table(self, key: str) -> Table:
        """A table within, empty where it is not there."""
        self._read.add(key)
        return self._part(key, self.content.get(key, {}))

    def named_tables(self) -> list[tuple[str, Table]]:
        """The tables within, by their keys."""
        self._read.update(self.content)
        return [(key, self._part(key or '""', value)) for key, value in self.content.items()]

    def tables(self, key: str) -> list[Table]:
        """An array of tables within, perhaps empty."""
        self._read.add(key)
        values = self.content.get(key, [])
        if not isinstance(values, list):
            raise self.fault(key, "write each as a table in double brackets")
        return [self._part(f"{key}[{number}]", value) for number, value in enumerate(values, 1)]

    def _part(self, key: str, content: Any) -> Table:
        part = Table(self.file, f"{self.path}.{key}" if self.path else key, content)
        self._parts.append(part)
        return part

    def finish(self) -> None:
        """Refuse keys that nobody read: a misspelt key must not be silently without effect."""
        for key in self.content:
            if key not in self._read:
                raise self.fault(key, "no such key is known here")
        for part in self._parts:
            part.finish()
