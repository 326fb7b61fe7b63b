"""Method form: which tables and keys a method file has, and of which kind.

Here: the form of the file as pydantic models, the JSON Schema that follows from them, and what a misfit says.
Not here: what the values mean, and whether they contradict each other (method_file.py).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ratings.errors import MethodError


def _different(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("must be a list of different texts")
    return values


Words = Annotated[list[str], AfterValidator(_different), Field(json_schema_extra={"uniqueItems": True})]
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Rounding = Literal["down", "half_up", "half_even"]
Day = date


class Form(BaseModel):
    """A table of the file: what is not named here is refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ScopeForm(Form):
    """Which indicators the method looks at."""

    prefixes: Words = Field(description="beginnings of the indicator codes in scope")
    core: bool = Field(description="only indicators of the core catalogue")


class PeriodsForm(Form):
    """Which periods of an indicator count."""

    minimum: int = Field(description="figures before a period counts as begun")
    kept: int = Field(description="how many of the latest periods a figure may come from")
    history: int = Field(description="how many of the latest periods are looked at for movement")
    inherited: bool = Field(
        False,
        description="whether an organisation has the figures of its only predecessor as its past",
    )


class BandingForm(Form):
    """How figures are cut into bands."""

    kind: Literal["quantiles", "edges", "two_sided"] = Field(
        description="quantiles of one period; fixed edges; fixed edges between which bands rise and fall"
    )
    labels: Words = Field(description="names of the bands, worst first")
    boundary: Literal["lower", "better"] = Field(
        description="where a figure on an edge goes: with the smaller figures, or into the better band"
    )
    edges: list[float] = Field([], description="ascending, in the indicator's unit")
    bands: list[int] = Field([], description="two_sided: band of each stretch between edges")
    relative: Literal["recomputed", "frozen"] = Field(
        "recomputed", description="quantiles: edges move with the figures, or stay those of one period"
    )
    frozen_period: str = Field("", description="frozen: the period whose figures set the edges")
    indicators: Words = Field([], description="codes it is for; none: all that no other banding names")
    regions: Words = Field(
        [],
        description="regions whose organisations it cuts, compared among themselves; none: all others",
    )
    source: str = Field("", description="where the edges are published, or why they stand where they stand")


class AdjustmentForm(Form):
    """A change of a figure before it is banded."""

    indicator: Text = Field(description="code")
    add: float = Field(0.0, description="added to the figure, in its unit")
    multiply: float = Field(1.0, description="multiplied with the figure first")
    effective_from: Day | None = Field(None, description="first day it holds")
    effective_to: Day | None = Field(None, description="last day it holds")
    rationale: Text = Field(description="why")
    source: str = Field("", description="where it is published")


class AlternativeForm(Form):
    """Two indicators that stand for each other: the better band of the two counts."""

    indicator: Text = Field(description="code that is counted")
    alternative: Text = Field(description="code whose band counts instead where it is better")
    when_missing: bool = Field(True, description="whether it also stands in where the first has no band")
    rationale: Text = Field(description="why")
    source: str = Field("", description="where it is published")


class PartForm(Form):
    """One judgement that the rating is made of."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] = Field(description="short name, unique")
    title: Text = Field(description="for sentences")
    service: str = Field("", description="what it is about; blank where the method has no services")
    aspect: Text = Field(description="the question it answers: a key of [scales]")
    measure: Literal["band", "movement"] | None = Field(
        None, description="computed: the mean band, or the mean movement of bands"
    )
    cuts: list[int] = Field([], description="computed: ascending, in thousandths; one fewer than levels")
    minimum_inputs: int = Field(
        1, description="computed: indicators needed; with fewer there is no judgement"
    )
    missing: Literal["left_out", "worst_band", "no_rating"] = Field(
        "left_out", description="computed: what a missing figure does"
    )
    points: list[int] = Field(
        [], description="computed: what each band is worth, worst first; none: 1, 2, ..."
    )
    services: Words = Field([], description="computed: services of the catalogue whose indicators count once")
    weights: dict[str, int] = Field({}, description="computed: indicator = weight, instead of services")
    held_at_best: int = Field(0, description="movement: thousandths that staying in the best band is worth")
    rounding: Rounding = Field("down", description="computed: how the mean is rounded")
    rounded_to: Literal[1, 500, 1000] = Field(
        1, description="computed: to thousandths, halves or whole points"
    )


class JudgementsForm(Form):
    """Where the judgements come from."""

    basis: Literal["recorded", "computed"] = Field(description="by the regulator, or from bands")
    rounds: dict[str, Day] = Field({}, description="recorded: rating round = the day it was published")


class CapForm(Form):
    """A key threshold: where the indicator fails, a part can be no better than a level."""

    indicator: Text = Field(description="code of the key indicator")
    in_catalogue: bool = Field(True, description="false where no figures of it are known: it cannot bind")
    part: Text = Field(description="name of the part that is capped")
    fails: Literal[">", "<"] = Field(description="on which side of the threshold a figure fails")
    threshold: float = Field(description="in the indicator's unit")
    at_most: Text = Field(description="best level allowed, a word of the part's scale")
    effective_from: Day | None = Field(None, description="first day it holds")
    effective_to: Day | None = Field(None, description="last day it holds")
    exempt_below_denominator: int | None = Field(
        None, description="small numbers: a denominator below this exempts the organisation"
    )
    rationale: Text = Field(description="why the threshold stands where it stands")
    source: str = Field("", description="where it is published")


class PartCapForm(Form):
    """A judgement that caps another."""

    part: Text = Field(description="name of the part that is capped")
    at_most: Text = Field(description="best level allowed")
    when_part: Text = Field(description="name of the part that caps")
    when_at_most: Text = Field(description="its level at or below which it caps")
    rationale: Text = Field(description="why")
    source: str = Field("", description="where it is published")


class RuleForm(Form):
    """A star and the conditions under which it is given: aspect = word."""

    stars: int = Field(description="the star")
    says: Text = Field(description="why; {who} and {points} are filled in")
    any_at_most: dict[str, str] = Field({}, description="levels that one service does not rise above")
    any_at_least: dict[str, str] = Field({}, description="levels that one service reaches")
    all_at_least: dict[str, str] = Field({}, description="levels that every service reaches")
    points: dict[str, int] = Field({}, description="aspect = points for each level above the worst")
    points_at_least: int | None = Field(None, description="least sum of points")


class LimitForm(Form):
    """A part's level that caps the star."""

    part: Text = Field(description="name of the part")
    at_most: Text = Field(description="its level at or below which the limit holds")
    stars: int = Field(description="most stars then")


