"""Samples of a released decoder for the images of a data set: what `analysis rcdm draw` does."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from analysis import datasets, encoders
from analysis.decoders import released
from analysis.decoders.conditions import read
from analysis.decoders.sampling import noise, to_bytes
from analysis.encoders.backbones import resolve_device
from analysis.encoders.base import Encoder
from analysis.encoders.checkpoints import SIZE
from analysis.encoders.transform import HALF
from analysis.errors import UserError
from analysis.progress import track

SIDE = 128  # px, of every decoder that was released


def draw(
    checkpoint: Path,
    encoder: str,
    dataset: str,
    out: Path,
    *,
    tap: str = "backbone",
    n: int = 4,
    samples: int = 8,
    steps: int = 100,
    seed: int = 0,
    device: str = "auto",
) -> list[Path]:
    """Draw `samples` images from the representation of each of `n` images; returns the files written into `out`.

    `samples.npz` holds `ids` (n,), `images` (n, 224, 224, 3) and `samples` (n, samples, 128, 128, 3), uint8; in `samples.png`
    each image is followed by its samples. As in the released code the encoder sees images of 224 px with mean and deviation
    0.5, whatever it was trained with. Images are cropped as everywhere here (see `datasets.load`); there without a margin.

    Raises:
        UserError: a name, a file or a number is wrong, or the decoder takes representations of another width.
        MissingFile: a file is absent.
    """
    if tap not in ("backbone", "projector"):
        raise UserError(f"unknown tap {tap!r}; there is backbone (files named _trunk) and projector (_head)")
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: --out takes a folder")
    datasets.check(dataset)
    encoders.check(encoder)
    resolve_device(device)
    network = released.load(checkpoint)
    own = encoders.load(encoder, device)
    seen = Encoder(encoder, own.backbone, HALF, size=SIZE, projector=own.projector, device=own.device)
    data = datasets.load(dataset, size=SIZE, n=n)
    h = torch.from_numpy(read(seen, data.images, (tap,))[tap])
    if (width := network.ssl_emb.in_features) != h.shape[1]:
        raise UserError(
            f"{checkpoint} draws from {width} numbers; {encoder}, {tap}, gives {h.shape[1]}: another encoder or --tap"
        )
    network.to(own.device)
    starts = noise(n * samples, seed, SIDE).unflatten(0, (n, samples)).to(own.device)
    drawn = [
        to_bytes(network.sample(row.expand(samples, -1), start, steps))
        for row, start in zip(h.to(own.device), track(starts, "images", total=len(h)), strict=False)
    ]
    return _written(out, data.ids, data.images, np.stack(drawn))


def _written(out: Path, ids: np.ndarray, images: np.ndarray, samples: np.ndarray) -> list[Path]:
    """Both files, each complete or not at all."""
    small = np.stack([np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) for image in images])
    rows = np.concatenate([small[:, None], samples], 1)  # (n, 1 + samples, s, s, 3)
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "samples.npz", out / "samples.png"]
    with (fresh := out / "samples.npz.new").open("wb") as file:
        np.savez(file, ids=ids, images=images, samples=samples)
    os.replace(fresh, paths[0])
    Image.fromarray(rows.swapaxes(1, 2).reshape(len(rows) * SIDE, -1, 3)).save(fresh := out / "samples.png.new", format="PNG")
    os.replace(fresh, paths[1])
    return paths
