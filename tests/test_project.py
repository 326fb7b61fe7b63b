"""Project: what the build, the lock files and Dagster's settings promise each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-spark.lock")
FLOORS = {"assets", "pipelines", "audit", "validations", "warehouse", "ratings"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def lock_entries(name: str) -> list[tuple[Requirement, list[str]]]:
    """Every requirement of a lock file with its hashes; lines joined as pip joins them."""
    lines = (ROOT / name).read_text("utf-8").replace("\\\n", " ").splitlines()
    entries = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        text, *hashes = re.split(r"\s+--hash=", line.strip())
        entries.append((Requirement(text), hashes))
    return entries


def pins(name: str) -> dict[tuple[str, str], str]:
    """(distribution, marker) -> exact version."""
    return {(entry.name, str(entry.marker or "")): str(entry.specifier) for entry, _ in lock_entries(name)}


def test_dagster_finds_the_same_definitions_by_either_file(project: dict[str, Any]) -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text("utf-8"))
    [entry] = workspace["load_from"]
    dg = project["tool"]["dg"]["project"]
    assert entry["python_module"]["module_name"] == dg["code_location_target_module"] == "assets.definitions"
    assert entry["python_module"]["location_name"] == dg["code_location_name"] == "starledger"


def test_the_packages_are_the_six_floors_and_what_is_in_them(project: dict[str, Any]) -> None:
    listed = set(project["tool"]["setuptools"]["packages"])
    in_tree = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for floor in FLOORS
        for init in (ROOT / floor).rglob("__init__.py")
    }
    assert {name.split(".")[0] for name in listed} == FLOORS
    assert listed == in_tree


def test_every_data_file_of_a_package_is_in_the_wheel(project: dict[str, Any]) -> None:
    patterns = project["tool"]["setuptools"]["package-data"]
    carried = {
        path for package, globs in patterns.items() for glob in globs for path in (ROOT / package).glob(glob)
    }
    data_files = {
        path
        for floor in FLOORS
        for path in (ROOT / floor).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert data_files - carried == set()


def test_no_folder_of_data_files_hides_the_module_of_its_name() -> None:
    for floor in FLOORS:
        for folder in (ROOT / floor).rglob("*"):
            if folder.is_dir() and folder.with_suffix(".py").exists():
                assert not (folder / "__init__.py").exists(), f"{folder} hides {folder.name}.py"


def test_the_version_stands_in_one_place(project: dict[str, Any]) -> None:
    assert Version(project["project"]["version"])
    assert "version" not in project["project"].get("dynamic", [])
    for floor in FLOORS:
        for module in (ROOT / floor).rglob("*.py"):
            assert not re.search(r"^__version__\s*=", module.read_text("utf-8"), re.MULTILINE), module


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_names_no_index_and_no_place_on_a_disk(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    for forbidden in ("://", "--index-url", "--extra-index-url", "--find-links", " @ ", "-e ", "file:"):
        assert forbidden not in text


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_is_one_version_with_hashes(name: str) -> None:
    entries = lock_entries(name)
    assert entries
    for requirement, hashes in entries:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement


def test_the_development_lock_holds_the_whole_runtime_lock_at_the_same_versions() -> None:
    runtime, development = pins("requirements.lock"), pins("requirements-dev.lock")
    development_versions: dict[str, set[str]] = {}
    for (name, _), version in development.items():
        development_versions.setdefault(name, set()).add(version)
    for (name, marker), version in runtime.items():
        assert version in development_versions.get(name, set()), (
            f"{name} {version} ({marker or 'everywhere'})"
        )


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("requirements.lock", ("build",)),
        ("requirements-dev.lock", ("build", "ui", "dev")),
        ("requirements-spark.lock", ("build", "ui", "dev", "spark")),
    ],
)
def test_the_lock_files_answer_what_the_project_asks_for(
    project: dict[str, Any], lock: str, extras: tuple[str, ...]
) -> None:
    optional = project["project"]["optional-dependencies"]
    asked = project["project"]["dependencies"] + [each for extra in extras for each in optional[extra]]
    locked: dict[str, list[str]] = {}
    for requirement, _ in lock_entries(lock):
        [specifier] = requirement.specifier
        locked.setdefault(requirement.name, []).append(specifier.version)
    for requirement in map(Requirement, asked):
        versions = locked.get(requirement.name, [])
        assert versions, f"{requirement} is not in {lock}. Next: make lock"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: {versions}"


def test_the_build_asks_for_nothing_that_is_not_locked(project: dict[str, Any]) -> None:
    assert project["build-system"]["requires"] == project["project"]["optional-dependencies"]["build"]


def test_no_locked_requirement_is_left_out_on_every_machine() -> None:
    # A marker that no interpreter from requires-python on satisfies would be a pin that is never installed.
    for name in LOCKS:
        for requirement, _ in lock_entries(name):
            if requirement.marker is not None:
                assert any(
                    Marker(str(requirement.marker)).evaluate({**platform, **interpreter})
                    for platform in PLATFORMS
                    for interpreter in INTERPRETERS
                ), requirement


PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "aarch64"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
    {
        "sys_platform": "emscripten",
        "platform_system": "Emscripten",
        "os_name": "posix",
        "platform_machine": "wasm32",
    },
)
INTERPRETERS = tuple(
    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.4", "implementation_name": "cpython"}
    for minor in (11, 12, 13, 14)
)
