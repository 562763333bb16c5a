"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.charts import Drawn, curve, frame, heatmap, image_grid, legend_below
from analysis.encoders.methods import of_recipe
from analysis.figures import MUTED, PALETTE, WIDTH, colour
from analysis.results import Row
from analysis.studies.model_zoo.measure import NEAREST, PIXELS, PROBES, Images
from analysis.training.collapse import LEAST_RANK, LEAST_STD

Titles = Mapping[str, str]

PROBE_TITLES = {"knn": "kNN", "linear": "linear probe"}
_MARKERS = {"ResNet": "o", "ViT": "s"}
_COLOURS = {"images": PALETTE[0], "labels": PALETTE[1], "nothing": MUTED}
_LINES = ("-", "--", ":", "-.")  # of encoders of one method
_WORDS = {"images": "images alone", "labels": "labels", "nothing": "untrained"}


def scores(rows: list[Row], encoders: list[Row], chance: float) -> Drawn:
    """Linear probe against kNN with intervals, ResNets and ViTs in panels of their own; dotted lines at the untrained copy."""
    table = pd.DataFrame(rows).set_index("encoder")
    known = pd.DataFrame(encoders).set_index("encoder").loc[[name for name in table.index if name != PIXELS]]
    families = [family for family in _MARKERS if family in set(known.family)]
    top = min(1.0, 1.25 * float(table[["knn_high", "linear_high"]].to_numpy().max()))
    fig, axes = plt.subplots(1, len(families), figsize=(WIDTH, 4.4), sharex=True, sharey=True, squeeze=False)
    for ax, family in zip(axes[0], families, strict=True):
        here = known[known.family == family]
        for supervision, names in here.groupby("supervision").groups.items():
            _points(ax, table.loc[list(names)], _MARKERS[family], str(supervision))
        for name in here.index[here.supervision == "nothing"]:
            ax.axvline(table.knn[name], color=MUTED, linestyle=":", linewidth=1)
            ax.axhline(table.linear[name], color=MUTED, linestyle=":", linewidth=1)
        ax.plot(table.knn[PIXELS], table.linear[PIXELS], "x", color=PALETTE[2], markersize=6, label="pixels")
        for line in (ax.axvline, ax.axhline):
            line(chance, color=MUTED, linestyle="--", linewidth=0.8)
        ax.set(title=family, xlabel="kNN accuracy", xlim=(0, top), ylim=(0, top))
        _labels(ax, table.loc[here.index], here.title)
    axes[0, 0].set_ylabel("accuracy of a linear probe")
    legend_below(fig, axes[0], 5, {"chance": plt.Line2D([], [], color=MUTED, linestyle="--", linewidth=0.8)})
    ours = known[known.supervision == "images"].index
    best, floor = (ours if len(ours) else known.index), known.index[known.supervision == "nothing"]
    name, low = table.linear[best].idxmax(), table.linear[floor].max()
    return fig, (
        f"Of the encoders without labels {known.title[name]} is read best, with {table.linear[name]:.2f} by a linear probe and "
        f"{table.knn[name]:.2f} by kNN; untrained encoders reach {low:.2f} and {table.knn[floor].max():.2f}, chance is "
        f"{chance:.2f}."
    )


def layers(rows: list[Row], encoders: list[Row], titles: Titles) -> Drawn:
    """Both probes after every block of the transformers; the untrained one grey."""
    colours = {row["encoder"]: colour(of_recipe(row["method"])) for row in encoders}
    table = pd.DataFrame(rows)
    fig, axes = plt.subplots(1, len(PROBES), figsize=(WIDTH, 3.4), sharex=True, sharey=True)
    trained = {row["encoder"] for row in encoders if row["supervision"] != "nothing"}
    order = [name for name in dict.fromkeys(table.encoder) if name in trained]
    for ax, (probe, head) in zip(axes, PROBE_TITLES.items(), strict=True):
        for name, line in table[table.probe == probe].groupby("encoder", sort=False):
            curve(ax, line.depth, line, colours[name], titles[str(name)])
        ax.set(title=head, xlabel="block")
    last = table.depth.max()
    axes[0].set_ylim(0, None)  # of both panels, once all is drawn
    axes[0].set_xticks(range(1, last + 1), [*map(str, range(1, last)), "out"])
    axes[0].set_ylabel("accuracy")
    legend_below(fig, axes[:1])
    linear = table[table.probe == "linear"].pivot(index="encoder", columns="depth", values="value")
    fallen = [titles[str(name)] for name in order if linear.loc[name].iloc[:-1].max() > linear.loc[name].iloc[-1]]
    return fig, (
        f"Read by a linear probe, {len(fallen)} of {len(order)} trained transformers know the class better in a block than at "
        f"the output{': ' if fallen else ''}{', '.join(fallen)}."
    )


