"""Logistic regression that ends at its minimum: scikit-learn's model, fitted in coordinates in which that takes few steps.

Features of a network are so correlated that L-BFGS needs hundreds of steps in them and is often stopped before it has
converged; what is read then hangs on the processor's rounding. Here it works along the principal axes of the features, each
scaled by how the penalised loss is curved along it. The minimum is the same: a rotation leaves the penalty as it is, and the
scales are accounted for in it. Measured with C = 10 on 4,000 images: 19 steps instead of 650 (untrained ViT, 96 features), 404
instead of 576 (SimCLR, 512), each time to a lower loss.
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

Array = np.ndarray
CURVATURE = 0.1  # of the loss along a feature of unit variance, about p (1 - p) of a doubtful image; it only sets the pace
STEPS = 2_000  # at most
LITTLE = 1e-9  # the gain of a step after which it ends
DRAFT = 1e-4  # `tol` of regressions among which is chosen
ENDED = 1.01  # times the least loss: there the choice ends
TEMPERATURES = (-5.0, 5.0)  # logarithms of those that are tried


@dataclass(frozen=True)
class Turned:
    """Features along their principal axes, made once and then fitted with any penalty.

    Attributes:
        rows: (n, r) features, centred and turned; r is the smaller of n and d.
        spread: (r,) variance along each axis.
        axes: (d, r) the axes.
        mean: (d,) of the features.
        classes, codes: the labels, sorted, and the number (n,) of each image's label.
    """

    rows: Array
    spread: Array
    axes: Array
    mean: Array
    classes: Array
    codes: Array

    @classmethod
    def of(cls, x: Array, labels: Array) -> Self:
        """Features x (n, d) with labels (n,). What is of 32 bits stays so.

        Raises:
            ValueError: a feature that is not finite, or fewer than two classes.
        """
        x = np.asarray_chkfinite(x)
        classes, codes = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"a regression needs two classes at least, not {len(classes)}")
        x = x if x.dtype == np.float32 else x.astype(np.float64)
        mean = x.mean(0, dtype=np.float64).astype(x.dtype)
        centred = (x - mean).astype(np.float64)
        if len(x) < x.shape[1]:
            _, lengths, turned = np.linalg.svd(centred, full_matrices=False)
            spread, axes = lengths**2 / len(x), turned.T
        else:
            spread, axes = np.linalg.eigh(centred.T @ centred / len(x))
        return cls((centred @ axes).astype(x.dtype), spread.clip(0), axes, mean, classes, codes)


class Logistic(LogisticRegression):
    """`LogisticRegression(C=...)` of scikit-learn, multinomial for several classes, at its minimum.

    It is reached where no entry of the gradient along the scaled axes is larger than `tol`.

    >>> x = np.random.default_rng(0).standard_normal((200, 5))
    >>> float(Logistic(C=10.0).fit(x, x[:, 0] > 0).score(x, x[:, 0] > 0)) > 0.95
    True
    """

    def __init__(self, C: float = 1.0, tol: float = 1e-5) -> None:
        super().__init__(C=C, tol=tol)

    def fit(self, x: Array, y: Array) -> Self:
        """Fit features x (n, d) to labels y (n,). Raises what `Turned.of` raises."""
        return self.solve(Turned.of(x, y))

    def solve(self, data: Turned, start: "Logistic | None" = None) -> Self:
        """Fit features that have been turned, beginning with another fit's weights, of the same classes, or with none."""
        (n, rank), count = data.rows.shape, len(data.classes)
        penalty = (2 if count == 2 else 1) / (n * self.C)  # a difference of two vectors is penalised half as much as one vector
        scale = 1 / np.sqrt(CURVATURE * np.append(data.spread, 1) + np.append(np.full(rank, penalty), 0))[:, None]
        rows = np.hstack([data.rows, np.ones((n, 1), data.rows.dtype)]) * scale.T.astype(data.rows.dtype)
        shrink = penalty * scale**2 * (np.arange(rank + 1) < rank)[:, None]  # of the weights, not of the constant
        own = np.arange(n), data.codes

        def loss(flat: Array) -> tuple[float, Array]:
            """Penalised mean log loss of weights ((r + 1) * classes,) along the scaled axes, and its gradient."""
            weights = flat.reshape(rank + 1, count)
            logits = rows @ weights.astype(rows.dtype)
            logits -= logits.max(1, keepdims=True)
            value = -logits[own].mean(dtype=np.float64)
            shares = np.exp(logits, out=logits)
            total = shares.sum(1, keepdims=True)
            value += np.log(total, dtype=np.float64).mean() + 0.5 * (shrink * weights**2).sum()
            shares /= total
            shares[own] -= 1
            return value, (rows.T @ shares / n + shrink * weights).ravel()

        begin = np.zeros((rank + 1, count)) if start is None else start._along(data) / scale
        options: dict[str, Any] = {"maxiter": STEPS, "gtol": self.tol, "ftol": LITTLE}
        found = minimize(loss, begin.ravel(), jac=True, method="L-BFGS-B", options=options)
        if found.nit >= STEPS:
            warnings.warn(f"a regression has not converged in {STEPS:,} steps", ConvergenceWarning, stacklevel=2)
        self.n_iter_ = np.array([found.nit])
        return self._take(data, found.x.reshape(rank + 1, count) * scale)

    def _take(self, data: Turned, weights: Array) -> Self:
        """Keep weights (r + 1, classes) along the axes as scikit-learn keeps them; of two classes, their difference."""
        if weights.shape[1] == 2:
            weights = weights[:, 1:] - weights[:, :1]
        self.classes_, self.n_features_in_ = data.classes, len(data.mean)
        self.coef_ = (data.axes @ weights[:-1]).T
        self.intercept_ = weights[-1] - self.coef_ @ data.mean
        return self

    def _along(self, data: Turned) -> Array:
        """The weights (r + 1, classes) along the axes of other features."""
        weights = np.vstack([data.axes.T @ self.coef_.T, self.intercept_ + self.coef_ @ data.mean])
        return np.hstack([-weights / 2, weights / 2]) if weights.shape[1] == 1 else weights


