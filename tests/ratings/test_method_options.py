"""What a method can say beyond the shipped ones: each option does what it says, or is refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratings.bands import Banding, Periods, bands
from ratings.catalogue import load_catalogue
from ratings.errors import MethodError
from ratings.methods import Method, load_method
from ratings.rating import Rating, rate

CATALOGUE = load_catalogue()
ONE, TWO, THREE = "ASCOF:1G", "ASCOF:1H", "ASCOF:1E"
MADE = f"""
id = "made"
version = "1"
title = "made for a test"
status = "illustrative"
effective_from = 2015-01-01
population = ["council"]
sources = ["made here"]

[scope]
prefixes = ["ASCOF:"]
core = false

[periods]
minimum = 1
kept = 1
history = 2

[[bandings]]
kind = "edges"
labels = ["low", "middle", "high"]
boundary = "better"
edges = [10, 20]
source = "made here"

[scales]
care = ["bad", "fair", "good"]
money = ["bad", "fair", "good"]

[judgements]
basis = "computed"

[[parts]]
name = "care"
title = "care"
aspect = "care"
measure = "band"
weights = {{ "{ONE}" = 3, "{TWO}" = 1 }}
cuts = [2000, 3000]
rounding = "half_up"
rounded_to = 1000

[[parts]]
name = "money"
title = "money"
aspect = "money"
measure = "band"
weights = {{ "{THREE}" = 1 }}
cuts = [2000, 3000]
missing = "no_rating"

[stars]
lowest = 1
highest = 3
default = "A"

[stars.tables.A]
title = "mean"

