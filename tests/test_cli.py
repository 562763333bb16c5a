"""The command line, as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from analysis import cli
from analysis.cli import app
from analysis.errors import UserError

RNG = np.random.default_rng(0)


def run(*words: str, code: int = 0) -> subprocess.CompletedProcess:
    done = subprocess.run([sys.executable, "-m", "analysis", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def invoke(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def features(tmp_path: Path) -> tuple[Path, Path]:
    x = RNG.standard_normal((80, 6))
    paths = tmp_path / "a.npy", tmp_path / "b.npy"
    np.save(paths[0], x)
    np.save(paths[1], (x @ RNG.standard_normal((6, 4)) + RNG.standard_normal((80, 4))).astype(np.float32))
    return paths


def test_an_error_is_one_line_and_exit_code_2(build: Path) -> None:
    done = run("run", "masking_cka", "-p", "nn=3", code=2)
    assert done.stderr.startswith("analysis: masking_cka has no parameter 'nn'")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not build.exists()


def test_list_shows_every_parameter_with_its_values() -> None:
    text = invoke("list", "masking_cka")
    for word in ("n_bootstrap", ">= 50", "bootstrap draws", "scenes:objects", "eth80", "smoke"):
        assert word in text


def test_similarity_gives_every_measure_with_interval_and_null(features: tuple[Path, Path]) -> None:
    rows = json.loads(invoke("similarity", *map(str, features), "--json", "--n-bootstrap", "60", "--n-permutations", "20"))
    by_name = {row["measure"]: row for row in rows}
    assert {"debiased_cka", "linear_cka", "rbf_cka", "mean_cca", "svcca", "pwcca", "procrustes"} <= set(by_name)
    cka = by_name["debiased_cka"]
    assert cka["low"] < cka["value"] < cka["high"]
    assert cka["null_high"] < cka["value"]
    assert cka["n"] == 80


def test_similarity_prints_a_table(features: tuple[Path, Path]) -> None:
    text = invoke("similarity", *map(str, features), "--n-bootstrap", "60", "--n-permutations", "20")
    assert "debiased_cka" in text
    assert "null" in text.splitlines()[0]


def test_similarity_refuses_ids_in_another_order(features: tuple[Path, Path], tmp_path: Path) -> None:
    names = [f"image{i}" for i in range(80)]
    (tmp_path / "a.txt").write_text("\n".join(names))
    (tmp_path / "b.txt").write_text("\n".join([names[1], names[0], *names[2:]]))
    with pytest.raises(UserError, match="image"):
        invoke("similarity", *map(str, features), "--ids", str(tmp_path / "a.txt"), "--ids", str(tmp_path / "b.txt"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"no array", "cannot read"),
        (np.array(["a"]), "takes numbers"),
        (np.arange(5.0), "takes numbers"),
    ],
)
def test_similarity_says_what_is_wrong_with_a_file(
    tmp_path: Path, features: tuple[Path, Path], content: object, says: str
) -> None:
    path = tmp_path / "c.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    with pytest.raises(UserError, match=says) as caught:
        invoke("similarity", str(path), str(features[1]))
    assert "c.npy" in str(caught.value)


def test_models_are_listed_with_their_terms_and_whether_they_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    stored = tmp_path / "weights" / "moco_v2_800ep_pretrain.pth.tar"
    stored.parent.mkdir()
    stored.touch()
    lines = {line.split()[0]: line for line in invoke("models").splitlines()}
    assert "CC BY-NC 4.0" in lines["hub-file:mocov2_rn50"]
    assert [lines[f"hub-file:{kind}"].split()[-1] for kind in ("mocov2_rn50", "mocov2_rn50_200ep")] == ["yes", "no"]
    assert {"zoo:untrained", "conv4:NAME", "vit-tiny", "timm:MODEL.WEIGHTS", "file:PATH"} <= set(lines)
    rows = {row["name"]: row for row in json.loads(invoke("models", "--json"))}
    assert rows.keys() == lines.keys() - {"encoder"}
    assert rows["hub-file:mocov2_rn50"]["file"] == str(stored)
    assert rows["zoo:untrained"]["present"]


def test_models_are_listed_without_torch_and_without_a_connection() -> None:
    script = """
import socket, sys
def refuse(*a, **k): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from analysis.encoders.checkpoint_listing import lines
assert len(lines()) > 70
assert not {"torch", "timm", "torchvision"} & set(sys.modules), "heavy import"
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_status_says_what_never_ran(build: Path) -> None:
    text = invoke("status")
    assert "masking_cka/default: stale: never ran" in text


def test_a_relative_folder_is_understood_from_where_the_user_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analysis.run import absolute

    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    found = absolute({"datasets": ["folder:mine", "eth80"], "n": 20})
    assert found == {"datasets": [f"folder:{os.path.realpath(tmp_path / 'mine')}", "eth80"], "n": 20}


def test_relative_folders_in_the_environment_are_those_that_a_kernel_will_find_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATA_ROOT", "ANALYSIS_BUILD"):
        monkeypatch.setenv(name, f"here/{name}")
    monkeypatch.setattr(sys, "argv", ["analysis", "list"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 0
    assert [os.environ[name] for name in ("DATA_ROOT", "ANALYSIS_BUILD")] == [
        os.path.realpath(tmp_path / "here" / name) for name in ("DATA_ROOT", "ANALYSIS_BUILD")
    ]
