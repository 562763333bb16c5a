"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import DIVERGING, MUTED, PALETTE, WIDTH, intervals
from analysis.results import Row
from analysis.studies.qscore.compression import DISCRIMINATIVE, WAYS
from analysis.studies.qscore.controls import SCORES, SPARSITY, Q
from analysis.studies.qscore.core import MAPS
from analysis.studies.qscore.regulariser import ARMS, BASE, FULL

Drawn = tuple[Figure, str]
Titles = Mapping[str, str]


def frequency(rows: list[Row], titles: Titles, low: float, high: float) -> Drawn:
    """A, sorted, encoder by encoder; the band of D."""
    table = pd.DataFrame(rows)
    fig, axes = _panels(len(titles), height=1.35)
    for ax, (name, title) in zip(axes, titles.items(), strict=False):
        here = table[table.encoder == name]
        ax.axvspan(low / 100, high / 100, color=PALETTE[0], alpha=0.15, linewidth=0)
        ax.plot(here["rank"], here.percent, color=PALETTE[0])
        ax.set_title(title, fontsize=8)
        ax.set_yscale("symlog", linthresh=1)
        ax.set(ylim=(-0.1, 100), xlim=(0, 1), yticks=[0, 1, 10, 100], yticklabels=["0", "1", "10", "100"])
    fig.supxlabel("feature, ranked by how often it is highly active", fontsize=9)
    fig.supylabel("% of training images", fontsize=9)
    most = table.groupby("encoder").percent.max()
    dead = table[table.percent == 0].groupby("encoder")["rank"].max()
    return fig, (
        f"The most active feature is highly active in {most.min():.0f} to {most.max():.0f} % of the training images; in "
        f"{len(dead)} of {len(most)} encoders some features never are."
    )


def activity(rows: list[Row], titles: Titles) -> Drawn:
    """Cohen's d of the activation of D and of random sets; share of variance between classes for D and for all features."""
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 0.9 + 0.3 * len(titles)), sharey=True)
    for ax, what, pair, label in zip(
        *(axes, ("effect", "eta"), (("D", "random"), ("D", "all"))),
        ("activation, correct less misclassified (Cohen's d)", "share of variance between classes"),
        strict=True,
    ):
        for kind, colour in zip(pair, (PALETTE[0], MUTED), strict=True):
            here = table[(table.what == what) & (table.features == kind)]
            intervals(ax, here, np.array([list(titles).index(name) for name in here.encoder]), colour, _KINDS[kind])
        ax.set_xlabel(label)
        ax.legend(fontsize=7.5, loc="best")
    axes[0].axvline(0, color=MUTED, linewidth=0.8)
    _names(axes[0], titles)
    wide = table.pivot_table(index="encoder", columns=["what", "features"], values="value", dropna=False)
    more = (wide["effect", "gain"] > 0).sum()
    selective = (wide["eta", "gain"] > 0).sum()
    return fig, (
        f"Discriminative features set correct images apart by more than random ones do in {more} of {len(wide)} "
        "encoders, and are "
        f"more selective for classes than the average feature in {selective}."
    )


_KINDS = {"D": "discriminative", "random": "random", "all": "all features"}


def compression(rows: list[Row], titles: Titles) -> Drawn:
    """Accuracy against the share of features kept, way by way."""
    table = pd.DataFrame(rows)
    fig, axes = _panels(len(titles), height=1.6)
    for ax, (name, title) in zip(axes, titles.items(), strict=False):
        for colour, (way, label) in zip((PALETTE[0], MUTED, *PALETTE[1:]), WAYS.items(), strict=False):
            here = table[(table.encoder == name) & (table.way == way)].sort_values("kept")
            ax.plot(here.kept, here.value, color=colour, label=label, linewidth=1.6 if way == DISCRIMINATIVE else 1.1)
        ax.axvline(0.6, color=MUTED, linestyle=":", linewidth=0.8)
        ax.set_title(title, fontsize=8)
        ax.set(xlim=(0.15, 1), xticks=[0.2, 0.6, 1])
    for ax in axes[-4:]:
        ax.set_xlabel("share kept")
    _below(fig, axes[0], 3)
    fig.supylabel("linear probe", fontsize=9)
    at = table[np.isclose(table.kept, 0.6)].pivot(index="encoder", columns="way", values="value")
    if at.empty:
        return fig, "Accuracy falls as features are taken away, whichever way they are chosen."
    gain = at[DISCRIMINATIVE] - at["random"]
    return fig, (
        f"With 60 % of the features kept, D leads random features by {gain.min():+.3f} to {gain.max():+.3f} of "
        "accuracy; the best "
        f"way for most encoders is: {WAYS[at.idxmax(axis=1).mode()[0]]}."
    )