[stars.tables.A.mean]
weights = {{ care = 60, money = 40 }}
sum = 100
points = [1, 2, 3]
rounding = "half_up"
"""
CAP = (
    '[[part_caps]]\npart = "{}"\nat_most = "{}"\nwhen_part = "{}"\nwhen_at_most = "bad"\nrationale = "why"\n'
)
PROVED: list[Method] = []
"""The method as it stands above, loaded once for the properties."""


@pytest.fixture(scope="module", autouse=True)
def _proved(tmp_path_factory: pytest.TempPathFactory) -> None:
    PROVED.append(made(tmp_path_factory.mktemp("made")))


NOW = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
NO_JUDGEMENTS = pl.DataFrame(
    schema=dict.fromkeys(("organisation", "round", "service", "aspect", "judgement"), pl.String)
    | {"published_at": pl.Int64, "position": pl.Int64}
)


def made(folder: Path, *changes: tuple[str, str], more: str = "") -> Method:
    """The method above with changes, and tables added before [stars]."""
    text = MADE
    for old, new in changes:
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new, 1)
    text = text.replace("[stars]\n", more + "\n[stars]\n", 1)
    (folder / "made.toml").write_text(text, encoding="utf-8")
    return load_method(folder / "made.toml")


def figures(*rows: tuple[str, str, float | None], period: str = "2022-04-01/P1Y") -> pl.DataFrame:
    """Figures as (organisation, indicator, value)."""
    return pl.DataFrame(
        [
            {
                "organisation": organisation,
                "indicator": indicator,
                "period": period,
                "value": value,
                "denominator": None,
                "obs_status": "A",
                "published_at": 0,
                "position": number,
            }
            for number, (organisation, indicator, value) in enumerate(rows)
        ],
        schema_overrides={"value": pl.Float64, "denominator": pl.Float64},
    )


def rated(method: Method, given_figures: pl.DataFrame, councils: Sequence[str] = ("camden",)) -> Rating:
    population = pl.DataFrame({"id": councils, "kind": ["council"] * len(councils)})
    return rate(method, given_figures, NO_JUDGEMENTS, population, CATALOGUE, at_us=NOW)


def levels(rating: Rating) -> dict[str, int]:
    return dict(rating.judgements.select("part", "level").iter_rows())


def star(rating: Rating) -> Any:
    return rating.stars["star"].item()


def test_a_weighted_mean_of_weighted_means_says_how_it_came_about(tmp_path: Path) -> None:
    found = rated(made(tmp_path), figures(("camden", ONE, 25), ("camden", TWO, 15), ("camden", THREE, 5)))
    assert (levels(found), star(found)) == ({"care": 2, "money": 0}, 2)
    assert found.stars["rule"].item() == (
        "two stars because the weighted mean of the 2 parts is 2.200, to the nearest star"
    )
    care = found.judgements.filter(pl.col("part") == "care").row(0, named=True)
    assert care["score"] == 3000
    assert (
        care["rule"] == "care is 'good': weighted mean band 3.000 of 2 indicators is at least 3.000: 'good'"
    )


def test_without_a_part_that_may_not_be_missing_there_is_no_star(tmp_path: Path) -> None:
    found = rated(made(tmp_path), figures(("camden", ONE, 25)))
    row = found.stars.row(0, named=True)
    assert (row["star"], row["rating_status"]) == (None, "not_rated")
    assert row["rating_status_reason"] == "no judgement possible of money"


def test_a_judgement_caps_another_and_the_chain_is_followed(tmp_path: Path) -> None:
    method = made(tmp_path, more=CAP.format("care", "fair", "money"))
    found = rated(method, figures(("camden", ONE, 25), ("camden", TWO, 25), ("camden", THREE, 5)))
    care = found.judgements.filter(pl.col("part") == "care").row(0, named=True)
    assert (care["level"], care["computed_judgement"], care["capped_by"]) == (1, "good", "money")
    assert care["rule"].startswith("care is capped at 'fair' because money caps it")
    assert found.stars["rule"].item().endswith("; care is capped at 'fair' by money")


def test_the_better_of_two_indicators_counts_and_the_band_says_so(tmp_path: Path) -> None:
    more = f'[[alternatives]]\nindicator = "{THREE}"\nalternative = "{TWO}"\nrationale = "why"\n'
    weights = ('weights = { "ASCOF:1G" = 3, "ASCOF:1H" = 1 }', 'weights = { "ASCOF:1G" = 3 }')
    found = rated(
        made(tmp_path, weights, more=more),
        figures(("camden", ONE, 25), ("camden", TWO, 25), ("camden", THREE, 5)),
    )
    assert levels(found)["money"] == 2
    band = found.bands.filter(pl.col("indicator") == THREE).row(0, named=True)
    assert (band["band"], band["stood_in"]) == (3, TWO)
    assert band["band_reason"].startswith(f"the better band of the two is that of {TWO} (")


def test_an_adjustment_changes_a_figure_only_while_it_is_in_force(tmp_path: Path) -> None:
    more = f'[[adjustments]]\nindicator = "{ONE}"\nadd = 2\neffective_to = {{}}\nrationale = "why"\n'
    given_figures = figures(("camden", ONE, 19), ("camden", TWO, 25), ("camden", THREE, 5))
    assert levels(rated(made(tmp_path, more=more.format("2024-12-31")), given_figures))["care"] == 2
    assert levels(rated(made(tmp_path, more=more.format("2023-12-31")), given_figures))["care"] == 1


def test_a_region_has_cut_points_of_its_own(tmp_path: Path) -> None:
    region = CATALOGUE.organisations["camden"].region
    more = (
        '[[bandings]]\nkind = "edges"\nlabels = ["low", "middle", "high"]\nboundary = "better"\n'
        f'edges = [30, 40]\nregions = ["{region}"]\nsource = "made here"\n'
    )
    found = rated(
        made(tmp_path, more=more), figures(("camden", ONE, 25), ("durham", ONE, 25)), ("camden", "durham")
    )
    banded = found.bands.filter(pl.col("indicator") == ONE)
    assert dict(banded.select("organisation", "band").iter_rows()) == {"camden": 1, "durham": 3}


def test_a_split_council_has_its_predecessors_past_where_the_method_says_so(tmp_path: Path) -> None:
    before = figures(("northamptonshire", ONE, 5), period="2020-04-01/P1Y")
    now = figures(("north-northamptonshire", ONE, 25), period="2021-04-01/P1Y")
    given_figures = pl.concat([before, now])
    names = ("north-northamptonshire",)

    def movement(method: Method) -> Any:
        return rated(method, given_figures, names).bands.filter(pl.col("indicator") == ONE)["movement"].item()

    assert movement(made(tmp_path)) is None
    assert movement(made(tmp_path, ("history = 2", "history = 2\ninherited = true"))) == 2


def test_a_merged_council_inherits_from_nobody(tmp_path: Path) -> None:
    given_figures = pl.concat(
        [
            figures(("poole", ONE, 5), ("bournemouth", ONE, 25), period="2018-04-01/P1Y"),
            figures(("bournemouth-christchurch-and-poole", ONE, 25), period="2019-04-01/P1Y"),
        ]
    )
    method = made(tmp_path, ("history = 2", "history = 2\ninherited = true"))
    found = rated(method, given_figures, ("bournemouth-christchurch-and-poole",)).bands
    assert found.filter(pl.col("indicator") == ONE)["previous_band"].item() is None


GIVEN = st.lists(st.none() | st.integers(0, 30), min_size=6, max_size=6)


@given(GIVEN, st.randoms(use_true_random=False), st.integers(0, 86_399_999_999))
@settings(max_examples=20)
def test_a_star_depends_neither_on_row_order_nor_on_the_time_of_day(
    values: list[int | None], chance: Any, later: int
) -> None:
    codes, names = (ONE, TWO, THREE), ("camden", "durham")
    rows = [(name, code) for name in names for code in codes]
    frame = figures(*((*row, value) for row, value in zip(rows, values, strict=True)))
    method = PROVED[0]
    population = pl.DataFrame({"id": names, "kind": ["council", "council"]})
    plain = rate(method, frame, NO_JUDGEMENTS, population, CATALOGUE, at_us=NOW)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=chance.randrange(2**16))
    other = rate(method, shuffled, NO_JUDGEMENTS, population.reverse(), CATALOGUE, at_us=NOW + later)
    assert other.stars.equals(plain.stars)
    assert other.judgements.equals(plain.judgements)
    assert other.bands.equals(plain.bands)


@given(GIVEN, st.integers(0, 5), st.integers(1, 20))
@settings(max_examples=30)
def test_a_better_figure_never_lowers_a_star(values: list[int | None], which: int, more: int) -> None:
    codes, names = (ONE, TWO, THREE), ("camden", "durham")
    rows = [(name, code) for name in names for code in codes]
    if values[which] is None:
        values[which] = 0
    better = [*values[:which], (values[which] or 0) + more, *values[which + 1 :]]
    before, after = (
        dict(rated(PROVED[0], frame, names).stars.select("organisation", "star").iter_rows())
        for frame in (
            figures(*((*row, value) for row, value in zip(rows, given_values, strict=True)))
            for given_values in (values, better)
        )
    )
    assert all((after[name] or 0) >= (before[name] or 0) for name in names)


VALUES = st.lists(st.integers(0, 20).map(lambda n: n / 2), min_size=1, max_size=25)
INDICATOR = pl.DataFrame({"indicator": ["I"], "direction": ["higher"], "banded": [True]})


def placed(values: Sequence[float], banding: Banding, direction: str = "higher") -> list[int]:
    """The band of each value."""
    frame = figures(*((f"o{n}", "I", value) for n, value in enumerate(values)))
    population = frame.select("organisation").unique()
    found = bands(
        frame, population, INDICATOR.with_columns(direction=pl.lit(direction)), banding, Periods(1, 1, 1)
    )
    order = {f"o{n}": n for n in range(len(values))}
    found = found.sort(pl.col("organisation").replace_strict(order))
    return found["band"].to_list()


@given(VALUES, st.sampled_from(["lower", "better"]), st.sampled_from(["higher", "lower"]))
@settings(max_examples=40)
def test_edges_frozen_at_the_period_itself_are_the_recomputed_ones(
    values: list[float], boundary: Any, direction: str
) -> None:
    moving = Banding("quantiles", ("D", "C", "B", "A"), boundary)
    frozen = Banding("quantiles", ("D", "C", "B", "A"), boundary, frozen_period="2022-04-01/P1Y")
    assert placed(values, frozen, direction) == placed(values, moving, direction)


@given(VALUES)
@settings(max_examples=20)
def test_two_sided_bands_rise_to_the_middle_and_fall_again(values: list[float]) -> None:
    banding = Banding("two_sided", ("bad", "fair", "good"), "better", (2, 4, 6, 8), (1, 2, 3, 2, 1))
    expected = [3 if 4 <= v <= 6 else 2 if 2 <= v <= 8 else 1 for v in values]
    assert placed(values, banding, "none") == expected


BAND = (
    '[[bandings]]\nkind = "edges"\nlabels = ["low", "middle", "high"]\nboundary = "better"\nedges = [1, 2]\n'
)


@pytest.mark.parametrize(
    ("change", "more", "message"),
    [
        (("sum = 100", "sum = 99"), "", r"\[stars.tables.A.mean\] weights: 60 \+ 40 = 100, not 99"),
        (("care = 60, money", "care = 60, funds"), "", "every part needs one weight; look at funds, money"),
        (("highest = 3", "highest = 2"), "", "gives 3, which is not a star from 1 to 2"),
        (("edges = [10, 20]", "edges = [20, 10]"), "", "20 stands before 10"),
        (('source = "made here"\n', ""), "", r"\[bandings 1\] source: is missing: edges need to say"),
        (("cuts = [2000, 3000]", "cuts = [2000, 2500]"), "", "2500 is not among the means, rounded to 1000"),
        (("cuts = [2000, 3000]", "cuts = [2000, 4000]"), "", "4000 stands before 3001: a level"),
        ((f'"{THREE}" = 1', '"ASCOF:none" = 1'), "", "'ASCOF:none' is not an indicator in this method's"),
        ((f'"{THREE}" = 1', f'"{THREE}" = 0'), "", "0 is not a weight"),
        (('missing = "no_rating"', "minimum_inputs = 2"), "", "2 of 1 indicators is never met"),
        (
            ('aspect = "money"', 'aspect = "gold"'),
            "",
            r"\[parts 2\] aspect: 'gold' is not one of care, money",
        ),
        (('name = "money"', 'name = "care"'), "", "'care' is there twice"),
        (("", ""), CAP.format("care", "good", "money"), "'good' is the best judgement there is"),
        (("", ""), CAP.format("care", "fair", "gold"), r"\[part_caps 1\] when_part: 'gold' is not one of"),
        (
            ("", ""),
            CAP.format("care", "fair", "money") + CAP.format("money", "fair", "care"),
            r"\[part_caps 1\] when_part: a cycle: money -> care -> money",
        ),
        (
            ("", ""),
            f'[[alternatives]]\nindicator = "{ONE}"\nalternative = "{TWO}"\nrationale = "w"\n'
            f'[[alternatives]]\nindicator = "{TWO}"\nalternative = "{ONE}"\nrationale = "w"\n',
            r"\[alternatives 2\] alternative: a cycle",
        ),
        (
            ("", ""),
            f'[[adjustments]]\nindicator = "{ONE}"\nmultiply = -1\nrationale = "w"\n',
            "would turn the figures round",
        ),
        (("", ""), BAND + 'source = "x"\n', "'*' already has bands in .bandings 1."),
        (("", ""), BAND + 'source = "x"\nregions = ["atlantis"]\n', "'atlantis' is not a region"),
        (
            ("", ""),
            BAND + f'source = "x"\nindicators = ["{ONE}"]\nregions = ["london"]\n',
            "has no bands outside these regions",
        ),
        (
            ('kind = "edges"', 'kind = "two_sided"\nbands = [1, 2, 1]'),
            "",
            "no figure reaches band 3, 'high'",
        ),
        (('boundary = "better"', 'boundary = "better"\nrelative = "frozen"'), "", "belong together"),
        (
            ("[judgements]", '[synonyms]\ndecent = "fine"\n[judgements]'),
            "",
            "'fine' is not a word of any scale",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    tmp_path: Path, change: tuple[str, str], more: str, message: str
) -> None:
    with pytest.raises(MethodError, match=message) as caught:
        made(tmp_path, change, more=more)
    assert str(caught.value).startswith("made.toml: ")


def test_a_limit_that_never_lowers_a_star_is_refused(tmp_path: Path) -> None:
    limit = '[[stars.tables.A.mean.limits]]\npart = "care"\nat_most = "bad"\nstars = 2\n'
    (tmp_path / "made.toml").write_text(MADE + limit, encoding="utf-8")
    with pytest.raises(MethodError, match=r"\[stars.tables.A\] limits 1: it never lowers a star"):
        load_method(tmp_path / "made.toml")


def test_a_better_judgement_may_lower_a_star_only_where_it_is_said_why(tmp_path: Path) -> None:
    rules = (
        '[stars.tables.A]\ntitle = "rules"\n{}\n'
        '[[stars.tables.A.rules]]\nstars = 1\nsays = "x"\nall_at_least = {{ care = "good" }}\n'
        '[[stars.tables.A.rules]]\nstars = 2\nsays = "y"\n'
    )
    text = MADE[: MADE.index("[stars.tables.A]")]
    (tmp_path / "made.toml").write_text(text + rules.format(""), encoding="utf-8")
    with pytest.raises(MethodError, match=r"a better judgement lowers the star: .* say why in not_monotone"):
        load_method(tmp_path / "made.toml")
    (tmp_path / "made.toml").write_text(text + rules.format('not_monotone = "a test"'), encoding="utf-8")
    assert load_method(tmp_path / "made.toml").table().not_monotone == "a test"


def test_a_method_too_large_to_prove_is_refused(tmp_path: Path) -> None:
    words = ", ".join(f'"w{n}"' for n in range(400))
    with pytest.raises(MethodError, match="more than 100,000 combinations cannot be proved"):
        made(
            tmp_path,
            ('care = ["bad", "fair", "good"]', f"care = [{words}]"),
            ('money = ["bad", "fair", "good"]', f"money = [{words}]"),
            ("cuts = [2000, 3000]", f"cuts = {[1000 + n for n in range(1, 400)]}"),
            ("rounded_to = 1000", "rounded_to = 1"),
        )
