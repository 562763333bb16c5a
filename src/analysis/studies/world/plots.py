"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.charts import heatmap
from analysis.datasets.scenes.kinds import CLASSES, class_names
from analysis.figures import INK, MUTED, PALETTE, SEQUENTIAL, WIDTH, intervals
from analysis.results import Row
from analysis.studies.world.confusion import SHARED, sharing

Drawn = tuple[Figure, str]
PROBES = {"knn": "20 nearest neighbours", "linear": "linear probe"}
FITTED = {"plain": "fitted on objects", "misled": "fitted on context"}


def difficulty(rows: list[Row], titles: Mapping[str, str], chance: float) -> Drawn:
    """Accuracy of both probes on each representation."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys(table.representation))
    fig, ax = plt.subplots(figsize=(WIDTH, 1.0 + 0.38 * len(names)))
    for offset, (probe, label) in enumerate(PROBES.items()):
        here = table[table.probe == probe].set_index("representation").loc[names]
        intervals(ax, here, np.arange(len(names)) + 0.22 * (offset - 0.5), PALETTE[offset], label)
    ax.axvline(chance, color=MUTED, linestyle="--", linewidth=1, label="chance")
    ax.set_xlim(0, 1)
    _name_rows(ax, [titles[name] for name in names])
    ax.set_xlabel("accuracy on test images")
    ax.legend(fontsize=7, loc="best")
    linear = table[table.probe == "linear"].set_index("representation").value
    each = ", ".join(f"{titles[name]} {value:.2f}" for name, value in linear.items())
    return fig, f"A linear probe names the class with accuracy {each}; chance is {chance:.2f}."


def factors(rows: list[Row], titles: Mapping[str, str]) -> Drawn:
    """How well each factor is read from each representation."""
    table = pd.DataFrame(rows)
    names, order = list(dict.fromkeys(table.factor)), list(dict.fromkeys(table.representation))
    wide = table.pivot(index="representation", columns="factor", values="value").loc[order, names]
    kinds = table.drop_duplicates("factor").set_index("factor").kind.map({"R2": "$R^2$", "accuracy": "acc."})
    headed = {name: f"{name}\n{kinds[name]}" for name in names}
    fig, ax = plt.subplots(figsize=(WIDTH, 1.1 + 0.3 * len(order)))
    heatmap(wide.rename(index=titles, columns=headed), ax, turned=0)
    best = wide.drop(index=["constant"]).idxmax().map(titles)
    gains = (wide.drop(index=["constant"]).max() - wide.loc["constant"]).sort_values()
    return fig, (
        f"Beyond the best constant guess, {gains.index[-1]} is read best (from {best[gains.index[-1]]}, by "
        f"{gains.iloc[-1]:+.2f}) and {gains.index[0]} worst ({gains.iloc[0]:+.2f})."
    )


def confusion(counts: list[Row], rows: list[Row], title: str) -> Drawn:
    """Where the errors fall, and the share of them on classes with something in common beside its null."""
    table = np.zeros((len(CLASSES), len(CLASSES)))
    for cell in counts:
        table[cell["truth"], cell["said"]] = cell["count"]
    shown = table / table.sum(1, keepdims=True).clip(1)
    np.fill_diagonal(shown, np.nan)
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 4.3), width_ratios=(2.6, 1))
    sns.heatmap(shown, ax=left, cmap=SEQUENTIAL, cbar_kws={"shrink": 0.5, "pad": 0.02}, square=True, vmin=0)
    for name, same in sharing().items():
        for row, column in np.argwhere(same) if name in SHARED else ():
            left.text(column + 0.5, row + 0.5, name[0], ha="center", va="center", fontsize=5.5, color="white")
    for start in range(0, len(CLASSES), 4):
        left.add_patch(Rectangle((start, start), 4, 4, fill=False, edgecolor=INK, linewidth=1))
    ticks = np.arange(len(CLASSES)) + 0.5
    left.set_xticks(ticks, class_names("objects"), fontsize=5.5, rotation=90)
    left.set_yticks(ticks, class_names("objects"), fontsize=5.5, rotation=0)
    left.set(xlabel="said", ylabel="true", title=f"Errors ({title})")
    left.tick_params(length=0)
    left.grid(False)
    found = pd.DataFrame(rows)
    y = np.arange(len(found))
    right.barh(
        y, found.null_high - found.null_low, left=found.null_low, color=MUTED, alpha=0.35, height=0.5, label="95 % of null"
    )
    intervals(right, found, y, PALETTE[0], "errors")
    _name_rows(right, found.factor)
    right.set_xlim(0, 1)
    right.set_xlabel("share of errors")
    right.legend(fontsize=6.5, loc="lower left", bbox_to_anchor=(0, 1))
    last = found.iloc[-1]
    return fig, (
        f"Of the errors ({title}), {last.value:.0%} fall on one of the nine classes that share species, part or coat with the "
        f"true one, where {last.null_mean:.0%} would if looks did not matter."
    )


def context(rows: list[Row], titles: Mapping[str, str], chance: float) -> Drawn:
    """Accuracy with the class's usual ground and with any ground, for probes that met the correlation and others."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys(table.representation))
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.1 + 0.36 * len(names)), sharey=True, sharex=True)
    for ax, (probe, label) in zip(axes, FITTED.items(), strict=True):
        here = table[table.probe == probe].set_index("representation").loc[names]
        y = np.arange(len(names))
        ax.hlines(y, here.broken, here.kept, color=MUTED, linewidth=1)
        for offset, setting in ((-0.08, "kept"), (0.08, "broken")):
            edges = here.rename(columns={setting: "value", f"{setting}_low": "low", f"{setting}_high": "high"})
            intervals(ax, edges, y + offset, PALETTE[0 if setting == "kept" else 1], f"context {setting}")
        ax.axvline(chance, color=MUTED, linestyle="--", linewidth=1)
        ax.set_title(label, fontsize=8)
        ax.set_xlabel("accuracy")
    _name_rows(axes[0], [titles[name] for name in names])
    axes[1].legend(fontsize=7, loc="best")
    mean = table.groupby("probe")["drop"].mean()
    return fig, (
        f"When grounds no longer go with classes, probes fitted where they did lose {mean['misled']:.2f} of accuracy on "
        f"average, probes fitted where they did not {mean['plain']:.2f}."
    )


def _name_rows(ax: Axes, names: object) -> None:
    labels = list(names)  # type: ignore[call-overload]
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
