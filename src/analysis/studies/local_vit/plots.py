"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import MUTED, PALETTE, SEQUENTIAL, WIDTH, intervals
from analysis.neighbours import METRICS
from analysis.results import Row
from analysis.studies.local_vit.contrasts import AS_THEY_COME, COMMON

Drawn = tuple[Figure, str]
Titles = Callable[[str], str]
METRIC_WORDS = {"ip": "inner product", "cosine": "cosine", "l2": "distance"}
TRANSFORM_WORDS = {
    **{"none": "as they come", "centre": "centred", "standardise": "standardised", "whiten": "whitened", "unit": "length 1"},
    **{"top": "− loudest", "random": "− random", "lowest": "− quietest", "mean": "− largest mean"},
}


def examples(
    shown: tuple[np.ndarray, np.ndarray], said: Mapping[tuple[str, str], np.ndarray], titles: Titles, classes: int
) -> Drawn:
    """Test images, their true patch classes, and what the nearest patch says under each encoder and setting (columns)."""
    images, truth = shown
    columns = {
        "image": images,
        "truth": truth,
        **{f"{titles(name)}\n{setting}": maps for (name, setting), maps in said.items()},
    }
    fig, axes = plt.subplots(
        len(images), len(columns), figsize=(WIDTH, 0.5 + WIDTH / len(columns) * len(images)), squeeze=False
    )
    for column, (name, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(name, fontsize=6, fontweight="normal")
        for ax, picture in zip(axes[:, column], pictures, strict=True):
            options = {} if column == 0 else {"cmap": "cividis", "vmin": 0, "vmax": classes - 1, "interpolation": "nearest"}
            ax.imshow(picture, aspect="auto", **options)
            ax.axis("off")
    right = {name: float((maps == truth).mean()) for name, maps in said.items()}
    (best, setting), share = max(right.items(), key=lambda item: item[1])
    return (
        fig,
        f"On these {len(images)} images most patches get their class from {titles(best)}, {setting}: {share:.0%} of them.",
    )


def headline(rows: Sequence[Row], linear: Sequence[Row], titles: Titles) -> Drawn:
    """mIoU by encoder: nearest patch as features come, nearest patch with one transform for all, soft vote, linear probe."""
    table, heads = pd.DataFrame(rows), pd.DataFrame(linear)
    cell = table["transform"] + "/" + table.metric
    lines = {
        "nearest, as they come": table[(table.probe == "knn") & (cell == AS_THEY_COME)],
        "nearest, standardised cosine": table[(table.probe == "knn") & (cell == COMMON)],
        "vote of 30, standardised": table[(table.probe == "vote") & (cell == COMMON)],
        "linear probe": heads[heads.features == "all"],
    }
    sets, encoders = list(dict.fromkeys(table.dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = _panels(len(sets), 0.9 + 0.32 * len(encoders))
    for ax, dataset in zip(axes, sets, strict=True):
        for offset, (label, found) in enumerate(lines.items()):
            here = found[found.dataset == dataset].set_index("encoder").loc[encoders]
            intervals(ax, here, np.arange(len(encoders)) + (offset - 1.5) * 0.17, PALETTE[offset], label)
        ax.set(title=dataset, xlabel="mIoU")
    _names(axes[0], encoders, titles)
    _legend(fig, axes[0], 4)
    means = {label: found.groupby("encoder").value.mean() for label, found in lines.items()}
    words = [f"{titles(m.idxmax())} ({m.max():.2f}) by {label}" for label, m in means.items()]
    return fig, f"Best mIoU, mean over data sets: {'; '.join(words)}."


def grid(rows: Sequence[Row], titles: Titles) -> Drawn:
    """mIoU of the nearest patch under every transform (columns) and metric (panels), mean over data sets."""
    table = pd.DataFrame(rows)
    table = table[table.probe == "knn"]
    encoders, kinds = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table["transform"]))
    means = table.pivot_table(index="encoder", columns=["metric", "transform"], values="value", dropna=False)
    fig, axes = plt.subplots(len(METRICS), 1, figsize=(WIDTH, 0.9 + len(METRICS) * (0.35 + 0.2 * len(encoders))), sharex=True)
    for ax, metric in zip(axes, METRICS, strict=True):
        cells = means[metric].loc[encoders, kinds].set_axis([titles(name) for name in encoders])
        low, high = means.min().min(), means.max().max()
        sns.heatmap(
            cells, ax=ax, vmin=low, vmax=high, cmap=SEQUENTIAL, cbar=False, annot=True, fmt=".2f", annot_kws={"size": 7}
        )
        ax.set(xlabel="", ylabel="", title=METRIC_WORDS[metric])
        ax.tick_params(length=0, labelsize=7)
        ax.tick_params(axis="y", labelrotation=0)
    axes[-1].set_xticks(axes[-1].get_xticks(), [TRANSFORM_WORDS[kind] for kind in kinds], rotation=30, ha="right")
    gain = (means.xs("standardise", axis=1, level="transform")["cosine"] - means["ip"]["none"]).sort_values()
    return fig, (
        f"Standardising and comparing by cosine instead of raw inner products changes mIoU by {gain.iloc[-1]:+.2f} for "
        f"{titles(gain.index[-1])} and by {gain.iloc[0]:+.2f} for {titles(gain.index[0])}."
    )


def sweep(rows: Sequence[Row], titles: Titles) -> Drawn:
    """mIoU of the nearest patch (inner product) against the share of dimensions removed: loudest (solid), random (dashed)."""
    table = pd.DataFrame(rows)
    sets, encoders = list(dict.fromkeys(table.dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = _panels(len(sets), 3.2)
    for ax, dataset in zip(axes, sets, strict=True):
        for index, encoder in enumerate(encoders):
            colour = PALETTE[index % len(PALETTE)]
            for which, style in (("top", "o-"), ("random", "--")):
                line = table[(table.dataset == dataset) & (table.encoder == encoder) & (table.removed == which)]
                label = titles(encoder) if which == "top" else None
                ax.plot(line.share, line.value, style, color=colour, label=label, markersize=3, linewidth=1.2)
        ax.set(title=dataset, xlabel="share of dimensions removed")
    axes[0].set_ylabel("mIoU")
    _legend(fig, axes[0], 4)
    wide = table.pivot_table(index=["encoder", "share"], columns="removed", values="value", dropna=False)
    bare = table[table.m == 0].groupby("encoder").value.mean()
    best = (wide["top"].groupby("encoder").max() - bare).sort_values()
    return fig, f"The most that removing loud dimensions gains is {best.iloc[-1]:+.2f} mIoU, for {titles(best.index[-1])}."


def spectra(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Variance of each dimension against its rank, as a multiple of the mean, both logarithmic."""
    table = pd.DataFrame(rows)
    sets, encoders = list(dict.fromkeys(table.dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = _panels(len(sets), 3.0)
    for ax, dataset in zip(axes, sets, strict=True):
        for index, encoder in enumerate(encoders):
            line = table[(table.dataset == dataset) & (table.encoder == encoder)]
            colour = PALETTE[index % len(PALETTE)]
            ax.plot(line["rank"] / line.width, line.share * line.width, color=colour, label=titles(encoder), linewidth=1.4)
        ax.axhline(1, color=MUTED, linewidth=0.8)
        ax.set(title=dataset, xlabel="rank, as a share of the width", xscale="log", yscale="log")
    axes[0].set_ylabel("variance / mean variance")
    _legend(fig, axes[0], 4)
    first = table[table["rank"] == 1].assign(times=lambda t: t.share * t.width).groupby("encoder").times.mean()
    return fig, (
        f"The loudest dimension has {first.max():.0f} times the mean variance in {titles(first.idxmax())} and "
        f"{first.min():.1f} times in {titles(first.idxmin())}."
    )


def depth(rows: Sequence[Row], titles: Titles) -> Drawn:
    """mIoU of the nearest patch after each block, by inner product (dashed) and cosine (solid)."""
    table = pd.DataFrame(rows)
    sets, encoders = list(dict.fromkeys(table.dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = _panels(len(sets), 3.0)
    for ax, dataset in zip(axes, sets, strict=True):
        for index, encoder in enumerate(encoders):
            for metric, style in (("cosine", "o-"), ("ip", "--")):
                line = table[(table.dataset == dataset) & (table.encoder == encoder) & (table.metric == metric)]
                label = titles(encoder) if metric == "cosine" else None
                colour = PALETTE[index % len(PALETTE)]
                ax.plot(line.layer / line.of, line.value, style, color=colour, label=label, markersize=3, linewidth=1.2)
        ax.set(title=dataset, xlabel="depth (1: last block)")
    axes[0].set_ylabel("mIoU")
    _legend(fig, axes[0], 4)
    means = table[table.metric == "cosine"].groupby(["encoder", "layer"]).value.mean()
    last = {name: int(means[name].idxmax() == means[name].index.max()) for name in encoders}
    return fig, f"By cosine, the last block is the best one for {sum(last.values())} of {len(last)} encoders."


def patches(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Recall of the same patch by encoder and change, inner product and cosine of features as they come."""
    table = pd.DataFrame(rows)
    table = table[table["transform"] == "none"]
    encoders, changes = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.change))
    fig, axes = _panels(2, 0.9 + 0.24 * len(encoders))
    for ax, metric in zip(axes, ("ip", "cosine"), strict=True):
        cells = table[table.metric == metric].pivot_table(index="encoder", columns="change", values="value", dropna=False)
        cells = cells.loc[encoders, changes].set_axis([titles(name) for name in encoders])
        sns.heatmap(cells, ax=ax, vmin=0, vmax=1, cmap=SEQUENTIAL, cbar=False, annot=True, fmt=".2f", annot_kws={"size": 7})
        ax.set(xlabel="", ylabel="", title=METRIC_WORDS[metric])
        ax.tick_params(length=0, labelsize=7)
        ax.tick_params(axis="y", labelrotation=0)
        ax.tick_params(axis="x", labelrotation=30)
    means = table[table.metric == "cosine"].groupby("encoder").value.mean()
    return fig, f"By cosine {titles(means.idxmax())} finds the same patch most often, {means.max():.0%} of the time on average."


def found_again(objects: Sequence[Row], tracking: Sequence[Row], titles: Titles) -> Drawn:
    """The same object at rank 1 (two settings), and J&F of objects followed through videos, one panel per data set."""
    panels: dict[str, dict[str, pd.DataFrame]] = {}
    table = pd.DataFrame(objects)
    for dataset in dict.fromkeys(table.dataset) if len(table) else ():
        here = table[(table.dataset == dataset) & (table.score == "top1")]
        cell = here["transform"] + "/" + here.metric
        panels[f"same object, {dataset}"] = {"as they come": here[cell == AS_THEY_COME], "one for all": here[cell == COMMON]}
    table = pd.DataFrame(tracking)
    for dataset in dict.fromkeys(table.dataset) if len(table) else ():
        panels[f"followed, {dataset}"] = {"cosine": table[(table.dataset == dataset) & (table.score == "J&F")]}
    encoders = list(dict.fromkeys(row["encoder"] for row in [*objects, *tracking]))
    fig, axes = _panels(len(panels), 0.9 + 0.26 * len(encoders))
    for ax, (heading, lines) in zip(axes, panels.items(), strict=True):
        for offset, (label, found) in enumerate(lines.items()):
            y = np.arange(len(encoders)) + (offset - (len(lines) - 1) / 2) * 0.25
            intervals(ax, found.set_index("encoder").loc[encoders], y, PALETTE[2 if label == "cosine" else offset], label)
        ax.set_title(heading, fontsize=8)
        ax.set_xlabel("J&F" if heading.startswith("followed") else "share right at rank 1")
    _names(axes[0], encoders, titles)
    _legend(fig, axes[0], 2)
    best = {heading: list(lines.values())[-1].set_index("encoder").value for heading, lines in panels.items()}
    return fig, "Best: " + "; ".join(f"{titles(v.idxmax())} ({v.max():.2f}) for {heading}" for heading, v in best.items()) + "."


def damaged(rows: Sequence[Row], titles: Titles) -> Drawn:
    """mIoU on damaged test images: nearest patch as features come and with one transform for all, linear probe."""
    table = pd.DataFrame(rows)
    table = table.assign(setting=table.damage + " " + table.strength.map("{:g}".format))
    encoders, settings = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.setting))
    probes = list(dict.fromkeys(table.probe))
    fig, axes = _panels(len(probes), 0.9 + 0.24 * len(encoders))
    for ax, probe in zip(axes, probes, strict=True):
        cells = table[table.probe == probe].pivot_table(index="encoder", columns="setting", values="value", dropna=False)
        cells = cells.loc[encoders, settings].set_axis([titles(name) for name in encoders])
        sns.heatmap(
            cells,
            ax=ax,
            vmin=0,
            vmax=table.value.max(),
            cmap=SEQUENTIAL,
            cbar=False,
            annot=True,
            fmt=".2f",
            annot_kws={"size": 7},
        )
        ax.set(xlabel="", ylabel="", title=probe)
        ax.tick_params(length=0, labelsize=7)
        ax.tick_params(axis="y", labelrotation=0)
        ax.tick_params(axis="x", labelrotation=30)
    worst = table.loc[table[table.probe == "linear"].value.idxmin()]
    return fig, f"The linear probe falls lowest for {titles(worst.encoder)} under {worst.setting}, to {worst.value:.2f} mIoU."


def _panels(count: int, height: float) -> tuple[Figure, Sequence[Axes]]:
    fig, axes = plt.subplots(1, count, figsize=(WIDTH, height), sharey=True, squeeze=False)
    return fig, axes[0]


def _names(ax: Axes, encoders: Sequence[str], titles: Titles) -> None:
    ax.set_yticks(range(len(encoders)), [titles(name) for name in encoders])
    ax.invert_yaxis()


def _legend(fig: Figure, ax: Axes, columns: int) -> None:
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=7)
