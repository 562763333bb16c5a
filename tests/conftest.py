"""What tests share: a build folder of their own, real data where there is some."""

import fcntl
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
    """Study -> the folder of `analysis run STUDY --preset smoke`, executed once for all workers by the command users type."""
    mine = tmp_path_factory.getbasetemp()
    place = (mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) / "smoke"
    place.mkdir(exist_ok=True)
    environment = {**os.environ, "ANALYSIS_BUILD": str(place), "OMP_NUM_THREADS": "1"}

    @cache
    def run(study: str) -> Path:
        folder = place / "runs" / study / "smoke"
        with (place / f"{study}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                command = [sys.executable, "-m", "analysis", "run", study, "--preset", "smoke"]
                done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stderr
                assert Path(done.stdout.strip().splitlines()[-1]) == folder
        return folder

    return run


@pytest.fixture
def real(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root into which a server of the test is fetched, past any proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    return tmp_path / "real"


@pytest.fixture
def real_root() -> Path:
    """The folder of real photographs and weights; the test is skipped where there is none."""
    root = os.environ.get("DATA_ROOT")
    if not root or not Path(root).is_dir():
        pytest.skip("DATA_ROOT names no folder")
    return Path(root).resolve()
