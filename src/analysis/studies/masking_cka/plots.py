"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from analysis.datasets.base import Dataset
from analysis.figures import MUTED, PALETTE, SEQUENTIAL, WIDTH, intervals
from analysis.results import Row
from analysis.similarity import MEASURES
from analysis.studies.masking_cka.masks import COMPLETE
from analysis.studies.masking_cka.measure import variants
from analysis.studies.masking_cka.params import MaskingCka

Drawn = tuple[Figure, str]
Titles = Callable[[str], str]


def picture_grid(dataset: Dataset, params: MaskingCka, count: int = 5) -> Drawn:
    """A few images of `dataset` (rows) in every variant under the headline fill (columns), pixel by pixel."""
    few = dataset.select(np.linspace(0, len(dataset) - 1, count).astype(int))
    shown = [(v, images) for fill, v, images in variants(few, params) if fill in ("none", params.fills[0])]
    side, gap = few.size, max(1, few.size // 32)
    canvas = np.zeros((len(few) * (side + gap) - gap, len(shown) * (side + gap) - gap, 4), dtype=np.uint8)  # gaps stay clear
    for column, (_, images) in enumerate(shown):
        for row, image in enumerate(images):
            top, left = row * (side + gap), column * (side + gap)
            canvas[top : top + side, left : left + side] = np.dstack([image, np.full((side, side), 255, np.uint8)])
    fig, ax = plt.subplots(figsize=(WIDTH, WIDTH * canvas.shape[0] / canvas.shape[1] + 0.45))
    ax.imshow(canvas, interpolation="nearest")
    ax.axis("off")
    for column, (name, _) in enumerate(shown):
        ax.text(column * (side + gap) + side / 2, -gap * 2, name.replace("_", "\n"), ha="center", va="bottom", fontsize=5.5)
    return (
        fig,
        f"{len(few)} images of {dataset.name} complete and in {len(shown) - 1} masked variants, cut exactly at the mask.",
    )


def matrices(pairs: list[Row], titles: Titles, fill: str) -> Drawn:
    """Debiased CKA of each comparison (panels), by encoder (rows) and data set (columns)."""
    table = pd.DataFrame(pairs)
    table = table[table.fill == fill]
    encoders = list(dict.fromkeys(table.encoder))
    sets = list(dict.fromkeys(table[table.b == "foreground"].dataset))
    fig, axes = plt.subplots(1, len(_PANELS), figsize=(WIDTH, 1.15 + 0.27 * len(encoders)), sharey=True)
    for ax, ((a, b), heading) in zip(axes, _PANELS.items(), strict=True):
        cells = table[(table.a == a) & (table.b == b)].pivot(index="encoder", columns="dataset", values="cka")
        cells = cells.loc[encoders, sets].set_axis([titles(name) for name in encoders])
        sns.heatmap(cells, ax=ax, vmin=0, vmax=1, cmap=SEQUENTIAL, cbar=False, annot=True, fmt=".2f", annot_kws={"size": 7})
        ax.set(xlabel="", ylabel="", title=heading)
        ax.set_xticks(ax.get_xticks(), [name.removeprefix("scenes:") for name in sets], rotation=30, ha="right")
        ax.tick_params(length=0)
        ax.tick_params(axis="y", labelrotation=0)
    apart = table[(table.a == "foreground") & (table.b == "background")]
    low, high = apart.loc[apart.cka.idxmin()], apart.loc[apart.cka.idxmax()]
    return fig, (
        f"Object and ground images are least alike for {titles(low.encoder)} on {low.dataset} (CKA {low.cka:.2f}) and most "
        f"alike for {titles(high.encoder)} on {high.dataset} ({high.cka:.2f})."
    )


_PANELS = {
    (COMPLETE, "foreground"): "complete, object",
    (COMPLETE, "background"): "complete, ground",
    ("foreground", "background"): "object, ground",
    ("random_kept", "random_removed"): "random cut",
}


def separation(rows: list[Row], titles: Titles, smallest: float) -> Drawn:
    """Separation by encoder: mean over data sets with its interval for each fill, single data sets as faint dots."""
    table = pd.DataFrame(rows)
    encoders, fills = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.fill))
    fig, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.42 * len(encoders)))
    for offset, fill in enumerate(fills):
        here = table[(table.fill == fill) & (table.dataset == "mean")].set_index("encoder").loc[encoders]
        y = np.arange(len(encoders)) + (offset - (len(fills) - 1) / 2) * 0.22
        intervals(ax, here, y, PALETTE[offset], f"fill: {fill}")
        single = table[(table.fill == fill) & (table.dataset != "mean")]
        places = [y[encoders.index(name)] for name in single.encoder]
        ax.plot(single.value, places, ".", color=PALETTE[offset], alpha=0.35, markersize=4)
    ax.axvline(0, color=MUTED, linewidth=0.8)
    ax.axvspan(-smallest, smallest, color=MUTED, alpha=0.12, linewidth=0)
    ax.set_yticks(range(len(encoders)), [titles(name) for name in encoders])
    ax.invert_yaxis()
    ax.set_xlabel("CKA(random part, complement) − CKA(object, ground)")
    ax.legend(fontsize=7, loc="best")
    means = table[(table.dataset == "mean") & (table.fill == fills[0])].set_index("encoder").value
    return fig, (
        f"Separation of object from ground beyond a random cut, mean over data sets, runs from {means.min():.2f} "
        f"({titles(means.idxmin())}) to {means.max():.2f} ({titles(means.idxmax())})."
    )


