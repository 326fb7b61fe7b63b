"""Data Docs: the site of Great Expectations, with what it counted in each file.

Here: building the site, on request.
Not here: the check results that decide (runner.py); the checks of a whole batch, which are no expectations
    (history.py, coverage.py, parts.py) and stand in the report alone.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from validations.runner import LOOKED_AT, expectations, prepared, rule_columns

_EXAMPLES = 20
"""So many values that break a rule are shown."""


def write_data_docs(
    files: Iterable[tuple[str, pl.DataFrame]], event: str, suite: str, directory: Path
) -> list[Path]:
    """Write the site for some files of one collection.

    Args:
        files: name and rows read (ratings.reading) of each.
        event: what a row becomes.
        suite: what the suite is called: the collection.
        directory: where; pages of an earlier site stay.

    Returns:
        The page of each file. They can be read without a network, though plain: styles, and the list on the
        site's first page, come from the network.

    Raises:
        OSError: the directory cannot be written.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    directory.mkdir(parents=True, exist_ok=True)
    earlier = set(pages(directory))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier
        from great_expectations.core.validation_definition import ValidationDefinition
        from great_expectations.data_context.types.base import ProgressBarsConfig

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        context.delete_data_docs_site("local_site")
        context.add_data_docs_site("starledger", _site(directory))
        asset = context.data_sources.add_pandas(suite).add_dataframe_asset("rows")
        whole = asset.add_batch_definition_whole_dataframe("whole")
        for number, (name, read) in enumerate(files):
            rows, rules = prepared(read, event)
            known = gx.ExpectationSuite(name=suite, expectations=expectations(rules))
            checkpoint = gx.Checkpoint(
                name=f"file {number}",
                validation_definitions=[
                    context.validation_definitions.add(
                        ValidationDefinition(
                            name=f"file {number}", data=whole, suite=context.suites.add_or_update(known)
                        )
                    )
                ],
                result_format={"result_format": "SUMMARY", "partial_unexpected_count": _EXAMPLES},
            )
            frame = rows.filter(LOOKED_AT).select(rule_columns(rules))
            context.checkpoints.add(checkpoint).run(
                batch_parameters={"dataframe": frame.to_pandas(use_pyarrow_extension_array=True)},
                run_id=RunIdentifier(run_name=re.sub(r"[^\w.-]", "_", name)),
            )
        context.build_data_docs(site_names=["starledger"])
    return [page for page in pages(directory) if page not in earlier]


def pages(directory: Path) -> list[Path]:
    """The pages of a site that say what was counted in a file, the newest last."""
    return sorted((directory / "validations").rglob("*.html"), key=lambda page: page.parent.name)


def _site(directory: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(directory.absolute()),
        },
    }
