"""Features of many images: extracted in batches, kept on disk under a name made of their content."""

import contextlib
import hashlib
import io
import logging
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from analysis import paths
from analysis.encoders.base import Encoder
from analysis.progress import track

_CHECKSUM_BYTES = 16
_PACKAGES = ("torch", "torchvision", "timm", "pillow")


def extract(
    encoder: Encoder,
    images: np.ndarray,
    *,
    layers: Sequence[str] = ("embed",),
    batch_size: int | None = None,
    description: str = "",
) -> dict[str, np.ndarray]:
    """Pooled features per layer, (n, d) float32, of images (n, h, h, 3) uint8; one forward pass for what is not cached.

    The cache lies in `paths.cache()/features`, one file per layer, addressed by everything the numbers depend on: images,
    encoder digest, layer, this file, package versions, kind of device. A damaged file is computed again; a full disk
    costs the cache (one line of warning), not the result.

    Raises:
        UserError: the encoder has no such layer.
        ValueError: there are no images.
    """
    if not len(images):
        raise ValueError("no images to extract features from")
    content = _content_key(encoder, images)
    files = {layer: paths.cache() / "features" / f"{_digest(content, layer.encode())}.npy" for layer in layers}
    cached = {layer: _read(path) for layer, path in files.items()}
    missing = [layer for layer, rows in cached.items() if rows is None]
    computed = _compute(encoder, images, missing, batch_size or encoder.batch_size, description or encoder.name)
    for layer, rows in computed.items():
        _write(files[layer], rows)
    return {layer: computed[layer] if rows is None else rows for layer, rows in cached.items()}


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


def _content_key(encoder: Encoder, images: np.ndarray) -> bytes:
    versions = f"{[version(package) for package in _PACKAGES]} {encoder.device.type} {images.shape}"
    pixels = np.ascontiguousarray(images).data
    return _digest(encoder.digest.encode(), Path(__file__).read_bytes(), versions.encode(), pixels).encode()


def _checksum(content: memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).digest()


def _digest(*parts: bytes | memoryview) -> str:
    """One digest of several parts, each prefixed by its length so that no two lists of parts run together."""
    digest = hashlib.blake2b(digest_size=_CHECKSUM_BYTES)
    for part in parts:
        digest.update(memoryview(part).nbytes.to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _read(path: Path) -> np.ndarray | None:
    """The array in `path`, memory-mapped (writing to it changes memory only); None where there is none or it is damaged."""
    try:
        content = np.memmap(path, mode="r").data
        whole = content[-_CHECKSUM_BYTES:] == _checksum(content[:-_CHECKSUM_BYTES])
        return np.load(path, mmap_mode="c") if whole else None
    except (OSError, ValueError, EOFError):
        return None


def _write(path: Path, rows: np.ndarray) -> None:
    """An ordinary .npy file followed by its checksum, complete or not there at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    content = io.BytesIO()
    np.save(content, rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content.getvalue() + _checksum(content.getbuffer()))
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        logging.getLogger(__name__).warning("features are not cached: %s (%s)", path.parent, error.strerror or error)