def occlusion(pairs: list[Row], titles: Titles, fractions: Sequence[float], fill: str) -> Drawn:
    """CKA with the complete image against the side of the square: centre removed, the same elsewhere, only the centre."""
    table = pd.DataFrame(pairs)
    table = table[(table.fill == fill) & (table.a == COMPLETE)]
    encoders, sets = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.dataset))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
    gaps = []
    for ax, dataset in zip(axes[0], sets, strict=True):
        for index, encoder in enumerate(encoders):
            cell = table[(table.dataset == dataset) & (table.encoder == encoder)].set_index("b").cka
            lines = {kind: [cell[f"{kind}_{100 * f:g}"] for f in fractions] for kind in ("occluded", "elsewhere", "centre")}
            colour = PALETTE[index % len(PALETTE)]
            ax.plot(fractions, lines["occluded"], "o-", color=colour, label=titles(encoder), markersize=3)
            ax.plot(fractions, lines["elsewhere"], "--", color=colour, linewidth=1)
            ax.plot(fractions, lines["centre"], ":", color=colour, linewidth=1)
            gaps.append((np.mean(np.subtract(lines["elsewhere"], lines["occluded"])), dataset))
        ax.set_title(dataset, fontsize=8)
        ax.set_xticks(fractions)
        ax.set_xlabel("side of the square")
    axes[0, 0].set_ylabel("debiased CKA with complete")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles += [plt.Line2D([], [], color=MUTED, linestyle=s, linewidth=1) for s in ("--", ":")]
    fig.legend(handles, [*labels, "removed elsewhere", "only the centre kept"], loc="outside lower center", ncols=4, fontsize=7)
    by_set = pd.DataFrame(gaps, columns=["gap", "dataset"]).groupby("dataset").gap.mean()
    words = ", ".join(f"{gap:+.2f} on {name}" for name, gap in by_set.items())
    return (
        fig,
        f"Similarity lost by removing the centre, less that lost by the same square elsewhere: {words} (CKA, model mean).",
    )


def trap(rows: list[Row]) -> Drawn:
    """Raw measures of unrelated features against their width, for each number of images."""
    table = pd.DataFrame(rows)
    sizes, measures = list(dict.fromkeys(table.n)), list(dict.fromkeys(table.measure))
    fig, axes = plt.subplots(1, len(sizes), figsize=(WIDTH, 2.5), sharey=True, squeeze=False)
    for ax, n in zip(axes[0], sizes, strict=True):
        for colour, measure in zip(PALETTE, measures, strict=False):
            line = table[(table.n == n) & (table.measure == measure)].dropna()
            ax.plot(line.width, line.value, "o-", color=colour, label=measure, markersize=3)
        ax.set_xscale("log", base=2)
        ax.set_title(f"{n:,} images", fontsize=8)
        ax.set_xlabel("width of the features")
        ax.axhline(0, color=MUTED, linewidth=0.8)
    axes[0, 0].set_ylabel("value (the truth is 0)")
    axes[0, 0].legend(fontsize=7)
    raw = table[table.measure != measures[-1]].dropna()
    worst, true = raw.loc[raw.value.idxmax()], table[table.measure == measures[-1]].value.abs().max()
    return fig, (
        f"Of features that have nothing in common, {worst.measure} reaches {worst.value:.2f} at {worst.n:,} images and width "
        f"{worst.width}; debiased CKA stays within {true:.2f} of 0."
    )


