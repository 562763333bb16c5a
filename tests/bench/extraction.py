"""Features into files.

From decoded uint8 images to rows in finished files, beside the bare network on tensors that are ready (normalised, in the
layout it likes best, features thrown away), and beside a loop as thingsvision's: torchvision's transforms image by image, a
`DataLoader`, a hook, features in memory. Then the rate of the whole command, whose images are drawn, by one and two
processes: its start is left out, so that the rate holds for a million images too.
"""

import copy
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import timm
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms

from analysis import encoders
from analysis.encoders.backbones import wrap
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF
from analysis.extraction import extract_to
from analysis.extraction.pipeline import fill
from analysis.extraction.ranks import Rank
from analysis.extraction.store import Store
from bench.turns import REQUIRED, Decoded, Row, contest

BARE, TWO = 1.05, 0.6  # limits: over the bare network, of two processes over one
SECONDS = 60.0 * 2 / 5_000  # of one process per image: 5,000 drawn and embedded in a minute by two


def rows(smoke: bool) -> Iterator[Row]:
    """A transformer and a network of the zoo; then one and two processes."""
    vit = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).eval()
    zoo = encoders.load("zoo:simclr")
    yield from _one_process(Encoder("ViT-Tiny", wrap(vit), HALF, size=224), vit, 2 if smoke else 64)
    yield from _one_process(zoo, zoo.backbone, 16 if smoke else 4_096)
    few, many = (1, 2) if smoke else (500, 2_500)
    one = _further(1, few, many)
    what, n = f"{many - few:,} images of 64 px, drawn", many - few
    yield Row(f"{what}, 1 process", REQUIRED, one, n * SECONDS, one / (n * SECONDS), 1.0, images=n)
    if not smoke:
        two = _further(2, few, many)
        yield Row(f"{what}, 2 processes", "1 process", two, one, two / one, TWO, images=n)


def _one_process(encoder: Encoder, network: nn.Module, n: int) -> Iterator[Row]:
    images = np.random.default_rng(0).integers(0, 256, (n, encoder.size, encoder.size, 3), dtype=np.uint8)
    ready = [encoder.transform(images[i : i + encoder.batch_size]) for i in range(0, n, encoder.batch_size)]

    def bare() -> None:
        with torch.inference_mode():
            for x in ready:
                network(x)

    what = f"{encoder.name}, {n:,} images of {encoder.size} px"
    with TemporaryDirectory() as folder:
        names = (Path(folder) / str(turn) for turn in itertools.count())
        yield from contest(what, lambda: into_files(next(names), encoder, images), {"the bare network": bare}, BARE, n)
        loop = {"a loop as thingsvision's": lambda: hook_loop(encoder, network, images)}
        yield from contest(what, lambda: into_files(next(names), encoder, images), loop, images=n)


def into_files(folder: Path, encoder: Encoder, images: np.ndarray) -> np.ndarray:
    """What a process of ours does; the features (n, d) as they lie in the file."""
    made = {"n": len(images), "batch_size": encoder.batch_size, "dtype": "float16", "layers": {"embed": encoder.dim}}
    store = Store(folder, made)
    store.prepare(map(str, range(len(images))))
    fill(store, encoder, lambda a, b: images[a:b], Rank())
    store.publish()
    store.close()
    return np.load(folder / "embed.npy", mmap_mode="r")


def hook_loop(encoder: Encoder, network: nn.Module, images: np.ndarray) -> np.ndarray:
    """The same features by the usual loop."""
    network = copy.deepcopy(network).to(memory_format=torch.contiguous_format)
    kept: list[np.ndarray] = []
    network.register_forward_hook(lambda _, __, out: kept.append(out.numpy()))
    ready = transforms.Compose([transforms.ToTensor(), transforms.Normalize(encoder.mean, encoder.std)])
    with torch.no_grad():
        for x in DataLoader(Decoded(images, ready), encoder.batch_size):
            network(x)
    return np.concatenate(kept)


def _further(ranks: int, few: int, many: int) -> float:
    """Wall clock of the command for `many` images less that for `few`, s."""
    spent = []
    for n in (few, many):
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            extract_to(Path(folder) / "features", "zoo:simclr", "scenes:objects", n=n, device="cpu", ranks=ranks)
            spent.append(time.perf_counter() - start)
    return spent[1] - spent[0]
