"""The kinds of figure that studies share. One colour per method; each returns what it drew on, for the caller to finish."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import MUTED, PALETTE, SEQUENTIAL, WIDTH, intervals

Array = np.ndarray
Drawn = tuple[Figure, str]
"""A figure, and what it shows in words."""


def interval_plot(
    table: pd.DataFrame,
    rows: str,
    series: str | None = None,
    *,
    ax: Axes,
    names: Mapping[str, str],
    colours: Mapping[str, str] | None = None,
    bound: float | None = None,
) -> None:
    """Values with their intervals as dots on lines of their own, the first on top.

    Args:
        table: `value`, `low`, `high`, and the columns named by `rows` and `series`.
        rows: column of what has a line of its own, such as `encoder`; `names` gives its labels, `colours` its colours.
        series: column of what is told apart on one line, by colour, with a legend; then `colours` are of these.
        bound: the smallest effect of interest, as a dashed line.
    """
    lines, kinds = list(dict.fromkeys(table[rows])), list(dict.fromkeys(table[series])) if series else [None]
    given = colours or {}
    for offset, kind in enumerate(kinds):
        here = table if kind is None else table[table[series] == kind]
        y = np.array([lines.index(name) for name in here[rows]]) + (offset - (len(kinds) - 1) / 2) * 0.7 / len(kinds)
        if kind is None:
            for place, (_, row) in zip(y, here.iterrows(), strict=True):
                intervals(ax, pd.DataFrame([row]), np.array([place]), given.get(row[rows], PALETTE[0]), "")
        else:
            intervals(ax, here, y, given.get(kind, PALETTE[offset % len(PALETTE)]), names.get(kind, kind))
    if bound is not None:
        ax.axvline(bound, color=MUTED, linestyle="--", linewidth=1)
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.set_yticks(range(len(lines)), [names.get(name, name) for name in lines])
    ax.set_ylim(len(lines) - 0.5, -0.5)


def heatmap(
    cells: pd.DataFrame,
    ax: Axes,
    *,
    low: float = 0,
    high: float = 1,
    form: str = ".2f",
    cmap: str = SEQUENTIAL,
    numbers: pd.DataFrame | None = None,
    size: float = 7,
    turned: float = 30,
) -> None:
    """A table as coloured cells with their numbers, or those of `numbers`; row and column labels are those of `cells`.

    `size` is that of the numbers, in points, and column labels are `turned` by as many degrees.
    """
    shown: Any = True if numbers is None else numbers.to_numpy()
    every: Any = {"xticklabels": True, "yticklabels": True}  # seaborn leaves labels out where the axes are short
    look: Any = {"vmin": low, "vmax": high, "cmap": cmap, "cbar": False, "fmt": form, "annot_kws": {"size": size}}
    sns.heatmap(cells, ax=ax, annot=shown, **look, **every)
    ax.set(xlabel="", ylabel="")
    ax.set_xticks(ax.get_xticks(), list(cells.columns), rotation=turned, ha="right" if turned else "center")
    ax.set_yticks(ax.get_yticks(), list(cells.index), rotation=0)
    ax.tick_params(length=0, labelsize=size)


def curve(ax: Axes, x: Sequence[float] | Array, line: pd.DataFrame, colour: str, label: str, style: str = "o-") -> None:
    """`value` against x with the band from `low` to `high`."""
    ax.plot(x, line.value, style, color=colour, label=label, markersize=3)
    ax.fill_between(x, line.low, line.high, color=colour, alpha=0.15, linewidth=0)


def image_grid(
    tiles: Sequence[Sequence[Array]], rows: Sequence[str] = (), columns: Sequence[str] = (), *, width: float = 1.0
) -> tuple[Figure, Axes]:
    """Rows of square images (h, h, 3) uint8, pixel by pixel, with names beside and above; `width` as a share of the page's.

    Image (i, j) begins at pixel (i * step, j * step) of the axes, where step is `grid_step(h)`.
    """
    side = tiles[0][0].shape[0]
    step, most = grid_step(side), max(len(row) for row in tiles)
    gap = step - side
    canvas = np.zeros((len(tiles) * step - gap, most * step - gap, 4), np.uint8)  # gaps stay clear
    for top, row in enumerate(tiles):
        for left, tile in enumerate(row):
            opaque = np.dstack([tile, np.full((side, side), 255, np.uint8)])
            canvas[top * step : top * step + side, left * step : left * step + side] = opaque
    inches = WIDTH * width
    fig, ax = plt.subplots(figsize=(inches, (inches - 0.6) * canvas.shape[0] / canvas.shape[1] + (0.45 if columns else 0.1)))
    ax.imshow(canvas, interpolation="nearest")
    ax.set_yticks([row * step + side / 2 for row in range(len(rows))], rows, fontsize=7)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    ax.autoscale(False)
    for place, name in enumerate(columns):
        ax.text(place * step + side / 2, -2 * gap, name, ha="center", va="bottom", fontsize=7 if len(columns) < 10 else 5.5)
    return fig, ax


def grid_step(side: int) -> int:
    """Pixels from one image of a grid to the next, for images of `side` px."""
    return side + max(1, side // 32)


def frame(ax: Axes, row: int, column: int, side: int, colour: str) -> None:
    """A frame around an image of a grid."""
    step = grid_step(side)
    ax.add_patch(
        plt.Rectangle((column * step - 0.5, row * step - 0.5), side, side, fill=False, edgecolor=colour, linewidth=1.5)
    )


def legend_below(fig: Figure, axes: Sequence[Axes], columns: int = 4, further: Mapping[str, plt.Line2D] | None = None) -> None:
    """One legend for all panels, each label once, below them; `further` entries come last."""
    entries = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    entries |= dict(further or {})
    fig.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=columns, fontsize=7.5)
