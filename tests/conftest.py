"""What tests share: a build folder of their own, real data where there is some."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty build folder, so that no test touches the runs of the user."""
    folder = tmp_path / "build"
    monkeypatch.setenv("ANALYSIS_BUILD", str(folder))
    return folder


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Study -> the folder of `analysis run STUDY --preset smoke`, executed once by the command that users type."""
    environment = {**os.environ, "ANALYSIS_BUILD": str(tmp_path_factory.mktemp("build")), "OMP_NUM_THREADS": "1"}

    @cache
    def run(study: str) -> Path:
        command = [sys.executable, "-m", "analysis", "run", study, "--preset", "smoke"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return Path(done.stdout.strip().splitlines()[-1])

    return run


@pytest.fixture
def real_root() -> Path:
    """The folder of real photographs and weights; the test is skipped where there is none."""
    root = os.environ.get("DATA_ROOT")
    if not root or not Path(root).is_dir():
        pytest.skip("DATA_ROOT names no folder")
    return Path(root).resolve()