def detection(rows: list[Row], titles: Titles) -> Drawn:
    """AUROC of every score for every encoder."""
    table = pd.DataFrame(rows)
    wide = table.pivot(index="score", columns="encoder", values="auroc").loc[list(SCORES), list(titles)]
    fig, ax = plt.subplots(figsize=(WIDTH, 4.4))
    span = max(0.1, float((wide - 0.5).abs().max().max()))
    sns.heatmap(
        wide,
        ax=ax,
        cmap=DIVERGING,
        center=0.5,
        vmin=0.5 - span,
        vmax=0.5 + span,
        annot=True,
        fmt=".2f",
        cbar=False,
        annot_kws={"size": 7},
    )
    ax.set_yticks(ax.get_yticks(), [SCORES[name].title for name in wide.index], rotation=0, fontsize=8)
    ax.set_xticks(ax.get_xticks(), [titles[name] for name in wide.columns], rotation=35, ha="right", fontsize=8)
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    kinds = [SCORES[name].kind for name in wide.index]
    for place in (index for index in range(1, len(kinds)) if kinds[index] != kinds[index - 1]):
        ax.axhline(place, color=MUTED, linewidth=1.5)
    mean = wide.mean(axis=1)
    free = [name for name in wide.index if SCORES[name].kind != "labels"]
    return fig, (
        f"Averaged over encoders Q-Score has an AUROC of {mean[Q]:.2f}, sparsity {mean[SPARSITY]:.2f}, the best score without "
        f"labels ({SCORES[mean[free].idxmax()].title}) {mean[free].max():.2f}, and the probe's own probability "
        f"{mean['softmax']:.2f}."
    )


def risk(rows: list[Row], titles: Titles) -> Drawn:
    """Share of errors among the images kept, mean over encoders."""
    table = pd.DataFrame(rows)
    mean = table[table.encoder.isin(list(titles))].groupby(["score", "coverage"]).risk.mean().unstack(0)
    fig, ax = plt.subplots(figsize=(WIDTH, 2.9))
    for colour, score in zip(PALETTE, (Q, SPARSITY, "neighbours", "softmax"), strict=False):
        ax.plot(mean.index, mean[score], color=colour, label=SCORES[score].title)
    ax.axhline(mean[Q].iloc[-1], color=MUTED, linestyle="--", linewidth=0.8, label="constant score")
    ax.set(xlabel="share of the images kept, highest scores first", ylabel="share misclassified", xlim=(0, 1), ylim=(0, None))
    ax.legend(fontsize=7.5, ncols=2)
    half = mean.loc[mean.index[np.abs(mean.index - 0.5).argmin()]]
    return fig, (
        f"Among the half of the images with the highest Q-Score {half[Q]:.0%} are misclassified, of all "
        f"{mean[Q].iloc[-1]:.0%}; "
        f"among the half of which the probe is surest {half['softmax']:.0%}."
    )


def sweep(rows: list[Row], titles: Titles) -> Drawn:
    """AUROC and coverage against eps."""
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    for colour, (name, title) in zip((*PALETTE, *PALETTE), titles.items(), strict=False):
        here = table[table.encoder == name].sort_values("eps")
        for ax, column in zip(axes, ("value", "coverage"), strict=True):
            style = "-" if list(titles).index(name) < len(PALETTE) else "--"
            ax.plot(here.eps, here[column], style, marker=".", color=colour, label=title, linewidth=1.1)
    axes[0].axhline(0.5, color=MUTED, linestyle="--", linewidth=0.8)
    axes[0].set(xlabel="eps", ylabel="AUROC of Q")
    axes[1].set(xlabel="eps", ylabel="share of test images with a Q", ylim=(-0.02, 1.02))
    _below(fig, axes[0], 4)
    best, least = table.value.max(), table[table.eps == table.eps.max()].coverage.min()
    return fig, (
        f"Over all encoders and all eps the AUROC of Q is {best:.2f} at most; at the largest eps Q is defined for as few as "
        f"{least:.0%} of the images."
    )


