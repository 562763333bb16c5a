"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words made of its numbers)."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from analysis.charts import Drawn, curve, heatmap, interval_plot, legend_below
from analysis.encoders.methods import METHODS
from analysis.figures import DIVERGING, MUTED, PALETTE, WIDTH, colour
from analysis.results import Results
from analysis.studies.base import methods, titles
from analysis.studies.qscore.compression import DISCRIMINATIVE, RANDOM, WAYS
from analysis.studies.qscore.controls import SCORES, SPARSITY, Q
from analysis.studies.qscore.core import MAPS, PLANTED
from analysis.studies.qscore.measure import KEPT
from analysis.studies.qscore.regulariser import ARMS

_SETS = {"D": "discriminative (D)", "random": "random sets", "all": "all features"}
_SHOWN = {"q": "Q-Score", "within": "Q-Score, among images of like sparsity", "softmax": "largest probability of the probe"}


def predicting(results: Results) -> Drawn:
    """AUROC of Q, of Q among images of like sparsity, and of the probe's own probability, by encoder."""
    detection, within = (pd.DataFrame(results.tables[name]) for name in ("detection", "within"))
    detection = detection[detection.score.isin(_SHOWN)]
    areas = {"auroc": "value", "auroc_low": "low", "auroc_high": "high"}
    rows = detection[["encoder", "score", *areas]].rename(columns=areas)
    table = pd.concat([rows, within[within.features == "D"].assign(score="within")])
    names, count = titles(results), table.encoder.nunique()
    fig, ax = plt.subplots(figsize=(WIDTH, 1.1 + 0.33 * count))
    interval_plot(table, "encoder", "score", ax=ax, names={**names, **_SHOWN}, bound=0.55)
    ax.axvline(0.5, color=MUTED, linewidth=0.8)
    ax.set(xlabel="AUROC as a detector of correctly classified images (chance level 0.5)", xlim=(0.35, 1))
    legend_below(fig, [ax], 3)
    mean = table.groupby("score").value.mean()
    return fig, (
        f"Averaged over the {count} encoders Q-Score has an AUROC of {mean['q']:.2f}, {mean['within']:.2f} among images of "
        f"like sparsity, and the largest probability of the probe {mean['softmax']:.2f}."
    )


def frequency(results: Results, low: float, high: float) -> Drawn:
    """A, sorted, encoder by encoder; the band of D."""
    table, names, own = pd.DataFrame(results.tables["frequency"]), titles(results), methods(results)
    fig, ax = plt.subplots(figsize=(WIDTH, 2.8))
    ax.axvspan(low / 100, high / 100, color=PALETTE[0], alpha=0.12, linewidth=0)
    for name, here in table.groupby("encoder", sort=False):
        ax.plot(here["rank"], here.percent, color=colour(own[str(name)]), label=names[str(name)], linewidth=1.2)
    ax.set_yscale("symlog", linthresh=1)
    ax.set(ylim=(-0.1, 100), xlim=(0, 1), yticks=[0, 1, 10, 100], yticklabels=["0", "1", "10", "100"])
    ax.set(xlabel="feature, ranked by how often it is highly active", ylabel="% of training images")
    legend_below(fig, [ax], 5)
    most = table.groupby("encoder").percent.max()
    never = sum(row["never"] > 0 for row in results.tables["representations"])
    return fig, (
        f"The most active feature is highly active in {most.min():.0f} to {most.max():.0f} % of the training images; in "
        f"{never} of {len(most)} encoders some features never are."
    )


