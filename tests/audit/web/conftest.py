"""A warehouse that the tests of the pages read together and none of them changes."""

from __future__ import annotations

import pytest

from pipelines.rate import build
from pipelines.settings import Settings
from tests.audit.test_trace import A1, MAY_2002, RATINGS, ingested
from tests.audit.web.made_told import Readers, Told, made_told
from tests.made_ledgers import warehouse

EVIL = "<script>document.title='taken'</script>"
EVIDENCE = f"""organisation,date,kind,service,indicator,finding,says,source
Walsall,2002-02-01,inspection,children,,poor,{EVIL},https://example.org/report
"""


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The star ratings of May 2002, with what a file may say to do harm."""
    made = warehouse(tmp_path_factory.mktemp("shown") / "w")
    ingested(made, "ratings.csv", RATINGS, "published_ratings")
    ingested(made, "ratings.csv", RATINGS, "judgements")
    ingested(made, "a1.csv", A1, "a1_2001")
    ingested(made, "evidence.csv", EVIDENCE, "evidence")
    build(made, "ssi-2002", as_published=MAY_2002, label=f"May 2002 {EVIL}")
    return made


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Two ratings that are out, with a confidential figure."""
    return made_told(tmp_path_factory.mktemp("told") / "w")


@pytest.fixture(scope="session")
def readers(told: Told) -> Readers:
    """Who reads it: `public` and `internal`."""
    from tests.audit.web.test_pages import client

    return {audience: client(told.settings, audience) for audience in ("public", "internal")}