def choose(
    strengths: Iterable[Sequence[float]], parts: Sequence[Turned], held: Sequence[Array], shares: Sequence[Array]
) -> tuple[int, Logistic]:
    """Which penalty has the least `scaled_loss`, and the first part's regression with it, from which another may begin.

    Each of `strengths` holds the C of every part, the strongest penalty first; no weaker one is tried where the loss is `ENDED`
    times the least. Each regression begins with the one before. Parts, held-out rows and shares are as in `scaled_loss`.
    """
    before: list[Logistic | None] = [None] * len(parts)
    least, best = math.inf, (0, Logistic())
    for number, each in enumerate(strengths):
        models = [Logistic(c, DRAFT).solve(part, start) for c, part, start in zip(each, parts, before, strict=True)]
        loss = scaled_loss(models, held, shares)
        if loss < least:
            least, best = loss, (number, models[0])
        elif loss > ENDED * least:
            break
        before = list(models)
    return best


def scaled_loss(models: Sequence[Logistic], held: Sequence[Array], shares: Sequence[Array]) -> float:
    """Log loss of rows that were held out, after temperature scaling (Guo et al. 2017).

    Each part `held` (m, d) is judged by the model that was fitted without it, all at the one temperature that suits them best.
    `shares` (m, k) says how much of each row is of each of that model's k classes.
    """
    scores = [model.decision_function(x) for model, x in zip(models, held, strict=True)]
    scores = [np.stack([0 * part, part], 1) if part.ndim == 1 else part for part in scores]

    def loss(log_temperature: float) -> float:
        """Summed log loss at one temperature."""
        parts = zip(scores, shares, strict=True)
        return -sum(float((share * log_softmax(part / np.exp(log_temperature), 1)).sum()) for part, share in parts)

    return float(minimize_scalar(loss, bounds=TEMPERATURES).fun) / sum(map(len, held))
