"""The page *Add a study*, followed to the letter in a copy of the project: its files written, its commands run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import paths

BLOCK = re.compile(r"```\{code-block\} (\w+)\n(?::caption: ([^\n]+)\n)?(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the page touches; what it only reads is linked."""
    root = tmp_path_factory.mktemp("project")
    for name in ("src", "notebooks"):
        shutil.copytree(paths.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (root / "data").mkdir()
    (root / "tests").mkdir()
    for part in paths.DATA.iterdir():
        (root / "data" / part.name).symlink_to(part)
    (root / "data/runs.yaml").unlink()
    shutil.copy(paths.RUNS_FILE, root / "data/runs.yaml")
    return root


def blocks() -> list[tuple[str, str, str]]:
    """Language, caption and content of each block of the page."""
    return BLOCK.findall((paths.BOOK / "add_a_study.md").read_text(encoding="utf-8"))


def say(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(project / "src"),
        "ANALYSIS_BUILD": str(project / "build"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_newcomer_adds_a_study_from_the_page_alone(project: Path) -> None:
    commands = []
    for language, caption, content in blocks():
        if language == "bash":
            commands += content.split("\n")
        elif caption.endswith(" (append)"):
            with (project / caption.removesuffix(" (append)")).open("a") as file:
                file.write(f"\n{content}")
        else:
            path = project / caption
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    assert commands
    for command in filter(None, commands):
        program, *arguments = command.split()
        assert program == "analysis"
        done = say(project, sys.executable, "-m", "analysis", *arguments)
        assert done.returncode == 0, done.stderr
    results = json.loads((project / "build/runs/mirror/smoke/results.json").read_text(encoding="utf-8"))
    assert [finding["id"] for finding in results["claims"]] == ["X1"]
    assert results["claims"][0]["conditions"]
    assert results["figures"]
    listed = say(project, sys.executable, "-m", "analysis", "status")
    assert "mirror/default" in listed.stdout, listed.stderr
    own = say(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_mirror.py")
    assert own.returncode == 0, own.stdout
