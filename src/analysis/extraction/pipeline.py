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
    for batch, x in zip(batches, _inputs(encoder, read, batches), strict=True):
        store.write(batch, _forward(encoder, x, tuple(store.made["layers"])))
        if bar is not None:
            bar.update(len(batch))
    if bar is not None:
        bar.close()


def _inputs(encoder: Encoder, read: Read, batches: Sequence[range]) -> Iterator[Tensor]:
    """What the network gets for each batch; while it works on one, a thread reads and normalises the next.

    For a GPU the thread prepares bytes in pinned memory: they are a quarter of the way, and are normalised there.
    """
    gpu = encoder.device.type == "cuda"
    transform = encoder.transform
    size = max(map(len, batches), default=0)
    rooms = None if gpu else torch.empty(2, size, encoder.size, encoder.size, 3)  # one is filled while the other is read

    def load(row: int) -> Tensor:
        """One batch, for a GPU as pinned bytes, for a processor normalised."""
        pixels = transform.pixels(read(batches[row].start, batches[row].stop))
        return pixels.pin_memory() if rooms is None else transform.normalised(pixels, rooms[row % 2])

    with ThreadPoolExecutor(1) as thread:
        ahead = [thread.submit(load, row) for row in range(len(batches))[:1]]
        for row in range(len(batches)):
            x = ahead.pop().result()
            ahead.extend(thread.submit(load, later) for later in range(len(batches))[row + 1 : row + 2])
            yield transform.normalised(x.to(encoder.device, non_blocking=True)) if gpu else x


def _forward(encoder: Encoder, x: Tensor, layers: Sequence[str]) -> dict[str, np.ndarray]:
    with torch.inference_mode():
        found = encoder.backbone.forward_layers(x, layers)
        return {layer: found[layer].vector.float().cpu().numpy() for layer in layers}
