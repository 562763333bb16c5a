"""The networks of the zoo, and the weights that are shipped with them."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis import encoders, paths
from analysis.datasets import scenes
from analysis.encoders import zoo
from analysis.encoders.backbones import wrap
from analysis.encoders.methods import METHODS
from analysis.encoders.pretrain_card import knn
from analysis.errors import UserError

CARDS = sorted(paths.ZOO.glob("*.json"))
TRAINED = [path.stem for path in CARDS if not path.stem.startswith("untrained")]
TOO_BRIEF = ("swav", "mae")
BRIEF = pytest.mark.xfail(strict=True, reason="trained for minutes only; longer trained weights must pass, and end this list")


def card(name: str) -> dict[str, Any]:
    return json.loads((paths.ZOO / f"{name}.json").read_text(encoding="utf-8"))


def test_the_resnet_gives_512_numbers_none_negative_and_four_halving_stages() -> None:
    model = zoo.build(zoo.RESNET).eval()
    taps = model.forward_layers(torch.randn(3, 3, 64, 64), model.layers)
    assert [tuple(taps[name].grid.shape) for name in model.layers] == [
        (3, 16, 16, 32), (3, 8, 8, 64), (3, 4, 4, 128), (3, 2, 2, 224), (3, 2, 2, 512),
    ]  # fmt: skip
    assert taps["embed"].vector.shape == (3, 512)
    assert taps["embed"].vector.min() >= 0
    assert torch.allclose(taps["embed"].vector, taps["embed"].grid.mean((1, 2)), atol=1e-6)


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_the_transformer_has_six_blocks_and_a_grid_of_8_by_8(pool: str) -> None:
    model = wrap(zoo.build({**zoo.VIT, "pool": pool})).eval()
    taps = model.forward_layers(torch.randn(2, 3, 64, 64), model.layers)
    assert [name for name in model.layers if name.startswith("block")] == [f"block{i}" for i in range(1, 7)]
    assert taps["embed"].vector.shape == (2, 128)
    assert all(tap.grid.shape == (2, 8, 8, 128) for tap in taps.values())
    means = torch.allclose(taps["embed"].vector, taps["patch_mean"].vector, atol=1e-5)
    assert means == (pool == "avg")


@pytest.mark.parametrize("architecture", [zoo.RESNET, zoo.VIT])
def test_backbones_have_about_1_2_million_parameters(architecture: dict[str, Any]) -> None:
    assert 1.0e6 < sum(p.numel() for p in zoo.build(architecture).parameters()) < 1.3e6


def test_an_unknown_family_or_projector_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="family 'vgg'"):
        zoo.build({"family": "vgg"})
    with pytest.raises(UserError, match="projector 'Hat'"):
        zoo.build_projector({"projector": {"head": "Hat"}})


def test_shipped_encoders_are_of_methods_of_the_trainer() -> None:
    assert {path.stem for path in CARDS} <= set(METHODS)


def test_the_shipped_weights_stay_within_32_megabytes() -> None:
    assert sum(path.stat().st_size for path in paths.ZOO.iterdir()) < 32 * 2**20


@pytest.mark.parametrize("name", [path.stem for path in CARDS])
def test_shipped_weights_are_half_precision_and_fit_their_card(name: str) -> None:
    encoders.check(f"zoo:{name}")  # the digest
    state = load_file(paths.ZOO / f"{name}.safetensors")
    assert {value.dtype for value in state.values()} <= {torch.float16, torch.int64}
    assert all(torch.isfinite(value).all() for value in state.values())
    encoder = encoders.load(f"zoo:{name}")
    assert encoder.has_projector == bool(card(name)["architecture"].get("projector"))
    assert torch.isfinite(encoder.embed(np.zeros((2, 64, 64, 3), np.uint8))).all()


@pytest.mark.parametrize("name", [path.stem for path in CARDS])
def test_a_card_says_how_its_encoder_was_made_and_how_good_it_is(name: str) -> None:
    written = card(name)
    assert written["name"] == name
    assert written["method"] in METHODS
    recipe, probes = written["recipe"], written["probes"]
    assert len(recipe["curve"]) == recipe["epochs"]
    assert recipe["images_seen"] == recipe["steps"] * recipe["batch"]
    assert not recipe["collapsed"]
    assert 0 < probes["knn"]["accuracy"] < 1
    assert 0 < probes["linear"]["accuracy"] < 1


@pytest.mark.parametrize("name", [pytest.param(name, marks=BRIEF if name in TOO_BRIEF else ()) for name in TRAINED])
def test_a_trained_encoder_beats_its_untrained_twin_on_both_probes(name: str) -> None:
    twin = "untrained-vit" if card(name)["architecture"]["family"] == "vit" else "untrained"
    probes, floor = card(name)["probes"], card(twin)["probes"]
    for probe in ("knn", "linear"):
        gap = probes[probe]["accuracy"] - floor[probe]["accuracy"]
        assert gap > 1.96 * np.hypot(probes[probe]["standard_error"], floor[probe]["standard_error"])


def test_on_fresh_images_too_the_supervised_encoder_knows_classes_that_its_untrained_twin_does_not() -> None:
    train, test = (scenes.make("objects", 160, size=64, split=split) for split in ("train", "val"))
    scores = []
    for name in ("supervised", "untrained"):
        encoder = encoders.load(f"zoo:{name}")
        x, y = (encoder.embed(part.images).numpy() for part in (train, test))
        scores.append(knn(x, train.labels, y, test.labels))
    assert scores[0] > scores[1] + 0.05
