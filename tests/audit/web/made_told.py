"""Told: a warehouse with confidential figures, rated twice and released."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient

from pipelines.publish import release
from pipelines.rate import build
from pipelines.settings import Settings
from tests.audit.test_trace import MAY_2002, ingested
from tests.audit.test_trace import RATINGS as TWO_RATINGS
from tests.made_ledgers import append, figure, warehouse
from warehouse.snapshot_manifest import microseconds

RATINGS = f"""{TWO_RATINGS}\
Camden,2002-05,2002-05-30,joint,yes,excellent,yes,excellent,3,four_judgements,per_service,explicit,,https://example.org
"""
A1_PERIOD = "2000-04-01/P1Y"
HEADER = "council,reference_date,children_with_3plus_placements,children_looked_after,percent_printed,\
extraction_note,source_url\n"
FILES = {
    "2001-11-19": {"walsall": 57, "bolton": 7351947, "camden": 4639811},
    "2002-03-01": {"walsall": 65, "bolton": 7352323, "camden": 4639811},
}
"""Files of counts by the day that they were out: children with three placements or more, by council."""
LOOKED_AFTER = {"walsall": 406, "bolton": 24765113, "camden": 24765113}
CONFIDENTIAL = {"bolton", "camden"}
SECRETS = (
    "7351947", "7,351,947", "7352323", "7,352,323", "4639811", "4,639,811", "24765113", "24,765,113",
    "29.68", "29.69", "29.7", "18.73", "18.74", "18.7",
)  # fmt: skip
"""What the confidential figures could be recognised by: counts, percentages, and these rounded.

Bolton's fails the key threshold of 20 percent, Camden's would with another one: both stars hang on them.
"""
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
    early, late = FILES
    _counted(made, early)
    may = build(made, "ssi-2002", as_published=MAY_2002).id
    _counted(made, late)
    july = build(made, "ssi-2002", as_published=microseconds("2002-07-01")).id
    august = build(made, "ssi-2002", as_published=microseconds("2002-08-01")).id
    release(made, may, reason="the first")
    release(made, july, reason="the second")
    return Told(made, may, july, august)


def _counted(settings: Settings, day: str) -> None:
    """A file of counts, with a row that was refused."""
    lines = [
        f"{council.capitalize()},2001-03-31,{count},{LOOKED_AFTER[council]},,,https://example.org"
        for council, count in FILES[day].items()
    ]
    file = settings.warehouse / f"counts-{day}.csv"
    file.write_text(HEADER + "\n".join(lines) + "\n")
    landed = settings.landing.land(file)
    settings.ledger().record_landing(landed.sha256, landed.byte_size, file.name)
    append(
        settings,
        [_figure(council, count) for council, count in FILES[day].items()],
        collection="a1_2001",
        at=microseconds(day),
        file_sha256=landed.sha256,
        refused=("PAF:A1",),
        rows_read=4,
        counts={"read": 4, "observations": 3, "unchanged": 0, "quarantined": 1, "out_of_scope": 0},
    )


def _figure(organisation: str, numerator: int) -> dict[str, object]:
    denominator = LOOKED_AFTER[organisation]
    return figure(
        organisation,
        100 * numerator / denominator,
        indicator="PAF:A1",
        period=A1_PERIOD,
        numerator=float(numerator),
        denominator=float(denominator),
        conf_status="C" if organisation in CONFIDENTIAL else "F",
    )
