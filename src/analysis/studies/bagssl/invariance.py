"""How much representations move when an image is changed, and how many directions they fill."""

from collections.abc import Mapping

import numpy as np
import torch

from analysis import features, probing
from analysis.studies.bagssl.contrasts import Bags
from analysis.studies.bagssl.locality import taps
from analysis.studies.bagssl.reading import Reading, Sample
from analysis.training.views import IDENTITY, Views

Array = np.ndarray
CHANGES: Mapping[str, Views] = {
    "mirrored": Views(**{**vars(IDENTITY), "flip": 1.0}),
    "grey": Views(**{**vars(IDENTITY), "grey": 1.0}),
    "recoloured": Views(**{**vars(IDENTITY), "jitter": 0.6, "hue": 0.5}),
    "cropped": Views(**{**vars(IDENTITY), "area": (0.3, 1.0), "aspect": 4 / 3}),
}
SHOWN = sorted({*range(16), *(round(16 * 2 ** (step / 4)) - 1 for step in range(13))})  # ranks kept of each spectrum: 1 ... 128
FAINT = 1e-7  # the least eigenvalue that is more than rounding


def changed(sample: Sample) -> dict[str, Array]:
    """Change -> the first `n_local` test images after it, drawn as views are in training."""
    images = sample.images["test"][: sample.params.n_local]
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255
    found = {}
    for number, (name, change) in enumerate(CHANGES.items()):
        generator = torch.Generator().manual_seed(sample.params.seed + number)
        views = change(pixels, sample.size, generator)
        found[name] = (views * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    return found


def measure(measured: Bags, reading: Reading, moved: Mapping[str, Array]) -> None:
    """Share of the variance over images that a change makes, E |h(x) - h(Tx)|^2 / 2 over Var h(x), in both taps.

    1: the representation does not know its image after the change; 0: it does not notice the change.
    """
    base = taps(reading, reading.whole("test"))
    for name, images in moved.items():
        for tap, after in taps(reading, features.extract(reading.encoder, images)["embed"]).items():
            before = base[tap][: len(images)]
            variance = ((before - before.mean(0)) ** 2).sum(1).mean()
            values = ((after - before) ** 2).sum(1) / (2 * variance)
            row = {"encoder": reading.name, "tap": tap, "change": name}
            measured.add("invariance", row, measured.mean(values), (name, reading.name, tap))


def spectra(measured: Bags, reading: Reading) -> None:
    """Eigen-spectra (shares of the variance, largest first) and effective ranks of whole images, patches and their means."""
    patches = reading.patches("test", reading.params.side)
    for tap, whole in taps(reading, reading.whole("test")).items():
        read = patches if tap == "backbone" else reading.project(patches)
        assert read is not None
        for what, rows in {"whole": whole, "patch": read[:, 0], "bag": read.mean(1)}.items():
            row = {"encoder": reading.name, "tap": tap, "what": what}
            measured.tables["ranks"].append({**row, "n": len(rows), "rankme": probing.rankme(rows)})
            shares = eigenvalues(rows)
            kept = [at for at in SHOWN if at < len(shares) and shares[at] > FAINT]
            measured.tables["spectrum"] += [{**row, "index": at + 1, "share": float(shares[at])} for at in kept]


def eigenvalues(rows: Array) -> Array:
    """Eigenvalues of the covariance of rows (n, d), largest first, as shares of their sum."""
    values = np.linalg.svd((rows - rows.mean(0)).astype(np.float64), compute_uv=False) ** 2
    return values / values.sum()
