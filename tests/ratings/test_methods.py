"""Methods: the shipped files load, and a file that contradicts itself is refused with its place."""

from __future__ import annotations

from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from ratings.catalogue import load_catalogue
from ratings.errors import MethodError, NotFoundError
from ratings.methods import list_methods, load_method


def shipped_text(identifier: str) -> str:
    return (files("ratings") / "methods" / f"{identifier}.toml").read_text(encoding="utf-8")


def load_changed(folder: Path, identifier: str, *changes: tuple[str, str]) -> None:
    text = shipped_text(identifier)
    for old, new in changes:
        assert old in text, f"{old!r} is not in the file"
        text = text.replace(old, new, 1)
    (folder / f"{identifier}.toml").write_text(text, encoding="utf-8")
    load_method(folder / f"{identifier}.toml")


def test_the_shipped_methods_load_and_prove_themselves() -> None:
    methods = {method.id: method for method in list_methods()}
    assert {identifier: method.status for identifier, method in methods.items()} == {
        "adult-social-care-2006": "reconstructed",
        "aged-care-au": "official",
        "lait-quartile": "official",
        "ssi-2002": "reconstructed",
        "stars-illustrative": "illustrative",
    }
    assert {identifier for identifier, method in methods.items() if method.stars} == {
        "adult-social-care-2006",
        "aged-care-au",
        "ssi-2002",
        "stars-illustrative",
    }


def test_the_2002_method_offers_its_second_candidate() -> None:
    method = load_method("ssi-2002")
    assert (method.default_option, set(method.tables)) == ("A", {"A", "B"})
    with pytest.raises(MethodError, match=r"no option 'C'.*choose one of A, B"):
        method.table("C")


def test_the_2002_thresholds_on_inspections_differ_between_may_and_november() -> None:
    caps = [cap for cap in load_method("ssi-2002").caps if cap.indicator == "KPI:childrens-homes-inspected"]
    assert [cap.threshold for cap in caps if cap.in_force(date(2002, 5, 30))] == [100]
    assert [cap.threshold for cap in caps if cap.in_force(date(2002, 11, 15))] == [98]


def test_the_illustrative_method_has_eleven_key_indicators_of_both_services() -> None:
    caps = load_method("stars-illustrative").caps
    indicators = {cap.indicator for cap in caps}
    assert len(indicators) == 11
    assert {cap.part for cap in caps} == {"children_serving", "adults_serving"}
    catalogue = load_catalogue()
    assert all(catalogue.indicators[code].core for code in indicators)
    assert all(cap.rationale for cap in caps)


def test_the_illustrative_method_uses_the_2002_table_itself() -> None:
    assert load_method("stars-illustrative").table() is load_method("ssi-2002").table("A")


def test_a_method_without_stars_says_so() -> None:
    with pytest.raises(MethodError, match="no overall star"):
        load_method("lait-quartile").table()


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match=r"no method 'ssi-2003'.*ssi-2002"):
        load_method("ssi-2003")


def test_a_day_outside_its_time_is_refused_with_the_days_within() -> None:
    with pytest.raises(MethodError, match=r"not in force on 2006-01-01, only from 2002-05-30 to 2005-12-01"):
        load_method("ssi-2002").check_in_force(date(2006, 1, 1))
    load_method("lait-quartile").check_in_force(date(2026, 1, 1))


