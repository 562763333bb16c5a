"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import MUTED, PALETTE, WIDTH, intervals
from analysis.results import Row
from analysis.studies.bagssl.contrasts import VIEWS, WHOLE, bag

Drawn = tuple[Figure, str]
Titles = Callable[[str], str]
PROBES = {"linear": "linear probe", "knn": "neighbours"}


def headline(rows: Sequence[Row], encoders: Sequence[Row], titles: Titles, side: int) -> Drawn:
    """Accuracy of whole images, of bags of patches of one size and of the size an encoder was trained on, by encoder."""
    table = pd.DataFrame(rows)
    names = [row["encoder"] for row in encoders]
    own = {row["encoder"]: bag(row["patch"]) for row in encoders if row["patch"] not in (None, side)}
    lines = {"whole image": dict.fromkeys(names, WHOLE), f"mean of patches of {side} px": dict.fromkeys(names, bag(side))}
    if own:
        lines["mean of patches as in training"] = own
    fig, axes = side_by_side(len(PROBES), 0.9 + 0.24 * len(names))
    for ax, (probe, heading) in zip(axes, PROBES.items(), strict=True):
        here = table[table.probe == probe].set_index(["encoder", "cell"])
        for offset, (label, cells) in enumerate(lines.items()):
            y = np.array([names.index(name) for name in cells]) + (offset - 1) * 0.2
            intervals(ax, here.loc[list(cells.items())], y, PALETTE[offset], label)
        ax.set(xlabel="accuracy", title=heading)
    beside(axes[0], names, titles)
    legend(fig, axes[0], 3)
    first = table[(table.probe == "linear") & (table.cell == bag(side))].set_index("encoder").value
    unlabelled = first[[row["encoder"] for row in encoders if row["supervision"] == "self"]]
    return fig, (
        f"By a linear probe on means of patches of {side} px, {titles(unlabelled.idxmax())} is the best of those trained "
        f"without labels ({unlabelled.max():.2f}), {titles(first.idxmin())} the worst of all ({first.min():.2f})."
    )


def by_size(rows: Sequence[Row], followed: Sequence[str], titles: Titles) -> Drawn:
    """Accuracy against the side of the patches: means over patches (solid), the one in the middle (dashed)."""
    table = pd.DataFrame(rows)
    table = table[table.encoder.isin(followed)]
    fig, axes = side_by_side(len(PROBES), 3.2)
    for ax, (probe, heading) in zip(axes, PROBES.items(), strict=True):
        for index, name in enumerate(followed):
            here = table[(table.probe == probe) & (table.encoder == name)].sort_values("side")
            for kind, style in (("bag", "o-"), ("centre", "--")):
                line = here[here.cell.str.startswith(kind) | (here.cell == WHOLE)]
                label = titles(name) if kind == "bag" else None
                ax.plot(line.side, line.value, style, color=PALETTE[index], label=label, markersize=4)
                if kind == "bag":
                    ax.fill_between(line.side, line.low, line.high, color=PALETTE[index], alpha=0.15, linewidth=0)
        ax.set(xlabel="side of a patch, px", title=heading)
        ax.set_xticks(sorted(set(table.side)))
    axes[0].set_ylabel("accuracy")
    legend(fig, axes[0], 4)
    least = int(table.side.min())
    words = [
        f"{titles(name)} from {_cell(table, name, bag(least)):.2f} to {_cell(table, name, WHOLE):.2f}" for name in followed
    ]
    return fig, f"From patches of {least} px to the whole image the linear probe goes for {'; for '.join(words)}."