def by_layer(rows: list[Row], titles: Titles) -> Drawn:
    """CKA between object and ground images, layer by layer, beside the random cut."""
    table = pd.DataFrame(rows)
    encoders, sets = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.dataset))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
    falls = {}
    for ax, dataset in zip(axes[0], sets, strict=True):
        for index, encoder in enumerate(encoders):
            cell = table[(table.dataset == dataset) & (table.encoder == encoder)]
            for a, line in (("foreground", "o-"), ("random_kept", "--")):
                cka = cell[cell.a == a].cka.to_numpy()
                depth = np.linspace(0, 1, len(cka))
                label = titles(encoder) if a == "foreground" else None
                ax.plot(depth, cka, line, color=PALETTE[index % len(PALETTE)], label=label, markersize=3, linewidth=1.2)
                if a == "foreground":
                    falls[titles(encoder), dataset] = cka[-1] - cka[0]
        ax.set_title(dataset, fontsize=8)
        ax.set_xlabel("depth")
    axes[0, 0].set_ylabel("CKA(object, ground)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    handles.append(plt.Line2D([], [], color=MUTED, linestyle="--"))
    fig.legend(handles, [*labels, "random cut"], loc="outside lower center", ncols=4, fontsize=7)
    (name, dataset), fall = min(falls.items(), key=lambda item: item[1])
    return fig, f"From first to last layer, CKA of object and ground changes most for {name} on {dataset}, by {fall:+.2f}."


def panel(rows: list[Row], titles: Titles) -> Drawn:
    """Every measure on CKA's question, object against ground: does the choice of measure change the order of models?"""
    table = pd.DataFrame(rows).dropna(subset="value")
    table = table[(table.a == "foreground") & (table.b == "background")]
    wide = table.pivot_table(index="measure", columns="encoder", values="value", sort=False)
    fig, ax = plt.subplots(figsize=(WIDTH, 0.8 + 0.32 * len(wide)))
    sns.heatmap(wide, ax=ax, annot=True, fmt=".2f", cmap=SEQUENTIAL, cbar=False, annot_kws={"size": 7}, vmin=0, vmax=1)
    ax.set_xticklabels([titles(name) for name in wide.columns], rotation=20, ha="right")
    ax.set_yticks(ax.get_yticks(), [MEASURES[name].title for name in wide.index], rotation=0)
    ax.set(xlabel="", ylabel="")
    most = wide.idxmax(axis=1).map(titles).value_counts()
    return fig, f"Of {len(wide)} measures, mean over data sets, {most.iloc[0]} give {most.index[0]} the highest value."


def neighbours(rows: list[Row], titles: Titles, fill: str) -> Drawn:
    """Nearest-neighbour accuracy of each variant against the bank of complete images."""
    table = pd.DataFrame(rows)
    wanted = [COMPLETE, "foreground", "random_kept", "background", "random_removed"]
    table = table[table.variant.isin(wanted) & table.fill.isin(("none", fill))]
    sets, encoders = list(dict.fromkeys(table[table.variant == "foreground"].dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 0.9 + 0.28 * len(encoders)), sharey=True, squeeze=False)
    for ax, dataset in zip(axes[0], sets, strict=True):
        for offset, variant in enumerate(wanted):
            here = table[(table.dataset == dataset) & (table.variant == variant)].set_index("encoder").loc[encoders]
            y = np.arange(len(encoders)) + (offset - 2) * 0.15
            intervals(ax, here.rename(columns={"accuracy": "value"}), y, PALETTE[offset], variant.replace("_", " "))
        ax.set_title(dataset, fontsize=8)
        ax.set_xlabel("1-NN accuracy")
    axes[0, 0].set_yticks(range(len(encoders)), [titles(name) for name in encoders])
    axes[0, 0].invert_yaxis()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=7)
    means = table[table.dataset.isin(sets)].groupby("variant").accuracy.mean()
    return fig, (
        f"Nearest-neighbour accuracy, mean over models and data sets, is {means[COMPLETE]:.2f} for complete images, "
        f"{means['foreground']:.2f} for the object alone and {means['background']:.2f} for the ground alone."
    )
