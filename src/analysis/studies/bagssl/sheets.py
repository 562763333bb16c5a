"""Pictures: patches of each size, and the nearest patches of a patch in the backbone's space and in the projector's."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures import MUTED, PALETTE, WIDTH
from analysis.studies.bagssl.cutting import cut_out
from analysis.studies.bagssl.locality import taps
from analysis.studies.bagssl.neighbours import NEAREST, Known, nearest, similarities
from analysis.studies.bagssl.reading import Reading, Sample

Array = np.ndarray
Drawn = tuple[Figure, str]
QUERIES = 6
COLOURS = {"same image": PALETTE[1], "same class": PALETTE[0], "other": MUTED}


@dataclass(frozen=True)
class Sheet:
    """Queries and their nearest patches.

    Attributes:
        title: of the encoder.
        patches: tap -> (queries, 1 + NEAREST, side, side, 3), the query first.
        kinds: tap -> (queries, NEAREST) keys of `COLOURS`.
    """

    title: str
    patches: dict[str, Array]
    kinds: dict[str, Array]


def sheet(reading: Reading, of: Known, title: str) -> Sheet:
    """Patches drawn evenly over the test images that are compared, and their neighbours but for those that overlap them."""
    side = reading.params.small
    n, m = of.boxes.shape[:2]
    pixels = cut_out(reading.sample.images["test"][:n], of.boxes, side).reshape(n * m, side, side, 3)
    image = np.repeat(np.arange(n), m)
    queries = np.linspace(0, n - 1, QUERIES + 2).astype(int)[1:-1] * m
    patches, kinds = {}, {}
    for tap, read in taps(reading, reading.local(side)).items():
        allowed = ~of.touching[queries]
        near = nearest(similarities(read)[queries], allowed)
        patches[tap] = pixels[np.concatenate([queries[:, None], near], 1)]
        same, alike = image[near] == image[queries][:, None], of.labels[image[near]] == of.labels[image[queries]][:, None]
        kinds[tap] = np.where(same, "same image", np.where(alike, "same class", "other"))
    return Sheet(title, patches, kinds)


def neighbours(found: Sheet) -> Drawn:
    """One line per query; left the backbone's neighbours, right the projector's; frames say whose patches they are."""
    columns = 1 + len(found.patches) * (NEAREST + 1)
    fig, axes = plt.subplots(QUERIES, columns, figsize=(WIDTH, 0.55 + WIDTH / columns * QUERIES))
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
    for number, (tap, patches) in enumerate(found.patches.items()):
        start = 1 + number * (NEAREST + 1)
        axes[0, start + 1].set_title(tap, fontsize=8)
        for row in range(QUERIES):
            axes[row, 0].imshow(patches[row, 0], interpolation="nearest")
            for k in range(NEAREST):
                _framed(axes[row, start + 1 + k], patches[row, 1 + k], COLOURS[found.kinds[tap][row, k]])
    axes[0, 0].set_title("query", fontsize=8)
    handles = [Rectangle((0, 0), 1, 1, color=colour, label=name) for name, colour in COLOURS.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=7)
    words = [
        f"{tap} {', '.join(f'{(kinds == name).mean():.0%} {name}' for name in COLOURS)}" for tap, kinds in found.kinds.items()
    ]
    return fig, f"Of the neighbours of these {QUERIES} patches, in the {'; in the '.join(words)}."


def sizes(sample: Sample, count: int = 5) -> Drawn:
    """One patch of every size in the middle of a few test images, and these images whole."""
    sides = sorted({*sample.params.sides, sample.params.small, sample.params.side, sample.params.large})
    images = sample.images["test"][np.linspace(0, len(sample.images["test"]) - 1, count).astype(int)]
    fig, axes = plt.subplots(count, len(sides) + 1, figsize=(WIDTH, 0.4 + WIDTH / (len(sides) + 1) * count))
    for column, side in enumerate((*sides, sample.size)):
        corner = (sample.size - side) // 2
        axes[0, column].set_title(f"{side} px", fontsize=8)
        for ax, image in zip(axes[:, column], images, strict=True):
            ax.imshow(image[corner : corner + side, corner : corner + side], interpolation="nearest")
            ax.axis("off")
    shares = [(side / sample.size) ** 2 for side in sides]
    return fig, f"The smallest patch, of {sides[0]} px, shows {shares[0]:.1%} of the image, the largest {shares[-1]:.0%}."


def _framed(ax: plt.Axes, picture: Array, colour: str) -> None:
    ax.imshow(picture, interpolation="nearest")
    ax.spines[:].set(visible=True, color=colour, linewidth=2.2)
