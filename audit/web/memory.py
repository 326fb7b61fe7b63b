"""Memory: what was read or made once and need not be made again, within a bound.

Here: a mapping that forgets what was used least recently, once all it holds is too large.
Not here: what is worth keeping, and under which key (archive.py, app.py).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Memory(Generic[T]):
    """Values by key, no more than a number of bytes in all.

    Args:
        limit: bytes.
        size: how many bytes a value takes.
    """

    def __init__(self, limit: int, size: Callable[[T], int]) -> None:
        self._limit = limit
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()
        self._total = 0
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable) -> T | None:
        """What is kept under a key, None where nothing is."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Hashable, value: T) -> T:
        """Keep a value, and forget others where that is too much; one that alone is too large is not kept."""
        size = self._size(value)
        with self._lock:
            if size <= self._limit and key not in self._kept:
                self._kept[key] = (value, size)
                self._total += size
                while self._total > self._limit:
                    _, (_, freed) = self._kept.popitem(last=False)
                    self._total -= freed
        return value

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What is kept under a key, else what is made now; several who ask at once wait for the one maker."""
        if (found := self.get(key)) is not None:
            return found
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                found = self.get(key)
                return self.put(key, make()) if found is None else found
        finally:
            with self._lock:
                self._making.pop(key, None)
