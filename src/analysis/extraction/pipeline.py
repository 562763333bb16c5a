"""The pipeline of one process: images read ahead, the network, rows into files."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from analysis.encoders.base import Encoder
from analysis.extraction.ranks import Rank
from analysis.extraction.store import Store
from analysis.progress import track

Read = Callable[[int, int], np.ndarray]  # images start ... stop - 1 of a data set, (stop - start, h, h, 3) uint8


def fill(store: Store, encoder: Encoder, read: Read, rank: Rank) -> None:
    """Compute and write those batches of a rank that are missing; rank 0 shows its progress."""
    store.open()
    batches = store.missing(rank.share(store.batches))
    bar = track(None, encoder.name, total=sum(map(len, batches)), unit="image") if rank.number == 0 else None
    for batch, pixels in zip(batches, _pixels(encoder, read, batches), strict=True):
        store.write(batch, _forward(encoder, pixels, tuple(store.made["layers"])))
        if bar is not None:
            bar.update(len(batch))
    if bar is not None:
        bar.close()


def _pixels(encoder: Encoder, read: Read, batches: Sequence[range]) -> Iterator[Tensor]:
    """Pixels of each batch at the encoder's size; while one is used, a thread reads the next."""

    def load(batch: range) -> Tensor:
        pixels = encoder.transform.pixels(read(batch.start, batch.stop))
        return pixels.pin_memory() if encoder.device.type == "cuda" else pixels

    with ThreadPoolExecutor(1) as thread:
        ahead = [thread.submit(load, batch) for batch in batches[:1]]
        for batch in [*batches[1:], None]:
            if not ahead:
                return
            pixels = ahead.pop().result()
            if batch is not None:
                ahead.append(thread.submit(load, batch))
            yield pixels


def _forward(encoder: Encoder, pixels: Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
    """What `encoder.pooled` does, but the pixels travel as bytes: a quarter of the way to a GPU, and normalised there."""
    with torch.inference_mode():
        x = encoder.transform.normalised(pixels.to(encoder.device, non_blocking=True))
        found = encoder.backbone.forward_layers(x, layers)
        return {layer: found[layer].vector.float().cpu().numpy() for layer in layers}
