"""A run is published whole or not at all, and the last good one survives whatever happens."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis import paths
from analysis import run as runs
from analysis.errors import UserError

TOY = """# %% tags=["parameters"]
preset = run_dir = n = None

# %%
import json, pathlib, time
if n == 13:
    raise ArithmeticError("thirteen")
time.sleep(30 if n == 30 else 0)
folder = pathlib.Path(run_dir)
(folder / "results.json").write_text(json.dumps({"n": n}))

# %%
_ = n == 14 or (folder / "manifest.json").write_text("{}")
"""


@pytest.fixture
def toy(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "masking_cka.py").write_text(TOY)
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(runs, "preflight", lambda *_: None)
    return build / "runs" / "masking_cka"


def published(folder: Path) -> int:
    return json.loads((folder / "results.json").read_text())["n"]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_run_is_one_folder_with_everything_and_nothing_beside_it(toy: Path) -> None:
    final = runs.run("masking_cka", "smoke", {"n": 20}, "a")
    assert final == toy / "a"
    assert {path.name for path in final.iterdir()} == {"notebook.ipynb", "results.json", "manifest.json"}
    assert not leftovers(toy)
    assert published(final) == 20


def test_a_second_run_of_the_same_name_replaces_the_first(toy: Path) -> None:
    runs.run("masking_cka", "smoke", {"n": 20}, "a")
    runs.run("masking_cka", "smoke", {"n": 21}, "a")
    assert published(toy / "a") == 21
    assert not leftovers(toy)


def test_a_failing_cell_is_named_its_notebook_kept_and_the_good_run_untouched(toy: Path) -> None:
    runs.run("masking_cka", "smoke", {"n": 20}, "a")
    with pytest.raises(UserError, match=r"masking_cka \(a\) failed in cell 3: ArithmeticError: thirteen; see ") as caught:
        runs.run("masking_cka", "smoke", {"n": 13}, "a")
    assert "\n" not in str(caught.value)
    assert published(toy / "a") == 20
    assert "thirteen" in (toy / "a.failed" / "notebook.ipynb").read_text()
    assert not leftovers(toy)
    runs.run("masking_cka", "smoke", {"n": 21}, "a")
    assert not (toy / "a.failed").exists()


def test_a_notebook_that_saves_nothing_is_not_published(toy: Path) -> None:
    with pytest.raises(UserError, match="without saving its results"):
        runs.run("masking_cka", "smoke", {"n": 14}, "a")
    assert not (toy / "a").exists()


def test_a_wrong_parameter_or_name_starts_nothing(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_execute", lambda *_: pytest.fail("a kernel was started"))
    with pytest.raises(UserError, match="no parameter"):
        runs.run("masking_cka", "smoke", {"m": 20})
    with pytest.raises(UserError, match="run name"):
        runs.run("masking_cka", "smoke", {"n": 20}, "../elsewhere")
    assert not toy.exists()


def test_a_full_disk_is_one_line_and_costs_nothing(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run("masking_cka", "smoke", {"n": 20}, "a")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "_execute", full)
    with pytest.raises(UserError, match=r"disk .* is full"):
        runs.run("masking_cka", "smoke", {"n": 21}, "a")
    assert published(toy / "a") == 20
    assert not leftovers(toy)


def test_killed_in_the_middle_the_same_command_succeeds_and_cleans_up(toy: Path, tmp_path: Path) -> None:
    runs.run("masking_cka", "smoke", {"n": 20}, "a")
    code = (
        "import pathlib; from analysis import paths, run; run.preflight = lambda *_: None; "
        f"paths.NOTEBOOKS = pathlib.Path({str(tmp_path / 'notebooks')!r}); run.run('masking_cka', 'smoke', {{'n': 30}}, 'a')"
    )
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(toy.glob(".a.*/a/notebook.ipynb")) and time.monotonic() < deadline:
        time.sleep(0.1)
    with pytest.raises(UserError, match="already running"):
        runs.run("masking_cka", "smoke", {"n": 22}, "a")
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert published(toy / "a") == 20
    assert leftovers(toy)
    runs.run("masking_cka", "smoke", {"n": 22}, "a")
    assert published(toy / "a") == 22
    assert not leftovers(toy)


def test_killed_between_the_two_renames_the_good_run_comes_back(toy: Path) -> None:
    runs.run("masking_cka", "smoke", {"n": 20}, "a")
    os.replace(toy / "a", toy / ".a.old")
    with pytest.raises(UserError):
        runs.run("masking_cka", "smoke", {"n": 13}, "a")
    assert published(toy / "a") == 20


def test_the_same_parameters_have_the_same_name_and_others_another(toy: Path) -> None:
    names = [runs.default_name("smoke", values) for values in ({}, {"n": 20}, {"n": 21}, {"n": 20})]
    assert names[0] == "smoke"
    assert names[1] == names[3] != names[2]


def test_cell_ids_do_not_change_between_conversions(toy: Path, tmp_path: Path) -> None:
    for target in ("one.ipynb", "two.ipynb"):
        runs.to_notebook(paths.NOTEBOOKS / "masking_cka.py", tmp_path / target)
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
