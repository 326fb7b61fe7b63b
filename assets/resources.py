"""Resources: the warehouse that a run works in.

Here: one resource, configurable where a run is launched; what it reads of the log is read once per run.
Not here: the environment and the defaults (pipelines/settings.py), any reading itself (pipelines).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field, PrivateAttr

from pipelines.indicators import IndicatorFigures, KnownAt, figures_by_indicator, known_at
from pipelines.rate import build
from pipelines.received import Conservation, Received, conservation, received_by_indicator, wholeness
from pipelines.settings import Settings, scheduled_method, settings
from pipelines.source_files import parse_time
from ratings.errors import InputError, StarledgerError
from warehouse.snapshots import SnapshotRef

Context = dg.AssetExecutionContext | dg.OpExecutionContext

# For steps that leave nothing half-done and find out themselves what they did before. An error that says what
# to do is final; what is tried again is a machine's trouble: a disk, a network, a database that restarts.
READ_AGAIN = dg.RetryPolicy(max_retries=2, delay=10, backoff=dg.Backoff.EXPONENTIAL)

# What Dagster writes on runs that nobody launched by hand, and what the log calls who did.
_LAUNCHED_BY = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor"}


class Warehouse(dg.ConfigurableResource):
    """The warehouse, the method that rates what is in it, and the point at which it is looked at.

    All steps of a run see the same point and the same figures, also when files arrive while it runs.
    """

    directory: str = Field(
        default="", description="Warehouse directory; by default STARLEDGER_WAREHOUSE, else var/warehouse."
    )
    database_url: str = Field(
        default="",
        description="Address of the ledger; by default STARLEDGER_DATABASE_URL, else SQLite in there.",
    )
    method: str = Field(
        default_factory=scheduled_method,
        description="The method to rate with; by default STARLEDGER_METHOD, else stars-illustrative.",
    )
    simulated: bool | None = Field(
        default=None,
        description="The invented councils or the real ones; by default the invented where there are any.",
    )
    as_published: str = Field(
        default="",
        description=(
            "What the sources had put out by then, ISO 8601; by default the rating round that is the run's"
            " partition, else the start of today, for invented figures the time of their last release."
        ),
    )

    _at: KnownAt | None = PrivateAttr(default=None)
    _figures: dict[str, IndicatorFigures] | None = PrivateAttr(default=None)
    _received: dict[str, Received] | None = PrivateAttr(default=None)

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """Forget what an earlier run read."""
        self._at = self._figures = self._received = None

    def settings(self, context: Context) -> Settings:
        """Where the warehouse is, and who acts: the schedule or sensor of the run, else a person."""
        actor, kind = next(
            ((context.run.tags[tag], kind) for tag, kind in _LAUNCHED_BY.items() if tag in context.run.tags),
            (None, "person"),
        )
        return self.place(actor, kind, context.run.run_id)

    def place(self, actor: str | None = None, kind: str = "person", run_id: str | None = None) -> Settings:
        """Where the warehouse is, for somebody who is named."""
        return settings(
            Path(self.directory) if self.directory else None,
            self.database_url or None,
            actor,
            actor_kind=kind,
            run_id=run_id,
        )

    def at(self, context: Context) -> KnownAt:
        """The point at which this run looks at everything."""
        if self._at is None:
            with told():
                self._at = known_at(
                    self.settings(context),
                    self.method,
                    as_published=parse_time(asked) if (asked := self._asked(context)) else None,
                    simulated=self.simulated,
                )
        return self._at

    def _asked(self, context: Context) -> str:
        """The time asked for: of the run's configuration, else of its rating round.

        Raises:
            InputError: the two differ.
        """
        round_asked = context.partition_key if context.has_partition_key else ""
        if self.as_published and round_asked and parse_time(self.as_published) != parse_time(round_asked):
            raise InputError(
                f"as_published is {self.as_published}, and the run is of the round {round_asked}",
                hint="leave as_published out of the configuration",
            )
        return self.as_published or round_asked

    def figures(self, context: Context) -> dict[str, IndicatorFigures]:
        """What is known of every indicator."""
        if self._figures is None:
            with told():
                self._figures = figures_by_indicator(self.settings(context), self.at(context))
        return self._figures

    def received(self, context: Context) -> dict[str, Received]:
        """What the checks found in the newest release behind every indicator."""
        if self._received is None:
            with told():
                self._received = received_by_indicator(self.settings(context), self.at(context))
        return self._received

    def build(self, context: Context) -> SnapshotRef:
        """Build the draft snapshot."""
        at = self.at(context)
        with told():
            return build(
                self.settings(context),
                self.method,
                as_published=at.as_published,
                as_recorded=at.as_recorded,
                simulated=at.simulated,
                progress=context.log.info,
            )

    def conservation(self, context: Context) -> Conservation:
        """Where every row of every file went."""
        with told():
            return conservation(self.settings(context), self.at(context))

    def wholeness(self, context: Context, built: SnapshotRef) -> list[str]:
        """What is wrong with a snapshot; nothing where all is well."""
        with told():
            return wholeness(self.settings(context), built)

    def command(self, context: Context, *words: str) -> dg.TextMetadataValue:
        """A command line that a person can copy to look at the same thing."""
        where = ["--warehouse", str(self.settings(context).warehouse)]
        return dg.MetadataValue.text(shlex.join(["starledger", *words, *where]))


@contextmanager
def told(*again: type[StarledgerError]) -> Iterator[None]:
    """Let an error of ours end the run with its own sentence; only of these kinds may it be tried again."""
    try:
        yield
    except StarledgerError as error:
        raise dg.Failure(str(error), allow_retries=isinstance(error, again)) from error
