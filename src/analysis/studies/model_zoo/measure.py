"""Everything that is computed anew: probes of every encoder on the same images, and of the pixels themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from analysis import encoders, features, probing
from analysis.neighbours import nearest
from analysis.progress import track
from analysis.studies.model_zoo.params import ModelZoo
from analysis.training.data import factors, scenes, training_set, validation_set

PIXELS = "pixels"
BLOCK = "block"
PROBES = ("knn", "linear")
Correct = dict[str, np.ndarray]
"""Probe -> (m,) whether it named the class of each image of `Images.y`."""
QUERIES, NEAREST = 3, 5
FITTED = 4_000  # images on which probes of blocks are fitted: there are seven times as many probes as encoders
_BLOCK = 4  # px: pixels are averaged over blocks, so that 64 px give 768 numbers, about as many as encoders give


@dataclass(frozen=True)
class Images:
    """Images to fit probes on and images to score them on, with labels and, in Scenes, what was drawn.

    Attributes:
        x, y: (n, 64, 64, 3) and (m, 64, 64, 3) uint8.
        labels, truth: their classes.
        known, found: factor -> its values for x and for y, as `probing.decodability` takes them.
    """

    x: np.ndarray
    labels: np.ndarray
    y: np.ndarray
    truth: np.ndarray
    known: dict[str, np.ndarray] = field(default_factory=dict)
    found: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Probed:
    """What can be read off one representation.

    Attributes:
        correct: of both probes.
        rankme: effective rank of the features of `Images.y`.
        factors: factor -> decodability.
        nearest: (queries, 5) rows of `Images.x` nearest to each query, by cosine.
    """

    correct: Correct
    rankme: float
    factors: dict[str, float]
    nearest: np.ndarray


def images(params: ModelZoo) -> Images:
    """The images of a run: the same, in the same order, as those by which the cards were written."""
    if params.dataset == "scenes:objects":
        (x, labels), (y, truth) = scenes(params.n_train, "train"), scenes(params.n_test, "test")
        return Images(x, labels, y, truth, factors(params.n_train, "train"), factors(params.n_test, "test"))
    return Images(*training_set(params.dataset, params.n_train), *validation_set(params.dataset, params.n_test))


def queries(count: int, seed: int) -> np.ndarray:
    """Rows of the images whose neighbours are shown: drawn, not chosen."""
    return np.sort(np.random.default_rng(seed).choice(count, QUERIES, replace=False))


def measure(data: Images, names: Sequence[str], params: ModelZoo) -> dict[str, Probed]:
    """Encoder -> what can be read off it; the first entry is the pixels."""
    asked = queries(len(data.y), params.seed)
    found = {PIXELS: probe(pixels(data.x), pixels(data.y), data, asked)}
    for name in track(names, "probing", unit="encoder"):
        encoder = encoders.load(name, params.device)
        x, y = (features.extract(encoder, part, description=name)["embed"] for part in (data.x, data.y))
        found[name] = probe(x, y, data, asked)
    return found


def by_layer(data: Images, names: Sequence[str], params: ModelZoo) -> dict[str, dict[str, Correct]]:
    """Encoder -> each of its blocks, and its output, in order -> probes of it, fitted on at most `FITTED` images."""
    step = -(-len(data.x) // FITTED)  # every so many, because images may come class by class
    data = replace(data, x=data.x[::step], labels=data.labels[::step])
    found: dict[str, dict[str, Correct]] = {}
    for name in track(names, "probing blocks", unit="encoder"):
        encoder = encoders.load(name, params.device)
        layers = tuple(layer for layer in encoder.layers if layer.startswith(BLOCK) or layer == "embed")
        x, y = (features.extract(encoder, part, layers=layers, description=name) for part in (data.x, data.y))
        found[name] = {layer: right(x[layer], y[layer], data) for layer in layers}
    return found


def right(x: np.ndarray, y: np.ndarray, data: Images) -> Correct:
    """Both probes of features x (n, d), fitted, and y (m, d), scored."""
    said = {"knn": probing.knn(x, data.labels, y), "linear": probing.linear(x, data.labels, y)}
    return {name: labels == data.truth for name, labels in said.items()}


def probe(x: np.ndarray, y: np.ndarray, data: Images, asked: np.ndarray) -> Probed:
    """Probes of features x (n, d), fitted, and y (m, d), scored."""
    return Probed(
        right(x, y, data),
        probing.rankme(y),
        {name: probing.decodability(x, data.known[name], y, data.found[name]) for name in data.known},
        nearest(y[asked], x, NEAREST)[0],
    )


def pixels(images: np.ndarray) -> np.ndarray:
    """Images (n, h, h, 3) uint8 as features (n, 3 (h / 4)^2): means over blocks of 4 x 4 px."""
    n, side = len(images), images.shape[1] // _BLOCK
    blocks = np.asarray(images).reshape(n, side, _BLOCK, side, _BLOCK, 3)
    return blocks.mean((2, 4), dtype=np.float32).reshape(n, -1) / np.float32(255)


def constant(known: np.ndarray, found: np.ndarray) -> float:
    """What the best constant reads of a factor: accuracy of the most frequent value, R^2 of 0 for numbers."""
    if known.dtype.kind not in "UOSb":
        return 0.0
    values, counts = np.unique(known, return_counts=True)
    return float((found == values[counts.argmax()]).mean())