def by_number(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Accuracy against the number of patches; bars: standard deviation between draws of patches."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys(table.encoder))
    fig, axes = side_by_side(len(PROBES), 3.0)
    for ax, (probe, heading) in zip(axes, PROBES.items(), strict=True):
        for index, name in enumerate(names):
            line = table[(table.probe == probe) & (table.encoder == name)]
            bars, colour = line.spread.astype(float).fillna(0), PALETTE[index]
            ax.errorbar(line.n, line.value, bars, fmt="o-", color=colour, label=titles(name), markersize=4)
        _doubling(ax, table.n)
        ax.set(xlabel="patches of each image", title=heading)
    axes[0].set_ylabel("accuracy")
    legend(fig, axes[0], 4)
    linear = table[table.probe == "linear"].pivot(index="encoder", columns="n", values="value")
    some = min(16, max(linear.columns))
    words = [f"{titles(n)} {linear.loc[n, 1]:.2f}, {linear.loc[n, some]:.2f}, {linear.loc[n].iloc[-1]:.2f}" for n in names]
    return fig, f"Linear probe on 1, {some} and {max(linear.columns)} patches: {'; '.join(words)}."


def convergence(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Means of patches against the whole image by the number of patches: centred cosine, raw cosine, own image found."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys(table.encoder))
    panels = {
        "centred cosine": ("cosine", "mismatched"),
        "cosine, not centred": ("raw", "raw_mismatched"),
        "own image comes first": ("first", None),
    }
    fig, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.0))
    for ax, (heading, (own, other)) in zip(axes, panels.items(), strict=True):
        for index, name in enumerate(names):
            for quantity, style in ((own, "o-"), (other, "--")):
                line = table[(table.encoder == name) & (table.quantity == quantity)]
                label = titles(name) if quantity == own else None
                ax.plot(line.n, line.value, style, color=PALETTE[index], label=label, markersize=3)
        _doubling(ax, table.n)
        ax.set(ylim=(-0.1, 1.04), title=heading, xlabel="patches of each image")
    legend(fig, axes[0], 4)
    last = table[table.n == table.n.max()].pivot(index="encoder", columns="quantity", values="value")
    words = [f"{titles(n)} {last.cosine[n]:.2f} (other images, not centred, {last.raw_mismatched[n]:.2f})" for n in names]
    return fig, f"With {table.n.max()} patches the centred cosine to the own image is, for {'; for '.join(words)}."


def gains(rows: Sequence[Row], titles: Titles) -> Drawn:
    """What bags and views gain over whole images, by encoder, with paired intervals."""
    table = pd.DataFrame(rows)
    names, cells = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.cell))
    fig, axes = side_by_side(len(PROBES), 0.9 + 0.3 * len(names))
    for ax, (probe, heading) in zip(axes, PROBES.items(), strict=True):
        for offset, cell in enumerate(cells):
            here = table[(table.probe == probe) & (table.cell == cell)].set_index("encoder").loc[names]
            y = np.arange(len(names)) + (offset - (len(cells) - 1) / 2) * 0.22
            intervals(ax, here, y, PALETTE[offset], _said(cell))
        ax.axvline(0, color=MUTED, linewidth=0.8)
        ax.set(xlabel="gain in accuracy", title=heading)
    beside(axes[0], names, titles)
    legend(fig, axes[0], 3)
    mean = table[table.probe == "linear"].groupby("cell").value.mean()
    return fig, "Gain over the whole image by a linear probe, mean over encoders: " + ", ".join(
        f"{_said(cell)} {mean[cell]:+.3f}" for cell in cells
    ) + "."


def _said(cell: str) -> str:
    return "shifted and mirrored images" if cell == VIEWS else f"patches of {cell.split()[-1]} px"


def _cell(table: pd.DataFrame, encoder: str, cell: str) -> float:
    return float(table[(table.encoder == encoder) & (table.cell == cell) & (table.probe == "linear")].value.iloc[0])


def _doubling(ax: Axes, numbers: pd.Series) -> None:
    ax.set_xscale("log", base=2)
    ticks = sorted(set(numbers))[:: 2 if numbers.nunique() > 5 else 1]
    ax.set_xticks(ticks, [str(n) for n in ticks])


def side_by_side(count: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    """Panels side by side with one vertical axis; `height` in inches."""
    fig, axes = plt.subplots(1, count, figsize=(WIDTH, height), sharey=True, squeeze=False)
    return fig, axes[0]


def beside(ax: Axes, encoders: Sequence[str], titles: Titles) -> None:
    """The encoders' titles beside the panels, the first at the top."""
    ax.set_yticks(range(len(encoders)), [titles(name) for name in encoders])
    ax.invert_yaxis()


def legend(fig: Figure, ax: Axes, columns: int) -> None:
    """The legend of `ax` below all panels."""
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=7)
