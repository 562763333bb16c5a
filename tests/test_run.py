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

from analysis import paths, provenance
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
    """What lies beside the runs, and in the folder where they are made."""
    made = paths.build() / "working" / "masking_cka"
    return sorted(p.name for p in (*folder.iterdir(), *(made.iterdir() if made.exists() else ())) if p != folder / "a")


def test_a_run_is_one_folder_with_everything_and_nothing_beside_it_and_says_nothing(
    toy: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    final = runs.run("masking_cka", "smoke", {"n": 20}, "a")
    assert capfd.readouterr().err == ""
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
    failed = paths.build() / "failed" / "masking_cka" / "a"
    assert "thirteen" in (failed / "notebook.ipynb").read_text()
    assert not leftovers(toy)
    runs.run("masking_cka", "smoke", {"n": 21}, "a")
    assert not failed.exists()


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
    with pytest.raises(OSError, match="No space left"):
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
    while not list((paths.build() / "working").glob("masking_cka/a/a/notebook.ipynb")) and time.monotonic() < deadline:
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


def test_runs_whose_names_begin_alike_or_sound_like_failures_leave_each_other_alone(toy: Path) -> None:
    for number, name in enumerate(("a", "a.failed", "a.b", "a.old"), 20):
        runs.run("masking_cka", "smoke", {"n": number}, name)
    being_made = paths.build() / "working" / "masking_cka" / "a.b" / "a.b"
    being_made.mkdir(parents=True)
    with pytest.raises(UserError):
        runs.run("masking_cka", "smoke", {"n": 13}, "a")
    runs.run("masking_cka", "smoke", {"n": 30 - 1}, "a")
    assert [published(toy / name) for name in ("a", "a.failed", "a.b", "a.old")] == [29, 21, 22, 23]
    assert being_made.exists()


def test_what_was_edited_or_lost_after_a_run_is_said(toy: Path) -> None:
    final = runs.run("masking_cka", "smoke", {"n": 20}, "a")
    manifest = provenance.read_manifest(final)
    assert manifest is not None
    assert provenance.altered(final, manifest) == []
    assert provenance.altered(final, manifest, check=True) == []
    results, time_ = final / "results.json", (final / "results.json").stat().st_mtime_ns
    results.write_text('{"n": 21}')
    assert provenance.altered(final, manifest) == ["results.json was edited"]
    os.utime(results, ns=(time_, time_))
    assert provenance.altered(final, manifest) == [], "the same size and time: only --check reads it"
    assert provenance.altered(final, manifest, check=True) == ["results.json was edited"]
    results.write_text('{"n": 20}')
    assert provenance.altered(final, manifest) == [], "another time, the same content"
    (final / "notebook.ipynb").unlink()
    assert provenance.altered(final, manifest) == ["notebook.ipynb is missing"]


def test_the_same_parameters_have_the_same_name_and_others_another(toy: Path) -> None:
    names = [runs.default_name("smoke", values) for values in ({}, {"n": 20}, {"n": 21}, {"n": 20})]
    assert names[0] == "smoke"
    assert names[1] == names[3] != names[2]


def test_cell_ids_do_not_change_between_conversions(toy: Path, tmp_path: Path) -> None:
    for target in ("one.ipynb", "two.ipynb"):
        runs.to_notebook(paths.NOTEBOOKS / "masking_cka.py", tmp_path / target)
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
