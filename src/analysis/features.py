"""Features of many images: extracted in batches, kept in the cache."""

from collections.abc import Sequence

import numpy as np
import torch

from analysis import cache
from analysis.digests import value_digest
from analysis.encoders.base import Encoder
from analysis.progress import track


def extract(
    encoder: Encoder,
    images: np.ndarray,
    *,
    layers: Sequence[str] = ("embed",),
    batch_size: int | None = None,
    description: str = "",
) -> dict[str, np.ndarray]:
    """Pooled features per layer, (n, d) float32, of images (n, h, h, 3) uint8; one forward pass for what is not cached.

    Kept by `analysis.cache`, one entry per layer, under everything the numbers depend on: images, encoder, layer, kind of
    device, code and package versions.

    Raises:
        UserError: the encoder has no such layer.
        ValueError: there are no images.
    """
    if not len(images):
        raise ValueError("no images to extract features from")
    made_of = (encoder.digest, encoder.device.type, value_digest(images))
    entries = {layer: cache.entry("features", _compute, *made_of, layer) for layer in layers}
    cached = {layer: cache.read(path) for layer, path in entries.items()}
    missing = [layer for layer, found in cached.items() if found is None]
    computed = _compute(encoder, images, missing, batch_size or encoder.batch_size, description or encoder.name)
    for layer, rows in computed.items():
        cache.write(entries[layer], {"rows": rows})
    return {layer: computed[layer] if found is None else found["rows"] for layer, found in cached.items()}


def _compute(
    encoder: Encoder, images: np.ndarray, layers: Sequence[str], batch_size: int, description: str
) -> dict[str, np.ndarray]:
    if not layers:
        return {}
    bar = track(None, description, total=len(images), unit="image")
    parts = []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        parts.append(encoder.pooled(batch, layers, batch_size))
        bar.update(len(batch))
    bar.close()
    return {layer: torch.cat([part[layer] for part in parts]).numpy() for layer in layers}
