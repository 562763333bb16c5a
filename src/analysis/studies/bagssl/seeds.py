"""Further seeds: the same trainings with all chance drawn anew, probed on whole images and on bags of patches.

Trainings and rows are kept under `build/tuning/bagssl`: a killed call goes on where it stopped, and nothing is done twice.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis import cache, encoders, features, paths, probing
from analysis.encoders.base import Encoder
from analysis.progress import track
from analysis.results import Row, read_json
from analysis.studies.bagssl.aggregate import aggregate
from analysis.studies.bagssl.geometry import sample_boxes
from analysis.training.data import SIZE, scenes
from analysis.training.pretrain import train
from analysis.training.recipe import RECIPE

STORED = paths.DATA / "tuning" / "bagssl.json"
METHODS = ("vicreg", "vicreg-patch", "simclr", "simclr-patch")
SIDE, PATCHES = 32, 8


def rows(methods: Sequence[str] = METHODS, seeds: int = 2, device: str = "cpu") -> list[Row]:
    """One row per method and seed: seed 0 is the zoo's encoder, others are trained. Raises what `pretrain.train` raises."""
    wanted = [(method, seed) for seed in range(seeds) for method in methods]
    return [_row(method, seed, device) for method, seed in track(wanted, "further seeds", unit="training")]


def measure(encoder: Encoder, n_train: int = RECIPE.probes[0], n_test: int = RECIPE.probes[1]) -> Row:
    """Accuracy of both probes on Scenes, on whole images and on means over `PATCHES` patches; places are always the same."""
    (x, labels), (y, truth) = scenes(n_train, "train"), scenes(n_test, "test")
    generator = np.random.default_rng(0)
    corners = [sample_boxes(len(part), PATCHES, SIZE, SIDE, generator) for part in (x, y)]
    read = {
        "whole": [features.extract(encoder, part)["embed"] for part in (x, y)],
        "bag": [aggregate(encoder, part, places, SIDE) for part, places in zip((x, y), corners, strict=True)],
    }
    found: Row = {"n_train": len(x), "n_test": len(y), "side": SIDE, "patches": PATCHES}
    for what, (known, asked) in read.items():
        for probe, said in (("knn", probing.knn), ("linear", probing.linear)):
            score = probing.accuracy(said(known, labels, asked) == truth)
            found |= {f"{what}_{probe}": score.value, f"{what}_{probe}_low": score.low, f"{what}_{probe}_high": score.high}
    return found


def stored() -> list[Row]:
    """The rows that come with this version.

    Raises:
        UserError: the file is absent or broken.
    """
    return read_json(STORED)["rows"]


def folder() -> Path:
    """Where further trainings and their rows are kept."""
    return paths.build() / "tuning" / "bagssl"


def _row(method: str, seed: int, device: str) -> Row:
    name = f"file:{train(method, seed=seed, device=device, out=folder())}" if seed else f"zoo:{method}"
    digest = read_json(encoders.weight_files(name)[1])["digest"]
    found = cache.record("further-seeds", lambda: measure(encoders.load(name, device)), digest, device)
    return {"method": method, "seed": seed, "digest": digest, **found}
