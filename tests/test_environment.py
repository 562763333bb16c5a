"""pyproject, lock and environment.yml say the same."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from analysis.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+) \\$", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
}


def test_every_requirement_of_the_project_is_locked_within_its_range() -> None:
    wanted = [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]
    assert len(wanted) > 30
    for requirement in wanted:
        version = LOCK.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock"
        assert requirement.specifier.contains(version), f"{requirement} does not admit the locked {version}"


def test_the_conda_environment_installs_the_lock_and_a_python_the_project_takes() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert "-r requirements.lock" in pip
    assert "-e ." not in pip  # pip refuses it beside hashes; README adds it in a second command
    python = next(item.split("=")[1] for item in environment["dependencies"] if str(item).startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python)


def test_the_installed_packages_are_the_locked_ones() -> None:
    from importlib.metadata import PackageNotFoundError, version

    for name, locked in LOCK.items():
        try:
            assert version(name) == locked
        except PackageNotFoundError:
            raise AssertionError(f"{name} is locked but not installed") from None


# Run as a command, or loaded by another package by its name; no module of ours imports them.
COMMANDS = {"snakemake", "jupyter-book", "sphinx-book-theme", "ipykernel"}
TOOLS = {"pytest-xdist", "ruff", "mypy", "pre-commit", "types-pyyaml"}


def test_dependencies_are_those_that_are_imported_and_what_only_tests_import_is_for_development() -> None:
    runtime, dev = (
        {canonicalize_name(Requirement(text).name) for text in listed}
        for listed in (PROJECT["dependencies"], PROJECT["optional-dependencies"]["dev"])
    )
    library, tests = _imported("src"), _imported("tests") - {"matplotlib-inline"}
    assert library - runtime == set(), "imported and not declared"
    assert runtime - library - COMMANDS == set(), "declared and not imported"
    assert tests - runtime - dev == set(), "imported by tests and not declared"
    assert dev - tests - TOOLS == set(), "for development, and not imported by tests"
    assert dev & library == set(), "for development, and imported by the library"


@cache
def _imported(folder: str) -> set[str]:
    """Distributions of the modules that the files of a folder import, wherever in the file; those of the project left out."""
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"analysis"} | set(sys.stdlib_module_names)
    modules = {module for path in (ROOT / folder).rglob("*.py") for module in _modules(path)} - own
    known = packages_distributions()
    return {canonicalize_name(known[module][0]) for module in modules if module in known}


def _modules(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in plain | parts}


def test_the_lock_holds_versions_and_sums_and_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text()
    entry = r"[\w.-]+==\S+ \\\n(?:    --hash=sha256:[0-9a-f]{64} \\\n)*    --hash=sha256:[0-9a-f]{64}\n"
    assert re.fullmatch(rf"(?:#[^\n]*\n)+(?:{entry})+", text)
    assert len(re.findall("^[^# ]", text, re.MULTILINE)) == len(LOCK)


def test_the_lock_for_processors_is_the_lock_without_what_a_gpu_needs(tmp_path: Path) -> None:
    """The command of CONTRIBUTING, as it stands there."""
    (command,) = re.findall(r"awk '.*?' requirements\.lock", (ROOT / "CONTRIBUTING.md").read_text())
    left = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = set(re.findall(r"^([\w.-]+)==", left, re.MULTILINE))
    gone = {name for name in LOCK if name not in {canonicalize_name(name) for name in names}}
    assert {"torch", "torchvision", "triton"} <= gone
    assert all(name in ("torch", "torchvision", "triton") or name.startswith(("nvidia-", "cuda-")) for name in gone)
    blocks = re.findall(r"^[\w.-]+==.*(?:\n    --hash=.*)+", left, re.MULTILINE)
    assert (
        len(blocks) == len(names) == len(LOCK) - len(gone)
    )  # every package that stays keeps its sums, and no sum is left over
    assert sum(block.count("--hash") for block in blocks) == left.count("--hash")


def test_whatever_a_locked_package_needs_is_locked_too() -> None:
    needed = {
        (name, canonicalize_name(wanted.name))
        for name in LOCK
        for wanted in map(Requirement, distribution(name).requires or ())
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    }
    assert len(needed) > len(LOCK)
    assert {(name, wanted) for name, wanted in needed if wanted not in LOCK} == set()
