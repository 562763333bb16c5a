"""Benchmark of extraction into files: its cost over the bare forward pass, and the time for 5,000 images with two processes.

Run `python tests/bench/bench_extraction.py`. The bare pass is the network on tensors that are ready: normalised, in the layout
it likes best, features thrown away. The pipeline starts from decoded uint8 images and ends with rows in the files (reading
ahead, transform, forward pass, float16, checksums); making and publishing the files, once for any number of images, is left
out. Both run on one thread in turns. The ratio is the median over the turns: of the wall clock, and of the processor time of
all threads, the steadier of the two on a busy machine. The second table is the whole command: starting two processes, loading
the network, drawing the images, features in files.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import numpy as np  # the thread counts above must be set first
import timm
import torch
from torch import nn

from analysis import encoders
from analysis.encoders.backbones import wrap
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF
from analysis.extraction import extract_to
from analysis.extraction.pipeline import fill
from analysis.extraction.ranks import Rank
from analysis.extraction.store import Store

LIMIT = 1.05  # pipeline / bare pass
IMAGES, SECONDS = 5_000, 60.0  # load and embed so many images of 64 px in so long


def timed(action: Callable[[], None]) -> tuple[float, float]:
    """Wall clock and processor time of all threads, s."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def overhead(encoder: Encoder, bare: nn.Module, n: int, turns: int, folder: Path) -> tuple[float, float, float]:
    """Seconds of the bare pass per image, and pipeline / bare: wall clock, processor time."""
    images = np.random.default_rng(0).integers(0, 256, (n, encoder.size, encoder.size, 3), dtype=np.uint8)
    size = encoder.batch_size
    ready = [encoder.transform(images[start : start + size]) for start in range(0, n, size)]  # already channels last
    made = {"n": n, "batch_size": size, "dtype": "float16", "layers": {"embed": encoder.dim}}

    def network() -> None:
        with torch.inference_mode():
            for x in ready:
                bare(x)

    rows = []
    for turn in range(turns + 1):
        store = Store(folder / f"{encoder.name}-{turn}", made)
        store.prepare(str(row) for row in range(n))
        rows.append((timed(network), timed(lambda: fill(store, encoder, lambda a, b: images[a:b], Rank()))))  # noqa: B023
        store.publish()
        store.close()
    del rows[0]  # warming up
    ratios = [statistics.median(full[i] / alone[i] for alone, full in rows) for i in (0, 1)]
    return statistics.median(alone[0] for alone, _ in rows) / n, ratios[0], ratios[1]


def main(turns: int = 15) -> None:
    torch.set_num_threads(1)
    vit = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).eval()
    zoo = encoders.load("zoo:simclr")
    cases = {
        "ViT-Tiny, 224 px": (Encoder("vit", wrap(vit), HALF, size=224), vit, 32),
        "zoo ResNet, 64 px": (zoo, zoo.backbone, 8192),
    }
    print(f"cost over the bare forward pass, one thread; limit {LIMIT}")
    for name, (encoder, bare, n) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            seconds, wall, cpu = overhead(encoder, bare, n, turns, Path(folder))
        print(f"{name:20s} bare {seconds * 1e3:7.3f} ms per image, ratio {wall:.3f} (processor time {cpu:.3f})", flush=True)
    print(f"\ndraw and embed {IMAGES} images of 64 px with two processes; limit {SECONDS:.0f} s")
    for name in ("zoo:simclr", "zoo:untrained-vit"):
        with tempfile.TemporaryDirectory() as folder:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            wall = time.perf_counter()
            extract_to(Path(folder) / "features", name, "scenes:objects", n=IMAGES, device="cpu", ranks=2)
            wall = time.perf_counter() - wall
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(
            f"{name:20s} {wall:5.1f} s, ratio {wall / SECONDS:.2f} (processor time per core {cpu / 2 / SECONDS:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    main()
