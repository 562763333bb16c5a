"""What can be read off frozen features: neighbours, linear probes, factors, effective rank. Arrays in, numbers out.

Every probe is fitted on one set of images and scored on another; intervals are over the images scored.
"""

import math
from collections.abc import Mapping

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis.logistic import Logistic, Turned, choose
from analysis.stats import Estimate, estimate
from analysis.threads import one_thread

Array = np.ndarray
NEIGHBOURS, TEMPERATURE = 20, 0.07
STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0, 10.0, 30.0, 100.0)  # inverse penalties C of the logistic regression
UNTUNED = 0.1  # C where no class has images enough to choose
QUARTERS, ENOUGH = 4, 1_000  # of each class, held out in turn for the choice until that many images have been
DRAWS = 1000


def knn(x: Array, labels: Array, y: Array, k: int = NEIGHBOURS) -> Array:
    """Labels (m,) of y (m, d) by their k nearest in x (n, d) by cosine, each voting exp(cosine / 0.07) (Wu et al. 2018)."""
    unit_x, unit_y = (z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12) for z in (x, y))
    k = min(k, len(x))
    classes, codes = np.unique(labels, return_inverse=True)
    found = []
    for start in range(0, len(y), 1000):
        similar = unit_y[start : start + 1000] @ unit_x.T
        near = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        weights = np.exp(np.take_along_axis(similar, near, 1) / TEMPERATURE)
        votes = np.zeros((len(near), len(classes)))
        np.add.at(votes, (np.arange(len(near))[:, None], codes[near]), weights)
        found.append(classes[votes.argmax(1)])
    return np.concatenate(found)


def fit_linear(x: Array, labels: Array, seed: int = 0) -> Pipeline:
    """A logistic regression on standardised features x (n, d) with an L2 penalty, multinomial for several classes.

    The penalty is chosen on training images alone, by a quarter of each class, held out of the fit; the quarters are held out
    in turn until that has happened to 1,000 images. The C taken has the least log loss there after temperature scaling (Guo et
    al. 2017). The plain log loss would not do: with few images a confident regression is dear long before it names fewer of
    them rightly, so that weak encoders looked weaker (an untrained ViT, 800 images of Scenes: .07 where .17 is there). Nor
    would the count of images named rightly: on one quarter it hangs on which quarter it is. Stronger penalties come first, and
    none weaker is tried where the loss has risen (`logistic.choose`). Then all images are fitted. `seed` draws the quarters.
    Without four images of any class C is `UNTUNED`. The C taken is that of the last step of the pipeline.

    >>> x = np.random.default_rng(0).standard_normal((200, 5))
    >>> fit_linear(x, x[:, 0] > 0)[-1].C in STRENGTHS
    True
    """
    scaler, labels = StandardScaler().fit(x), np.asarray(labels)
    z = scaler.transform(x)
    with one_thread():
        draft = _chosen(z, labels, _quarters(labels, seed))
        model = Logistic(C=draft.C if draft else UNTUNED).solve(Turned.of(z, labels), draft)
    return Pipeline([("scale", scaler), ("regression", model)])


def _chosen(z: Array, labels: Array, quarters: Array) -> Logistic | None:
    """The regression of least loss, fitted without the first quarter; None where there are no quarters."""
    each = (quarters == 0).sum()
    if not each:
        return None
    held = [quarters == q for q in range(min(QUARTERS, math.ceil(ENOUGH / each)))]
    parts = [Turned.of(z[~part], labels[~part]) for part in held]
    truth = [labels[part, None] == turned.classes for part, turned in zip(held, parts, strict=True)]
    return choose([[c] * len(parts) for c in STRENGTHS], parts, [z[part] for part in held], truth)[1]


def _quarters(labels: Array, seed: int) -> Array:
    """The quarter (n,) of its class that each training image is in; -1 for up to three left over, which are never held out."""
    rng, quarters = np.random.default_rng(seed), np.full(len(labels), -1)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        whole = len(rows) // QUARTERS * QUARTERS
        quarters[rows[:whole]] = np.arange(whole) % QUARTERS
    return quarters


def linear(x: Array, labels: Array, y: Array) -> Array:
    """Labels (m,) of y (m, d) by `fit_linear` on x (n, d)."""
    return np.asarray(fit_linear(x, labels).predict(y))


def accuracy(correct: Array, seed: int = 0) -> Estimate:
    """Share of true entries in `correct` (m,), with its bootstrap interval (1,000 resamples of the m images)."""
    hits = np.asarray(correct, dtype=bool)
    draws = np.random.default_rng(seed).binomial(len(hits), hits.mean(), DRAWS) / len(hits)
    return estimate(float(hits.mean()), draws)


def gain(correct: Array, control: Array, seed: int = 0, *, draws: int = DRAWS, comparisons: int = 1) -> Estimate:
    """Accuracy of one probe minus that of another on the same images (m,), with its paired bootstrap interval.

    The m differences are -1, 0 or 1, so that resampling the images is a draw of their counts from a multinomial. The interval
    holds for `comparisons` gains together (Bonferroni).
    """
    difference = np.asarray(correct, dtype=int) - np.asarray(control, dtype=int)
    shares = [(difference == value).mean() for value in (-1, 0, 1)]
    counts = np.random.default_rng(seed).multinomial(len(difference), shares, size=draws)
    return estimate(float(difference.mean()), (counts[:, 2] - counts[:, 0]) / len(difference), comparisons=comparisons)


def decodability(x: Array, factor: Array, y: Array, truth: Array) -> float:
    """How well a linear map reads a factor from features: accuracy for words and truth values, R^2 for numbers.

    R^2 is that of a ridge regression on standardised features, on the images it was not fitted on; numbers of several columns
    (an angle as sine and cosine) share one R^2. It is negative where a constant would do better.
    """
    if factor.dtype.kind in "UOSb":
        return float((linear(x, factor, y) == truth).mean())
    fitted = make_pipeline(StandardScaler(), Ridge(alpha=0.1 * len(x))).fit(x, factor)
    rest = ((truth - fitted.predict(y)) ** 2).sum()
    return float(1 - rest / ((truth - truth.mean(0)) ** 2).sum())


def circle(angle: Array) -> Array:
    """Angles (n,) in radians as (n, 2) sine and cosine."""
    return np.stack([np.sin(angle), np.cos(angle)], 1)


def factors_of(factors: Mapping[str, Array]) -> dict[str, Array]:
    """The factors of a set of Scenes as `decodability` takes them: angles on the circle, hue as one."""
    turns = {"rotation": 1.0, "light": 1.0, "hue": 2 * np.pi}
    names = ("species", "part", "coat", "background", "x", "y", "scale", "rotation", "mirror", "hue", "light")
    return {name: circle(factors[name] * turns[name]) if name in turns else factors[name] for name in names if name in factors}


def rankme(x: Array) -> float:
    """Effective rank of features (n, d): exp of the entropy of the normalised singular values (Garrido et al. 2023, eq. 1)."""
    values = np.linalg.svd(x.astype(np.float64), compute_uv=False)
    share = values / values.sum() + 1e-7
    return float(np.exp(-(share * np.log(share)).sum()))
