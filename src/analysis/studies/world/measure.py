"""What the world is worth to a probe: classes, factors, confusions, and the data set whose context misleads."""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from analysis import encoders, features, probing
from analysis.datasets import scenes
from analysis.datasets.base import Dataset
from analysis.datasets.scenes.textures import FAMILIES
from analysis.progress import track
from analysis.stats import Estimate, estimate
from analysis.studies.model_zoo.measure import PIXELS, constant, pixels
from analysis.studies.world.params import World

# Option of `objects` -> the values shown where it varies alone.
SWEEPS: dict[str, tuple[Any, ...]] = {
    "background": ("stripes", "dots", "marble", "cells", "grass", "petals", "stars"),
    "x": (-0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45),
    "y": (-0.45, -0.3, -0.15, 0.0, 0.15, 0.3, 0.45),
    "scale": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    "rotation": (-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9),
    "mirror": (True, False),
    "hue": (0.0, 0.14, 0.29, 0.43, 0.57, 0.71, 0.86),
    "light": (-2.7, -1.8, -0.9, 0.0, 0.9, 1.8, 2.7),
    "clutter": (0, 1, 2, 3, 4),
    "occluders": (0, 1, 2),
}
KEPT = 0.9  # share of images on the family of their class, in the training images of `context`


@dataclass(frozen=True)
class Images:
    """The images of a run.

    Attributes:
        train, test: of `objects`.
        context: training images of `context`, where class k stands on family k in nine of ten.
        kept: test images of `context` of which as many stand there.
        broken: the same creatures, class and family unrelated.
    """

    train: Dataset
    test: Dataset
    context: Dataset
    kept: Dataset
    broken: Dataset


@dataclass(frozen=True)
class Probed:
    """What was read off one representation.

    Attributes:
        knn, linear: labels (n_test,) given to the test images of `objects`.
        factors: factor -> decodability.
        plain: probe fitted on `objects`: whether it is right about the images `kept` and `broken`, (2, n_test).
        misled: the same of the probe fitted on `context`.
    """

    knn: np.ndarray
    linear: np.ndarray
    factors: dict[str, float]
    plain: np.ndarray
    misled: np.ndarray


def images(params: World) -> Images:
    """Draw them, with as many processes as there are cores."""

    def drawn(kind: str, n: int, split: str, **options: Any) -> Dataset:
        """`n` images of one kind, in the size and of the world of `params`."""
        workers = os.cpu_count() or 1
        return scenes.make(kind, n, size=params.size, seed=params.seed, split=split, workers=workers, **options)

    return Images(
        drawn("objects", params.n_train, "train"),
        drawn("objects", params.n_test, "test"),
        drawn("context", params.n_train, "train", correlation=KEPT),
        drawn("context", params.n_test, "test", correlation=KEPT),
        drawn("context", params.n_test, "test", correlation=1 / len(FAMILIES)),
    )


def measure(data: Images, params: World) -> dict[str, Probed]:
    """Representation -> what was read off it; the first is the pixels."""
    found = {}
    for name in track([PIXELS, *params.encoders], "probing", unit="representation"):
        encoder = None if name == PIXELS else encoders.load(name, params.device)
        sets = {
            key: pixels(drawn.images) if encoder is None else features.extract(encoder, drawn.images, description=name)["embed"]
            for key, drawn in vars(data).items()
        }
        found[name] = _probe(sets, data)
    return found


def _probe(sets: dict[str, np.ndarray], data: Images) -> Probed:
    tests = np.concatenate([sets["test"], sets["kept"], sets["broken"]])
    n, labels = len(data.test), data.kept.labels
    said = probing.linear(sets["train"], data.train.labels, tests)
    swayed = probing.linear(sets["context"], data.context.labels, tests[n:])
    known, truth = probing.factors_of(data.train.factors), probing.factors_of(data.test.factors)
    return Probed(
        knn=probing.knn(sets["train"], data.train.labels, sets["test"]),
        linear=said[:n],
        factors={f: probing.decodability(sets["train"], known[f], sets["test"], truth[f]) for f in known},
        plain=said[n:].reshape(2, n) == labels,
        misled=swayed.reshape(2, n) == labels,
    )


def guesses(data: Images) -> dict[str, float]:
    """Decodability of each factor from nothing: that of the best constant."""
    known, truth = probing.factors_of(data.train.factors), probing.factors_of(data.test.factors)
    return {factor: constant(known[factor], truth[factor]) for factor in known}


def agreement(dataset: Dataset, seed: int) -> Estimate:
    """Share of images on the family of their class, counted, with its bootstrap interval over images."""
    return probing.accuracy(dataset.factors["background"] == np.array(FAMILIES)[dataset.labels], seed)


def drop(right: np.ndarray, seed: int) -> Estimate:
    """Accuracy on the images `kept` minus that on the same creatures in `broken`, from (2, m); paired bootstrap."""
    return probing.gain(right[0], right[1], seed)


def excess(drops: tuple[np.ndarray, np.ndarray], seed: int) -> Estimate:
    """By how much the drop of one probe is larger than that of another on the same images, each (2, m); paired bootstrap."""
    ours, control = (np.subtract(*right.astype(float)) for right in drops)
    difference = ours - control
    rows = np.random.default_rng(seed).integers(len(difference), size=(probing.DRAWS, len(difference)))
    return estimate(float(difference.mean()), difference[rows].mean(1))


def untouched(params: World, n: int = 16) -> tuple[int, int]:
    """How many values of other factors stay when one is fixed, of how many compared: n images, every option."""
    free = scenes.make("objects", n, size=8, seed=params.seed).factors
    compared = [
        (free[name] == fixed[name])
        for option, (value, *_) in SWEEPS.items()
        for fixed in [scenes.make("objects", n, size=8, seed=params.seed, **{option: value}).factors]
        for name in set(free) - {option, "occlusion"}  # what is hidden follows from what is drawn
    ]
    return int(np.sum(compared)), int(np.size(compared))


def met(dataset: Dataset) -> tuple[float, float]:
    """Share of the pixels of `pairs` that lie, by the matrix of the pair, on the same instance in the second view.

    Of all that the second view shows, and of those whose eight neighbours belong to the same instance as they do.
    """
    size = dataset.size
    points = np.stack([*np.indices((size, size))[::-1], np.ones((size, size))]).reshape(3, -1)
    hits, inner = [], []
    for row, matrix in enumerate(dataset.factors["affine"]):
        shown, first = dataset.masks["valid"][row].ravel(), dataset.masks["instance"][row]
        u, v = np.rint(matrix @ points[:, shown]).astype(int)
        hits.append(dataset.factors["second_instance"][row][v, u] == first.ravel()[shown])
        inner.append((maximum_filter(first, 3) == minimum_filter(first, 3)).ravel()[shown])
    hit, inside = np.concatenate(hits), np.concatenate(inner)
    return float(hit.mean()), float(hit[inside].mean())
