"""Linear CKA.

float32 features with a mean other than zero, as encoders give them. pytorch-cka takes all layers at once, cka-pytorch one pair
after the other.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from analysis.similarity import LinearCka, cka_matrix, debiased_cka, linear_cka
from bench.turns import Row, contest, package

Array = np.ndarray
BATCH = 4_096
EVEN = 1.02  # limit beside the same three products, which are nearly all of the time: neither side can be faster
STREAM = 1.5  # limit for one pass in bounded memory, beside everything at once


def rows(smoke: bool) -> Iterator[Row]:
    """Pairs of three widths, matrices of layers, a stream."""
    n, widths, layers, many = (60, (8,), 2, 200) if smoke else (5_000, (384, 768, 2_048), 12, 100_000)
    for d in widths:
        yield from _pair(n, d, smoke)
    yield from _layers(n, widths[0], layers, smoke)
    yield from _stream(many, widths[0])


def _pair(n: int, d: int, smoke: bool) -> Iterator[Row]:
    (x,), (y,) = stacks(n, d, 1)
    peers: dict[str, Callable[[], Any]] = {"numpy": lambda: gram_form(x, y)}
    if ckatorch := package("ckatorch", smoke):
        peers["ckatorch"] = lambda: ckatorch.cka_base(torch.from_numpy(x), torch.from_numpy(y), unbiased=True)
    if cka_pytorch := package("cka_pytorch", smoke):
        peers["cka-pytorch"] = lambda: replayed(cka_pytorch, x[None], y[None])[0, 0]
    if pytorch_cka := package("cka", smoke):
        peers["pytorch-cka"] = lambda: pytorch_cka.cka_from_features(torch.from_numpy(x[None]), torch.from_numpy(y[None]))[0, 0]
    yield from contest(f"debiased, n = {n:,}, d = {d:,}", lambda: debiased_cka(x, y), peers)
    same = {"numpy": lambda: feature_form(x, y)}
    yield from contest(f"biased, n = {n:,}, d = {d:,}", lambda: linear_cka(x, y), same, EVEN)


def _layers(n: int, d: int, layers: int, smoke: bool) -> Iterator[Row]:
    x, y = stacks(n, d, layers)
    what, pair = f"layers, n = {n:,}, d = {d:,}", (list(x), list(y))
    each = {"numpy": lambda: [[feature_form(a, b) for b in y] for a in x]}
    yield from contest(f"biased, {layers} x {layers} {what}", lambda: cka_matrix(*pair, debiased=False), each)
    if pytorch_cka := package("cka", smoke):
        at_once = {"pytorch-cka": lambda: pytorch_cka.cka_from_features(torch.from_numpy(x), torch.from_numpy(y))}
        yield from contest(f"debiased, {layers} x {layers} {what}", lambda: cka_matrix(*pair), at_once)
    if cka_pytorch := package("cka_pytorch", smoke):
        pairs = {"cka-pytorch": lambda: replayed(cka_pytorch, x[:2], y[:2])}
        yield from contest(f"debiased, 2 x 2 {what}", lambda: cka_matrix(pair[0][:2], pair[1][:2]), pairs)


def _stream(n: int, d: int) -> Iterator[Row]:
    (x,), (y,) = stacks(n, d, 1)

    def one_pass() -> float:
        stream = LinearCka()
        for start in range(0, n, BATCH):
            stream.update(x[start : start + BATCH], y[start : start + BATCH])
        return stream.value(debiased=False)

    at_once = {"numpy, all at once": lambda: feature_form(x, y)}
    yield from contest(f"biased, one pass, n = {n:,}, d = {d:,}", one_pass, at_once, STREAM, turns=3)


def stacks(n: int, d: int, layers: int) -> Array:
    """Two stacks of layers (2, layers, n, d): a shared signal of falling spectrum, noise, and an offset as after a ReLU."""
    rng = np.random.default_rng(d)
    signal = rng.standard_normal((n, 64)) / np.sqrt(np.arange(1, 65))
    found = np.empty((2, layers, n, d), dtype=np.float32)
    for layer in found.reshape(-1, n, d):
        layer[:] = 1 + signal @ rng.standard_normal((64, d)) / 8 + 0.5 * rng.standard_normal((n, d))
    return found


def gram_form(x: Array, y: Array) -> float:
    """Debiased, from the float64 Gram matrices of what Song et al. write."""

    def hsic(k: Array, l: Array) -> float:
        n = len(k)
        mean = k.sum() * l.sum() / ((n - 1) * (n - 2))
        return float((k * l).sum() + mean - 2 / (n - 2) * (k.sum(axis=0) @ l.sum(axis=0)))

    k, l = (z.astype(np.float64) @ z.T.astype(np.float64) for z in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    return hsic(k, l) / float(np.sqrt(hsic(k, k) * hsic(l, l)))


def feature_form(x: Array, y: Array) -> float:
    """Biased, as the textbook has it, in float64."""
    a, b = (z.astype(np.float64) - z.mean(axis=0, dtype=np.float64) for z in (x, y))
    return float(np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))


class Replay(torch.nn.Module):
    """A model that says features (layers, n, d) it was given, for cka-pytorch, which takes models."""

    def __init__(self, stack: Array) -> None:
        super().__init__()
        self.stack = torch.from_numpy(stack)
        self.taps = torch.nn.ModuleList(torch.nn.Identity() for _ in stack)
        self.anchor = torch.nn.Parameter(torch.zeros(1))  # the package asks the model for its device

    def forward(self, rows: Any) -> None:
        """Rows of every layer, each through its own module."""
        for tap, layer in zip(self.taps, self.stack, strict=True):
            tap(layer[rows])


def replayed(package: Any, x: Array, y: Array) -> Any:
    """One layer pair at a time: by default the package stacks 64 Gram matrices, which do not fit into memory."""
    kinds = [torch.nn.Identity]
    calculator = package.CKACalculator(Replay(x), Replay(y), kinds, kinds, batched_feature_size=1, verbose=False)
    return calculator.calculate_cka_matrix([(torch.arange(x.shape[1]), None)], num_epochs=1)
