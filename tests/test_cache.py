"""The cache never gives a number that its inputs, code or packages would not give now, and never stands in the way."""

import errno
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import cache, paths
from analysis.digests import joint_digest, value_digest

CALLS: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_cached(build: Path) -> None:
    CALLS.clear()


def squares(n: int, power: int = 2) -> dict[str, np.ndarray]:
    CALLS.append(n)
    return {"rows": np.arange(n) ** power, "names": np.array([f"n{i}" for i in range(n)])}


def row(n: int) -> dict[str, Any]:
    CALLS.append(n)
    return {"n": n, "values": [0.1 + 0.2, None, "é"]}


def entries() -> list[Path]:
    return sorted(path for path in paths.cache().rglob("*") if path.is_file())


def same(one: cache.Arrays, two: cache.Arrays) -> bool:
    return one.keys() == two.keys() and all(
        one[key].dtype == two[key].dtype and np.array_equal(one[key], two[key]) for key in one
    )


def test_a_second_call_computes_nothing_and_gives_the_same() -> None:
    assert same(cache.arrays("squares", partial(squares, 5)), cache.arrays("squares", partial(squares, 5)))
    assert cache.record("rows", partial(row, 3)) == cache.record("rows", partial(row, 3)) == row(3)
    assert CALLS == [5, 3, 3]


INPUTS = [(), (1,), ("1",), (1.0,), (True,), (None,), ([1, 2],), (1, 2), ([1], [2]), ("1", "2"), ("12",), ({"a": 1},)]
ARRAYS = [np.zeros(4), np.zeros((2, 2)), np.zeros(4, np.float32), np.zeros(8, np.float32), np.ones(4), np.zeros(0)]


def test_every_input_belongs_to_the_key_with_its_type_and_shape() -> None:
    keys = {value_digest(*given) for given in INPUTS} | {value_digest(array) for array in ARRAYS}
    assert len(keys) == len(INPUTS) + len(ARRAYS)
    assert value_digest({"a": 1, "b": 2}) == value_digest({"b": 2, "a": 1})
    assert value_digest(np.arange(6)[::2]) == value_digest(np.arange(6)[::2].copy())


def test_arguments_bound_to_the_function_are_inputs_and_so_is_the_function() -> None:
    found = {
        cache.entry("x", f) for f in (squares, partial(squares, 3), partial(squares, 4), partial(squares, 3, power=3), row)
    }
    assert len(found) == 5


def test_another_version_of_a_package_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.entry("x", squares)
    monkeypatch.setattr(cache, "version", lambda package: "another")
    cache._code.cache_clear()
    assert cache.entry("x", squares) != before
    cache._code.cache_clear()


CHANGED = [
    ("datasets/scenes/relief.py", "training.data", "_draw"),
    ("studies/bagssl/cutting.py", "studies.bagssl.aggregate", "nested_means"),
    ("studies/qscore/activity.py", "studies.qscore.tuning", "_trained"),
    ("probing.py", "studies.bagssl.seeds", "measure"),
    ("decoders/conditions.py", "decoders.training_set", "_representations"),
    ("encoders/transform.py", "features", "_compute"),
]


def test_a_changed_line_in_any_module_that_takes_part_is_another_key(tmp_path: Path) -> None:
    """Each in a process of its own, as the next run of a changed library is."""
    shutil.copytree(paths.SOURCE, tmp_path / "src" / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import importlib; from analysis import cache\n" + "\n".join(
        f"print(cache.entry('x', importlib.import_module('analysis.{module}').{name}).name)" for _, module, name in CHANGED
    )

    def keys() -> list[str]:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()

    before = keys()
    for name in {name for name, *_ in CHANGED}:
        with (tmp_path / "src" / "analysis" / name).open("a") as file:
            file.write("\n# changed\n")
    after = keys()
    assert len(before) == len(CHANGED)
    assert not set(before) & set(after)


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty", "text", "another entry", "end", "start"])
def test_a_damaged_entry_is_computed_again_with_one_line(damage: str, caplog: pytest.LogCaptureFixture) -> None:
    good = cache.arrays("squares", partial(squares, 300))
    (path,) = entries()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for place in ({"one bit": middle, "end": len(content) - 1, "start": 0}.get(damage, -1),):
        if place >= 0:
            content[place] ^= 1
    if damage == "another entry":
        cache.arrays("squares", partial(squares, 301))
        other = next(found for found in entries() if found != path)
        content = bytearray(other.read_bytes())
    path.write_bytes({"truncated": content[:-9], "empty": b"", "text": b"x" * 500}.get(damage, content))
    CALLS.clear()
    assert same(cache.arrays("squares", partial(squares, 300)), good)
    assert same(cache.arrays("squares", partial(squares, 300)), good)
    assert CALLS == [300]
    assert [record.getMessage() for record in caplog.records] == [f"{path} is damaged: it is computed again"]


@pytest.mark.parametrize("what", ["replace", "mkdir", "open"])
def test_a_full_disk_costs_the_cache_and_not_the_result(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if what == "replace" else Path, what, full)
        found = cache.arrays("squares", partial(squares, 5))
    assert found["rows"].tolist() == [0, 1, 4, 9, 16]
    assert [record.getMessage() for record in caplog.records] == [
        f"nothing is kept in {paths.cache() / 'squares'} (No space left on device)"
    ]
    assert entries() == []


def test_files_are_known_by_content_and_by_where_they_lie(tmp_path: Path) -> None:
    for name in ("cat/1.png", "cat/2.png", "dog/3.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = joint_digest(tmp_path.rglob("*.png"))
    shutil.copytree(tmp_path, tmp_path.with_name("copy"))
    assert joint_digest(tmp_path.with_name("copy").rglob("*.png")) == before
    (tmp_path / "cat" / "2.png").rename(tmp_path / "dog" / "2.png")
    assert joint_digest(tmp_path.rglob("*.png")) != before
