"""The positive control of Q1, Q3 and Q3b: class features that a probe's errors lack, planted into a representation."""

import numpy as np

from analysis.studies.qscore.activity import Array, Discriminative

SHARE, GENERIC = 0.45, 0.05  # of planted class features, and of the most often active ones, relative to the representation
CLEAR = (0.2, 0.9)  # probability that a misclassified, and a correct image shows the features of its class
STRENGTH = 1.5  # of a planted feature, relative to the largest one of the image


def plant(h: Array, labels: Array, clear: Array, classes: Array, of: Discriminative, seed: int) -> Array:
    """(n, r + more) features h (n, r) with class features appended, for which these claims hold by construction.

    A clear image excites all features of its class, any other as many of the representation's most often active features,
    which are not in D: sparsity does not tell them apart. A feature that only some clear images showed would be no more
    selective for its class than the representation's own are.

    Args:
        labels: (n,) classes, of `classes`.
        clear: (n,) probability that an image is clear.
        of: D of h.
    """
    rng = np.random.default_rng(seed)
    n, r = h.shape
    generic = np.argsort(of.percent, kind="stable")[-max(2, round(GENERIC * r)) :]
    each = min(max(1, round(SHARE * r / len(classes))), len(generic))
    shown = rng.random(n) < clear
    own = r + np.searchsorted(classes, labels)[:, None] * each + np.arange(each)
    other = generic[rng.random((n, len(generic))).argsort(1)[:, :each]]
    found = np.concatenate([h, np.zeros((n, each * len(classes)), h.dtype)], axis=1)
    columns = np.where(shown[:, None], own, other)
    np.put_along_axis(found, columns, (STRENGTH * h.max(axis=1, keepdims=True)).astype(h.dtype), axis=1)
    return found
