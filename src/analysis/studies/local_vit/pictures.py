"""The pictures of the study: labels of patches, and tokens as colours. Each returns (figure, its finding in words)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from analysis.charts import Drawn
from analysis.figures import WIDTH
from analysis.results import Results
from analysis.studies.base import titles
from analysis.studies.local_vit.measured import Tokens

Array = np.ndarray


def labels(results: Results, measured: Tokens, dataset: str, most: int = 4) -> Drawn:
    """Test images, their true patch classes, and what the nearest patch says by encoder and setting (columns)."""
    images, truth = measured.shown[dataset]
    names = titles(results)
    encoders = list(dict.fromkeys(e for d, e, _ in measured.examples if d == dataset))[:most]
    said = {(e, s): maps for (d, e, s), maps in measured.examples.items() if d == dataset and e in encoders}
    columns: dict[str, Array] = {"image": images, "truth": truth}
    columns |= {f"{names[e]}\n{setting}": maps for (e, setting), maps in said.items()}
    fig = _grid(columns, len(measured.classes[dataset]))
    right = {key: float((maps == truth).mean()) for key, maps in said.items()}
    (best, setting), share = max(right.items(), key=lambda item: item[1])
    return fig, f"On these {len(images)} images {names[best]}, {setting}, gives most patches their class: {share:.0%} of them."


def token_maps(results: Results, measured: Tokens, dataset: str) -> Drawn:
    """The first three principal components of each encoder's patch tokens as red, green and blue."""
    names, images = titles(results), measured.shown[dataset][0]
    columns: dict[str, Array] = {"image": images}
    shares = {}
    for (d, encoder), grids in measured.maps.items():
        if d == dataset:
            columns[names[encoder]], shares[names[encoder]] = principal_colours(grids)
    low, high = min(shares, key=lambda n: shares[n]), max(shares, key=lambda n: shares[n])
    return _grid(columns, 0), (
        f"Three principal components hold between {shares[low]:.0%} ({low}) and {shares[high]:.0%} ({high}) of the variance."
    )


def principal_colours(grids: Array) -> tuple[Array, float]:
    """Tokens (n, h, w, d) as colours (n, h, w, 3) in [0, 1], and the share of variance that they show.

    Each of the first three principal components is stretched from its 2nd to its 98th percentile; its sign is such that its
    largest loading is positive.
    """
    flat = grids.reshape(-1, grids.shape[-1]).astype(np.float64)
    flat -= flat.mean(0)
    spectrum, axes = np.linalg.eigh(flat.T @ flat)
    top = axes[:, ::-1][:, :3]
    top = top * np.sign(top[np.abs(top).argmax(0), np.arange(top.shape[1])])
    low, high = np.percentile(flat @ top, [2, 98], axis=0)
    colours = ((flat @ top - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return colours.reshape(*grids.shape[:-1], 3), float(spectrum[-3:].sum() / max(spectrum.sum(), 1e-300))


def _grid(columns: Mapping[str, Array], classes: int) -> Figure:
    """Pictures (k, h, w[, 3]) as columns; label maps, which have no colour axis, of so many classes."""
    rows = len(next(iter(columns.values())))
    size = (WIDTH, 0.5 + WIDTH / len(columns) * rows)
    fig, axes = plt.subplots(rows, len(columns), figsize=size, squeeze=False)
    for column, (name, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(name, fontsize=6, fontweight="normal", loc="center")
        for ax, picture in zip(axes[:, column], pictures, strict=True):
            maps = {} if picture.ndim == 3 else {"cmap": "cividis", "vmin": 0, "vmax": classes - 1}
            ax.imshow(picture, aspect="auto", interpolation="nearest", **maps)
            ax.axis("off")
    return fig
