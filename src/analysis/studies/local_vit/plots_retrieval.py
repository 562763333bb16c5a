"""The figures of retrieval and tracking, drawn from tables. Each returns (figure, its finding in words)."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from analysis.charts import Drawn, heatmap, interval_plot, legend_below
from analysis.figures import WIDTH, colour
from analysis.results import Results
from analysis.studies.base import methods, titles
from analysis.studies.local_vit.plots import METRIC_WORDS, named, panels


def patches(results: Results) -> Drawn:
    """Recall of the same patch by encoder and change, inner product and cosine of raw features; mean over data sets."""
    table = pd.DataFrame(results.tables["patches"])
    table["setting"] = table.change + table.strength.map(" {:g}".format).where(table.change != "all at once", "")
    encoders, settings = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.setting))
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 1.0 + 0.24 * len(encoders)), sharey=True)
    for ax, metric in zip(axes, METRIC_WORDS, strict=True):
        cells = table[table.metric == metric].pivot_table(index="encoder", columns="setting", values="value", dropna=False)
        heatmap(cells.loc[encoders, settings].rename(index=titles(results)), ax)
        ax.set_title(METRIC_WORDS[metric])
    means = table[table.metric == "cosine"].groupby("encoder").value.mean()
    best = titles(results)[str(means.idxmax())]
    return fig, f"By cosine {best} finds the same patch most often, {means.max():.0%} of the time on average."


def objects(results: Results) -> Drawn:
    """The same object at rank 1 by setting, as the mean of its tokens and as bins of its box; raw, by cosine."""
    table = pd.DataFrame(results.tables["objects"])
    table = table[(table.score == "top1") & (table.metric == "cosine")]
    settings = list(dict.fromkeys(table.dataset + ": " + table.setting))
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.0), sharey=True)
    words = {"mean": "mean of its tokens", "bins": "7 x 7 bins of its box"}
    for ax, (features, title) in zip(axes, words.items(), strict=True):
        for encoder, name in named(results, table).items():
            line = table[(table.encoder == encoder) & (table.features == features)]
            places = [settings.index(setting) for setting in line.dataset + ": " + line.setting]
            ax.errorbar(
                places,
                line.value,
                np.clip([line.value - line.low, line.high - line.value], 0, None),
                fmt="o-",
                color=colour(methods(results)[encoder]),
                label=name,
                markersize=3,
                lw=1,
            )
        ax.set_title(title)
        ax.set_xticks(range(len(settings)), [s.replace(": ", ":\n") for s in settings], fontsize=7)
    axes[0].set_ylabel("share right at rank 1")
    legend_below(fig, list(axes))
    means = table.groupby(["features", "setting"]).value.mean()
    parts = [f"{means['mean', s]:.2f} and {means['bins', s]:.2f} ({s})" for s in dict.fromkeys(table.setting)]
    return fig, f"Mean over encoders, by the mean of tokens and by the bins of a box: {'; '.join(parts)}."


def tracking(results: Results) -> Drawn:
    """J&F of objects followed through videos: labels propagated, and a linear classifier of the first frame."""
    table = pd.DataFrame(results.tables["tracking"])
    table = table[table.score == "J&F"]
    names = {"none/ip": "labels propagated", "linear": "classifier of the first frame"}
    fig, axes = panels(results, "tracking", 0.9 + 0.28 * table.encoder.nunique())
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        interval_plot(here, "encoder", "by", ax=ax, names=names | titles(results))
        ax.set(title=dataset, xlabel="J&F")
    legend_below(fig, axes)
    best = table.loc[table.value.idxmax()]
    return fig, f"{titles(results)[best.encoder]} follows objects best, with J&F of {best.value:.2f} by {names[best.by]}."