def _points(ax: Axes, table: pd.DataFrame, marker: str, supervision: str) -> None:
    x, y = ([table[p] - table[f"{p}_low"], table[f"{p}_high"] - table[p]] for p in ("knn", "linear"))
    kind, filled = _COLOURS[supervision], supervision != "nothing"
    ax.errorbar(
        table.knn,
        table.linear,
        yerr=np.clip(y, 0, None),
        xerr=np.clip(x, 0, None),
        fmt=marker,
        color=kind,
        markerfacecolor=kind if filled else "none",
        markersize=4.5,
        linewidth=1,
        label=_WORDS[supervision],
    )


def _labels(ax: Axes, table: pd.DataFrame, titles: pd.Series) -> None:
    """Names in a column right of the points (left of those far right), apart in height, with a thin line to their point."""
    top = ax.get_xlim()[1]
    order = table.linear.sort_values().index
    heights = spread(table.linear[order].to_numpy(), 0.045 * top)
    far = table.knn > 0.6 * top
    column = table.knn[~far].max() + 0.08 * top
    for name, height in zip(order, heights, strict=True):
        left = far[name]
        place = table.knn[name] - 0.08 * top if left else column
        ax.annotate(
            titles[name],
            (table.knn[name], table.linear[name]),
            (place, height),
            fontsize=7,
            va="center",
            ha="right" if left else "left",
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3},
        )


def spread(heights: np.ndarray, gap: float) -> np.ndarray:
    """Ascending heights (n,) moved so that neighbours are at least `gap` apart and their mean stays."""
    steps = np.arange(len(heights)) * gap
    moved = np.maximum.accumulate(np.asarray(heights) - steps) + steps
    return moved - (moved - heights).mean()


def factors(rows: list[Row], titles: Titles) -> Drawn:
    """Decodability of each factor from each representation."""
    table = pd.DataFrame(rows)
    table["heading"] = [row.factor if row.kind == "accuracy" else f"{row.factor}, R²" for row in table.itertuples()]
    columns = list(dict.fromkeys(table.sort_values("kind", key=lambda kind: kind == "R2", kind="stable").heading))
    wide = table.pivot(index="encoder", columns="heading", values="value").loc[list(dict.fromkeys(table.encoder)), columns]
    fig, ax = plt.subplots(figsize=(WIDTH, 0.9 + 0.27 * len(wide)))
    heatmap(wide.set_axis([titles[name] for name in wide.index]), ax)
    ax.axhline(2, color=MUTED, linewidth=1.5)  # references above, encoders below
    ours, base = wide.drop(index=["constant", PIXELS]), wide.loc[PIXELS]
    gain = (ours.max() - base).sort_values()
    factor, worst = gain.index[-1], gain.index[0]
    return fig, (
        f"Encoders go furthest beyond pixels in {factor} ({base[factor]:.2f} from pixels, {ours[factor].max():.2f} from "
        f"{titles[ours[factor].idxmax()]}) and least in {worst} ({base[worst]:.2f}, {ours[worst].max():.2f})."
    )


