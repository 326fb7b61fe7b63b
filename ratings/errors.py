"""Errors: the one family of errors that starledger raises on purpose.

Here: what a message must say - what is wrong, where (file, row, column), and what to do next.
Not here: when to raise them (each package decides), how they are printed (pipelines/cli).
"""

from __future__ import annotations


class StarledgerError(Exception):
    """Something a user can act on.

    Args:
        message: what is wrong, in one sentence without a full stop.
        file: name of the file at fault.
        row: row in that file as a person counts it (the header is row 1).
        column: name of the column at fault.
        hint: the next thing to try, as an imperative sentence without a full stop.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.row = row
        self.column = column
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        """The message with its place before it and the next step after it."""
        place = ", ".join(
            part
            for part in (
                self.file,
                None if self.row is None else f"row {self.row}",
                None if self.column is None else f"column {self.column!r}",
            )
            if part
        )
        text = f"{place}: {self.message}" if place else self.message
        return f"{text}. Next: {self.hint}" if self.hint else text


class InputError(StarledgerError):
    """A source file, or a value in it, cannot be read as what it claims to be."""


class DefinitionError(StarledgerError):
    """A catalogue, register or collection file contradicts itself."""


class MethodError(StarledgerError):
    """A rating method is not one rule for every case, or is asked for what it does not say."""


class LedgerError(StarledgerError):
    """The event log refuses, cannot be reached, or is not what it should be."""


class SnapshotError(StarledgerError):
    """A snapshot cannot be written, found, or believed."""


class NotFoundError(StarledgerError):
    """A name or number that nothing here carries."""
