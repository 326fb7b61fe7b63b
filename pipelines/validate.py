"""Validate: a file is checked beside any ledger, for the council that must send it.

Here: the same checks and the same report as `ingest --dry-run`, with nothing known before and nothing kept.
Not here: the checks (validations), a dry run against a ledger (ingest.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipelines.data_docs import docs_of_files
from pipelines.ingest import Progress, ingest
from pipelines.ingest_report import IngestReport
from pipelines.settings import settings
from pipelines.source_files import find_source_files
from ratings.collections import load_collection


def validate(
    paths: Sequence[Path],
    collection: str,
    *,
    published_at: int | None = None,
    releases: Path | None = None,
    docs: Path | None = None,
    progress: Progress = lambda _: None,
) -> list[IngestReport]:
    """Check files by themselves. No ledger is read, and none is needed.

    Args:
        paths: files or directories.
        collection: what kind of file they are.
        published_at: as for `ingest`.
        releases: as for `ingest`.
        docs: a directory to build the site of Great Expectations in, of the files that can be read.
        progress: called with a sentence at each step.

    Returns:
        One report per file; what it counts as `observations` is what a first ingest would take.

    Raises:
        InputError: a file is missing, or nothing says when one of several was published.
    """
    with tempfile.TemporaryDirectory() as nowhere:
        directory = Path(nowhere)
        reports = ingest(
            settings(directory, directory / "no-ledger.db"),
            paths,
            collection,
            published_at=published_at,
            releases=releases,
            dry_run=True,
            progress=progress,
        )
    if docs is not None:
        progress("building the site")
        dated = load_collection(collection).published is not None
        found = find_source_files(paths, published_at=published_at, releases=releases, dated=dated)
        readable = [
            (one.path, one.path.name) for one, report in zip(found, reports, strict=True) if report.read
        ]
        docs_of_files(readable, collection, docs)
    return reports
