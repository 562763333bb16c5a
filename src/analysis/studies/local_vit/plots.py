"""The figures of the study, drawn from its tables. Each returns (figure, its finding in words)."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.charts import Drawn, curve, heatmap, interval_plot, legend_below
from analysis.figures import MUTED, WIDTH, colour
from analysis.results import Results
from analysis.studies.base import methods, titles
from analysis.studies.local_vit.claims import SMALLEST
from analysis.studies.local_vit.measured import RATIO

Array = np.ndarray
METRIC_WORDS = {"ip": "inner product", "cosine": "cosine"}
TRANSFORM_WORDS = {
    "none": "raw",
    "centre": "centred",
    "standardise": "standardised",
    "whiten": "whitened",
    "highest": "− highest variance",
    "random": "− random",
    "lowest": "− lowest variance",
    "largest mean": "− largest mean",
}


def interaction(results: Results) -> Drawn:
    """L1: by task, the lead without tuning minus the lead with a tuned linear probe, beside both controls."""
    table = pd.DataFrame(results.tables["interaction"])
    kinds = ("interaction", "noise on all dimensions", "noise in dimensions of its own")
    fig, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.5 * table.task.nunique()))
    interval_plot(
        table[table.quantity.isin(kinds)], "task", "quantity", ax=ax, names={"mean": "mean of the tasks"}, bound=SMALLEST
    )
    ax.set_xlabel("lost more without tuning than with a tuned linear probe")
    legend_below(fig, [ax], 3)
    mean = table[table.task == "mean"].set_index("quantity")
    own, no, yes = (mean.loc[kind] for kind in kinds)
    return fig, (
        f"Masked image modelling lags {own.value:+.3f} more without tuning than with a tuned linear probe, mean of the tasks "
        f"[{own.low:.3f}, {own.high:.3f}]; noise that spares nothing gives {no.value:+.3f}, noise in dimensions of its own "
        f"{yes.value:+.3f}."
    )


def segmentation(results: Results) -> Drawn:
    """mIoU by encoder: nearest patch raw and standardised, soft vote, linear probe; one panel per data set."""
    cells, votes, linear = (pd.DataFrame(results.tables[name]) for name in ("segmentation", "votes", "linear"))
    parts = {
        "nearest, raw inner product": cells[(cells["transform"] == "none") & (cells.metric == "ip")],
        "nearest, standardised cosine": cells[(cells["transform"] == "standardise") & (cells.metric == "cosine")],
        "vote of 30, standardised": votes,
        "linear probe": linear[linear.features == "all"],
    }
    table = pd.concat([part.assign(probe=name) for name, part in parts.items()])
    fig, axes = panels(results, "linear", 0.9 + 0.34 * table.encoder.nunique())
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        interval_plot(here, "encoder", "probe", ax=ax, names=titles(results))
        ax.set(title=dataset, xlabel="mIoU")
    legend_below(fig, axes)
    means = table.groupby(["probe", "encoder"]).value.mean()
    best = {name: means[name].idxmax() for name in parts}
    words = "; ".join(f"{titles(results)[best[name]]} {means[name, best[name]]:.2f} by {name}" for name in parts)
    return fig, f"Best mIoU, mean over data sets: {words}."


def transforms(results: Results) -> Drawn:
    """mIoU of the nearest patch under every transform and metric, mean over data sets."""
    table = pd.DataFrame(results.tables["segmentation"])
    encoders = list(dict.fromkeys(table.encoder))
    means = table.pivot_table(index="encoder", columns=["metric", "transform"], values="value", dropna=False)
    shown = [(m, t) for m in METRIC_WORDS for t in TRANSFORM_WORDS if (m, t) in means and means[m, t].notna().any()]
    fig, ax = plt.subplots(figsize=(WIDTH, 1.6 + 0.24 * len(encoders)))
    cells = means.loc[encoders, shown].rename(index=titles(results))
    heatmap(cells.set_axis([f"{TRANSFORM_WORDS[t]}, {METRIC_WORDS[m]}" for m, t in shown], axis=1), ax, high=means.max().max())
    gain = (means["cosine"]["standardise"] - means["ip"]["none"]).sort_values()
    names = titles(results)
    return fig, (
        f"Standardising and comparing by cosine instead of raw inner products changes mIoU by {gain.iloc[-1]:+.2f} for "
        f"{names[str(gain.index[-1])]} and by {gain.iloc[0]:+.2f} for {names[str(gain.index[0])]}."
    )


def ratios(results: Results) -> Drawn:
    """The highest variance of a dimension over the median one, after and before the final norm, one panel per data set."""
    table = pd.DataFrame(results.tables["ratio"])
    fig, axes = panels(results, "ratio", 0.9 + 0.3 * table.encoder.nunique())
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        interval_plot(here, "encoder", "norm", ax=ax, names=titles(results), bound=RATIO)
        ax.set(title=dataset, xlabel="highest variance / median variance", xscale="log")
    legend_below(fig, axes)
    words = []
    for norm, part in table.groupby("norm"):
        highest = part.loc[part.value.idxmax()]
        words.append(f"{norm} {highest.value:.1f}, in {titles(results)[highest.encoder]}")
    many = table[(table.norm == "after the norm") & (table.low > RATIO)].encoder.nunique()
    return fig, (
        f"After the norm {many} of {table.encoder.nunique()} encoders have a dimension above {RATIO:g} times the median "
        f"variance; the highest ratios are {' and '.join(words)}."
    )


def planted(results: Results) -> Drawn:
    """mIoU of the nearest patch with uninformative dimensions amplified: with all dimensions, and without some."""
    table = pd.DataFrame(results.tables["planted"])
    kinds = {"all": "o-", "without highest": "s--", "without random": "^:"}
    means = table.groupby(["encoder", "features", "times"])[["value", "low", "high"]].mean()
    encoders = list(dict.fromkeys(table.encoder))
    fig, axes = plt.subplots(1, len(encoders), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
    for ax, encoder in zip(axes[0], encoders, strict=True):
        shade = colour(methods(results)[encoder])
        for kind, style in kinds.items():
            line = means.loc[encoder, kind]
            curve(ax, list(line.index), line, shade if kind == "all" else MUTED if "random" in kind else "#0077bb", kind, style)
        ax.set(title=titles(results)[encoder], xscale="log", xlabel="amplified (times)", xticks=sorted(set(table.times)))
        ax.set_xticks(sorted(set(table.times)), [f"{t:g}" for t in sorted(set(table.times))])
        ax.minorticks_off()
    axes[0][0].set_ylabel("mIoU")
    legend_below(fig, axes[0][:1])
    most = table.times.max()
    parts = []
    for encoder in encoders:
        before, after = means.loc[(encoder, "all", 1.0)].value, means.loc[(encoder, "all", most)].value
        back = means.loc[(encoder, "without highest", most)].value
        parts.append(f"{titles(results)[encoder]} from {before:.3f} to {after:.3f}, and to {back:.3f} without them")
    return fig, f"Amplified {most:g} times, dimensions that say little take the nearest patch of {'; '.join(parts)} mIoU."


def removal(results: Results) -> Drawn:
    """mIoU of the nearest patch (raw inner product) against the share of dimensions removed."""
    table = pd.DataFrame(results.tables["removal"])
    fig, axes = panels(results, "removal", 2.9)
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        for encoder, name in named(results, here).items():
            for which, style in (("highest", "o-"), ("random", "--")):
                line = here[(here.encoder == encoder) & (here.removed == which)]
                label = name if which == "highest" else None
                ax.plot(
                    line.share, line.value, style, color=colour(methods(results)[encoder]), label=label, markersize=3, lw=1.2
                )
        ax.set(title=dataset, xlabel="share of dimensions removed")
    axes[0].set_ylabel("mIoU")
    legend_below(fig, axes)
    wide = table.pivot_table(index=["encoder", "share"], columns="removed", values="value", dropna=False)["highest"]
    gain = (wide.groupby("encoder").max() - table[table.m == 0].groupby("encoder").value.mean()).sort_values()
    best = titles(results)[str(gain.index[-1])]
    return fig, f"The most that removing dimensions of highest variance gains is {gain.iloc[-1]:+.3f} mIoU, for {best}."


def bank_sizes(results: Results) -> Drawn:
    """mIoU against the number of labelled images, two draws where there are two, one panel per probe; mean over data sets."""
    table = pd.DataFrame(results.tables["bank"])
    probes = list(dict.fromkeys(table.probe))
    means = table.groupby(["probe", "encoder", "draw", "images"], sort=False)[["value", "low", "high"]].mean().reset_index()
    fig, axes = plt.subplots(1, len(probes), figsize=(WIDTH, 2.9), sharey=True)
    for ax, probe in zip(axes, probes, strict=True):
        for encoder, name in named(results, table).items():
            here = means[(means.probe == probe) & (means.encoder == encoder)]
            line = here.groupby("images").value.mean()
            shade = colour(methods(results)[encoder])
            ax.plot(line.index, line.values, "-", color=shade, label=name, lw=1.2)
            ax.plot(here.images, here.value, "o", color=shade, markersize=3)
        ax.set(title=probe, xlabel="labelled images", xscale="log")
        ax.set_xticks(sorted(set(means.images)), [str(n) for n in sorted(set(means.images))])
        ax.minorticks_off()
    axes[0].set_ylabel("mIoU")
    legend_below(fig, list(axes))
    pairs = means[means.draw.isin(["first half", "second half", "bank", "second draw"])]
    spread = pairs.groupby(["probe", "encoder", "images"]).value.agg(lambda v: v.max() - v.min())
    return fig, f"Two banks of one size differ by {spread.mean():.3f} mIoU on average and by at most {spread.max():.3f}."


def depth(results: Results) -> Drawn:
    """mIoU of the nearest patch by cosine after each block."""
    table = pd.DataFrame(results.tables["layers"])
    table = table[(table.norm == "after the norm") & ~table.removed & (table.metric == "cosine")]
    fig, axes = panels(results, "layers", 2.9)
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        for encoder, name in named(results, here).items():
            line = here[here.encoder == encoder]
            ax.plot(
                line.layer / line.of,
                line.value,
                "o-",
                color=colour(methods(results)[encoder]),
                label=name,
                markersize=3,
                lw=1.2,
            )
        ax.set(title=dataset, xlabel="depth (1: last block)")
    axes[0].set_ylabel("mIoU")
    legend_below(fig, axes)
    means = table.groupby(["encoder", "layer"]).value.mean()
    encoders = list(dict.fromkeys(table.encoder))
    last = sum(int(means[name].idxmax() == means[name].index.max()) for name in encoders)
    return fig, f"By cosine, the last block is the best one for {last} of {len(encoders)} encoders."


def degraded(results: Results) -> Drawn:
    """mIoU on degraded test images minus that on clean ones, one panel per probe; mean over data sets."""
    table = pd.DataFrame(results.tables["robustness"])
    table["setting"] = table.degradation + table.strength.map(" {:g}".format)
    means = table.groupby(["probe", "encoder", "setting"], sort=False).value.mean()
    clean, settings = "none 0", [s for s in dict.fromkeys(table.setting) if s != "none 0"]
    probes, encoders = list(dict.fromkeys(table.probe)), list(dict.fromkeys(table.encoder))
    lost = {p: means[p].unstack().loc[encoders].pipe(lambda t: t[settings].sub(t[clean], axis=0)) for p in probes}
    low = min(part.min().min() for part in lost.values())
    fig, axes = plt.subplots(2, 2, figsize=(WIDTH, 1.4 + 0.46 * len(encoders)), sharex=True, sharey=True)
    for ax, probe in zip(axes.flat, probes, strict=True):
        heatmap(lost[probe].rename(index=titles(results)), ax, low=low, high=0)
        ax.set_title(probe)
    worst = lost["linear probe"].stack()
    encoder, setting = worst.idxmin()  # type: ignore[misc]
    mean = {probe: part.values.mean() for probe, part in lost.items()}
    return fig, (
        f"The linear probe loses most for {titles(results)[encoder]} under {setting}, {worst.min():+.2f} mIoU; on average it "
        f"loses {mean['linear probe']:+.2f}, the nearest raw patch {mean['raw']:+.2f}."
    )


def panels(results: Results, table: str, height: float) -> tuple[Figure, Sequence[Axes]]:
    """One panel per data set of a table, side by side."""
    count = len({row["dataset"] for row in results.tables[table]})
    fig, axes = plt.subplots(1, count, figsize=(WIDTH, height), sharey=True, squeeze=False)
    return fig, axes[0]


def named(results: Results, table: pd.DataFrame) -> dict[str, str]:
    """Encoder -> title, of those in a table."""
    names = titles(results)
    return {name: names[name] for name in dict.fromkeys(table.encoder)}
