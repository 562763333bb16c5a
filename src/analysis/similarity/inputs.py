"""What every measure does first: check the features, centre them in float64, tell constants from signal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from analysis.errors import UserError


@dataclass(frozen=True)
class Prepared:
    """One side of a comparison, ready to be combined with another; row i belongs to image i."""

    rows: np.ndarray

    def take(self, order: np.ndarray) -> Self:
        """The same side with its images in another order."""
        return replace(self, rows=self.rows[order])


def matrix(features: np.ndarray, name: str = "features") -> np.ndarray:
    """The features as a real, finite (n, p) array, not copied and not cast.

    Raises:
        UserError: not a two-dimensional array of numbers, or with NaN or infinity in it.
    """
    values = np.asarray(features)
    if values.ndim != 2 or 0 in values.shape:
        hint = "; one feature per image is x[:, None]" if values.ndim == 1 else "; pool or flatten to one row per image"
        raise UserError(f"{name} has shape {values.shape}, but features are (images, dimensions){hint}")
    if values.dtype.kind not in "fiub":
        raise UserError(f"{name} has type {values.dtype}, but features are real numbers")
    finite = np.isfinite(values)
    if not finite.all():
        bad = int(np.count_nonzero(~finite))
        raise UserError(f"{name} holds {bad} values that are not finite; features must not be NaN or infinite")
    return values


def matrices(x: np.ndarray, y: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Both sides checked: the same number of images, at least `least` of them.

    Raises:
        UserError: as `matrix`, or the row counts differ, or there are too few rows.
    """
    x, y = matrix(x, "x"), matrix(y, "y")
    check_rows(x, y, least)
    return x, y


def check_rows(x: np.ndarray, y: np.ndarray, least: int) -> None:
    """Both sides have a row for each of the same images, of which there are at least `least`.

    Raises:
        UserError: they have not.
    """
    if len(x) != len(y):
        raise UserError(f"x has {len(x)} rows and y has {len(y)}, but row i of both must belong to the same image")
    if len(x) < least:
        raise UserError(f"{len(x)} images are too few; this measure needs at least {least}")


def rounding(features: np.ndarray) -> float:
    """How far storing the features in their own number type may have moved a singular value, at most.

    Rounding changes entry x_ij by at most eps |x_ij|, so by Weyl's inequality no singular value moves by more than
    eps ||X||_F. Features that arrive as float32 with a large mean carry more of this noise than float64 ones.
    """
    kind = features.dtype if features.dtype.kind == "f" else np.dtype(np.float64)
    return float(np.finfo(kind).eps) * float(np.linalg.norm(features.astype(np.float64)))


def centred(features: np.ndarray) -> np.ndarray:
    """Features minus their column means, (n, p) float64; exactly zero when they hold nothing but rounding.

    The first row is subtracted before the mean is taken, so equal rows give exact zeros and a large common offset
    costs no digits.

    Raises:
        UserError: the spread is beyond 1e60 or below 1e-60.
    """
    values = np.subtract(features, features[0], dtype=np.float64)
    values -= values.mean(axis=0)
    spread = float(np.sqrt(np.vdot(values, values) / len(values)))
    offset = float(np.linalg.norm(features[0].astype(np.float64)))
    if spread <= 1e-2 * offset and spread * np.sqrt(len(values)) <= 4 * rounding(features):
        values[:] = 0
    elif spread and not 1e-60 < spread < 1e60:
        raise UserError(f"the features spread over {spread:.0e}, whose fourth power float64 cannot hold; rescale them")
    return values


def check_ids(ids_x: Sequence[str], ids_y: Sequence[str], n: int) -> None:
    """Row i of both sides must be the same image.

    Raises:
        UserError: a list is not one unique id per row, or the lists differ; it names the first difference.
    """
    for name, ids in (("x", ids_x), ("y", ids_y)):
        if len(ids) != n:
            raise UserError(f"{name} has {n} rows but {len(ids)} ids; there must be one id per row")
        if len(set(ids)) != n:
            raise UserError(f"the ids of {name} are not unique: {n - len(set(ids))} repeat an earlier one")
    for row, (a, b) in enumerate(zip(ids_x, ids_y, strict=True)):
        if a != b:
            order = "the same ids in another order" if set(ids_x) == set(ids_y) else "different sets of ids"
            raise UserError(f"row {row} is image {a!r} in x but {b!r} in y ({order}); sort both by id and take the common ones")
