"""Exact nearest neighbours in bounded memory: blocks of a matrix product, then the best of each block, then of those."""

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

Array = np.ndarray
Metric = Literal["ip", "cosine", "l2"]
METRICS: tuple[Metric, ...] = get_args(Metric)
ROWS = 16_384  # of the bank, and
BLOCK = 2**23  # numbers, that are held at a time: scores of 32 MiB, candidates of 64 MiB
GROUP = 32  # scores whose largest is found before any is ranked
SLACK = 2  # candidates beyond k among which the order may still change
ROUNDING = 2.0**-26  # of a product of unit vectors in single precision, per dimension: a quarter of the worst case


def nearest(queries: Array, bank: Array, k: int = 1, metric: Metric = "cosine", device: str = "cpu") -> tuple[Array, Array]:
    """The k rows of bank (n, d) most similar to each query (q, d), most similar first: indices and similarities, (q, k) each.

    Similarity is the inner product (`ip`), the cosine, or minus the Euclidean distance (`l2`). Candidates are found in single
    precision, over blocks of at most `BLOCK` scores; where they lie so close that rounding could order them, and for distances,
    they are ranked again in double precision. Memory beyond the result and one copy of the bank does not grow with q and n.
    Ties go to either row. k above n: n.

    Raises:
        ValueError: the widths differ, or there is nothing to search.
    """
    if queries.ndim != 2 or bank.ndim != 2 or queries.shape[1] != bank.shape[1] or not len(bank):
        raise ValueError(f"cannot search queries {queries.shape} in a bank {bank.shape}")
    k, width = min(k, len(bank)), bank.shape[1]
    shift = bank.mean(0, dtype=np.float64).astype(np.float32) if metric == "l2" else 0  # distances stay, rounding shrinks
    rows = torch.from_numpy(np.ascontiguousarray(bank - shift, dtype=np.float32)).to(device)
    lengths = _lengths(bank)
    if metric == "cosine":
        rows /= torch.from_numpy(lengths).to(device, torch.float32)[:, None]
    longest = float(lengths.max())
    offset = rows.square().sum(1) / 2 if metric == "l2" else None
    indices, similarities = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
    step = max(1, min(BLOCK // min(len(bank), ROWS), BLOCK // ((k + SLACK) * width)))
    scores = torch.empty(step * min(len(bank), ROWS), device=device)  # one buffer for all blocks: fresh memory costs a fifth
    for start in range(0, len(queries), step):
        part = queries[start : start + step]
        x = torch.from_numpy(np.ascontiguousarray(part - shift, dtype=np.float32)).to(device)
        near, found = (t.cpu().numpy() for t in _candidates(x, rows, offset, min(k + SLACK, len(bank)), scores))
        found = found.astype(np.float64)
        size = _lengths(part)
        if metric == "cosine":
            found /= size[:, None]
        close = _close(found, k, ROUNDING * width * (1 if metric == "cosine" else size * longest)) if metric != "l2" else ...
        exact = _similarity(part[close], bank[near[close]], lengths[near[close]], metric)
        order = np.argsort(-exact, axis=1, kind="stable")
        near[close], found[close] = np.take_along_axis(near[close], order, 1), np.take_along_axis(exact, order, 1)
        indices[start : start + step], similarities[start : start + step] = near[:, :k], found[:, :k]
    return indices, similarities


def _close(found: Array, k: int, rounding: float | Array) -> Array:
    """Queries (q,) of whose k + 1 largest similarities (q, >= k), sorted, two lie within rounding, of each or common to all."""
    gaps = found[:, :k] - found[:, 1 : k + 1] if found.shape[1] > k else found[:, : k - 1] - found[:, 1:k]
    return (gaps < np.broadcast_to(rounding, len(found))[:, None]).any(1)


def _candidates(x: Tensor, rows: Tensor, offset: Tensor | None, k: int, buffer: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (q, k) and values of the largest x @ rows.T - offset, in single precision, largest first."""
    best: list[tuple[Tensor, Tensor]] = []
    for first in range(0, len(rows), ROWS):
        block = rows[first : first + ROWS]
        scores = buffer[: len(x) * len(block)].view(len(x), len(block))
        torch.mm(x, block.T, out=scores)
        if offset is not None:
            scores -= offset[first : first + ROWS]
        values, index = _top(scores, min(k, len(block)))
        best.append((values, index + first))
    values, index = (torch.cat(parts, 1) for parts in zip(*best, strict=True))
    values, order = values.topk(k, 1)
    return index.gather(1, order), values


def _top(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """What `scores.topk(k, 1)` gives, unsorted and faster: the k largest lie in the k groups whose own largest is largest."""
    groups, rest = divmod(scores.shape[1], GROUP)
    if groups <= 2 * k:
        values, index = scores.topk(k, 1)
        return values, index
    grouped = scores[:, : groups * GROUP].unflatten(1, (groups, GROUP))
    chosen = grouped.amax(2).topk(k, 1, sorted=False).indices
    pool = grouped.gather(1, chosen[:, :, None].expand(-1, -1, GROUP)).flatten(1)
    places = (chosen[:, :, None] * GROUP + torch.arange(GROUP, device=scores.device)).flatten(1)
    if rest:
        tail = torch.arange(groups * GROUP, scores.shape[1], device=scores.device)
        pool = torch.cat([pool, scores[:, groups * GROUP :]], 1)
        places = torch.cat([places, tail.expand(len(scores), -1)], 1)
    values, index = pool.topk(k, 1, sorted=False)
    return values, places.gather(1, index)


def _similarity(queries: Array, rows: Array, lengths: Array, metric: Metric) -> Array:
    """Of queries (q, d) with their own rows (q, k, d) of known lengths (q, k), in double precision: (q, k)."""
    x = queries.astype(np.float64)
    if metric == "l2":
        return -np.linalg.norm(x[:, None] - rows, axis=2)
    products = np.einsum("qd,qkd->qk", x, rows.astype(np.float64))
    return products if metric == "ip" else products / (_lengths(x)[:, None] * lengths)


def _lengths(x: Array) -> Array:
    """Euclidean norms (n,) of x (n, d), in double precision and above 0."""
    return np.sqrt(np.einsum("nd,nd->n", x, x, dtype=np.float64)).clip(1e-12)
