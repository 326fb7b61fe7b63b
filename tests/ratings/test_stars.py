"""Stars: the tables prove themselves and equal the published facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ratings.errors import MethodError
from ratings.methods import load_method
from ratings.stars import StarRule, StarScale, StarTable, bounds, expand, stars

PARTS = load_method("ssi-2002").parts
SCALE = StarScale(0, 3, "T", "a table", "t.toml")


def rule(star: int, says: str = "it is so", **conditions: Any) -> StarRule:
    empty: dict[str, Mapping[str, int]] = {"any_at_most": {}, "any_at_least": {}, "all_at_least": {}}
    return StarRule(stars=star, says=says, **(empty | conditions))


def table_of(*rules: StarRule, observed: Mapping[tuple[int, ...], int] | None = None) -> StarTable:
    return expand(rules, PARTS, observed or {}, SCALE)


def levels_of(row: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(PARTS.scale(name).index(row[name]) for name in PARTS.names)


@pytest.mark.parametrize("option", ["A", "B"])
def test_every_combination_has_exactly_one_star(option: str) -> None:
    cells = load_method("ssi-2002").table(option).cells
    assert [cell.levels for cell in cells] == PARTS.every_combination()
    assert len(cells) == 256


@pytest.mark.parametrize("option", ["A", "B"])
def test_a_better_judgement_never_lowers_a_star(option: str) -> None:
    table = load_method("ssi-2002").table(option)
    star = {cell.levels: cell.stars for cell in table.cells}
    for levels in star:
        for part in range(4):
            if levels[part] < 3:
                assert star[(*levels[:part], levels[part] + 1, *levels[part + 1 :])] >= star[levels]


@pytest.mark.parametrize("option", ["A", "B"])
def test_children_and_adults_weigh_the_same(option: str) -> None:
    star = {cell.levels: cell.stars for cell in load_method("ssi-2002").table(option).cells}
    assert all(star[levels] == star[levels[2:] + levels[:2]] for levels in star)


def test_192_combinations_are_determined_and_the_candidates_differ_in_38_of_the_others() -> None:
    method = load_method("ssi-2002")
    a, b = method.table("A").cells, method.table("B").cells
    assert sum(cell.lowest == cell.highest for cell in a) == 192
    differing = [one for one, other in zip(a, b, strict=True) if one.stars != other.stars]
    assert len(differing) == 38
    assert all(cell.lowest < cell.highest for cell in differing)


def test_the_rules_give_all_256_rows_of_the_facts(shared_data: Path) -> None:
    method = load_method("ssi-2002")
    facts = pl.read_csv(shared_data / "facts" / "star_rules.csv").to_dicts()
    assert len(facts) == 256
    for row in facts:
        cell = method.table("A").cell(*levels_of(row))
        assert cell.stars == row["candidate_A_hypothesis"]
        assert method.table("B").star(*levels_of(row)) == row["candidate_B_hypothesis"]
        assert (cell.lowest, cell.highest) == (row["stars_min"], row["stars_max"])


def test_an_open_combination_says_so_in_its_rule() -> None:
    method = load_method("ssi-2002")
    cell = method.table("A").cell(1, 1, 3, 1)
    assert (cell.lowest, cell.highest, cell.stars) == (1, 3, 1)
    assert cell.says.endswith("what is published leaves 1 to 3 open here, and table A takes 1")
    assert "open here" not in method.table("A").cell(0, 0, 0, 0).says


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ((0, 1, 2, 2), "zero because children's services serve no people well"),
        ((2, 2, 0, 1), "zero because adults' services serve no people well"),
        ((0, 0, 0, 0), "zero because both services serve no people well"),
    ],
)
def test_the_rule_names_the_service_that_bound_it(levels: tuple[int, ...], sentence: str) -> None:
    assert load_method("ssi-2002").table().cell(*levels).says == sentence


def test_a_combination_without_a_star_is_shown() -> None:
    with pytest.raises(
        MethodError, match="no rule gives a star to children serving 'no', children prospects 'poor'"
    ):
        table_of(rule(1, all_at_least={"serving": 1}))


def test_a_rule_that_is_never_reached_is_refused() -> None:
    with pytest.raises(MethodError, match="rule 2 is never reached"):
        table_of(rule(1), rule(2, all_at_least={"serving": 3}))


def test_a_better_judgement_that_lowers_the_star_is_shown() -> None:
    with pytest.raises(
        MethodError, match=r"a better judgement lowers the star: .*'most'.* gives 1.*'yes'.* gives 0"
    ):
        table_of(rule(0, all_at_least={"serving": 3}), rule(1))


def test_a_table_that_contradicts_a_published_rating_is_refused() -> None:
    with pytest.raises(MethodError, match="published ratings allow only 2 to 2"):
        table_of(rule(0, any_at_most={"serving": 0}), rule(1), observed={(2, 2, 2, 2): 2})


def test_an_observed_rating_also_bounds_the_swapped_services() -> None:
    assert bounds((2, 2, 1, 2), {(1, 2, 2, 2): 2}, PARTS, SCALE, fails=False) == (2, 2)
    assert bounds((3, 3, 1, 2), {(1, 2, 2, 2): 2}, PARTS, SCALE, fails=False) == (2, 3)
    assert bounds((1, 1, 1, 2), {(1, 2, 2, 2): 2}, PARTS, SCALE, fails=False) == (1, 2)
    assert bounds((1, 1, 1, 2), {(1, 2, 2, 2): 2}, PARTS, SCALE, fails=True) == (0, 0)


def long(levels: Mapping[str, tuple[int | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {"organisation": organisation, "part": part, "level": level}
            for organisation, four in levels.items()
            for part, level in zip(PARTS.names, four, strict=True)
        ],
        schema={"organisation": pl.String, "part": pl.String, "level": pl.Int64},
    )


def test_judgements_become_the_star_of_their_cell_on_eager_and_lazy_frames() -> None:
    table = load_method("ssi-2002").table()
    judged = long({str(levels): levels for levels in PARTS.every_combination()})
    eager = stars(judged, table).sort("organisation")
    assert {row["organisation"]: row["star"] for row in eager.to_dicts()} == {
        str(cell.levels): cell.stars for cell in table.cells
    }
    assert stars(judged.lazy(), table).collect().sort("organisation").equals(eager)


def test_a_missing_judgement_gives_no_star() -> None:
    found = stars(long({"x": (2, None, 2, 2)}), load_method("ssi-2002").table())
    assert found["star"].to_list() == [None]
