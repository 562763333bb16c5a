"""Loaders against outputs of the authors' own code, for weights and images that anyone can draw again.

`authors_outputs.json` holds, per store: the repository and commit whose network was run in float64; where its weights lie in a
file; and, per input size, the first 8 numbers and the norm of each output for two images. `..._depth1` is the same network with
one block. The weights of a file are drawn tensor by tensor, from generators seeded by the names of the authors' own network.
"""

import copy
import json
import math
import zlib
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from analysis.decoders import released
from analysis.encoders import hub_files, positions
from analysis.encoders.checkpoints import Checkpoint, checkpoints
from checkpoint_files import content

DOCUMENT = json.loads(Path(__file__).with_name("authors_outputs.json").read_text())
STORES: dict[str, dict[str, Any]] = DOCUMENT["stores"]
TOLERANCE = 2e-5  # of the root mean square: what float32 loses in 12 blocks


@lru_cache(maxsize=512)
def weight(key: str, shape: tuple[int, ...]) -> Tensor:
    """The tensor of that name: standard normal numbers, scaled so that a signal neither dies nor explodes."""
    rng, last = np.random.Generator(np.random.Philox(zlib.crc32(key.encode()))), key.split(".")[-1]
    if last == "num_batches_tracked":
        return torch.ones(shape, dtype=torch.int64)
    if last == "running_var":
        return torch.from_numpy(np.float32(0.5) + np.asarray(rng.random(shape, np.float32)))
    n = rng.standard_normal(shape, np.float32)
    if last.endswith(("bias", "token", "tokens", "masked_embed", "pos_embed", "running_mean")):
        n = np.float32(0.1) * n
    elif last.startswith("gamma"):
        n = np.float32(0.1) + np.float32(0.05) * n
    else:
        n = 1 + np.float32(0.1) * n if len(shape) == 1 else np.float32(math.prod(shape[1:]) ** -0.5) * n
    return torch.from_numpy(n)


def pictures(side: int) -> Tensor:
    return torch.from_numpy(np.random.Generator(np.random.Philox(1234)).standard_normal((2, 3, side, side), np.float32))


class File:
    """A file of the authors' layout; what must not be read is a constant, so that reading it gives other numbers."""

    def __init__(self, store: dict[str, Any], depth: int | None) -> None:
        self.store, self.drawn = store, dict[str, Tensor]()
        self.content = content(store["kind"], self.new, depth)

    def new(self, path: str, shape: tuple[int, ...]) -> Tensor:
        at, known = self.store["container"], self.store["keys"]
        key = path.removeprefix(f"{at}.") if at else path
        fitting = [pair for pair in known if key.startswith(pair[1])]
        counted = any(key.endswith(name) for name in self.store["counted"])
        left_aside = not counted and any(key.startswith(prefix) for prefix in self.store["not_read"])
        if (at and key == path) or not fitting or left_aside:
            return torch.tensor(7).expand(shape) if "index" in key else torch.tensor(7.0).expand(shape)
        seed, prefix = max(fitting, key=lambda pair: len(pair[1]))
        name = seed + key[len(prefix) :]
        draw = weight if math.prod(shape) < 1e7 else weight.__wrapped__
        self.drawn[name] = draw(name, shape)
        return self.drawn[name]

    def checksum(self) -> int:
        crc = 0
        for _, tensor in sorted(self.drawn.items()):
            crc = zlib.crc32(tensor.numpy().tobytes(), crc)
        return crc