def activity(results: Results) -> Drawn:
    """Cohen's d of the activity of D and of random sets; share of variance between classes for D and for all features."""
    table, names = pd.DataFrame(results.tables["activity"]), titles(results)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.0 + 0.3 * table.encoder.nunique()), sharey=True)
    for ax, what, label in zip(
        axes,
        ("activity", "selectivity"),
        ("activity, correct minus misclassified\n(Cohen's d)", "share of variance between classes"),
        strict=True,
    ):
        here, shades = table[table.what == what], {"D": PALETTE[0], "random": MUTED, "all": MUTED}
        interval_plot(here, "encoder", "features", ax=ax, names={**names, **_SETS}, colours=shades)
        ax.set_xlabel(label)
    legend_below(fig, list(axes), 3)
    wide = table.pivot(index="encoder", columns=["what", "features"], values="value")
    more = (wide["activity", "D"] > wide["activity", "random"]).sum()
    selective = (wide["selectivity", "D"] > wide["selectivity", "all"]).sum()
    return fig, (
        f"Discriminative features set correct images apart by more than random sets do in {more} of {len(wide)} encoders, "
        f"and are more selective for classes than the average feature in {selective}."
    )


def compression(results: Results) -> Drawn:
    """Accuracy against the share of features kept, way by way, mean over encoders; at the cut of the claim by encoder."""
    table, names = pd.DataFrame(results.tables["compression"]), titles(results)
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.4), width_ratios=(1, 1.2))
    mean = table.groupby(["way", "kept"])[["value", "low", "high"]].mean()
    for shade, (way, label) in zip((PALETTE[0], MUTED, *PALETTE[1:]), WAYS.items(), strict=False):
        here = mean.loc[way]
        left.plot(here.index, here.value, "o-", color=shade, label=label, markersize=3, linewidth=1.3)
    left.axvline(KEPT, color=MUTED, linestyle=":", linewidth=0.8)
    left.set(xlabel="share of the features kept", ylabel="linear probe, mean over encoders")
    at = table[np.isclose(table.kept, KEPT)]
    if at.empty:
        legend_below(fig, [left], 4)
        return fig, "Accuracy falls as features are taken away, whichever way they are chosen."
    full = table[table.kept == 1].drop_duplicates("encoder").set_index("encoder").value
    at = at[at.way.isin((DISCRIMINATIVE, RANDOM))].copy()
    at[["value", "low", "high"]] = at[["value", "low", "high"]].sub(at.encoder.map(full), axis=0)
    shades = {DISCRIMINATIVE: PALETTE[0], RANDOM: MUTED}
    interval_plot(at, "encoder", "way", ax=right, names={**names, **WAYS}, colours=shades)
    right.set_xlabel("change of accuracy with 60 % kept")
    legend_below(fig, [left], 4)
    loss = at.groupby("way").value.mean()
    best = str(mean.xs(KEPT, level="kept").value.idxmax())
    return fig, (
        f"With 60 % of the features kept the probe changes by {loss[DISCRIMINATIVE]:+.3f} on average around D and by "
        f"{loss[RANDOM]:+.3f} with random features; best is: {WAYS[best]}."
    )


def detection(results: Results) -> Drawn:
    """AUROC of every score for every encoder."""
    table, names = pd.DataFrame(results.tables["detection"]), titles(results)
    wide = table.pivot(index="score", columns="encoder", values="auroc").loc[list(SCORES), list(dict.fromkeys(table.encoder))]
    fig, ax = plt.subplots(figsize=(WIDTH, 4.0))
    span = max(0.1, float((wide - 0.5).abs().max().max()))
    titled = wide.rename(index={score: SCORES[score].title for score in SCORES}, columns=names)
    heatmap(titled, ax, low=0.5 - span, high=0.5 + span, cmap=DIVERGING)
    kinds = [SCORES[str(name)].kind for name in wide.index]
    for place in (index for index in range(1, len(kinds)) if kinds[index] != kinds[index - 1]):
        ax.axhline(place, color=MUTED, linewidth=1.5)
    mean = wide.mean(axis=1)
    free = [name for name in wide.index if SCORES[str(name)].kind != "labels"]
    best = str(mean[free].idxmax())
    return fig, (
        f"Averaged over encoders Q-Score has an AUROC of {mean[Q]:.2f}, sparsity {mean[SPARSITY]:.2f}, the best score without "
        f"labels ({SCORES[best].title}) {mean[best]:.2f}."
    )


