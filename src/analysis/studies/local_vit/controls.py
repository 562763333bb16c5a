"""Tokens in which a claim is true, or false, by construction: noise that destroys or only disturbs, planted dimensions.

`Noise` puts the same energy once over all dimensions, where it destroys what every probe reads, and once in dimensions of its
own, where nothing is lost and only untuned neighbours suffer. `planting` is an invertible map: a linear layer behind the final
norm, such as the embedding of MAE's decoder, absorbs its inverse, so that the network computes what it did before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.studies.local_vit.transforms import FeatureTransform, variances

Array = np.ndarray
Place = Literal["all", "own"]
NOISE, NUISANCE, ROUNDED = "noise ", "nuisance ", "rounded "  # before the name of a setting
ENERGY = 1000.0  # of the noise, in total variances of the tokens: hides what they hold from every probe
STRENGTHS = (1.0, 3.0, 12.0)  # of the planted dimensions; 1 plants nothing and only turns the axes


@dataclass
class Noise:
    """Gaussian noise whose variances sum to `ENERGY` times those of the tokens it was made for.

    Attributes:
        total: that sum of variances of the tokens.
        m: how many dimensions of its own it has where it has its own.
    """

    place: Place
    total: float
    m: int
    generator: np.random.Generator

    def __call__(self, x: Array) -> Array:
        """x (..., d) with noise on all its dimensions, or with m of its `own` that hold nothing else."""
        width = x.shape[-1] if self.place == "all" else self.m
        drawn = self.generator.standard_normal((*x.shape[:-1], width), dtype=np.float32)
        drawn *= np.sqrt(ENERGY * self.total / width)
        return x + drawn if self.place == "all" else np.concatenate([x, drawn], axis=-1)


def noise(place: Place, tokens: Array, share: float, seed: int) -> Noise:
    """The noise for tokens (..., d): a `share` of d as dimensions of its own, at least one."""
    width = tokens.shape[-1]
    total = float(variances(tokens.reshape(-1, width)).sum())
    return Noise(place, total, max(1, round(share * width)), np.random.default_rng([seed, len(place)]))


def least_informative(x: Array, labels: Array, m: int) -> Array:
    """Orthonormal axes (d, d) of x (n, d), those that tell labels (n,) apart least in the first m columns.

    The axes are the principal ones. The first m are, of the half with most variance (or m, if that is more), those with the
    smallest share of their variance between the means of the classes.
    """
    centred = x - x.mean(0, dtype=np.float64)
    spectrum, axes = np.linalg.eigh(centred.T @ centred / len(x))
    spectrum, scores = spectrum[::-1], centred @ axes[:, ::-1]
    classes, code, count = np.unique(labels, return_inverse=True, return_counts=True)
    means = np.zeros((len(classes), x.shape[1]))
    np.add.at(means, code, scores)
    between = (means**2 / count[:, None]).sum(0) / len(x)
    half = max(m, x.shape[1] // 2)
    order = np.argsort(between[:half] / np.maximum(spectrum[:half], 1e-300), kind="stable")
    first = order[:m]
    rest = np.setdiff1d(np.arange(x.shape[1]), first)
    return axes[:, ::-1][:, np.concatenate([first, rest])]


def planting(axes: Array, m: int, strength: float) -> FeatureTransform:
    """The invertible map x -> x A with A = axes (d, d), its first m columns times `strength`."""
    factors = np.where(np.arange(axes.shape[1]) < m, strength, 1.0)
    return FeatureTransform(slice(None), scale=(axes * factors).astype(np.float32))


def variants(tokens: Array, share: float, seed: int) -> dict[str, Callable[[Array], Array]]:
    """What is done to tokens (..., d) before they are read, by what it puts before the name of a setting: nothing, noise."""
    return {"": lambda x: x, NOISE: noise("all", tokens, share, seed), NUISANCE: noise("own", tokens, share, seed)}


def rounded(x: Array) -> Array:
    """x (..., d) in steps of an eighth of the standard deviation of all its numbers: as good as x."""
    step = float(x.std()) / 8
    return np.round(x / step) * step if step else x
