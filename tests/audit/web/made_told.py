"""Told: a warehouse with a confidential figure, rated twice and released."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient

from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from tests.audit.test_trace import MAY_2002, RATINGS, ingested
from tests.made_ledgers import append, figure, warehouse
from warehouse.snapshot_manifest import microseconds

A1_PERIOD = "2000-04-01/P1Y"
HEADER = "council,reference_date,children_with_3plus_placements,children_looked_after,percent_printed,\
extraction_note,source_url\n"
NUMERATORS = {"2001-11-19": (57, 7351947), "2002-03-01": (65, 7352323)}
DENOMINATORS = (406, 24765113)
SECRETS = ("7351947", "7,351,947", "7352323", "7,352,323", "24765113", "24,765,113", "29.68", "29.69", "29.7")
"""What Bolton's confidential figure could be recognised by: counts, percentage, and that rounded."""
EVIDENCE = """organisation,date,kind,service,indicator,finding,says,source
Walsall,2002-02-01,inspection,children,,poor,Reviews are late,https://example.org/report
"""


Readers = dict[str, TestClient]
"""Those who read it: `public` and `internal`."""


@dataclass(frozen=True, slots=True)
class Told:
    """The warehouse, and its ratings: of May 2002, superseded; of July 2002, released; of August, a draft.

    A file that was out in March 2002 was recorded between the two, and revised both figures.
    """

    settings: Settings
    may: str
    july: str
    august: str


def made_told(directory: Path) -> Told:
    """Make it: a second or three."""
    made = warehouse(directory)
    ingested(made, "ratings.csv", RATINGS, "published_ratings")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "evidence.csv", EVIDENCE, "evidence")
    early, late = NUMERATORS
    _counted(made, early)
    may = build(made, "ssi-2002", as_published=MAY_2002).id
    _counted(made, late)
    july = build(made, "ssi-2002", as_published=microseconds("2002-07-01")).id
    august = build(made, "ssi-2002", as_published=microseconds("2002-08-01")).id
    release(made, may, reason="the first")
    release(made, july, reason="the second")
    return Told(made, may, july, august)


def _counted(settings: Settings, day: str) -> None:
    """A file of counts: Walsall's, which was revised, Bolton's, which is confidential, and a refused row."""
    lines = [
        f"{council},2001-03-31,{numerator},{denominator},,,https://example.org"
        for council, numerator, denominator in zip(
            ("Walsall", "Bolton"), NUMERATORS[day], DENOMINATORS, strict=True
        )
    ]
    file = settings.warehouse / f"counts-{day}.csv"
    file.write_text(HEADER + "\n".join(lines) + "\n")
    landed = settings.landing.land(file)
    settings.ledger().record_landing(landed.sha256, landed.byte_size, file.name)
    walsall, bolton = NUMERATORS[day]
    append(
        settings,
        [_figure("walsall", walsall, DENOMINATORS[0]), _figure("bolton", bolton, DENOMINATORS[1], "C")],
        collection="a1_2001",
        at=microseconds(day),
        file_sha256=landed.sha256,
        refused=("PAF:A1",),
        rows_read=3,
        counts={"read": 3, "observations": 2, "unchanged": 0, "quarantined": 1, "out_of_scope": 0},
    )


def _figure(organisation: str, numerator: int, denominator: int, conf_status: str = "F") -> dict[str, object]:
    return figure(
        organisation,
        100 * numerator / denominator,
        indicator="PAF:A1",
        period=A1_PERIOD,
        numerator=float(numerator),
        denominator=float(denominator),
        conf_status=conf_status,
    )
