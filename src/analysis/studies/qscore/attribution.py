"""Where in an image the features of an embedding come from: Grad-CAM and input gradients, for any choice of features."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.studies.qscore.activity import Array

SIDE = 7  # places each way that a map needs to say where something is


def has_maps(encoder: Encoder) -> bool:
    """Whether any layer of the encoder is a map of convolutions."""
    return any(encoder.backbone.part(layer) is not None for layer in encoder.layers)


def flattened(encoder: Encoder) -> bool:
    """Whether `embed` keeps the places of the last map apart instead of averaging over them, as that of Conv4 does."""
    return isinstance(getattr(encoder.backbone, "head", None), nn.Flatten)


def map_layer(encoder: Encoder, images: Array) -> str:
    """The last layer whose map has at least 7 x 7 places; the paper does not say which layer it takes.

    Raises:
        UserError: an encoder without such maps of convolutions.
    """
    found = [
        layer
        for layer in encoder.layers
        if encoder.backbone.part(layer) is not None and encoder.patches(images[:1], layer).shape[1] >= SIDE
    ]
    if not found:
        raise UserError(f"{encoder.name} has no convolutional layer with {SIDE} x {SIDE} places to draw maps from")
    return found[-1]


def grad_cam(encoder: Encoder, images: Array, features: Array, layer: str) -> Array:
    """Grad-CAM (Selvaraju et al. 2017, eqs. 1-2) of the sum of some features of `embed`, (n, h, w) at `layer`, never negative.

    The paper combines the maps of single features and does not say how; here the features are added before the map is taken,
    which is the sum of their maps before rectification, at one backward pass for all of them.

    Where `embed` is the last map *flattened* (`flattened`), each feature looks at one place, and the mean of its gradient over
    places says nothing of where: the maps of most images come out empty. There the gradient is not averaged, which is
    HiResCAM (Draelos & Carin 2020); both are the same where the gradient is the same at all places.

    Args:
        images: (n, s, s, 3) uint8.
        features: (n, r) the weight of each feature in the target of each image, such as a truth value.
    """

    local = flattened(encoder)

    def maps(embedding: Tensor, layer_map: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
        """Channels weighted by their gradient, rectified: (n, h, w)."""
        (gradient,) = torch.autograd.grad((embedding * weights).sum(), layer_map)
        return F.relu(((gradient if local else gradient.mean((2, 3), keepdim=True)) * layer_map).sum(1))

    return _by_batches(encoder, images, features, layer, maps)


def input_gradient(encoder: Encoder, images: Array, features: Array) -> Array:
    """|input x gradient| of the sum of some features, added over the colours, (n, size, size): fine, and noisy."""

    def maps(embedding: Tensor, layer_map: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
        """Size of input times gradient, over the colours: (n, size, size)."""
        (gradient,) = torch.autograd.grad((embedding * weights).sum(), pixels)
        return (gradient * pixels).abs().sum(1)

    return _by_batches(encoder, images, features, None, maps)


def upsample(maps: Array, side: int) -> Array:
    """Maps (n, h, w) at `side` x `side`, bilinear."""
    return F.interpolate(torch.from_numpy(maps)[:, None], size=side, mode="bilinear", align_corners=False)[:, 0].numpy()


def pooled(masks: Array, shape: tuple[int, int]) -> Array:
    """Share of each place of a map of (h, w) places that masks (n, s, s) cover, (n, h, w)."""
    return F.adaptive_avg_pool2d(torch.from_numpy(masks.astype(np.float32))[:, None], shape)[:, 0].numpy()


def _by_batches(
    encoder: Encoder,
    images: Array,
    features: Array,
    layer: str | None,
    maps: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],
) -> Array:
    seen: list[Tensor] = []
    module = encoder.backbone.part(layer) if layer is not None else None
    hook = module.register_forward_hook(lambda *found: seen.append(_tensor(found[2]))) if module is not None else None
    parts = []
    try:
        for start in range(0, len(images), encoder.batch_size):
            rows = slice(start, start + encoder.batch_size)
            with torch.enable_grad():
                pixels = encoder.transform(images[rows]).to(encoder.device).requires_grad_()
                seen.clear()
                embedding = encoder.backbone.forward_layers(pixels, ("embed",))["embed"].vector
                weights = torch.as_tensor(np.asarray(features[rows]), dtype=embedding.dtype, device=encoder.device)
                parts.append(maps(embedding, seen[-1] if seen else pixels, pixels, weights).detach().cpu())
    finally:
        if hook is not None:
            hook.remove()
    return torch.cat(parts).numpy()


def _tensor(out: Any) -> Tensor:
    assert isinstance(out, Tensor)
    return out
