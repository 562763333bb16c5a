"""The figures of the study, drawn from its tables and pictures. Each returns (figure, what it shows in words)."""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.charts import heatmap
from analysis.figures import MUTED, PALETTE, PAPER, WIDTH, intervals
from analysis.prose import NOTHING
from analysis.results import Row
from analysis.studies.rcdm.changes import OTHER, TRAINED
from analysis.studies.rcdm.factors import TITLES
from analysis.studies.rcdm.measured import NULL

Drawn = tuple[Figure, str]
LEAST, MOST = -0.6, 2.0  # skill and spread shown: beyond, a reader is at a loss, by whatever much
Titles = Callable[[str], str | None]


def quality(rows: Sequence[Row], titles: Titles) -> Drawn:
    """KID and reciprocal rank in the space of the encoder held out, one line per condition."""
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 0.8 + 0.22 * len(table)), sharey=True)
    y = np.arange(len(table))
    for ax, name, label in (
        (axes[0], "kid", "KID (0: as real images)"),
        (axes[1], "mrr_judge", "MRR, space of the held-out encoder"),
    ):
        shown = pd.DataFrame({"value": table[name], "low": table[f"{name}_low"], "high": table[f"{name}_high"]}).astype(float)
        intervals(ax, shown, y, PALETTE[0], label)
        ax.set_xlabel(label)
    axes[1].axvline(table.chance.iloc[0], color=MUTED, linestyle=":", linewidth=1)
    axes[0].set_yticks(y, [str(titles(name)) for name in table.condition])
    axes[0].invert_yaxis()
    drawn = table[table.condition != "real"]
    near, true = drawn.loc[drawn.kid.idxmin()], drawn.loc[drawn.mrr_judge.idxmax()]
    return fig, (
        f"Samples closest to real images are drawn from {titles(near.condition)} (KID {near.kid:.3f}); the represented image "
        f"ranks best for {titles(true.condition)} (MRR {true.mrr_judge:.2f})."
    )


def training(rows: Sequence[Row], titles: Titles) -> Drawn:
    """Reciprocal rank against steps and against the images of a condition; dashed: decoders of one, each its own line."""
    table = pd.DataFrame([row for row in rows if titles(row["condition"]) and not row["condition"].endswith(":adagn")])
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharey=True)
    names = [name for name in dict.fromkeys(table.condition) if "untrained" not in name]
    for (_, alone, name), line in table.groupby(["decoder", "alone", "condition"], sort=False):
        label = f"{titles(name)}, alone" if alone else str(titles(name))
        colour = PALETTE[names.index(name) % len(PALETTE)] if name in names else MUTED
        for ax, along in zip(axes, ("step", "seen"), strict=True):
            ax.plot(line[along], line.mrr, "o--" if alone else "o-", markersize=4, color=colour, label=label)
    axes[0].set(xlabel="steps", ylabel="MRR, own space", ylim=(0, None))
    axes[1].set(xlabel="training images of the representation")
    axes[1].locator_params(axis="x", nbins=5)
    labels = {label: line for line, label in zip(*axes[0].get_legend_handles_labels(), strict=True)}
    fig.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=3, fontsize=7, handlelength=3)
    alone = table.alone.astype(bool)
    shared, single = table[~alone], table[alone]
    apart = "".join(
        f" A decoder of {titles(row.condition)} alone reaches {row.mrr:.3f} after {row.step:,}."
        for row in single.groupby("decoder", sort=False).tail(1).itertuples()
    )
    ended = shared[shared.step == shared.step.max()]
    best = ended.loc[ended.mrr.idxmax()]
    return fig, (
        f"After {ended.step.iloc[0]:,} steps the reciprocal rank lies between {ended.mrr.min():.3f} and {best.mrr:.3f} "
        f"({titles(best.condition)}).{apart}"
    )