def curves(rows: list[Row], titles: Titles) -> Drawn:
    """The loss of each encoder, epoch by epoch, each on its own scale."""
    table = pd.DataFrame(rows)
    names = list(dict.fromkeys(table.encoder))
    lines = -(-len(names) // 4)
    fig, axes = plt.subplots(lines, min(4, len(names)), figsize=(WIDTH, 0.5 + 1.15 * lines), squeeze=False)
    for ax in axes.flat[len(names) :]:
        ax.axis("off")
    falls = 0
    for ax, name in zip(axes.flat, names, strict=False):
        here = table[table.encoder == name]
        ax.plot(here.epoch, here.loss, color=PALETTE[0], linewidth=1.4)
        ax.set_title(titles[name], fontsize=7.5)
        ax.tick_params(labelsize=6.5)
        falls += here.loss.iloc[-1] < here.loss.iloc[0]
    fig.supxlabel("epoch", fontsize=8)
    fig.supylabel("loss of the method", fontsize=8)
    return fig, f"The loss of {falls} of {len(names)} encoders is lower after its last epoch than after its first."


def health(rows: list[Row], encoders: list[Row], titles: Titles) -> Drawn:
    """Spread and effective rank of the embeddings in training, beside the bounds below which they have collapsed."""
    table = pd.DataFrame(rows).merge(pd.DataFrame(encoders)[["encoder", "family"]], on="encoder")
    methods = pd.Series({row["encoder"]: of_recipe(row["method"]) for row in encoders})
    table["share"] = table.epoch / table.groupby("encoder").epoch.transform("max")
    families = [family for family in _MARKERS if family in set(table.family)]
    fig, axes = plt.subplots(2, len(families), figsize=(WIDTH, 5.6), sharex=True, sharey="row", squeeze=False)
    for column, family in enumerate(families):
        drawn: list[str] = []
        for name, method in methods[table[table.family == family].encoder.unique()].items():
            here = table[table.encoder == name]
            look = {"color": colour(method), "linestyle": _LINES[drawn.count(method) % len(_LINES)]}
            drawn.append(method)
            axes[0, column].plot(here.share, here.spread, label=titles[name], linewidth=1.3, **look)
            axes[1, column].plot(here.share, here["rank"], linewidth=1.3, **look)
        axes[0, column].set_title(family)
        axes[1, column].set_xlabel("share of the training")
        axes[1, column].legend(
            *axes[0, column].get_legend_handles_labels(), fontsize=6.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.25)
        )
        for ax, bound in zip(axes[:, column], (LEAST_STD, LEAST_RANK), strict=True):
            ax.axhline(bound, color=MUTED, linestyle="--", linewidth=0.9)
    axes[0, 0].set_ylabel("spread")
    axes[1, 0].set(ylabel="effective rank", yscale="log")
    last = table.groupby("encoder").last()
    low, least = last.spread.idxmin(), last["rank"].idxmin()
    return fig, (
        f"At the end of training the smallest spread is {last.spread[low]:.2f} ({titles[low]}; collapsed below {LEAST_STD}), "
        f"the smallest effective rank {last['rank'][least]:.1f} ({titles[least]}; collapsed below {LEAST_RANK})."
    )


def neighbours(rows: list[Row], data: Images) -> Drawn:
    """Each query image left, right of it its nearest training images by representation; framed where the class is right."""
    table = pd.DataFrame(rows)
    titles, asked = list(dict.fromkeys(table.title)), list(dict.fromkeys(table["query"]))
    cells = table.set_index(["title", "query"]).sort_index()
    tiles = [
        [image for query in asked for image in (data.y[query], *data.x[cells.loc[(title, query)].sort_values("place").image])]
        for title in titles
    ]
    fig, ax = image_grid(tiles, titles, ["query", *[""] * NEAREST] * len(asked))
    for found in table[table.hit].itertuples():
        column = asked.index(found.query) * (NEAREST + 1) + found.place
        frame(ax, titles.index(found.title), column, data.x.shape[1], PALETTE[2])
    hits = table.groupby("title", sort=False).hit.sum()
    words = ", ".join(f"{count} in {title}" for title, count in hits.items())
    return fig, f"Of {NEAREST * len(asked)} nearest neighbours, these have the class of their query: {words}."
