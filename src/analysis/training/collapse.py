"""Has an encoder collapsed? Two numbers say so while it trains."""

from collections.abc import Sequence

import torch
from torch import Tensor

LEAST_STD, LEAST_RANK = 0.05, 1.5


def health(embedding: Tensor) -> tuple[float, float]:
    """Spread and effective rank of embeddings (n, d).

    Spread: standard deviation of z / |z| per dimension, times sqrt(d); 1 for directions that fill the sphere, 0 when all
    images have one (Chen & He 2021, section 4.1). Effective rank: exp of the entropy of the normalised singular values of
    the centred embeddings (Roy & Vetterli 2007).
    """
    unit = torch.nn.functional.normalize(embedding.float(), dim=1)
    spread = unit.std(0).mean().item() * unit.shape[1] ** 0.5
    values = torch.linalg.svdvals(unit - unit.mean(0))
    share = values / values.sum().clamp(min=1e-12)
    rank = torch.exp(-(share * share.clamp(min=1e-12).log()).sum()).item()
    return spread, rank


def collapsed(history: Sequence[tuple[float, float]]) -> bool:
    """Whether the latest look found all images in one place or on one line."""
    return bool(history) and (history[-1][0] < LEAST_STD or history[-1][1] < LEAST_RANK)


def message(name: str, epoch: int, spread: float, rank: float) -> str:
    """The line to say then."""
    return (
        f"{name} has collapsed in epoch {epoch}: spread of the embeddings {spread:.3f} (healthy: over {LEAST_STD}), "
        f"effective rank {rank:.1f} (healthy: over {LEAST_RANK}); lower the learning rate or stop"
    )