def runs(store: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Label -> outputs; `like` names the store of the same network in another layout."""
    own = dict(store["runs"])
    like = runs(STORES[own.pop("like")]) if "like" in own else {}
    return {
        label: like.get(label, {}) | own.get(label, {}) for label in [*like, *(label for label in own if label not in like)]
    }


def difference(name: str, expected: dict[str, Any], found: Tensor) -> float:
    """Largest distance of a number, and of a norm, on the scale of the output's root mean square."""
    found = found.flatten(1, -2) if found.ndim > 2 else found[:, None]  # (2, places, width)
    scale = np.array(expected["norm"]) / found[0].numel() ** 0.5
    distances = [abs(found.flatten(1).norm(dim=1).numpy() / np.array(expected["norm"]) - 1).max()]
    for place, numbers in expected.items():
        if place == "first8" or place.startswith("place_"):
            row = 0 if place == "first8" else int(place.split("_")[1])
            distances.append((abs(found[:, row, :8].double().numpy() - np.array(numbers)) / scale[:, None]).max())
    assert len(distances) > 1, name
    return float(max(distances))


def outputs(backbone: Any, projector: Any, x: Tensor) -> dict[str, Tensor]:
    with torch.inference_mode():
        wanted = tuple(name for name in ("embed", "patch_mean") if name in backbone.layers)
        taps = backbone.eval().forward_layers(x, wanted)
        found = {name: tap.vector for name, tap in taps.items()}
        found["patches"] = found["layer4"] = taps["embed"].grid
        if projector is not None:
            found["projector"] = projector.eval()(found["embed"])
    return found


def row_of(name: str, store: dict[str, Any]) -> Checkpoint:
    row = checkpoints()[store["kind"]]
    return replace(row, containers=("encoder",)) if name.endswith("_encoder") else row


def test_numpy_still_draws_the_numbers_the_authors_networks_were_given() -> None:
    for key, numbers in DOCUMENT["recipe"].items():
        name, _, shape = key.partition(" ")
        drawn = pictures(224) if key == "images(224)" else weight(name, tuple(map(int, shape.strip("(),").split(", "))))
        np.testing.assert_allclose(drawn.flatten()[:4], numbers, rtol=1e-8, err_msg="the recipe changed, not the loaders")


RESNETS = [name for name, store in STORES.items() if "_rn" in store["kind"]]
TRANSFORMERS = [name for name, store in STORES.items() if "_vit" in store["kind"]]
WIDE = ("barlow_rn50_full", "vicreg_rn50_full")  # 155 million numbers in the projector


def read(name: str, depth: int | None) -> tuple[Any, Any]:
    """The backbone and the head that the loader makes of the store's file."""
    store = STORES[name]
    file = File(store, depth)
    if depth is None and store["crc32"]:
        assert file.checksum() == store["crc32"], "the recipe changed, not the loaders"
    return hub_files.networks(row_of(name, store), file.content, "x.pth")


def compare(name: str, backbone: Any, projector: Any, suffix: str = "") -> int:
    """Every output of every size, each size reached from the one before."""
    compared = 0
    for label, expected in runs(STORES[name]).items():
        backbone = backbone.at_size(expected["size"])
        sized = backbone
        if label == "128 at resolution 1":  # another ground resolution than that of an image of 224 px in 128
            sized = copy.deepcopy(backbone)
            sized.model.pos_embed = nn.Parameter(positions.sine(8, 1024, resolution=1.0))
        found = outputs(sized, projector, pictures(expected["size"]))
        for output in found.keys() & {key.removesuffix(suffix) for key in expected if key.endswith(suffix)}:
            assert difference(output, expected[output + suffix], found[output]) <= TOLERANCE, f"{output} at {label}"
            compared += 1
    return compared


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name in WIDE else ()) for name in RESNETS])
def test_a_resnet_gives_what_the_authors_code_gives(name: str) -> None:
    assert compare(name, *read(name, None)) == len(runs(STORES[name])["224"]) - 1


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_one_block_of_a_transformer_gives_what_the_authors_code_gives_at_every_size(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=1))
    assert compare(name, *read(name, 1), "_depth1") >= 2 * len(runs(STORES[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_gives_what_the_authors_code_gives_at_every_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    depth = 2 if "2blocks" in name else None
    if depth:
        monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=depth))
    assert compare(name, *read(name, depth)) >= 2 * len(runs(STORES[name]))


def test_a_released_decoder_gives_what_the_authors_code_gives(tmp_path: Path) -> None:
    store = STORES["rcdm_small"]
    network = released.Released(**store["shape"])
    torch.save({key: weight(key, tuple(value.shape)) for key, value in network.state_dict().items()}, tmp_path / "x.pt")
    network = released.load(tmp_path / "x.pt")
    h = torch.from_numpy(np.random.Generator(np.random.Philox(4321)).standard_normal((2, 512), np.float32))
    for expected in store["runs"].values():
        with torch.inference_mode():
            found = network(pictures(32), torch.full((2,), float(expected["time"])), h)
        for name, half in (("mean", found[:, :3]), ("variance", found[:, 3:])):
            norms = half.flatten(1).norm(dim=1).numpy()
            np.testing.assert_allclose(norms, expected[f"{name}_norm"], rtol=TOLERANCE)
            scale = norms.max() / half[0].numel() ** 0.5
            np.testing.assert_allclose(half[:, 0, 0, :8], expected[f"{name}_row_0"], rtol=0, atol=TOLERANCE * scale)
            np.testing.assert_allclose(half[:, 2, 31, -8:], expected[f"{name}_last_row"], rtol=0, atol=TOLERANCE * scale)