class MeanForm(Form):
    """A star that is the weighted mean of the parts."""

    weights: dict[str, int] = Field(description="part = its weight")
    sum: int = Field(description="what the weights must sum to")
    points: list[int] = Field(description="what each level is worth, worst first")
    rounding: Rounding = Field(description="to the nearest star: where a tie goes")
    limits: list[LimitForm] = Field([], description="caps that a part puts on the star")


class TableForm(Form):
    """One star table: rules, a CSV file, or a weighted mean."""

    title: Text = Field(description="what it is, for people")
    rules: list[RuleForm] = Field([], description="the first that fits holds")
    csv: str | None = Field(None, description="a file beside this one with a row for each combination")
    mean: MeanForm | None = Field(None, description="weighted mean of the parts")
    not_monotone: str = Field("", description="why a better judgement may lower a star; otherwise none does")


class ObservedForm(Form):
    """A star that was published for a combination of judgements."""

    parts: dict[str, str] = Field(description="part = word")
    stars: int = Field(description="the star published")
    councils: Text = Field(description="whose, and when")
    source: Text = Field(description="where it is published")


class StarsForm(Form):
    """The overall star."""

    from_method: str | None = Field(None, description="another method whose table is used")
    option: str | None = Field(None, description="which of its tables")
    lowest: int | None = Field(None, description="the least star there is")
    highest: int | None = Field(None, description="the greatest")
    default: str | None = Field(None, description="table used where none is asked for")
    tables: dict[str, TableForm] = Field({}, description="star tables by option")
    observed: list[ObservedForm] = Field([], description="published stars that every table must give")


class MethodForm(Form):
    """A rating method as a file."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")] = Field(description="also the file's name")
    version: Text = Field(description="raised with every change")
    title: Text = Field(description="what it is, for people")
    status: Literal["official", "reconstructed", "illustrative"] = Field(
        description="published as such; put together from published facts; invented (never released)"
    )
    effective_from: Day = Field(description="first day it is in force")
    effective_to: Day | None = Field(None, description="last day; none while in force")
    population: Words = Field(description="kinds of organisation that it rates")
    sources: Words = Field(description="where it is published")
    notes: str = Field("", description="what a reader of its results should know")
    scope: ScopeForm
    periods: PeriodsForm
    scales: dict[str, Words] = Field({}, description="aspect = the words of its levels, worst first")
    synonyms: dict[str, str] = Field(
        {}, description="recorded: another word = the word of a scale that it is read as"
    )
    bandings: list[BandingForm] = Field([], description="how figures are cut into bands")
    adjustments: list[AdjustmentForm] = Field([], description="changes of figures before they are banded")
    alternatives: list[AlternativeForm] = Field([], description="keep the better of the two")
    judgements: JudgementsForm | None = Field(None, description="none for a method of bands alone")
    parts: list[PartForm] = Field([], description="the judgements, in order")
    caps: list[CapForm] = Field([], description="key thresholds")
    part_caps: list[PartCapForm] = Field([], description="judgements that cap another")
    stars: StarsForm | None = Field(None, description="none for a method without an overall star")


def read_form(content: dict[str, Any], file: str) -> MethodForm:
    """The content of a file as the form has it.

    Raises:
        MethodError: the first misfit, naming table and key.
    """
    try:
        return MethodForm.model_validate(content)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        raise MethodError(f"{place(first['loc'])}: {_says(first)}", file=file) from fault


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a method file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MethodForm.model_json_schema(mode="validation"),
    }


def place(location: tuple[int | str, ...]) -> str:
    """Where something stands in the file: `[bandings 1] labels`."""
    *tables, key = location
    if isinstance(key, int) and tables:  # an element of a list of plain values: the list is the key
        *tables, key = tables
    name = ""
    for step in tables:
        name += f" {step + 1}" if isinstance(step, int) else f".{step}" if name else step
    return f"[{name}] {key}" if name else str(key)


def _says(fault: Any) -> str:
    """A misfit in our words."""
    kind, given = fault["type"], fault["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not a key of this table"
    if kind == "literal_error":
        return (
            f"{given!r} is not one of {fault['ctx']['expected'].replace(chr(39), '').replace(' or ', ', ')}"
        )
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind in ("string_too_short", "string_pattern_mismatch"):
        return f"{given!r} is blank" if not str(given).strip() else f"{given!r} is not written as it must be"
    return f"{given!r} is not of the right kind"
