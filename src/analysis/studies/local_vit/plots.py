"""The figures of the study, drawn from its tables. Each returns (figure, its finding in words)."""

from collections.abc import Mapping, Sequence

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
from analysis.studies.local_vit.measured import RATIO, Tokens

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
    fig, axes = _panels(results, "linear", 0.9 + 0.34 * table.encoder.nunique())
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
    fig, axes = _panels(results, "ratio", 0.9 + 0.3 * table.encoder.nunique())
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
    fig, axes = _panels(results, "removal", 2.9)
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        for encoder, name in _encoders(results, here).items():
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
        for encoder, name in _encoders(results, table).items():
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
    fig, axes = _panels(results, "layers", 2.9)
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        for encoder, name in _encoders(results, here).items():
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
        for encoder, name in _encoders(results, table).items():
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
    fig, axes = _panels(results, "tracking", 0.9 + 0.28 * table.encoder.nunique())
    for ax, (dataset, here) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        interval_plot(here, "encoder", "by", ax=ax, names=names | titles(results))
        ax.set(title=dataset, xlabel="J&F")
    legend_below(fig, axes)
    best = table.loc[table.value.idxmax()]
    return fig, f"{titles(results)[best.encoder]} follows objects best, with J&F of {best.value:.2f} by {names[best.by]}."


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


def labels(results: Results, measured: Tokens, dataset: str, most: int = 4) -> Drawn:
    """Test images, their true patch classes, and what the nearest patch says by encoder and setting (columns)."""
    images, truth = measured.shown[dataset]
    names = titles(results)
    encoders = list(dict.fromkeys(e for d, e, _ in measured.examples if d == dataset))[:most]
    said = {(e, s): maps for (d, e, s), maps in measured.examples.items() if d == dataset and e in encoders}
    columns: dict[str, Array] = {"image": images, "truth": truth}
    columns |= {f"{names[e]}\n{setting}": maps for (e, setting), maps in said.items()}
    fig = _grid(columns, len(measured.classes[dataset]))
    right = {key: float((maps == truth).mean()) for key, maps in said.items()}
    (best, setting), share = max(right.items(), key=lambda item: item[1])
    return fig, f"On these {len(images)} images {names[best]}, {setting}, gives most patches their class: {share:.0%} of them."


def token_maps(results: Results, measured: Tokens, dataset: str) -> Drawn:
    """The first three principal components of each encoder's patch tokens as red, green and blue."""
    names, images = titles(results), measured.shown[dataset][0]
    columns: dict[str, Array] = {"image": images}
    shares = {}
    for (d, encoder), grids in measured.maps.items():
        if d == dataset:
            columns[names[encoder]], shares[names[encoder]] = principal_colours(grids)
    low, high = min(shares, key=lambda n: shares[n]), max(shares, key=lambda n: shares[n])
    return _grid(columns, 0), (
        f"Three principal components hold between {shares[low]:.0%} ({low}) and {shares[high]:.0%} ({high}) of the variance."
    )


def principal_colours(grids: Array) -> tuple[Array, float]:
    """Tokens (n, h, w, d) as colours (n, h, w, 3) in [0, 1], and the share of variance that they show.

    Each of the first three principal components is stretched from its 2nd to its 98th percentile; its sign is such that its
    largest loading is positive.
    """
    flat = grids.reshape(-1, grids.shape[-1]).astype(np.float64)
    flat -= flat.mean(0)
    spectrum, axes = np.linalg.eigh(flat.T @ flat)
    top = axes[:, ::-1][:, :3]
    top = top * np.sign(top[np.abs(top).argmax(0), np.arange(top.shape[1])])
    low, high = np.percentile(flat @ top, [2, 98], axis=0)
    colours = ((flat @ top - low) / np.maximum(high - low, 1e-12)).clip(0, 1)
    return colours.reshape(*grids.shape[:-1], 3), float(spectrum[-3:].sum() / max(spectrum.sum(), 1e-300))


def _grid(columns: Mapping[str, Array], classes: int) -> Figure:
    """Pictures (k, h, w[, 3]) as columns; label maps, which have no colour axis, of so many classes."""
    rows = len(next(iter(columns.values())))
    size = (WIDTH, 0.5 + WIDTH / len(columns) * rows)
    fig, axes = plt.subplots(rows, len(columns), figsize=size, squeeze=False)
    for column, (name, pictures) in enumerate(columns.items()):
        axes[0, column].set_title(name, fontsize=6, fontweight="normal", loc="center")
        for ax, picture in zip(axes[:, column], pictures, strict=True):
            maps = {} if picture.ndim == 3 else {"cmap": "cividis", "vmin": 0, "vmax": classes - 1}
            ax.imshow(picture, aspect="auto", interpolation="nearest", **maps)
            ax.axis("off")
    return fig


def _panels(results: Results, table: str, height: float) -> tuple[Figure, Sequence[Axes]]:
    """One panel per data set of a table, side by side."""
    count = len({row["dataset"] for row in results.tables[table]})
    fig, axes = plt.subplots(1, count, figsize=(WIDTH, height), sharey=True, squeeze=False)
    return fig, axes[0]


def _encoders(results: Results, table: pd.DataFrame) -> dict[str, str]:
    """Encoder -> title, of those in a table."""
    names = titles(results)
    return {name: names[name] for name in dict.fromkeys(table.encoder)}
