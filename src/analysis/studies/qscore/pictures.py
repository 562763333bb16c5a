"""Images with the highest and the lowest Q, and features with the images they fire for and where in them."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from analysis import encoders
from analysis.charts import Drawn
from analysis.encoders.base import Encoder
from analysis.studies.qscore.activity import Array
from analysis.studies.qscore.attribution import grad_cam, map_layer, upsample
from analysis.studies.qscore.measure import QMeasured
from analysis.studies.qscore.params import QScore
from analysis.studies.qscore.scores import q_score

COLUMNS, FEATURES = 8, 3


def extremes(measured: QMeasured) -> Drawn:
    """Test images with the highest and the lowest defined Q of the first encoder."""
    data, shown = measured.data, measured.first
    assert data is not None
    assert shown is not None
    scores = q_score(shown.y, shown.of.features, shown.of.definition)
    rows = np.flatnonzero(scores.defined)
    ranked = rows[np.argsort(-scores.value[rows], kind="stable")]
    ends = [ranked[:COLUMNS], ranked[-COLUMNS:]]
    fig, axes = plt.subplots(2, COLUMNS, figsize=(7.2, 2.3))
    for line, part, label in zip(axes, ends, ("highest Q", "lowest Q"), strict=True):
        for ax, row in zip(line, part, strict=False):
            ax.imshow(data.y[row], interpolation="nearest")
            ax.set_title("right" if shown.correct[row] else "wrong", fontsize=7, loc="center", fontweight="normal")
        line[0].set_ylabel(label)
    _bare(axes)
    right = [int(shown.correct[part].sum()) for part in ends]
    return fig, (
        f"Of the {len(ends[0])} images with the highest Q the probe names {right[0]} rightly, of the {len(ends[1])} with the "
        f"lowest {right[1]}."
    )


def features(measured: QMeasured, params: QScore) -> Drawn:
    """Discriminative features evenly spread over D: the test images that excite each most, and where."""
    data, shown, encoder = measured.data, measured.first, encoders.load(params.encoders[0], params.device)
    assert data is not None
    assert shown is not None
    inside = np.flatnonzero(shown.of.features)
    ranked = inside[np.argsort(shown.of.percent[inside], kind="stable")]
    picked = ranked[np.linspace(0, len(ranked) - 1, FEATURES + 2).round().astype(int)[1:-1]]
    unit = shown.y / np.linalg.norm(shown.y, axis=1, keepdims=True).clip(1e-12)
    fig, axes = plt.subplots(FEATURES, COLUMNS, figsize=(7.2, 3.0))
    share = []
    for line, feature in zip(axes, picked, strict=True):
        top = np.argsort(-unit[:, feature], kind="stable")[:COLUMNS]
        _paint(line, data.y[top], _maps(encoder, data.y[top], int(feature)))
        line[0].set_ylabel(f"{shown.of.percent[feature]:.1f} %", fontsize=8)
        share.append(np.bincount(data.truth[top]).max() / COLUMNS)
    _bare(axes)
    return fig, f"The commonest class takes up {np.mean(share):.0%} of the images that excite one of these features most."


def _maps(encoder: Encoder, images: Array, feature: int) -> Array:
    weights = np.zeros((len(images), encoder.dim))
    weights[:, feature] = 1
    return upsample(grad_cam(encoder, images, weights, map_layer(encoder, images)), int(images.shape[1]))


def _paint(line: Sequence, images: Array, maps: Array) -> None:
    for ax, image, heat in zip(line, images, maps, strict=False):
        ax.imshow(image, interpolation="nearest")
        scaled = heat / max(float(heat.max()), 1e-12)
        ax.imshow(scaled, cmap="inferno", alpha=0.75 * scaled, vmin=0, vmax=1)  # cold places stay as they are


def _bare(axes: np.ndarray) -> None:
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        for spine in ax.spines.values():
            spine.set_visible(False)
