"""The form of method files: the JSON Schema agrees with what is accepted, and the documentation with both."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ratings.method_form import json_schema, place
from ratings.methods import shipped_ids

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def content(identifier: str) -> dict[str, Any]:
    """A shipped method as JSON has it: days as text."""
    text = (files("ratings") / "methods" / f"{identifier}.toml").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(json.dumps(tomllib.loads(text), default=str))
    return parsed


@pytest.mark.parametrize("identifier", shipped_ids())
def test_every_shipped_method_is_valid_by_the_schema(identifier: str) -> None:
    VALIDATOR.validate(content(identifier))


@pytest.mark.parametrize(
    "change",
    [
        {"verison": "1"},
        {"status": "final"},
        {"effective_from": "soon"},
        {"scope": {"prefixes": ["LAIT:"]}},
        {"population": ["council", "council"]},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(content("lait-quartile") | change)


def test_the_schema_is_a_schema_and_describes_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    forms = {"MethodForm": SCHEMA, **SCHEMA["$defs"]}
    for name, form in forms.items():
        for key, value in form["properties"].items():
            assert "description" in value or "$ref" in value, f"{name}.{key} says nothing of itself"


def test_the_documentation_names_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    for form in (SCHEMA, *SCHEMA["$defs"].values()):
        for key in form["properties"]:
            named = f"`{key}`" in text or f"[{key}" in text or f".{key}" in text
            assert named, f"docs/methods.md does not name {key}"


def test_a_place_is_written_as_the_file_has_it() -> None:
    assert place(("bandings", 0, "labels")) == "[bandings 1] labels"
    assert place(("stars", "tables", "A", "rules", 2, "stars")) == "[stars.tables.A.rules 3] stars"
    assert place(("population", 1)) == "population"
