"""What the repository says of itself is so: links lead somewhere, commands exist, workflows can be read."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from analysis import cli_tools, paths
from analysis.cli import app

WORDS = [*(f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "CODE_OF_CONDUCT")), "data/README.md"]
TARGETS = set(re.findall(r"^([a-z]+):", (paths.ROOT / "Makefile").read_text(), re.MULTILINE))
VERBS = {
    command.name or command.callback.__name__ for command in [*app.registered_commands, *cli_tools.app.registered_commands]
}
VERBS |= {str(group.name) for group in cli_tools.app.registered_groups}
WORKFLOWS = sorted((paths.ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("name", WORDS)
def test_every_link_to_a_file_leads_to_one(name: str) -> None:
    file = paths.ROOT / name
    links = re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8"))
    assert [link for link in links if not (file.parent / link).exists()] == []


@pytest.mark.parametrize(
    "file", [*WORDS, "book/rerun.md", ".ci/run", *(str(path.relative_to(paths.ROOT)) for path in WORKFLOWS)]
)
def test_every_make_command_that_is_named_exists(file: str) -> None:
    text = (paths.ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|run: )make ([a-z]+)\b", text, re.MULTILINE))
    assert named <= TARGETS


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "book/own_model.md", "book/rerun.md"])
def test_every_verb_of_the_command_line_that_is_named_exists(file: str) -> None:
    named = re.findall(r"^(?:.*&& )?analysis ([a-z]+)", (paths.ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert set(named) <= VERBS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_has_jobs_with_a_limit_and_the_least_rights(path: Path) -> None:
    workflow = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert workflow["permissions"] == {"contents": "read"}
    assert all("uses" in step or "run" in step for job in workflow["jobs"].values() for step in job["steps"])


def test_the_test_workflow_covers_every_python_that_is_promised() -> None:
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text())["project"]
    workflow = yaml.safe_load((paths.ROOT / ".github/workflows/test.yml").read_text())
    first, end = re.findall(r"3\.(\d+)", project["requires-python"])
    promised = [f"3.{minor}" for minor in range(int(first), int(end))]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == promised


def test_binder_starts_from_the_lock_with_the_smoke_preset() -> None:
    script = paths.ROOT / "binder/postBuild"
    assert script.stat().st_mode & 0o100
    assert "-r requirements.lock" in script.read_text()
    assert "--preset smoke" in script.read_text()
    assert "python=3.11" in yaml.safe_load((paths.ROOT / "binder/environment.yml").read_text())["dependencies"]


def test_the_tracked_files_stay_within_62_megabytes() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=paths.ROOT, capture_output=True, check=False)
    if listed.returncode or not listed.stdout:
        pytest.skip("this is no clone of the repository")
    files = [paths.ROOT / os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
    assert sum(path.lstat().st_size for path in files if path.exists()) <= 62_000_000
