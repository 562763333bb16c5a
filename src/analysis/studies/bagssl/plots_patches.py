"""Figures of what single patches know: likeness, places, neighbours, spectra, invariances, co-occurrence.

Each is drawn from tables of the study and returns (figure, what it shows in words).
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.charts import heatmap
from analysis.figures import MUTED, PALETTE, WIDTH, intervals
from analysis.results import Row
from analysis.studies.bagssl.plots import Drawn, Titles, beside, legend, side_by_side

TAPS = ("backbone", "projector")


def similarity(rows: Sequence[Row], places: Sequence[Row], titles: Titles) -> Drawn:
    """Centred cosine of two small and of two large patches of an image, and R2 of a small patch's place, in both taps."""
    alike, where = pd.DataFrame(rows), pd.DataFrame(places)
    alike = alike[alike.pairs == "within"]
    small, large = int(alike.side.min()), int(alike.side.max())
    panels = {
        f"alike, {small} px": (alike[alike.side == small], "centred cosine"),
        f"alike, {large} px": (alike[alike.side == large], "centred cosine"),
        f"place, {small} px": (where[where.side == small], "R² of a linear map"),
    }
    names = list(dict.fromkeys(alike.encoder))
    fig, axes = side_by_side(len(panels), 0.9 + 0.26 * len(names))
    for ax, (heading, (table, label)) in zip(axes, panels.items(), strict=True):
        _taps(ax, table, names)
        ax.set(title=heading, xlabel=label)
    beside(axes[0], names, titles)
    legend(fig, axes[0], 2)
    near, far, place = (table.groupby("tap").value.mean() for table, _ in panels.values())
    text = f"Two patches of an image are alike by {near.backbone:.2f} at {small} px and by {far.backbone:.2f} at {large} px; "
    text += f"a patch of {small} px tells its place with an R² of {place.backbone:.2f}"
    text += f", in projectors {place.projector:.2f}" if "projector" in place else ""
    return fig, f"{text}, means over encoders."


def neighbour_shares(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Shares of the nearest patches of the same image, class, kind and place, in both taps; the bar marks chance."""
    table = pd.DataFrame(rows)
    names, shares = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.share))
    fig, axes = side_by_side(len(shares), 0.9 + 0.26 * len(names))
    for ax, share in zip(axes, shares, strict=True):
        here = table[table.share == share]
        _taps(ax, here, names)
        ax.axvline(here.chance.mean(), color=MUTED, linewidth=1, linestyle=":")
        ax.set(title=f"same {share}", xlabel="share of neighbours")
    beside(axes[0], names, titles)
    legend(fig, axes[0], 2)
    mean = table.groupby(["share", "tap"]).value.mean()
    words = [f"same {s} {' against '.join(f'{v:.2f}' for v in mean[s])}" for s in shares]
    return fig, f"Backbone against projector, means over encoders: {', '.join(words)}."


def spectra(rows: Sequence[Row], titles: Titles, names: Sequence[str]) -> Drawn:
    """Eigen-spectra of whole images, single patches and means of patches, in both taps."""
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    styles = {"whole": ("-", "whole image"), "patch": (":", "one patch"), "bag": ("--", "mean of patches")}
    for ax, tap in zip(axes, TAPS, strict=True):
        for index, name in enumerate(names):
            for what, (style, words) in styles.items():
                line = table[(table.encoder == name) & (table.tap == tap) & (table.what == what)]
                if len(line):
                    ax.loglog(line["index"], line.share, style, color=PALETTE[index], label=f"{titles(name)}, {words}")
        ax.set(title=tap, xlabel="dimension")
    axes[0].set_ylabel("share of the variance")
    axes[0].set_ylim(bottom=1e-5)
    legend(fig, axes[0], 3)
    ten = table[(table["index"] <= 10) & (table.tap == "backbone")].groupby(["encoder", "what"]).share.sum()
    said = [f"{titles(name)} {ten[name]['whole']:.0%} and {ten[name]['bag']:.0%}" for name in names]
    return fig, f"The first ten dimensions of the backbone hold, of whole images and of means of patches: {'; '.join(said)}."


def invariance(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Share of the variance that a change of the image makes, by encoder and tap."""
    table = pd.DataFrame(rows)
    names, changes = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.change))
    fig, axes = side_by_side(len(TAPS), 0.8 + 0.26 * len(names))
    for ax, tap in zip(axes, TAPS, strict=True):
        cells = (
            table[table.tap == tap]
            .pivot(index="encoder", columns="change", values="value")
            .reindex(index=names, columns=changes)
        )
        cells = cells.set_axis([titles(name) for name in names])
        heatmap(cells, ax, turned=20)
        ax.set_title(tap)
    headed = table[table.encoder.isin(table[table.tap == "projector"].encoder)]
    middle = headed.groupby(["change", "tap"]).value.median()
    words = [f"{change} {' and '.join(f'{v:.2f}' for v in middle[change])}" for change in changes if change in middle]
    return fig, f"Variance made by a change, backbone and projector, medians over encoders with both: {'; '.join(words)}."


def relations(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Mean similarity of patches of one kind, of kinds that meet by chance, and of kinds that never meet in an image."""
    table = pd.DataFrame(rows)
    names, found = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.relation))
    fig, axes = side_by_side(len(TAPS), 0.9 + 0.26 * len(names))
    for ax, tap in zip(axes, TAPS, strict=True):
        for offset, relation in enumerate(found):
            here = table[(table.tap == tap) & (table.relation == relation)].set_index("encoder")
            y = np.array([names.index(name) for name in here.index]) + (offset - 1) * 0.22
            intervals(ax, here, y, PALETTE[offset], relation)
        ax.axvline(0, color=MUTED, linewidth=0.8)
        ax.set(xlabel="centred cosine", title=tap)
    beside(axes[0], names, titles)
    legend(fig, axes[0], 3)
    mean = table.groupby(["tap", "relation"]).value.mean()
    words = [f"in the {tap} {', '.join(f'{r} {mean[tap][r]:+.3f}' for r in found)}" for tap in TAPS if tap in mean]
    return fig, f"Mean similarity of two patches of different images, over encoders: {'; '.join(words)}."


def _taps(ax: Axes, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Values in backbone and projector, one line per encoder; not every projector was kept."""
    for offset, tap in enumerate(TAPS):
        here = table[table.tap == tap].set_index("encoder")
        intervals(ax, here, np.array([names.index(name) for name in here.index]) + (offset - 0.5) * 0.3, PALETTE[offset], tap)