def sweep(results: Results) -> Drawn:
    """AUROC of Q and its coverage against eps."""
    table, names, own = pd.DataFrame(results.tables["sweep"]), titles(results), methods(results)
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9))
    for name, here in table.groupby("encoder", sort=False):
        shade, label = colour(own[str(name)]), names[str(name)]
        curve(axes[0], here.eps, here, shade, label)
        axes[1].plot(here.eps, here.coverage, "o-", color=shade, markersize=3, linewidth=1.2)
    axes[0].axhline(0.5, color=MUTED, linestyle="--", linewidth=0.8)
    axes[0].set(xlabel="eps", ylabel="AUROC of Q")
    axes[1].set(xlabel="eps", ylabel="share of test images with a Q", ylim=(-0.02, 1.02))
    legend_below(fig, [axes[0]], 5)
    best, least = table.value.max(), table[table.eps == table.eps.max()].coverage.min()
    return fig, (
        f"Over all encoders and all eps the AUROC of Q is {best:.2f} at most; at eps = {table.eps.max():g} Q is defined for as "
        f"few as {least:.0%} of the images."
    )


def gains(results: Results) -> Drawn:
    """What each arm changes in accuracy, against the same training without regulariser, over methods and in each."""
    table = pd.DataFrame(results.tables["gains"])
    names = {arm: spec.title for arm, spec in ARMS.items()} | {"all": "over methods"}
    names |= {method: METHODS[method].title for method in table.method.unique() if method in METHODS}
    shades = {method: MUTED if method == "all" else colour(method) for method in table.method}
    fig, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.5 * table.arm.nunique()))
    interval_plot(table, "arm", "method", ax=ax, names=names, colours=shades)
    ax.set_xlabel("change of linear-probe accuracy against no regulariser")
    legend_below(fig, [ax])
    over = table[table.method == "all"].set_index("arm").value
    lowest, highest = str(over.idxmin()), str(over.idxmax())
    return fig, (
        f"Over methods the probe changes by {over[lowest]:+.3f} ({names[lowest]}) to {over[highest]:+.3f} ({names[highest]})."
    )


def core(results: Results) -> Drawn:
    """Share of heat on the core, by map; soft IoU with the core."""
    table, names = pd.DataFrame(results.tables["core"]), titles(results)
    table = table[(table.region == "core") & (table.map != PLANTED)]
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.4 * table.encoder.nunique()), sharey=True)
    for ax, measure, label in zip(
        axes, ("mass", "soft_iou"), ("share of the heat in the core", "soft IoU with the core"), strict=True
    ):
        interval_plot(table[table.measure == measure], "encoder", "map", ax=ax, names={**names, **MAPS})
        ax.set_xlabel(label)
    legend_below(fig, [axes[0]], 3)
    mass = table[table.measure == "mass"].groupby("map").value.mean()
    return fig, (
        f"On average {mass['discriminative']:.1%} of the heat of discriminative features lies in the core, "
        f"{mass['random']:.1%} of that of random features, {mass['centre']:.1%} of a centre prior's; the core covers "
        f"{mass['even']:.1%} of these images."
    )


def ranking(results: Results) -> Drawn:
    """Accuracy against mean Q, and against sparsity, method by method."""
    table = pd.DataFrame(results.tables["ranking"])
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    for group, here in table.groupby("group", sort=False):
        for ax, column in zip(axes, ("q", "sparsity"), strict=True):
            ax.plot(here[column], here.accuracy, "o", color=colour(str(group)), label=group, markersize=4, alpha=0.8)
    axes[0].set(xlabel="mean Q", ylabel="linear probe")
    axes[1].set(xlabel="minus L1 norm of the unit-length representation")
    legend_below(fig, [axes[0]], 5)
    rho = table[["q", "sparsity", "accuracy"]].corr("spearman").accuracy
    return fig, (
        f"Over {len(table)} encoders mean Q and accuracy have a rank correlation of {rho['q']:+.2f}; sparsity and accuracy "
        f"{rho['sparsity']:+.2f}."
    )
