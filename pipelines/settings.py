"""Settings: where the warehouse is and who acts. The one place that reads the environment.

Here: the warehouse directory and what lies in it, the ledger's address, the actor of this process.
Not here: what is done with them (ingest.py, rate.py, publish.py).
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from ratings.errors import InputError, LedgerError
from warehouse.database import Database
from warehouse.event_log import PRODUCTION, Ledger
from warehouse.landing import Landing

DEFAULT_WAREHOUSE = Path("var/warehouse")
DEFAULT_METHOD = "stars-illustrative"
STILL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One warehouse, and who works in it.

    Attributes:
        warehouse: directory with `ledger.db` (unless it lives elsewhere), `landing/`, `snapshots/`.
        database_url: where the ledger lives: a URL, or the path of an SQLite file.
        actor: pseudonymous id of who acts.
        actor_kind: person, schedule or sensor.
        on_behalf_of: for whom the actor acts, None for themselves.
        run_id: the orchestrator's run, None outside one.
    """

    warehouse: Path
    database_url: str | Path
    actor: str
    actor_kind: str = "person"
    on_behalf_of: str | None = None
    run_id: str | None = None

    @property
    def landing(self) -> Landing:
        """The store of every file that arrived."""
        return Landing(self.warehouse / "landing")

    @property
    def snapshots(self) -> Path:
        """The directory of all snapshots."""
        return self.warehouse / "snapshots"

    @property
    def verified(self) -> Path:
        """What the last verification of the ledger found."""
        return self.warehouse / "verified.json"

    def ledger(self) -> Ledger:
        """Open the ledger.

        Raises:
            LedgerError: there is none yet, or it cannot be opened.
        """
        return Ledger(Database(self.database_url))

    def reading_ledger(self, query_seconds: float) -> Ledger:
        """Open the ledger for reading only; a query that takes longer is given up.

        Raises:
            LedgerError: there is none yet, or it cannot be opened.
        """
        return Ledger(Database(self.database_url, read_only=True, query_seconds=query_seconds))

    def has_ledger(self) -> bool:
        """Whether a ledger was founded here."""
        return Database(self.database_url).exists()

    def found_ledger(self, kind: str = PRODUCTION) -> Ledger:
        """Open the ledger, founding one of that kind where there is none.

        Raises:
            LedgerError: a ledger of the other kind is there, or the directory cannot be made.
        """
        try:
            self.warehouse.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(
                f"the warehouse {self.warehouse} cannot be made: {error.strerror}",
                hint="make its parent writable, or name another directory with --warehouse",
            ) from error
        return Ledger.found(Database(self.database_url), kind)


def settings(
    warehouse: Path | None = None,
    database_url: str | Path | None = None,
    actor: str | None = None,
    *,
    actor_kind: str = "person",
    run_id: str | None = None,
) -> Settings:
    """Settings from arguments, then the environment, then the defaults.

    Args:
        warehouse: else `STARLEDGER_WAREHOUSE`, else `var/warehouse`.
        database_url: else `STARLEDGER_DATABASE_URL`, else SQLite in the warehouse directory.
        actor: else the system user.
        actor_kind: person, schedule or sensor.
        run_id: the orchestrator's run.
    """
    directory = warehouse or Path(os.environ.get("STARLEDGER_WAREHOUSE") or DEFAULT_WAREHOUSE)
    url = database_url or os.environ.get("STARLEDGER_DATABASE_URL") or directory / "ledger.db"
    return Settings(directory, url, actor or _system_user(), actor_kind=actor_kind, run_id=run_id)


def scheduled_method() -> str:
    """The method of runs that nobody asked for: `STARLEDGER_METHOD`, else the illustrative one."""
    return os.environ.get("STARLEDGER_METHOD") or DEFAULT_METHOD


def inbox_still_seconds() -> float:
    """How long a dropped file must stay unchanged: `STARLEDGER_INBOX_STILL_SECONDS`, else half a minute.

    Raises:
        InputError: it is not a number of seconds.
    """
    text = os.environ.get("STARLEDGER_INBOX_STILL_SECONDS")
    try:
        seconds = float(text) if text else STILL_SECONDS
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise InputError(
            f"STARLEDGER_INBOX_STILL_SECONDS is {text!r}, which is no number of seconds",
            hint=f"set it to a number from 0, or leave it out for {STILL_SECONDS:.0f}",
        )
    return seconds


def alerts_file(warehouse: Path) -> Path:
    """Where alerts go is said in `STARLEDGER_ALERTS`, else in `alerts.toml` of the warehouse."""
    return Path(os.environ.get("STARLEDGER_ALERTS") or warehouse / "alerts.toml")


def publish_url() -> str | None:
    """Where released snapshots are put for others to read: `STARLEDGER_PUBLISH_TO`, else nowhere."""
    return os.environ.get("STARLEDGER_PUBLISH_TO") or None


def secret(variable: str) -> str:
    """What an environment variable holds that a file names instead of saying it.

    Raises:
        InputError: it is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise InputError(f"the environment variable {variable} is not set", hint="set it where Dagster runs")
    return value


@cache
def code_version() -> str:
    """The version of this code, as recorded with every batch and snapshot."""
    return f"starledger {version('starledger')}"


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"
