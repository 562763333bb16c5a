"""Faithfulness: where the represented image stands among real images, seen from a sample in the space of representations."""

import numpy as np
import torch

Array = np.ndarray
CHUNK = 4096  # real images compared at a time


def ranks(samples: Array, bank: Array, own: Array) -> Array:
    """Rank (m,) of each sample's own image: 1 + how many bank images are nearer to the sample.

    rank_i = 1 + #{j: |f(x_i) - h_j| < |f(x_i) - h_own(i)|} (Bordes et al. 2022), with half of the ties added, so that a space
    in which all images are one gives the middle rank and not the first.

    Args:
        samples: representations of samples, (m, d).
        bank: representations of real images, (n, d).
        own: row of `bank` that each sample was drawn from, (m,).
    """
    x, every = torch.from_numpy(samples.astype(np.float64)), torch.from_numpy(bank.astype(np.float64))
    threshold = (x - every[torch.from_numpy(np.asarray(own))]).norm(dim=1, keepdim=True)
    nearer, tied = torch.zeros(len(x)), torch.zeros(len(x))
    slack = 1e-9 * threshold
    for start in range(0, len(every), CHUNK):
        # without the quick way through inner products, which is not exact where distances are small
        apart = torch.cdist(x, every[start : start + CHUNK], compute_mode="donot_use_mm_for_euclid_dist")
        nearer += (apart < threshold - slack).sum(1)
        tied += ((apart - threshold).abs() <= slack).sum(1)
    return (1 + nearer + (tied - 1).clamp(min=0) / 2).numpy().astype(float)


def chance(n: int) -> float:
    """Expected reciprocal rank among n images by chance: the mean of 1/k, k = 1 ... n."""
    return float((1 / np.arange(1, n + 1)).mean())


def relative_distance(samples: Array, own: Array, bank: Array) -> Array:
    """Squared distance of samples (m, d) to their conditions `own` (m, d), over the mean of that between two bank images.

    E |h_i - h_j|^2 over i != j is twice the total variance, so no pair needs to be formed.
    """
    pairs = 2 * bank.astype(np.float64).var(axis=0, ddof=1).sum()
    return ((samples.astype(np.float64) - own) ** 2).sum(1) / pairs
