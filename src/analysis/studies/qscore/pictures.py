"""Images with the highest and the lowest Q, features with the images they fire for, and where in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np

from analysis.encoders.base import Encoder
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.studies.qscore import tuning
from analysis.studies.qscore.activity import Array, Rule
from analysis.studies.qscore.attribution import grad_cam, map_layer, upsample
from analysis.studies.qscore.core import DISCRIMINATIVE, heat, regions
from analysis.studies.qscore.data import Split
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.reading import Reading, read
from analysis.studies.qscore.regulariser import BASE, FULL
from analysis.studies.qscore.scores import q_score

COLUMNS = 8


@dataclass(frozen=True)
class Shown:
    """What is pictured: the images, and the first encoder of the run as it was read."""

    data: Split
    reading: Reading


FEATURES = 4
ABSENT = "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"


def extremes(study: Notebook, shown: Shown | None) -> FigureRef | Prose:
    """Test images with the highest and the lowest defined Q of the first encoder."""
    if shown is None:
        return say(ABSENT)
    data, reading = shown.data, shown.reading
    scores = q_score(reading.y, reading.found.chosen, reading.found.rule)
    rows = np.flatnonzero(scores.defined)
    ranked = rows[np.argsort(-scores.value[rows], kind="stable")]
    ends = [ranked[:COLUMNS], ranked[-COLUMNS:]]
    fig, axes = plt.subplots(2, COLUMNS, figsize=(7.2, 2.3))
    for line, part, label in zip(axes, ends, ("highest Q", "lowest Q"), strict=True):
        for ax, row in zip(line, part, strict=False):
            ax.imshow(data.y[row], interpolation="nearest")
            ax.set_title("right" if reading.correct[row] else "wrong", fontsize=7, loc="center", fontweight="normal")
        line[0].set_ylabel(label)
    _bare(axes)
    right = [reading.correct[part].mean() for part in ends]
    caption = f"Test images by the Q of {reading.encoder.name}, of those that have one; above each, whether the probe is right."
    alt = (
        f"Of the eight images with the highest Q the probe gets {right[0] * COLUMNS:.0f} right, of the eight with the lowest "
        f"{right[1] * COLUMNS:.0f}."
    )
    return study.show((fig, alt), "extremes", caption)


def features(study: Notebook, shown: Shown | None) -> FigureRef | Prose:
    """Discriminative features evenly spread over D: the test images that excite each most, and where."""
    if shown is None:
        return say(ABSENT)
    data, reading = shown.data, shown.reading
    inside = np.flatnonzero(reading.found.chosen)
    ranked = inside[np.argsort(reading.found.percent[inside], kind="stable")]
    picked = ranked[np.linspace(0, len(ranked) - 1, FEATURES + 2).round().astype(int)[1:-1]]
    unit = reading.y / np.linalg.norm(reading.y, axis=1, keepdims=True).clip(1e-12)
    fig, axes = plt.subplots(FEATURES, COLUMNS, figsize=(7.2, 3.9))
    share = []
    for line, feature in zip(axes, picked, strict=True):
        top = np.argsort(-unit[:, feature], kind="stable")[:COLUMNS]
        _paint(line, data.y[top], _maps(reading.encoder, data.y[top], feature))
        line[0].set_ylabel(f"{reading.found.percent[feature]:.1f} %", fontsize=8)
        share.append(np.bincount(data.truth[top]).max() / COLUMNS)
    _bare(axes)
    caption = (
        f"Each line is one discriminative feature of {reading.encoder.name}, evenly spread over D, with the share of "
        "training images "
        "in which it is highly active; the test images that excite it most, and Grad-CAM on them."
    )
    alt = f"The commonest class takes up {np.mean(share):.0%} of the images that excite one of these features most."
    return study.show((fig, alt), "features", caption)


def regularised(study: Notebook) -> FigureRef | Prose:
    """Maps of discriminative features before and after regularisation, where both encoders are at hand."""
    params = study.params
    assert isinstance(params, QScore)
    folder = tuning.folder() if params.retrain else tuning.STORED.parent
    files = [folder / f"{params.methods[0]}-{arm}.safetensors" for arm in (BASE, FULL)]
    if study.stored or not params.masked or not all(file.exists() for file in files):
        return say("*No pair of encoders trained with and without the regulariser is at hand for this run.*")
    of = regions(params.masked, COLUMNS, 64)
    rule = Rule(params.eps, params.low, params.high)
    data = Split(*tuning.scenes(params.n_train, "train"), of.images, np.zeros(len(of.images), int))
    fig, axes = plt.subplots(2, COLUMNS, figsize=(7.2, 2.2))
    maps = []
    for line, file, label in zip(axes, files, ("without", "with"), strict=True):
        reading = read(f"file:{file}", data, rule, params.least_coverage, params.device)
        maps.append(heat(reading.encoder, of.images, reading.found.chosen, reading.found.rule, 0)[DISCRIMINATIVE])
        _paint(line, of.images, maps[-1])
        line[0].set_ylabel(label)
    _bare(axes)
    alike = np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1]
    caption = (
        f"Grad-CAM of the discriminative features after further training of {params.methods[0]} without and with the "
        "regulariser, "
        "seed 0, on the first images of the set with masks."
    )
    alt = f"Maps with and without the regulariser have a correlation of {alike:.2f} over all pixels of these images."
    return study.show((fig, alt), "regularised", caption)


def _maps(encoder: Encoder, images: Array, feature: int) -> Array:
    features = np.zeros((len(images), encoder.dim))
    features[:, feature] = 1
    return upsample(grad_cam(encoder, images, features, map_layer(encoder, images)), int(images.shape[1]))


def _paint(line: Sequence, images: Array, maps: Array) -> None:
    for ax, image, found in zip(line, images, maps, strict=False):
        ax.imshow(image, interpolation="nearest")
        scaled = found / max(float(found.max()), 1e-12)
        ax.imshow(scaled, cmap="inferno", alpha=0.75 * scaled, vmin=0, vmax=1)  # cold places stay as they are


def _bare(axes: np.ndarray) -> None:
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
