"""What is extracted from what, and the work of one process."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from analysis import datasets, encoders, paths
from analysis.datasets.reader import Reader, open_reader
from analysis.encoders.base import Encoder
from analysis.errors import UserError
from analysis.extraction.pipeline import fill
from analysis.extraction.ranks import joined, launch, launched
from analysis.extraction.store import Store, ids_digest
from analysis.processes import end_with_parent
from analysis.provenance import data_digest

DTYPES = ("float16", "float32")
_PACKAGES = ("torch", "torchvision", "timm", "pillow")


@dataclass(frozen=True)
class Job:
    """What the features are made of; `size` and `batch_size` are the encoder's own unless given."""

    encoder: str
    dataset: str
    split: str = "test"
    n: int | None = None
    seed: int = 0
    size: int | None = None
    layers: tuple[str, ...] = ("embed",)
    dtype: str = "float16"
    batch_size: int | None = None
    device: str = "auto"


def extract_to(
    folder: Path,
    encoder: str,
    dataset: str,
    *,
    split: str | None = None,
    n: int | None = None,
    seed: int = 0,
    size: int | None = None,
    layers: Sequence[str] = ("embed",),
    dtype: str = "float16",
    batch_size: int | None = None,
    device: str = "auto",
    ranks: int = 1,
) -> Path:
    """Pooled features of a data set in `folder`, one file (n, d) per layer, by `ranks` processes; returns `folder`.

    `split`, `n`, `seed` and `size` choose the images as in `datasets.load`. Interrupted, the same call goes on where it
    stopped, in any number of processes; a complete folder is left alone. Under torchrun each process does its share, and
    `ranks` has no meaning: `torchrun --nproc-per-node 4 -m analysis features ENCODER DATASET --out FOLDER`. The processes
    write into the same files, so they run on one machine.

    Raises:
        UserError: an impossible argument, a folder that holds something else, a full disk, or an image that cannot be
            read. What was computed before stays for the next call.
    """
    if dtype not in DTYPES:
        raise UserError(f"unknown dtype {dtype!r}; there is {', '.join(DTYPES)}")
    for what, value in (("processes", ranks), ("batch size", batch_size), ("n", n), ("size", size)):
        if value is not None and value < 1:
            raise UserError(f"{what} must be at least 1, not {value}")
    if seed < 0:
        raise UserError(f"seed must be at least 0, not {seed}")
    if not layers:
        raise UserError("name at least one layer")
    encoders.check(encoder)
    datasets.check(dataset)
    split = split or datasets.default_split(dataset)
    job = Job(encoder, dataset, split, n, seed, size, tuple(dict.fromkeys(layers)), dtype, batch_size, device)
    folder = paths.user_path(str(folder))
    if ranks > 1 and not launched():
        launch(ranks, work, job, folder)
    else:
        work(job, folder)
    return folder


def work(job: Job, folder: Path) -> None:
    """The share of this process in a job; raises what `extract_to` raises."""
    if launched():
        end_with_parent(os.getppid())
    with joined() as rank:
        device = rank.device(job.device)
        with _threads(1 if device.type == "cpu" else torch.get_num_threads()):
            encoder = encoders.load(job.encoder, device.type)
            size = job.size or encoder.size
            reader = open_reader(job.dataset, size=size, n=job.n, seed=job.seed, split=job.split)
            with closing(Store(folder, _made_of(job, encoder, reader, size))) as store:
                if rank.first(lambda: store.prepare(reader.ids)):
                    fill(store, encoder, reader.read, rank)
                    rank.wait()
                    rank.first(lambda: store.publish(processes=rank.count))


def _made_of(job: Job, encoder: Encoder, reader: Reader, size: int) -> dict[str, Any]:
    """Everything the bytes depend on, for `manifest.json`: two runs that agree in it may share a folder."""
    blank = np.zeros((1, encoder.size, encoder.size, 3), np.uint8)
    vectors = encoder.pooled(blank, job.layers)
    widths = {layer: vectors[layer].shape[1] for layer in encoder.layers if layer in vectors}  # in one order, however asked
    gpu = encoder.device.type == "cuda"
    return {
        "encoder": job.encoder,
        "encoder digest": encoder.digest,
        "data set": job.dataset,
        "data digest": data_digest(job.dataset),
        "split": job.split,
        "seed": job.seed,
        "n": len(reader),
        "ids digest": ids_digest(reader.ids),
        "size": size,
        "layers": widths,
        "dtype": job.dtype,
        "batch_size": job.batch_size or encoder.batch_size,
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        **{f"version of {package}": version(package) for package in _PACKAGES},
    }


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