@pytest.mark.parametrize(
    ("identifier", "changes", "message"),
    [
        (
            "lait-quartile",
            [('id = "lait', 'id = "other')],
            "id: 'other-quartile' is not the name of the file",
        ),
        ("lait-quartile", [('"official"', '"final"')], "status: 'final' is not one of official"),
        ("lait-quartile", [("version", "verison")], "version: is missing"),
        ("lait-quartile", [("[scope]", '[scope]\nsub = "x"')], r"\[scope\] sub: is not a key of this table"),
        ("lait-quartile", [('"LAIT:"', '"XYZ:"')], r"\[scope\] prefixes: no indicator of the catalogue"),
        (
            "lait-quartile",
            [("kept = 1", "kept = 9")],
            r"\[periods\] kept: must be at least 1 and at most history",
        ),
        (
            "lait-quartile",
            [("core = true", 'core = "yes"')],
            r"\[scope\] core: 'yes' is not of the right kind",
        ),
        (
            "lait-quartile",
            [('"B", "A"]', '"B", "B"]')],
            r"\[bandings 1\] labels: must be a list of different texts",
        ),
        (
            "lait-quartile",
            [('kind = "quantiles"', 'kind = "edges"\nedges = [1, 3, 2]')],
            r"\[bandings 1\] edges: 3 stands before 2.*ascending",
        ),
        ("lait-quartile", [('kind = "quantiles"', 'kind = "edges"\nedges = [1]')], "1 given, 3 needed"),
        (
            "lait-quartile",
            [('boundary = "lower"', 'boundary = "lower"\nindicators = ["LAIT:nothing"]')],
            "'LAIT:nothing' is not an indicator in this method's scope",
        ),
        (
            "stars-illustrative",
            [("[2400, 3000, 3700]", "[2400, 2400, 3700]")],
            "2400 stands before 2400: a level",
        ),
        ("stars-illustrative", [("[2400, 3000, 3700]", "[2400, 3000]")], "2 given, 3 needed for the scale"),
        (
            "stars-illustrative",
            [("[2400, 3000, 3700]", "[1000, 3000, 3700]")],
            "a level that no mean reaches",
        ),
        (
            "stars-illustrative",
            [('services = ["adults"]', 'services = ["adults", "gardens"]')],
            "'gardens' is not a service of the cat",
        ),
        (
            "stars-illustrative",
            [('services = ["adults"]', 'services = ["adults", "children"]')],
            "'children' is listed twice",
        ),
        (
            "stars-illustrative",
            [('"LAIT:RevCP"', '"LAIT:RevCPX"')],
            r"\[caps 3\] indicator: 'LAIT:RevCPX' is not",
        ),
        ("stars-illustrative", [('fails = ">"', 'fails = "<"')], "'<' would fail the better figures"),
        (
            "stars-illustrative",
            [('at_most = "some"', 'at_most = "yes"')],
            "'yes' is the best judgement there is",
        ),
        (
            "stars-illustrative",
            [('at_most = "some"', 'at_most = "few"')],
            "at_most: 'few' is not one of no, some",
        ),
        (
            "stars-illustrative",
            [('from_method = "ssi-2002"', 'from_method = "lait-quartile"')],
            "lait-quartile has other parts or other scales",
        ),
        (
            "ssi-2002",
            [("effective_to = 2005-12-01", "effective_to = 2002-01-01")],
            "2002-01-01 is before effective_f",
        ),
        ("ssi-2002", [("in_catalogue = false", "")], "'KPI:childrens-homes-inspected' is not an indicator"),
        (
            "ssi-2002",
            [
                ("threshold = 98", "threshold = 99"),
                ("effective_from = 2002-11-15", "effective_from = 2002-11-14"),
            ],
            "has two thresholds for one cap at one time",
        ),
        (
            "ssi-2002",
            [("effective_from = 2002-05-30\neffective_to = 2003-11-12", "effective_from = 2001-05-30")],
            "is not a time within that of the method",
        ),
        (
            "ssi-2002",
            [('stars = 3\nall_at_least = { serving = "yes" }', "stars = 7")],
            "7 is not a star from 0 to 3",
        ),
        ("ssi-2002", [('default = "A"', 'default = "C"')], r"\[stars\] default: there is no table 'C'"),
        (
            "ssi-2002",
            [('at_least = { serving = "most" }\nall', 'at_least = { serving = "yes" }\nall')],
            "but published ratings allow only 2 to 2",
        ),
        ("ssi-2002", [("points_at_least = 14\n", "")], "points and points_at_least belong together"),
        (
            "stars-illustrative",
            [("[2400, 3000, 3700]", "[2400, 3000.5, 3700]")],
            "cuts: 3000.5 is not of the right",
        ),
        (
            "ssi-2002",
            [("[stars.tables.A]", '[stars.tables.Z]\ntitle = "t"\ncsv = "no.csv"\n[stars.tables.A]')],
            "there is no file 'no.csv' beside the method",
        ),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_its_place(
    tmp_path: Path, identifier: str, changes: list[tuple[str, str]], message: str
) -> None:
    with pytest.raises(MethodError, match=message) as caught:
        load_changed(tmp_path, identifier, *changes)
    assert str(caught.value).startswith(f"{identifier}.toml: ")


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(MethodError, match=r"broken\.toml: cannot be read as TOML"):
        load_method(tmp_path / "broken.toml")


def test_an_unchanged_copy_elsewhere_is_the_same_method(tmp_path: Path) -> None:
    for method in list_methods():
        copy = tmp_path / method.file
        copy.write_bytes((files("ratings") / "methods" / method.file).read_bytes())
        assert load_method(copy) == method


def written_table(folder: Path, *, leave_out: int = 0, repeat: int = 0) -> Path:
    """A method whose star table is a CSV: as many stars as the worst of the four levels."""
    parts = load_method("ssi-2002").parts
    lines = [
        ",".join(
            [
                *(parts.scale(name)[level] for name, level in zip(parts.names, levels, strict=True)),
                str(min(levels)),
            ]
        )
        for levels in parts.every_combination()
    ]
    lines = lines[: len(lines) - leave_out] + lines[:repeat]
    (folder / "written-stars.csv").write_text(
        "\n".join([",".join([*parts.names, "stars"]), *lines]), encoding="utf-8"
    )
    text = shipped_text("ssi-2002").replace('id = "ssi-2002"', 'id = "written"')
    text = (
        text[: text.index("[stars.tables.A]")]
        + '[stars.tables.A]\ntitle = "written out"\ncsv = "written-stars.csv"\n'
    )
    (folder / "written.toml").write_text(text, encoding="utf-8")
    return folder / "written.toml"


def test_a_star_table_may_be_written_out_row_by_row(tmp_path: Path) -> None:
    method = load_method(written_table(tmp_path))
    assert method.table().star(1, 2, 3, 2) == 1


def test_the_hash_of_a_method_covers_the_files_it_names(tmp_path: Path) -> None:
    path = written_table(tmp_path)
    before = load_method(path).sha256
    with (tmp_path / "written-stars.csv").open("a", encoding="utf-8") as table:
        table.write("\n")
    assert load_method(path).sha256 != before


def test_a_written_table_with_a_gap_shows_the_missing_combination(tmp_path: Path) -> None:
    with pytest.raises(
        MethodError, match=r"no star for children serving 'yes', .* adults prospects 'excellent'"
    ):
        load_method(written_table(tmp_path, leave_out=1))


def test_a_written_table_with_a_row_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=r"\[stars.tables.A line 258\] .*given before"):
        load_method(written_table(tmp_path, repeat=1))