def gains(rows: list[Row]) -> Drawn:
    """What each arm changes in accuracy and in Q, against the same training without regulariser."""
    table = pd.DataFrame(rows)
    methods = [name for name in dict.fromkeys(table.method) if name != "all"]
    arms = [arm for arm in ARMS if arm != BASE]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.1), sharey=True)
    for ax, quantity, label in zip(axes, ("linear", "q"), ("change in linear-probe accuracy", "change in mean Q"), strict=True):
        for step, method in enumerate(("all", *methods)):
            here = table[(table.method == method) & (table.quantity == quantity)].set_index("arm").loc[arms]
            places = np.arange(len(arms)) + 0.16 * (step - len(methods) / 2)
            intervals(ax, here, places, MUTED if method == "all" else PALETTE[step - 1], method)
        ax.axvline(0, color=MUTED, linewidth=0.8)
        ax.set_xlabel(label)
    axes[0].set_yticks(range(len(arms)), [ARMS[arm].title for arm in arms])
    axes[0].invert_yaxis()
    _below(fig, axes[0], len(methods) + 1)
    all_ = table[(table.method == "all") & (table.quantity == "linear")].set_index("arm")
    full = all_.loc[FULL]
    return fig, (
        f"With both terms as printed the probe changes by {full.value:+.4f} [{full.low:+.4f}, {full.high:+.4f}] over "
        "all methods; "
        f"the largest change of any arm is {all_.value[all_.value.abs().idxmax()]:+.4f}."
    )


def core(rows: list[Row], titles: Titles) -> Drawn:
    """Share of heat on the core, the object and the ground, by map; soft IoU with the core."""
    table = pd.DataFrame(rows)
    shown = [name for name in titles if name in set(table.encoder)]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.34 * len(shown)), sharey=True)
    kinds = [kind for kind in MAPS if kind in set(table["map"])]
    for ax, measure, label in zip(
        axes, ("mass", "soft_iou"), ("share of the heat on the core", "soft IoU with the core"), strict=True
    ):
        for step, (colour, kind) in enumerate(
            zip((PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[3], MUTED, PALETTE[4]), kinds, strict=False)
        ):
            here = (
                table[(table["map"] == kind) & (table.measure == measure) & (table.region == "core")]
                .set_index("encoder")
                .loc[shown]
            )
            intervals(ax, here, np.arange(len(shown)) + 0.1 * (step - len(kinds) / 2), colour, MAPS[kind])
        ax.set_xlabel(label)
    _names(axes[0], {name: titles[name] for name in shown})
    _below(fig, axes[0], 3)
    mass = (
        table[(table.measure == "mass") & (table.region == "core")].pivot(index="encoder", columns="map", values="value").mean()
    )
    return fig, (
        f"On average {mass['discriminative']:.1%} of the heat of discriminative features lies on the core, "
        f"{mass['random']:.1%} of "
        f"that of random features, {mass['centre']:.1%} of a centre prior's; the core covers {mass['even']:.1%} of "
        "these images."
    )


def ladder(rows: list[Row]) -> Drawn:
    """Accuracy against mean Q, and against sparsity, group by group."""
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    for colour, (group, here) in zip(PALETTE, table.groupby("group", sort=False), strict=False):
        for ax, column in zip(axes, ("q", "sparsity"), strict=True):
            ax.plot(here[column], here.accuracy, "o", color=colour, label=group, markersize=4, alpha=0.8)
    axes[0].set(xlabel="mean Q", ylabel="linear probe")
    axes[1].set(xlabel="minus L1 norm of the unit-length representation")
    _below(fig, axes[0], 5)
    rho = table[["q", "sparsity", "accuracy"]].corr("spearman").accuracy
    return fig, (
        f"Over {len(table)} encoders mean Q and accuracy have a rank correlation of {rho['q']:+.2f}; sparsity and accuracy "
        f"{rho['sparsity']:+.2f}."
    )


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    columns = min(4, count)
    lines = -(-count // columns)
    fig, axes = plt.subplots(lines, columns, figsize=(WIDTH, 0.7 + height * lines), sharex=True, sharey=True, squeeze=False)
    for ax in axes.flat[count:]:
        ax.set_visible(False)
    return fig, list(axes.flat[:count])


def _names(ax: Axes, titles: Titles) -> None:
    ax.set_yticks(range(len(titles)), list(titles.values()))
    ax.set_ylim(len(titles) - 0.5, -0.5)


def _below(fig: Figure, ax: Axes, columns: int) -> None:
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=columns, fontsize=7.5)
