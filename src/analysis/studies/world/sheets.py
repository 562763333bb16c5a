"""Pictures of the world: what there is, and what is known of it. Each returns (figure, what it shows in words)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from analysis.datasets import scenes
from analysis.datasets.scenes.fields import COATS
from analysis.datasets.scenes.kinds import CLASSES, LATIN_PARTS
from analysis.datasets.scenes.species import SPECIES
from analysis.figures import PALETTE, WIDTH
from analysis.studies.world.measure import SWEEPS
from analysis.studies.world.params import World

Drawn = tuple[Figure, str]
COLUMNS = 9
VIDEO, FRAMES, EVERY = 4, 8, 4  # a video in which look-alikes pass each other
FIRST, PAIRS, POINTS = 4, 2, 3  # pairs, and matches per creature
COLOURS = np.array([(0.88, 0.88, 0.88), *(to_rgb(colour) for colour in PALETTE)])  # of instances and species; 0 is the ground
_CASED = [Stroke(linewidth=2, foreground="white"), Normal()]  # seen on any texture


def kinds(params: World) -> Drawn:
    """A row of images of each kind."""
    rows = {kind: scenes.make(kind, COLUMNS, size=params.size, seed=params.seed) for kind in scenes.KINDS}
    tiles = [list(drawn.images) for drawn in rows.values()]
    pairs = rows["pairs"]
    tiles[-1] = [image for both in zip(pairs.images, pairs.factors["second"], strict=True) for image in both][:COLUMNS]
    fig, _ = _sheet(tiles, list(rows))
    backgrounds = len(set(rows["textures"].classes))
    return fig, (
        f"{COLUMNS} images of each of {len(rows)} kinds: one creature on one of {backgrounds} grounds, grounds alone, crowds, "
        "successive frames of a video, and scenes seen twice."
    )


def truth(params: World) -> Drawn:
    """One image of `objects` and one of `multi`, twice as large, with every map that belongs to it."""
    names = ("foreground", "part", "semantic", "instance")
    size = 2 * params.size
    single = scenes.make("objects", 1, size=size, seed=params.seed, start=5, occluders=1)
    crowd = scenes.make("multi", 1, size=size, seed=params.seed, start=2, objects=4)
    maps = [[drawn.masks[name][0].astype(int) for name in names] for drawn in (single, crowd)]
    tiles = [[single.images[0], *map(_coloured, maps[0])], [crowd.images[0], *map(_coloured, maps[1])]]
    fig, ax = _sheet(tiles, ["objects", "multi"], width=0.85)
    _heads(ax, size, ("image", *names))
    seen = [len(np.unique(each[-1])) - 1 for each in maps]
    return fig, (
        f"Exact maps of an image with {seen[0]} creature and of one with {seen[1]}: foreground, class-defining part, species "
        "and instances, each pixel known."
    )


def video(params: World) -> Drawn:
    """Frames of one video with the tracks of its instances, and the instance maps below."""
    length = FRAMES * EVERY
    drawn = scenes.make("video", length, size=params.size, seed=params.seed, frames=length, start=VIDEO * length)
    shown = np.arange(0, length, EVERY)
    maps = [_coloured(drawn.masks["instance"][frame]) for frame in shown]
    fig, ax = _sheet([list(drawn.images[shown]), maps], ["frame, tracks", "instances"])
    places = (drawn.factors["centre"] + 1) / 2 * params.size - 0.5  # scene units to pixels
    for column, frame in enumerate(shown):
        left = column * (params.size + _gap(params.size))
        for instance in range(int(drawn.factors["objects"][0])):
            x, y = places[: frame + 1, instance].T
            ax.plot(x + left, y, color=COLOURS[instance + 1], linewidth=1, path_effects=_CASED)
            ax.plot(x[-1:] + left, y[-1:], "o", color=COLOURS[instance + 1], markersize=2.5, path_effects=_CASED)
    _heads(ax, params.size, [f"{frame}" for frame in shown])
    hidden = np.nanmax(drawn.factors["occlusion"])
    return fig, (
        f"{int(drawn.factors['objects'][0])} creatures pace to and fro over {length} frames; the first has "
        f"{int(drawn.factors['twins'][0])} that looks just like it, and up to {hidden:.0%} of a creature is hidden at times."
    )


def pairs(params: World) -> Drawn:
    """Pairs of views side by side, points of creatures joined with their matches."""
    size = 2 * params.size
    drawn = scenes.make("pairs", PAIRS, size=size, seed=params.seed, start=FIRST)
    second = drawn.factors["second"]
    fig, ax = _sheet([[tile for both in zip(drawn.images, second, strict=True) for tile in both]], [""])
    step, joined = size + _gap(size), 0
    for row in range(len(drawn)):
        instance = drawn.masks["instance"][row]
        for k in np.unique(instance[instance > 0]):
            y, x = np.nonzero((instance == k) & drawn.masks["valid"][row])
            for point in np.linspace(0, len(x) - 1, POINTS).astype(int)[: len(x)]:
                u, v = drawn.factors["affine"][row] @ [x[point], y[point], 1]
                left = 2 * row * step
                ax.plot(
                    [x[point] + left, u + left + step], [y[point], v], "o-",
                    color=COLOURS[k], linewidth=0.8, markersize=2.5, path_effects=_CASED,
                )  # fmt: skip
                joined += 1
    _heads(ax, size, ["first view", "second view"] * len(drawn))
    return (
        fig,
        f"{joined} points on creatures of {len(drawn)} scenes meet the same points in a second view, turned and zoomed.",
    )


def sweeps(params: World) -> Drawn:
    """One creature with one factor after the other varied, all others kept."""
    tiles = [
        [scenes.make("objects", 1, size=params.size, seed=params.seed, start=1, **{name: v}).images[0] for v in values]
        for name, values in SWEEPS.items()
    ]
    fig, _ = _sheet(tiles, list(SWEEPS), width=0.8)
    return fig, f"The same creature while one of {len(SWEEPS)} factors varies at a time and all the others stay what they were."


def latin_square(params: World) -> Drawn:
    """The classes by species (rows) and part (columns), the coat written below."""
    calm: dict[str, Any] = {"x": 0.0, "y": 0.05, "scale": 0.95, "rotation": 0.0, "mirror": False, "clutter": 0, "occluders": 0}
    drawn = scenes.make("objects", len(CLASSES), size=params.size, seed=params.seed, background="clouds", **calm)
    side = len(SPECIES)
    fig, ax = _sheet([list(drawn.images[row * side : (row + 1) * side]) for row in range(side)], list(SPECIES), width=0.55)
    _heads(ax, params.size, LATIN_PARTS)
    step = params.size + _gap(params.size)
    for label, (_, _, coat) in enumerate(CLASSES):
        row, column = divmod(label, side)
        ax.text(
            column * step + 2, row * step + params.size - 3, coat, fontsize=6, color="black", va="bottom",
            bbox={"facecolor": COLOURS[1 + tuple(COATS).index(coat)], "alpha": 0.75, "linewidth": 0, "pad": 1},
        )  # fmt: skip
    return (
        fig,
        f"{len(CLASSES)} classes, each with its own pair of species and part; every coat comes once per species and part.",
    )


def _sheet(tiles: Sequence[Sequence[np.ndarray]], names: Sequence[str], width: float = 1.0) -> tuple[Figure, Axes]:
    """Rows of square images with the name of each row beside it; `width` as a share of the page's."""
    side = tiles[0][0].shape[0]
    step, columns = side + _gap(side), max(len(row) for row in tiles)
    canvas = np.zeros((len(tiles) * step - _gap(side), columns * step - _gap(side), 4), np.uint8)  # gaps stay clear
    for top, row in enumerate(tiles):
        for left, tile in enumerate(row):
            canvas[top * step : top * step + side, left * step : left * step + side] = np.dstack(
                [tile, np.full((side, side), 255, np.uint8)]
            )
    inches = WIDTH * width
    fig, ax = plt.subplots(figsize=(inches, (inches - 0.6) * canvas.shape[0] / canvas.shape[1] + 0.25))
    ax.imshow(canvas, interpolation="nearest")
    ax.set_yticks([row * step + side / 2 for row in range(len(tiles))], names, fontsize=7)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.autoscale(False)
    return fig, ax


def _heads(ax: Axes, side: int, names: Sequence[str]) -> None:
    """Names above the columns of a sheet."""
    for column, name in enumerate(names):
        ax.text(column * (side + _gap(side)) + side / 2, -_gap(side) * 2, name, ha="center", va="bottom", fontsize=7)


def _gap(side: int) -> int:
    return max(1, side // 32)


def _coloured(labels: np.ndarray) -> np.ndarray:
    """A map (h, w) of whole numbers up to 8 as an image."""
    return (COLOURS[labels] * 255).astype(np.uint8)
