"""`analysis cost`: the networks of a run measured without their files."""

import time
from functools import partial
from pathlib import Path

import pytest
import timm
import torch
from typer.testing import CliRunner

from analysis import costs, encoders
from analysis.cli import app
from analysis.encoders import hub_files
from analysis.encoders.checkpoints import checkpoints
from analysis.errors import UserError
from analysis.params import STUDIES, resolve
from checkpoint_files import content, drawn


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No files, and networks of one block per stage, one block in all for transformers."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub_files, "RESNETS", {name: ((1, 1, 1, 1), widen) for name, (_, widen) in hub_files.RESNETS.items()})
    monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=1))


@pytest.mark.parametrize("kind", ["swav_rn50", "mae_vitb16"])
def test_a_network_is_that_of_the_published_file_with_random_weights(kind: str) -> None:
    published, _ = hub_files.networks(checkpoints()[kind], content(kind, drawn, depth=1), "x.pth")
    network = encoders.untrained(f"hub-file:{kind}").backbone
    own, theirs = network.state_dict(), published.state_dict()
    assert {key: value.shape for key, value in own.items()} == {key: value.shape for key, value in theirs.items()}
    assert not all(torch.equal(own[key], theirs[key]) for key in own)


def test_the_time_of_1000_images_follows_from_the_faster_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 12.0, 20.0, 21.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert costs.seconds("zoo:untrained", "cpu") == 125


@pytest.mark.parametrize(("study", "images"), [("masking_cka", 16_000), ("qscore", 135_000), ("local_vit", 6_102)])
def test_the_sum_is_over_all_networks_and_the_images_of_the_run(
    study: str, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = resolve(study, "paper").reads["encoders"]
    monkeypatch.setattr(costs, "seconds", lambda name, device: 36.0 * (1 + names.index(name)))
    lines = list(costs.lines(study, "paper", {}))
    assert [line.split() for line in lines[2:-2]] == [[f"{36.0 * (1 + i):.1f}", name] for i, name in enumerate(names)]
    hours = 0.01 * len(names) * (len(names) + 1) / 2 * images / 1000
    assert lines[-2].startswith(f"{images:,} images once through all of them: ")
    assert float(lines[-2].split()[-4]) == pytest.approx(hours, abs=0.06)
    assert float(lines[-2].split()[-2].strip("(")) == pytest.approx(60 * hours, abs=0.6)


def test_no_file_is_needed_for_any_papers_network() -> None:
    names = {name for study in STUDIES for name in resolve(study, "paper").reads["encoders"] if not name.startswith("zoo:")}
    kinds = {encoders.files.hub(name.removeprefix("hub-file:"))[0]: name for name in names if name.startswith("hub-file:")}
    one_of_each = {checkpoints()[kind].architecture: name for kind, name in kinds.items()}
    assert names == {*kinds.values(), *(name for name in names if name.startswith("timm:"))}
    for name in sorted({*one_of_each.values(), "timm:vit_small_patch14_dinov2.lvd142m"}):
        assert encoders.untrained(name).dim > 0


def test_the_command_prints_a_line_for_each_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "N_IMAGES", 2)
    names = "encoders=timm:vit_small_patch14_dinov2.lvd142m,hub-file:supervised_rn50,zoo:simclr"
    result = CliRunner().invoke(app, ["cost", "masking_cka", "-p", names, "-p", "n=100", "-p", "device=cpu"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "masking_cka (paper): 3 networks with random weights, on cpu"
    assert [line.split()[1] for line in lines[2:5]] == names.removeprefix("encoders=").split(",")
    assert all(float(line.split()[0]) > 0 for line in lines[2:5])
    assert lines[5].startswith("400 images once through all of them: ")


@pytest.mark.parametrize("name", ["timm:vit_colossal.mae", "hub-file:nobody", "conv4:nobody"])
def test_a_network_of_no_name_is_one_line(name: str) -> None:
    with pytest.raises(UserError, match=name):
        costs.seconds(name, "cpu")
