"""Following objects by the similarity of patches alone: label propagation of DINO on DAVIS.

The protocol is that of Jabri et al. (2020, arXiv:2006.14613) as used for DINO (Caron et al. 2021, arXiv:2104.14294,
section 4.2.2): no training, no threshold, nothing but nearest neighbours between frames.
"""

import math
from collections import deque

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from analysis.errors import UserError
from analysis.logistic import Logistic
from analysis.threads import one_thread

Array = np.ndarray
RADIUS = 12  # patches; the reach of the local window in DINO's evaluation
BLOCK = 2**24  # similarities held at a time (64 MiB), or one row of patches with all it sees where that is more


def propagate(
    grids: Array,
    first: Array,
    *,
    frames: int = 7,
    topk: int = 5,
    radius: int = RADIUS,
    temperature: float = 0.1,
) -> Array:
    """Labels (t, H, W) int of a video from those of its first frame (H, W) int and the patch tokens (t, h, w, d) float.

    The labels of the first frame, one channel each, are brought to the grid by the pixel at each patch's centre. A
    patch of a later frame looks at the first frame and up to `frames` preceding ones, within `radius` patches of its
    own place, and takes the mean of the soft labels of the `topk` most similar patches, with the weights

        softmax(cosine / temperature),

    ties with the last of them included. Soft labels are what later frames see. The map shown is the soft one enlarged
    bilinearly, every channel stretched to [0, 1], and its arg max; the first frame is returned as it was given.

    As the official code does, except: a channel that is constant over a frame is not stretched (it divides by zero
    there); labels are enlarged to H x W at once instead of to whole patches and then by nearest pixel (the same where
    patches fit the image); similarities are computed block by block, so that memory does not grow with (h w)^2.

    Raises:
        UserError: shapes that do not go together, or a number out of range.
    """
    grids, first = np.asarray(grids), np.asarray(first)
    _check(grids, first, frames, topk, radius, temperature)
    labels, codes = np.unique(first, return_inverse=True)
    channels = functional.one_hot(torch.from_numpy(_at_centres(codes.reshape(first.shape), grids.shape[1:3])), len(labels))
    start = (_unit(grids[0]), channels.float())
    past: deque[tuple[torch.Tensor, torch.Tensor]] = deque(maxlen=frames)
    out = np.empty((len(grids), *first.shape), dtype=first.dtype)
    out[0] = first
    for t in range(1, len(grids)):
        target = _unit(grids[t])
        soft = _mean_labels(target, [start, *past], topk, radius, temperature)
        past.append((target, soft))
        out[t] = labels[_enlarged(soft, first.shape)]
    return out


def by_first_frame(grids: Array, first: Array) -> Array:
    """Labels (t, H, W) of a video by a linear classifier of the first frame's patches; arguments as those of `propagate`.

    A logistic regression on tokens (t, h, w, d), standardised by the first frame, learns the label at each patch's centre. Its
    probabilities are enlarged as `propagate` enlarges soft labels. Where the patches have one label, all frames have it.
    """
    grids, first = np.asarray(grids), np.asarray(first)
    _check(grids, first, 0, 1, 0, 1)
    labels, codes = np.unique(first, return_inverse=True)
    centres = _at_centres(codes.reshape(first.shape), grids.shape[1:3]).ravel()
    out = np.repeat(first[None], len(grids), axis=0)
    if len(np.unique(centres)) < 2:
        out[1:] = labels[centres[0]]
        return out
    with one_thread():
        model = make_pipeline(StandardScaler(), Logistic())
        model.fit(grids[0].reshape(len(centres), -1), centres)
    for t in range(1, len(grids)):
        soft = np.zeros((len(centres), len(labels)), np.float32)
        soft[:, model.classes_] = model.predict_proba(grids[t].reshape(len(centres), -1))
        out[t] = labels[_enlarged(torch.from_numpy(soft.reshape(*grids.shape[1:3], -1)), first.shape)]
    return out


def _at_centres(pixels: Array, shape: tuple[int, ...]) -> Array:
    """The pixel (H, W) at the centre of each cell of a grid (h, w), the lower right one of four."""
    rows, columns = (((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(shape, pixels.shape, strict=True))
    return pixels[np.ix_(rows, columns)]


def _unit(grid: Array) -> torch.Tensor:
    return functional.normalize(torch.from_numpy(np.ascontiguousarray(grid, dtype=np.float32)), dim=-1)


def _mean_labels(
    target: torch.Tensor, context: list[tuple[torch.Tensor, torch.Tensor]], topk: int, radius: int, temperature: float
) -> torch.Tensor:
    """Soft labels (h, w, c) of the target (h, w, d) from tokens and soft labels of the context, by blocks of rows."""
    h, w, _ = target.shape
    tokens, labels = (torch.stack(part) for part in zip(*context, strict=True))
    rows = max(
        1, int(math.sqrt(radius**2 + BLOCK / (len(context) * w * w)) - radius)
    )  # rows (rows + 2 radius) context w^2 <= BLOCK
    far = [
        torch.zeros(n, n).masked_fill_((torch.arange(n)[:, None] - torch.arange(n)).abs() > radius, -torch.inf) for n in (h, w)
    ]
    out, total = torch.zeros(h * w, labels.shape[-1]), torch.zeros(h * w, 1)
    for top in range(0, h, rows):
        block = slice(top, min(top + rows, h))
        seen = slice(max(0, top - radius), block.stop + radius)
        cosine = target[block].flatten(0, 1) @ tokens[:, seen].flatten(0, 2).T
        places = cosine.view(-1, w, len(context), far[0][block, seen].shape[1], w)
        places += far[0][block, seen][:, None, None, :, None]
        places += far[1][:, None, None, :]
        best = cosine.topk(min(topk, cosine.shape[1]), dim=1).values
        row, source = (cosine >= best[:, -1:]).nonzero(as_tuple=True)
        weights = torch.exp((cosine[row, source] - best[row, 0]) / temperature)[:, None]
        total.index_add_(0, top * w + row, weights)
        out.index_add_(0, top * w + row, weights * labels[:, seen].flatten(0, 2)[source])
    return (out / total).reshape(h, w, -1)


def _enlarged(soft: torch.Tensor, shape: tuple[int, ...]) -> Array:
    """Index of the strongest channel (H, W) of soft labels (h, w, c), every channel stretched to [0, 1]."""
    maps = functional.interpolate(soft.permute(2, 0, 1)[None], size=shape, mode="bilinear", align_corners=False)[0]
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    stretched = torch.where(high > low, (maps - low) / (high - low).clamp_min(1e-30), maps)
    return stretched.numpy().argmax(0)  # five times as fast as that of torch, and the first of equals


def _check(grids: Array, first: Array, frames: int, topk: int, radius: int, temperature: float) -> None:
    if grids.ndim != 4 or 0 in grids.shape:
        raise UserError(f"tokens of a video must be (frames, rows, columns, channels), none of them 0, not {grids.shape}")
    if not np.isfinite(grids).all():
        raise UserError("tokens of a video must be finite numbers; these hold NaN or infinity")
    if first.ndim != 2 or first.dtype.kind not in "iub" or first.shape[0] < grids.shape[1] or first.shape[1] < grids.shape[2]:
        raise UserError(f"labels of the first frame must be whole numbers, at least {grids.shape[1:3]}, not {first.shape}")
    for name, value, least in (("frames", frames, 0), ("topk", topk, 1), ("radius", radius, 0)):
        if not isinstance(value, int | np.integer) or value < least:
            raise UserError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if not temperature > 0:
        raise UserError(f"temperature must be above 0, not {temperature!r}")
