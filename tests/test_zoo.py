"""The networks of the zoo, and the weights that are shipped with them."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from analysis import datasets, encoders, paths, probing
from analysis.datasets import scenes
from analysis.encoders import files, zoo
from analysis.encoders.backbones import wrap
from analysis.errors import UserError
from analysis.results import intact
from analysis.training.methods import METHODS

CARDS = sorted(path.stem for path in paths.ZOO.glob("*.json"))
PHOTOGRAPHIC = (
    "simclr",
    "moco",
    "byol",
    "simsiam",
    "dino",
    "vicreg",
    "swav",
    "barlow-twins",
    "supervised",
    "simclr-patch",
    "vicreg-patch",
    "byol-patch",
    "moco-patch",
    "barlow-twins-patch",
    "supervised-patch",
    "mae",
    "dino-vit",
    "dinov2",
)
PHOTOGRAPHIC_ONLY = {"moco-patch", "barlow-twins-patch"}
AGAIN = "supervised-seed1"
EXPECTED = {
    *METHODS.keys() - PHOTOGRAPHIC_ONLY,
    AGAIN,
    *(f"{method}-imagenette" for method in (*PHOTOGRAPHIC, "untrained", "untrained-vit")),
}
TRAINED = [name for name in CARDS if name in METHODS and "untrained" not in name]
FACTORS = {"species", "part", "coat", "background", "x", "y", "scale", "rotation", "mirror", "hue", "light"}


def card(name: str) -> dict[str, Any]:
    return json.loads((paths.ZOO / f"{name}.json").read_text(encoding="utf-8"))


def test_the_resnet_gives_512_numbers_none_negative_and_four_halving_stages() -> None:
    model = zoo.build(zoo.RESNET).eval()
    taps = model.forward_layers(torch.randn(3, 3, 64, 64), model.layers)
    widths = zip((16, 8, 4, 2), zoo.RESNET["widths"], strict=True)
    shapes = [(3, side, side, width) for side, width in widths]
    assert [tuple(taps[name].grid.shape) for name in model.layers] == [*shapes, (3, 2, 2, 512)]
    assert taps["embed"].vector.shape == (3, 512)
    assert taps["embed"].vector.min() >= 0
    assert torch.allclose(taps["embed"].vector, taps["embed"].grid.mean((1, 2)), atol=1e-6)


def test_a_folded_resnet_gives_the_same_numbers_at_every_layer_and_holds_no_norm() -> None:
    model = zoo.build(zoo.RESNET)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in (
                (module.running_mean, -1.0),
                (module.running_var, 0.5),
                (module.weight, -1.0),
                (module.bias, -1.0),
            ):
                torch.nn.init.uniform_(values, low, 1.5)
    model.eval()
    images = torch.randn(3, 3, 64, 64)
    before = model.forward_layers(images, model.layers)
    model.fold()
    after = model.forward_layers(images, model.layers)
    for layer in model.layers:
        for one, other in zip(before[layer], after[layer], strict=True):
            assert (one - other).abs().max() < 1e-5 * one.abs().max()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules())


@pytest.mark.parametrize("pool", ["token", "avg"])
def test_the_transformer_has_six_blocks_and_a_grid_of_8_by_8(pool: str) -> None:
    model = wrap(zoo.build({**zoo.VIT, "pool": pool})).eval()
    taps = model.forward_layers(torch.randn(2, 3, 64, 64), model.layers)
    width = zoo.VIT["width"]
    assert [name for name in model.layers if name.startswith("block")] == [f"block{i}" for i in range(1, 7)]
    assert taps["embed"].vector.shape == (2, width)
    assert all(tap.grid.shape == (2, 8, 8, width) for tap in taps.values())
    means = torch.allclose(taps["embed"].vector, taps["patch_mean"].vector, atol=1e-5)
    assert means == (pool == "avg")


@pytest.mark.parametrize("architecture", [zoo.RESNET, zoo.VIT])
def test_backbones_are_small_enough_for_two_dozen_in_32_megabytes(architecture: dict[str, Any]) -> None:
    assert 0.3e6 < sum(p.numel() for p in zoo.build(architecture).parameters()) < 0.62e6


def test_an_unknown_family_or_projector_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="family 'vgg'"):
        zoo.build({"family": "vgg"})
    with pytest.raises(UserError, match="projector 'Hat'"):
        zoo.build_projector({"projector": {"head": "Hat"}})


def test_every_method_is_shipped_and_some_of_them_trained_on_photographs_too() -> None:
    weights = {files.local(paths.ZOO / f"{name}.safetensors")[0].name for name in EXPECTED}
    assert {path.name for path in paths.ZOO.iterdir()} == weights | {f"{name}.json" for name in EXPECTED}


def test_an_untrained_network_is_stored_once_and_has_a_card_for_each_set_it_was_probed_on() -> None:
    for name in ("untrained", "untrained-vit"):
        first, other = (encoders.weight_files(f"zoo:{name}{ending}") for ending in ("", "-imagenette"))
        assert first[0] == other[0]
        assert first[1] != other[1]
        assert card(name)["probes"]["data"] != card(f"{name}-imagenette")["probes"]["data"]
        images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
        one, two = (encoders.load(f"zoo:{name}{ending}").embed(images) for ending in ("", "-imagenette"))
        assert torch.equal(one, two)


def test_the_shipped_weights_stay_within_42_megabytes() -> None:
    assert sum(path.stat().st_size for path in paths.ZOO.iterdir()) <= 42 * 2**20


@pytest.mark.parametrize("name", CARDS)
def test_shipped_weights_are_half_precision_and_fit_their_card(name: str) -> None:
    encoders.check(f"zoo:{name}")  # the digest
    assert "checksum" in card(name)
    assert intact(card(name))
    state = load_file(encoders.weight_files(f"zoo:{name}")[0])
    assert {value.dtype for value in state.values()} <= {torch.float16, torch.int64}
    assert all(torch.isfinite(value).all() for value in state.values())
    encoder = encoders.load(f"zoo:{name}")
    assert encoder.has_projector == bool(card(name)["architecture"].get("projector"))
    assert torch.isfinite(encoder.embed(np.zeros((2, 64, 64, 3), np.uint8))).all()


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_how_its_encoder_was_made(name: str) -> None:
    written = card(name)
    recipe = written["recipe"]
    assert written["name"] == name
    assert written["method"] in METHODS
    assert recipe["data"] == ("imagenette" if name.endswith("-imagenette") else "scenes")
    assert len(recipe["curve"]) == len(recipe["spread_and_rank"]) == recipe["epochs"]
    assert recipe["images_seen"] == recipe["steps"] * recipe["batch"]
    assert (recipe["steps"] == 0) == name.startswith("untrained")
    assert recipe["command"].startswith(f"analysis pretrain {written['method']}")
    assert {"seed", "device", "precision", "threads", "wall_seconds", "optimiser", "augmentation", "deviation"} <= set(recipe)
    assert not recipe["collapsed"]


def test_dinov2_saw_a_hundred_times_the_images_of_its_siblings_each_once_and_knows_more_for_it() -> None:
    own, sibling = card("dinov2"), card("ibot")
    assert own["recipe"]["images"] == 100 * sibling["recipe"]["images"]
    assert own["recipe"]["images_seen"] <= own["recipe"]["images"]
    for probe in ("knn", "linear"):
        assert own["probes"][probe]["low"] > sibling["probes"][probe]["high"]


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_how_good_its_encoder_is(name: str) -> None:
    probes, on_scenes = card(name)["probes"], not name.endswith("-imagenette")
    for score in (probes["knn"], probes["linear"]):
        assert 0 < score["low"] <= score["accuracy"] <= score["high"] < 1
    assert (probes["k"], probes["chance"]) == (20, 0.0625 if on_scenes else 0.1)
    assert (probes["n_train"], probes["n_test"]) == ((4000, 2000) if on_scenes else (9469, 3925))
    assert 1 <= probes["rankme"] <= 512
    assert set(probes["factors"]) == (FACTORS if on_scenes else set())
    assert all(value <= 1 for value in probes["factors"].values())


# Trained for minutes, these fall short, and their page says so; weights that pass must end this list.
SHORT = {("byol-patch", "knn"), ("byol-patch", "linear")}
SHORT |= {(f"vicreg-patch{kind}", probe) for kind in ("16", "-disjoint") for probe in ("knn", "linear")}
FALLS_SHORT = pytest.mark.xfail(
    strict=True, reason="within minutes of training this method does not get beyond its untrained twin"
)
CASES = [
    pytest.param(name, probe, marks=FALLS_SHORT if (name, probe) in SHORT else ())
    for name in TRAINED
    for probe in ("knn", "linear")
]


@pytest.mark.parametrize(("name", "probe"), CASES)
def test_a_trained_encoder_beats_its_untrained_twin_on_both_probes(name: str, probe: str) -> None:
    twin = "untrained-vit" if card(name)["architecture"]["family"] == "vit" else "untrained"
    assert card(name)["probes"][probe]["low"] > card(twin)["probes"][probe]["high"]


def test_simmim_is_read_at_its_middle_which_beats_its_untrained_copy_and_is_no_worse_than_its_end() -> None:
    x, y = (datasets.load("scenes:objects", size=64, n=n, split=part) for n, part in ((1000, "train"), (500, "test")))
    right = {}
    for name, layer in (("simmim", "embed"), ("simmim", "block6"), ("untrained-vit", "embed")):
        encoder = encoders.load(f"zoo:{name}")
        fitted, asked = (encoder.patches(part.images, layer).mean((1, 2)).numpy() for part in (x, y))
        right[name, layer] = probing.linear(fitted, x.labels, asked) == y.labels
    assert probing.gain(right["simmim", "embed"], right["untrained-vit", "embed"]).low > 0
    assert probing.gain(right["simmim", "embed"], right["simmim", "block6"]).high > 0  # with a fixed penalty it was better


@pytest.mark.parametrize("method", PHOTOGRAPHIC)
def test_an_encoder_trained_on_photographs_beats_its_untrained_copy_there_on_both_probes(method: str) -> None:
    own = card(f"{method}-imagenette")
    twin = card("untrained-vit-imagenette" if own["architecture"]["family"] == "vit" else "untrained-imagenette")
    for probe in ("knn", "linear"):
        assert own["probes"][probe]["low"] > twin["probes"][probe]["high"]


@pytest.mark.parametrize("method", PHOTOGRAPHIC)
def test_the_curve_of_a_card_has_a_point_per_doubling_and_ends_with_the_training(method: str) -> None:
    recipe = card(f"{method}-imagenette")["recipe"]
    seen = [point["images"] for point in recipe["probe_curve"]]
    assert seen[-1] == recipe["images_seen"]
    assert all(later == 2 * earlier for earlier, later in pairwise(seen[:-1]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["untrained", "simclr", "mae"])
def test_probes_written_anew_with_scikit_learn_give_the_scores_of_the_card(name: str, objects: dict[str, Any]) -> None:
    probes, encoder = card(name)["probes"], encoders.load(f"zoo:{name}")
    x, y = (encoder.embed(objects[split].images).double().numpy() for split in ("train", "test"))
    labels, truth = objects["train"].labels, objects["test"].labels
    vote = KNeighborsClassifier(20, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07))
    assert vote.fit(x, labels).score(y, truth) == pytest.approx(probes["knn"]["accuracy"], abs=0.003)
    mean, spread = x.mean(0), np.where(x.std(0) > 0, x.std(0), 1)
    regression = LogisticRegression(C=probing.fit_linear(x, labels)[-1].C, max_iter=1500).fit((x - mean) / spread, labels)
    assert regression.score((y - mean) / spread, truth) == pytest.approx(probes["linear"]["accuracy"], abs=0.01)


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    return {split: scenes.make("objects", n, size=64, split=split) for split, n in (("train", 4000), ("test", 2000))}


def test_on_fresh_images_too_the_supervised_encoder_knows_classes_that_its_untrained_twin_does_not() -> None:
    train, test = (scenes.make("objects", 160, size=64, split=split) for split in ("train", "val"))
    scores = []
    for name in ("supervised", "untrained"):
        encoder = encoders.load(f"zoo:{name}")
        x, y = (encoder.embed(part.images).numpy() for part in (train, test))
        scores.append((probing.knn(x, train.labels, y) == test.labels).mean())
    assert scores[0] > scores[1] + 0.05
