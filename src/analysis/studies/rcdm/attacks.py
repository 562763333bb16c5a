"""Adversarial images: a small change of the pixels that moves a representation, or a probe on it, as far as possible."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor
from torch.nn import functional

from analysis.encoders.base import Encoder

Array = np.ndarray
STEPS = 10  # of projected gradient descent (Madry et al. 2018)
START = 0.05  # of eps: where the search starts, at random; at the image itself a label-free loss has no gradient
Loss = Callable[[Tensor], Tensor]
"""Representations (n, d) -> what the attack makes large, one number per image (n,)."""


@dataclass(frozen=True)
class Model:
    """An encoder as a differentiable function of pixels: (n, 3, s, s) in [0, 1] -> (n, d), of any s."""

    encoder: Encoder

    def __call__(self, x: Tensor) -> Tensor:
        """Resized (bicubic, as Pillow's within two grey levels), normalised, embedded."""
        encoder = self.encoder
        x = x.to(encoder.device)
        if x.shape[-1] != encoder.size:
            x = functional.interpolate(x, (encoder.size, encoder.size), mode="bicubic", antialias=True).clamp(0, 1)
        mean, std = (torch.tensor(values, device=encoder.device).view(1, 3, 1, 1) for values in (encoder.mean, encoder.std))
        x = ((x - mean) / std).contiguous(memory_format=torch.channels_last)
        return encoder.backbone.forward_layers(x, ("embed",))["embed"].vector


def away(clean: Tensor) -> Loss:
    """Label-free: the squared distance to the representations of the clean images, (n, d)."""
    return lambda h: ((h - clean) ** 2).sum(1)


def wrong(probe: Pipeline, labels: Array) -> Loss:
    """The cross-entropy of a linear probe (a scaler and a logistic regression) at the true labels (n,)."""
    scaler, head = probe[0], probe[-1]
    weight = torch.tensor(head.coef_ / scaler.scale_, dtype=torch.float32)
    bias = torch.tensor(head.intercept_, dtype=torch.float32) - weight @ torch.tensor(scaler.mean_, dtype=torch.float32)
    codes = torch.from_numpy(np.searchsorted(head.classes_, labels))
    return lambda h: functional.cross_entropy(
        h @ weight.T.to(h.device) + bias.to(h.device), codes.to(h.device), reduction="none"
    )


def attack(model: Callable[[Tensor], Tensor], images: Tensor, loss: Loss, eps: float, steps: int, seed: int) -> Tensor:
    """Images (n, 3, s, s) in [0, 1] with no pixel changed by more than `eps`, for which `loss` is large.

    One step is the fast gradient sign method (Goodfellow et al. 2015); more are projected gradient descent (Madry et al. 2018)
    with steps of 2.5 eps / steps. Both start at a random point within a twentieth of eps, drawn on the processor.
    """
    generator = torch.Generator().manual_seed(seed)
    found = images + START * eps * (2 * torch.rand(images.shape, generator=generator) - 1)
    step = (1 + START) * eps if steps == 1 else 2.5 * eps / steps  # one step reaches the corner of the box from anywhere
    for _ in range(steps):
        x = found.clamp(0, 1).detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(loss(model(x)).sum(), x)
        found = images + (x.detach() + step * slope.sign() - images).clamp(-eps, eps)
    return found.clamp(0, 1).detach()


def random_like(images: Tensor, attacked: Tensor, seed: int) -> Tensor:
    """Images changed by random signs, each as far in the L2 norm as it was attacked: the control of an attack."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, images.shape, generator=generator) * 2.0 - 1
    lengths = (attacked - images).flatten(1).norm(dim=1) / images[0].numel() ** 0.5
    return (images + lengths.view(-1, 1, 1, 1) * signs).clamp(0, 1)


def unit(images: Array) -> Tensor:
    """(n, s, s, 3) uint8 -> (n, 3, s, s) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
