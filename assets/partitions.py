"""Partitions: the rating rounds.

Here: what a rating is partitioned by. A round is called by the time it is rated at (`as_published`): a date,
    or a date and time. Rounds are added by who asks for a draft, a sensor or a person.
Not here: partitions by organisation or indicator. Dagster stops tracking what is stale at a hundred upstream
    partitions, and there are a hundred and fifty councils; indicators are assets instead.
"""

from __future__ import annotations

import dagster as dg

ROUNDS = dg.DynamicPartitionsDefinition(name="rating_round")
