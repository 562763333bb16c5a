"""What tests share: a build folder of their own, real data where there is some."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty build folder, so that no test touches the runs of the user."""
    folder = tmp_path / "build"
    monkeypatch.setenv("ANALYSIS_BUILD", str(folder))
    return folder


@pytest.fixture
def real_root() -> Path:
    """The folder of real photographs and weights; the test is skipped where there is none."""
    root = os.environ.get("DATA_ROOT")
    if not root or not Path(root).is_dir():
        pytest.skip("DATA_ROOT names no folder")
    return Path(root).resolve()
