"""Exact nearest neighbours.

The published protocol looks for 188,160 queries in a bank of 451,584 vectors of 768 numbers; here a share of both, of the same
width, k = 10. The peers: the same product in double precision in blocks of 10,000 with the ten best of each kept, as the
authors' draft does; scikit-learn's brute force; faiss, which ranks in single precision. Compared are the similarities found.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from analysis.neighbours import nearest
from bench.turns import Row, contest, package

Array = np.ndarray
BANK, QUERIES, WIDTH, K = 451_584, 188_160, 768, 10
CHUNK = 10_000


def rows(smoke: bool) -> Iterator[Row]:
    """The search by cosine on one thread."""
    share = 2_048 if smoke else 32
    bank, queries = vectors(share)
    peers: dict[str, Callable[[], Array]] = {
        "double precision": lambda: in_double(bank, queries),
        "scikit-learn": lambda: scikit_learn(bank, queries),
    }
    if faiss := package("faiss", smoke):
        peers["faiss-cpu"] = lambda: faiss_flat(faiss, bank, queries)
    what = f"{len(queries):,} queries in {len(bank):,} x {WIDTH}"
    yield from contest(what, lambda: nearest(queries, bank, K, "cosine")[1], peers, turns=3)


def vectors(share: int) -> tuple[Array, Array]:
    """Unit vectors with the decaying spectrum of real features: bank and queries."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(((BANK + QUERIES) // share, WIDTH), dtype=np.float32)
    x *= np.geomspace(1, 0.05, WIDTH, dtype=np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x[: BANK // share], x[BANK // share :]


def in_double(bank: Array, queries: Array) -> Array:
    """The ten best of each block of the bank, then the best of those."""
    x, y = torch.from_numpy(queries).double(), torch.from_numpy(bank).double()
    best = [torch.mm(x, y[start : start + CHUNK].T).topk(K, 1).values for start in range(0, len(y), CHUNK)]
    return torch.cat(best, 1).topk(K, 1).values.numpy()


def scikit_learn(bank: Array, queries: Array) -> Array:
    """By Euclidean distance, its faster search: of unit vectors the order is that of cosines."""
    search = NearestNeighbors(n_neighbors=K, algorithm="brute", metric="euclidean").fit(bank)
    return 1 - search.kneighbors(queries)[0] ** 2 / 2


def faiss_flat(faiss: Any, bank: Array, queries: Array) -> Array:
    """`IndexFlatIP`."""
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(bank.shape[1])
    index.add(bank)
    return index.search(queries, K)[0]
