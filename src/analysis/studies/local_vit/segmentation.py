"""Few-shot semantic segmentation of patches: neighbours or a linear probe, scored pixel by pixel from one confusion matrix.

A patch stands for all its pixels. So instead of enlarging predictions, the pixels of each class are counted in each patch
once; confusion matrices of those counts are exactly what enlarging by the nearest patch gives.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.logistic import Logistic, Turned, choose
from analysis.neighbours import Metric, nearest
from analysis.studies.local_vit import transforms
from analysis.threads import one_thread

Array = np.ndarray
SOFT_K, SOFT_TEMPERATURE = 30, 0.02  # neighbours and temperature of Balazevic et al. 2023
STRENGTHS = (1.0, 1e2, 1e4, 1e6)  # of the fit against the penalty, per patch; chosen on images held out of the bank
QUARTERS = 4  # of the images, held out in turn for the choice


def count_pixels(maps: Array, shape: tuple[int, int], classes: int, void: int | None = None) -> Array:
    """Pixels of each class in each patch, (n, h, w, classes), of label maps (n, H, W); void and larger labels count nowhere."""
    n, height, width = maps.shape
    row, column = np.arange(height) * shape[0] // height, np.arange(width) * shape[1] // width
    place = (np.arange(n)[:, None, None] * shape[0] + row[:, None]) * shape[1] + column
    known = maps < classes
    if void is not None:
        known &= maps != void
    flat = place[known] * classes + maps[known]
    return np.bincount(flat, minlength=n * shape[0] * shape[1] * classes).reshape(n, *shape, classes)


def confusion(predicted: Array, counts: Array) -> Array:
    """Pixels by image, true class and predicted class (n, C, C), of patch labels (n, h, w) and counts (n, h, w, C)."""
    n, classes = len(counts), counts.shape[-1]
    out = np.zeros((n, classes, classes), np.int64)
    image = np.arange(n).repeat(predicted[0].size)
    np.add.at(out.swapaxes(1, 2), (image, predicted.ravel()), counts.reshape(-1, classes))
    return out


def miou(matrix: Array) -> Array:
    """Mean intersection over union (...) of confusion matrices (..., C, C), over the classes that the truth holds.

    A class without a true pixel is left out of the mean; pixels wrongly given to it still count against their own class.
    """
    hit = np.diagonal(matrix, axis1=-2, axis2=-1)
    truth, predicted = matrix.sum(-1), matrix.sum(-2)
    present = truth > 0
    iou = np.where(present, hit / np.maximum(truth + predicted - hit, 1), 0)
    return iou.sum(-1) / np.maximum(present.sum(-1), 1)


def class_iou(matrix: Array) -> Array:
    """Intersection over union (C,) of each class of a confusion matrix (C, C); NaN where the truth does not hold it."""
    hit, truth, predicted = np.diagonal(matrix), matrix.sum(1), matrix.sum(0)
    return np.where(truth > 0, hit / np.maximum(truth + predicted - hit, 1), np.nan)


def miou_draws(matrix: Array, weights: Array) -> Array:
    """mIoU (1 + B,) by how often each image counts (1 + B, n), as `Measured.weights` has it; confusion (n, C, C)."""
    n, classes = matrix.shape[:2]
    said = miou((weights @ matrix.reshape(n, -1).astype(np.float64)).reshape(-1, classes, classes))
    return np.where(np.isnan(weights).any(axis=1), np.nan, said)


@dataclass(frozen=True)
class Bank:
    """Labelled patches: features (n, d), class shares (n, C), the image of each (n,). Patches of void alone are left out."""

    features: Array
    shares: Array
    image: Array

    def after(self, change: Callable[[Array], Array]) -> "Bank":
        """The same patches with their features changed."""
        return Bank(change(self.features), self.shares, self.image)

    def of_images(self, images: Array) -> "Bank":
        """Only the patches of some images, by their numbers."""
        rows = np.isin(self.image, images)
        return Bank(self.features[rows], self.shares[rows], self.image[rows])

    @property
    def labels(self) -> Array:
        """The commonest class of each patch; the earlier one of two equally common."""
        return self.shares.argmax(1)


def bank_of(grids: Array, counts: Array) -> Bank:
    """The bank of token grids (n, h, w, d) and pixel counts (n, h, w, C)."""
    flat, image = counts.reshape(-1, counts.shape[-1]), np.arange(len(grids)).repeat(grids[0, ..., 0].size)
    total = flat.sum(1)
    keep = total > 0
    return Bank(grids.reshape(-1, grids.shape[-1])[keep], (flat[keep] / total[keep, None]).astype(np.float32), image[keep])


def by_neighbour(
    bank: Bank, queries: Array, transform: transforms.FeatureTransform, metric: Metric, device: str = "cpu"
) -> Array:
    """Class (n, h, w) of the nearest bank patch to each token of queries (n, h, w, d)."""
    x = transform(queries.reshape(-1, queries.shape[-1]))
    index, _ = nearest(x, transform(bank.features), 1, metric, device)
    return bank.labels[index[:, 0]].reshape(queries.shape[:3])


def by_vote(bank: Bank, queries: Array, transform: transforms.FeatureTransform, device: str = "cpu") -> Array:
    """Class (n, h, w) by the 30 nearest by cosine, each giving its class shares with weight softmax(cosine / 0.02).

    The decoder of Balazevic et al. 2023 (arXiv 2306.01667, section 3.3), without its enlarged memory.
    """
    x = transform(queries.reshape(-1, queries.shape[-1]))
    index, cosine = nearest(x, transform(bank.features), SOFT_K, "cosine", device)
    weight = np.exp((cosine - cosine[:, :1]) / SOFT_TEMPERATURE).astype(np.float32)
    votes = np.zeros((len(index), bank.shares.shape[1]), np.float32)
    for place in range(index.shape[1]):
        votes += weight[:, place, None] * bank.shares[index[:, place]]
    return votes.argmax(1).reshape(queries.shape[:3])


@dataclass(frozen=True)
class Linear:
    """A fitted linear probe and the strength chosen for it."""

    transform: transforms.FeatureTransform
    model: Logistic
    strength: float

    def __call__(self, queries: Array) -> Array:
        """Class (n, h, w) of each token of queries (n, h, w, d)."""
        flat = self.transform(queries.reshape(-1, queries.shape[-1]))
        return np.asarray(self.model.predict(flat)).reshape(queries.shape[:3])


def fit_linear(bank: Bank, *, seed: int, normalise: bool = True, strength: float | None = None) -> Linear:
    """Multinomial logistic regression on the commonest class of each bank patch.

    Its strength, unless it is given, is chosen as that of `probing.fit_linear`, by the quarters of the bank's images, held out
    in turn; then the whole bank is fitted. The images to be segmented take no part. `normalise` standardises each dimension by
    the bank first (Vanyan et al. did so for MAE); without it features are raw.
    """
    transform = transforms.fit("standardise" if normalise else "none", bank.features)
    x, labels = transform(bank.features), bank.labels
    best = _best_strength(x, bank, seed) if strength is None else strength
    with one_thread():
        model = Logistic(C=best / len(x)).fit(x, labels)
    return Linear(transform, model, best)


def _best_strength(x: Array, bank: Bank, seed: int) -> float:
    """Of `STRENGTHS`; the strongest penalty where images of one class alone are left."""
    images = np.random.default_rng(seed).permutation(np.unique(bank.image))
    held = [np.isin(bank.image, part) for part in np.array_split(images, QUARTERS) if len(part)]
    held = [part for part in held if len(np.unique(bank.labels[~part])) > 1]
    if not held:
        return STRENGTHS[0]
    with one_thread():
        parts = [Turned.of(x[~part], bank.labels[~part]) for part in held]
        shares = [bank.shares[part][:, turned.classes] for part, turned in zip(held, parts, strict=True)]
        strengths = [[strength / len(part.rows) for part in parts] for strength in STRENGTHS]
        return STRENGTHS[choose(strengths, parts, [x[part] for part in held], shares)[0]]
