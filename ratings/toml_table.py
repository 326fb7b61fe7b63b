"""TOML tables read strictly, key by key.

Here: taking a value of the right kind out of a table, and an error that names file, table and key where it is
    not there, of another kind, or never asked for.
Not here: what the values mean (whoever reads the table).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from ratings.errors import MethodError

REQUIRED = object()


class Table:
    """One table of the file, read key by key, so that what nobody read can be refused."""

    def __init__(self, file: str, name: str, content: Any) -> None:
        self.file = file
        self.name = name
        if not isinstance(content, dict):
            raise MethodError(f"[{name}] is not a table", file=file)
        self.content = dict(content)

    def error(self, key: str, problem: str, hint: str | None = None) -> MethodError:
        """An error that says where it is."""
        place = f"[{self.name}] {key}" if self.name else key
        return MethodError(f"{place}: {problem}", file=self.file, hint=hint)

    def take(self, key: str, kind: type[Any] | tuple[type[Any], ...], default: Any = REQUIRED) -> Any:
        """A value of the right kind; an error where it is missing without a default."""
        if key not in self.content:
            if default is REQUIRED:
                raise self.error(key, "is missing")
            return default
        value = self.content.pop(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self.error(key, f"{value!r} is not of the right kind")
        return value

    def text(self, key: str, default: Any = REQUIRED) -> str:
        """A text; never blank where it is required."""
        value = str(self.take(key, str, default)).strip()
        if not value and default is REQUIRED:
            raise self.error(key, "is blank")
        return value

    def choice(self, key: str, allowed: Sequence[str], default: Any = REQUIRED) -> str:
        """One of the allowed words."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(key, f"{value!r} is not one of {', '.join(allowed)}")
        return value

    def texts(self, key: str, default: Any = REQUIRED) -> tuple[str, ...]:
        """A list of texts without repetition."""
        values = tuple(self.take(key, list, default))
        if not all(isinstance(value, str) for value in values) or len(set(values)) != len(values):
            raise self.error(key, "must be a list of different texts")
        return values

    def numbers(
        self, key: str, kind: type[Any] | tuple[type[Any], ...], default: Any = REQUIRED
    ) -> tuple[Any, ...]:
        """A list of numbers of one kind."""
        values = tuple(self.take(key, list, default))
        for value in values:
            if not isinstance(value, kind) or isinstance(value, bool):
                raise self.error(key, f"{value!r} is not of the right kind")
        return values

    def day(self, key: str, default: Any = REQUIRED) -> date | None:
        """A date."""
        return cast("date | None", self.take(key, date, default))

    def table(self, key: str, default: Any = REQUIRED) -> Table:
        """A table within."""
        return Table(self.file, f"{self.name}.{key}" if self.name else key, self.take(key, dict, default))

    def tables(self, key: str) -> list[Table]:
        """An array of tables within, perhaps empty."""
        name = f"{self.name}.{key}" if self.name else key
        rows = self.take(key, list, [])
        return [Table(self.file, f"{name} {number}", row) for number, row in enumerate(rows, start=1)]

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self.content:
            raise self.error(key, "is not a key of this table")