def families(rows: Sequence[Row]) -> Drawn:
    """Skill on samples, and spread between two samples, by factor and family of representations."""
    table = pd.DataFrame(rows)
    factors = [name for name in TITLES if name in set(table.factor)]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.34 * len(factors)), sharey=True)
    for ax, quantity, label in zip(
        axes, ("skill", "spread"), ("read from samples (1: fully)", "spread between two samples (1: not kept)"), strict=True
    ):
        here = table[table.quantity == quantity]
        names = list(dict.fromkeys(here.family))
        for k, family in enumerate(names):
            found = here[here.family == family].set_index("factor").loc[factors]
            intervals(
                ax,
                found,
                np.arange(len(factors)) + 0.8 * ((k + 0.5) / len(names) - 0.5),
                PALETTE[k % len(PALETTE)],
                "nothing" if family == NULL else family,
            )
        ax.set_xlabel(label)
        ax.axvline(1, color=MUTED, linestyle=":", linewidth=1)
        ax.axvline(0, color=MUTED, linestyle=":", linewidth=1)
    axes[0].set_xlim(LEAST, 1.05)
    axes[1].set_xlim(-0.05, min(MOST, axes[1].get_xlim()[1]))
    axes[0].set_yticks(range(len(factors)), [TITLES[name] for name in factors])
    axes[0].invert_yaxis()
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7)
    sides = [table[(table.quantity == "spread") & table.family.str.endswith(tap)].set_index("factor").value for tap in _SIDES]
    if not all(len(side) for side in sides):
        return fig, f"Factors read from samples, and their spread, for {len(set(table.family))} families of representations."
    gap = (sides[1] - sides[0]).dropna()
    return fig, (
        f"Samples from projectors vary more than those from backbones in {(gap > 0).sum()} of {len(gap)} factors, most in "
        f"{TITLES[gap.idxmax()]} ({sides[1][gap.idxmax()]:.2f} against {sides[0][gap.idxmax()]:.2f})."
    )


_SIDES = ("backbone", "projector")


def percent(share: float) -> str:
    """A share in words, without a minus before a zero; a dash where nothing was measured."""
    return NOTHING if np.isnan(share) else f"{round(100 * share)} %"


def changes(shown: Sequence[Row], moved: Sequence[Row], titles: Titles) -> Drawn:
    """Share of each change that samples show (left), and distance it moves each representation (right)."""
    order, drawn = [*TRAINED, *OTHER], {row["condition"] for row in shown}
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.27 * len(drawn)))
    for ax, rows, name in zip(axes, (shown, moved), ("share shown in samples", "squared distance, of two images"), strict=True):
        table = pd.DataFrame([row for row in rows if row["condition"] in drawn])
        cells = table.pivot_table(index="condition", columns="change", values="value", sort=False, dropna=False)
        cells = cells[[change for change in order if change in cells]]
        heatmap(cells.set_axis([str(titles(c)) for c in cells.index]), ax, size=6.5, turned=60)
        ax.axvline(sum(change in cells for change in TRAINED), color=PAPER, linewidth=3)
        ax.set_title(name)
    table = pd.DataFrame(shown)
    means = {tap: table[(table.part == tap) & table.trained].value.mean() for tap in _SIDES}
    return fig, (
        f"Of the changes of the training, samples from backbones show {percent(means['backbone'])} on average, samples from "
        f"projectors {percent(means['projector'])}; changes of the training are left of the gap."
    )


def attacks(rows: Sequence[Row]) -> Drawn:
    """Shift of representations against the size of the attack: label-free, on the probe, random; and the probe's accuracy."""
    table = pd.DataFrame(rows)
    table = table.assign(size=table.eps.astype(float))
    fig, axes = plt.subplots(1, 4, figsize=(WIDTH, 2.6))
    heads = {"label-free": "label-free", "probe": "on the probe", "random": "random, as large"}
    for k, title in enumerate(dict.fromkeys(table.title)):
        here, colour = table[table.title == title], PALETTE[k % len(PALETTE)]
        for ax, way in zip(axes, heads, strict=False):
            line = here[here.way == way]
            ax.plot(line["size"], line.value, marker="o", markersize=3, color=colour, label=title)
            ax.fill_between(line["size"], line.low, line.high, color=colour, alpha=0.15, linewidth=0)
        line = here[here.way.isin(("none", "probe"))]
        axes[3].plot(line["size"], line.accuracy, marker="o", markersize=3, color=colour)
    top = table.high.max() * 1.3
    for ax, head in zip(axes, [*heads.values(), "probe under attack"], strict=True):
        ax.set_title(head, fontsize=8)
        ax.set_xlabel("size, of 255")
        ax.set_xticks(sorted(set(table["size"])))
        if ax is not axes[3]:
            ax.set(yscale="log", ylim=(table[table.value > 0].value.min() / 1.5, top))
    axes[0].set_ylabel("squared shift, of two images")
    axes[3].set_ylabel("accuracy")
    axes[3].set_ylim(0, 1)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7)
    largest = table[(table.way == "label-free") & (table["size"] == table["size"].max())].set_index("title").value
    return fig, (
        f"Under the label-free attack of {table['size'].max():g}/255, {largest.idxmax()} moves most "
        f"({largest.max():.2f} of the squared distance of two images), {largest.idxmin()} least ({largest.min():.2f})."
    )
