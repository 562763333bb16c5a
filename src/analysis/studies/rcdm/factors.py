"""Reading the factors of the world: off images, real or drawn, and off representations.

Images are read from the maps of an encoder held out, and a thumbnail. No representation that is drawn comes from this encoder,
so that a sample is not judged by what it was made from. What cannot be read from real images that were not fitted, no sample
can be asked to show.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.datasets.base import Dataset
from analysis.decoders.conditions import thumbnails
from analysis.encoders.base import Encoder
from analysis.probing import circle

Array = np.ndarray
WORDS = ("species", "part", "coat", "background", "mirror")
NUMBERS = ("x", "y", "scale", "rotation", "hue", "light", "ground")
TITLES = {
    **{"species": "species", "part": "head part", "coat": "coat", "background": "background family", "mirror": "side faced"},
    **{"x": "place, x", "y": "place, y", "scale": "scale", "rotation": "rotation", "hue": "hue", "light": "light"},
    "ground": "background colour",
}
PLACES = 64  # of the largest map that is read: larger ones hold more numbers than there are images to learn from
PENALTY = 0.3  # per image


@dataclass(frozen=True)
class Target:
    """One factor as the reader sees it: columns of the regression, and the words they stand for (none for a number)."""

    columns: slice
    words: tuple[str, ...]


class Reader:
    """Factors by name, read off features by ridge regression: words as indices into `targets[name].words`, numbers in rows."""

    def __init__(self, features: Array, factors: Mapping[str, Array]) -> None:
        """Fit on features (n, d) of images with these factors (as `truth` gives them)."""
        columns, self.targets = _columns(factors)
        self._fitted: Pipeline = make_pipeline(StandardScaler(), Ridge(alpha=PENALTY * len(features)))
        self._fitted.fit(features, columns)

    def __call__(self, features: Array) -> dict[str, Array]:
        """Factor -> what is read from each row: (n,) indices, or (n, k) numbers."""
        found = self._fitted.predict(features)
        parts = {name: found[:, target.columns] for name, target in self.targets.items()}
        return {name: part.argmax(1) if self.targets[name].words else part for name, part in parts.items()}

    def codes(self, factors: Mapping[str, Array]) -> dict[str, Array]:
        """True factors in the reader's own form; a word that the fitted images did not have has an index of its own."""
        found = {}
        for name, target in self.targets.items():
            places = {word: place for place, word in enumerate(target.words)}
            coded = [places.get(str(word), len(places)) for word in factors[name]] if places else factors[name]
            found[name] = np.asarray(coded)
        return found


def truth(data: Dataset) -> dict[str, Array]:
    """The factors a picture can show: words (n,), numbers (n, k), angles on the circle, the mean colour of the background."""
    f = data.factors
    outside = ~data.masks["foreground"]
    ground = (data.images * outside[..., None]).sum((1, 2)) / outside.sum((1, 2)).clip(1)[:, None] / 255
    numbers = {name: f[name][:, None] for name in ("x", "y", "scale", "rotation")}
    angles = {"hue": circle(2 * np.pi * f["hue"]), "light": circle(f["light"])}
    return {**{name: f[name].astype(str) for name in WORDS}, **numbers, **angles, "ground": ground}


def skill(read: Array, true: Array, population: Array, weights: Array) -> Array:
    """How well a factor is read, 0 as by a constant, 1 without error, once per row of `weights` (b, n): (b,).

    Numbers: R^2 = 1 - mean |t - r|^2 / variance. Words: (accuracy - c) / (1 - c), where c is the share of the commonest word.
    Variance and c are those of `population` (m, ...), true of all images, so that few images can be scored too.
    """
    if read.ndim == 1:
        common = np.bincount(population).max() / len(population)
        return ((weights @ (read == true)) / weights.sum(1) - common) / (1 - common)
    return 1 - (weights @ ((true - read) ** 2).sum(1)) / weights.sum(1) / population.var(axis=0).sum()


def spread(first: Array, second: Array, population: Array, weights: Array) -> Array:
    """How much a factor varies between two samples of one representation, relative to that between two random images.

    0: the representation fixes it, 1: it says nothing of it. Words: share of pairs that differ; numbers: squared difference.
    `population` (m, ...): what is read from real images; `weights` (b, n) as in `skill`.
    """
    if first.ndim == 1:
        shares = np.bincount(population) / len(population)
        differ, between = (first != second).astype(float), 1 - (shares**2).sum()
    else:
        differ, between = ((first - second) ** 2).sum(1), 2 * population.var(axis=0, ddof=1).sum()
    return (weights @ differ) / weights.sum(1) / between


def _columns(factors: Mapping[str, Array]) -> tuple[Array, dict[str, Target]]:
    """All factors side by side, words one-hot."""
    parts, targets, start = [], {}, 0
    for name, values in factors.items():
        words = tuple(map(str, np.unique(values))) if name in WORDS else ()
        part = (values[:, None] == np.array(words)).astype(float) if words else values
        targets[name] = Target(slice(start, start + part.shape[1]), words)
        parts.append(part)
        start += part.shape[1]
    return np.concatenate(parts, axis=1), targets


def seen(encoder: Encoder, images: Array) -> Array:
    """Maps of all layers that are coarse enough, the pooled output, and a thumbnail, side by side: (n, d) float32."""
    rows = []
    with torch.inference_mode():
        for start in range(0, len(images), encoder.batch_size):
            batch = images[start : start + encoder.batch_size]
            x = encoder.transform(batch).to(encoder.device, memory_format=torch.channels_last)
            found = encoder.backbone.forward_layers(x, encoder.layers)
            maps = [a.grid for name, a in found.items() if name != "embed" and a.grid[0, ..., 0].numel() <= PLACES]
            parts = [m.flatten(1).float().cpu().numpy() for m in (*maps, found["embed"].vector)]
            rows.append(np.concatenate([*parts, thumbnails(batch)], axis=1))
    return np.concatenate(rows)
