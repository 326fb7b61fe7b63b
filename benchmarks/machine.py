"""Machine: what a measured number was measured on.

Here: one text with the machine, the versions of what does the work, the engine and how durably it writes.
Not here: measuring.
"""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("dagster", "polars", "pyarrow", "sqlalchemy", "great-expectations")


def describe(engine: str = "SQLite", durability: str = "WAL, synchronous=FULL") -> str:
    """The machine and what runs on it, in a few lines.

    Args:
        engine: the database that the ledger is kept in.
        durability: when it says that something is written.
    """
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    named = f"{engine} {sqlite3.sqlite_version}" if engine == "SQLite" else engine
    system = f"{platform.system()} {platform.release()}"
    return "\n".join(
        [
            f"machine: {_processor()}, {_usable()} cores, {_memory()}, {system}",
            f"python: {platform.python_version()}; {libraries}",
            f"engine: {named}; durability: {durability}",
        ]
    )


def _usable() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return "memory not known"
    return f"{size / 2**30:.0f} GiB of memory"
