"""The figures of the study, drawn from its tables. Each returns (figure, what it shows in words)."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from analysis.charts import Drawn, heatmap, image_grid, interval_plot, legend_below
from analysis.figures import MUTED, PALETTE, WIDTH, colour, intervals
from analysis.results import Results, Row
from analysis.similarity import MEASURES
from analysis.studies.base import methods, titles
from analysis.studies.masking_cka.masks import COMPLETE
from analysis.studies.masking_cka.params import MaskingCka
from analysis.studies.masking_cka.stimuli import HEADLINE, PARTS, Stimuli

SENSES = {"images": "by images (CKA)", "directions": "by directions (overlap)"}
PAIR_WORDS = ("complete, object", "complete, background", "object, background", "region, rest")
SQUARES = {"object": "object removed", "centre": "centre occluded", "corners": "a corner occluded"}
ARM_WORDS = {"true": "true background", "cutout": "cut-out, true outline", "predicted": "cut-out, predicted outline"}


def picture_grid(stimuli: Stimuli, params: MaskingCka, count: int = 4) -> Drawn:
    """A few images (rows) in every variant under the headline fill (columns), pixel by pixel."""
    rows = np.linspace(0, len(stimuli.complete) - 1, count).astype(int)
    keep = {name: mask if mask.ndim == 2 else mask[rows] for name, mask in stimuli.keep.items()}
    few = Stimuli(stimuli.complete.select(rows), None if stimuli.absent is None else stimuli.absent[rows], keep)
    shown = {name: images for fill, name, images in few.variants(params) if fill in ("none", params.fills[0])}
    columns = [name.replace("_", "\n") for name in shown]
    fig, _ = image_grid([[images[i] for images in shown.values()] for i in range(count)], columns=columns)
    return (
        fig,
        f"{count} images of {stimuli.complete.name}, complete and in {len(shown) - 1} variants, cut exactly at the mask.",
    )


def separation(results: Results, smallest: float) -> Drawn:
    """Separation by encoder in both senses: intervals span data sets and fills, whose own values are faint dots."""
    names, of = titles(results), methods(results)
    spans, single = (pd.DataFrame(results.tables[name]) for name in ("separation_all", "separation"))
    encoders = list(dict.fromkeys(spans.encoder))
    fig, axes = plt.subplots(1, 2, figsize=(WIDTH, 0.9 + 0.28 * len(encoders)), sharey=True)
    for ax, (sense, words) in zip(axes, SENSES.items(), strict=True):
        here = spans[spans.sense == sense]
        interval_plot(here, "encoder", ax=ax, names=names, colours={e: colour(of[e]) for e in encoders}, bound=smallest)
        dots = single[single.sense == sense]
        ax.plot(dots.value, [encoders.index(e) + 0.25 for e in dots.encoder], ".", color=MUTED, alpha=0.5, markersize=3)
        ax.set_title(words, fontsize=7.5)
    least = {sense: part.loc[part.value.idxmin()] for sense, part in spans.groupby("sense")}
    words = "; ".join(f"by {sense} {names[row.encoder]} separates least ({row.value:.2f})" for sense, row in least.items())
    return fig, f"Of {len(encoders)} encoders, {words}: means over the data sets that decide, and fills."


def matrices(results: Results, fill: str) -> Drawn:
    """Debiased CKA of each comparison (panels), by encoder (rows) and data set (columns)."""
    names, table = titles(results), pd.DataFrame(results.tables["pairs"])
    table = table[table.fill == fill]
    sets = list(dict.fromkeys(table[table.b == "object"].dataset))
    encoders = list(dict.fromkeys(table.encoder))
    fig, axes = plt.subplots(1, len(HEADLINE), figsize=(WIDTH, 1.15 + 0.25 * len(encoders)), sharey=True)
    for ax, (a, b), heading in zip(axes, HEADLINE, PAIR_WORDS, strict=True):
        cells = table[(table.a == a) & (table.b == b)].pivot(index="encoder", columns="dataset", values="cka")
        cells = cells.loc[encoders, sets].set_axis([names[e] for e in encoders])
        heatmap(cells.set_axis([short(name) for name in sets], axis=1), ax)
        ax.set_title(heading, fontsize=8)
    own, region = (table[(table.a == a) & (table.b == b)].cka for a, b in PARTS)
    return fig, (
        f"Object and background have CKA from {own.min():.2f} to {own.max():.2f}, region and rest, cut along outlines of other "
        f"images' objects, from {region.min():.2f} to {region.max():.2f}."
    )


def reliance(results: Results) -> Drawn:
    """CKA(complete, object) - CKA(complete, background) as it is, and minus that of the untrained copy."""
    names, table = titles(results), pd.DataFrame(results.tables["reliance_all"])
    learned = table.dropna(subset="learned").drop(columns=["value", "low", "high"])
    learned = learned.rename(columns={"learned": "value", "learned_low": "low", "learned_high": "high"})
    kinds = {"own": "as it is", "learned": "minus its untrained copy"}
    table = pd.concat([table.assign(kind="own"), learned.assign(kind="learned")])
    fig, ax = plt.subplots(figsize=(WIDTH, 0.8 + 0.3 * table.encoder.nunique()))
    interval_plot(table, "encoder", "kind", ax=ax, names=names | kinds)
    ax.set_xlabel("CKA(complete, object) − CKA(complete, background)")
    ax.legend(fontsize=7)
    if learned.empty:
        return fig, "No encoder of this run has an untrained copy beside it, so that what training adds is not known."
    low, high = learned.loc[learned.value.idxmin()], learned.loc[learned.value.idxmax()]
    return fig, (
        f"Beside its untrained copy {names[high.encoder]} moves most towards the object ({high.value:+.2f}), "
        f"{names[low.encoder]} least ({low.value:+.2f})."
    )


def stand_in(results: Results) -> Drawn:
    """What removing the object takes against what occluding centre or corners takes, one dot an encoder, a panel a data set."""
    of, table = methods(results), pd.DataFrame(results.tables["place"])
    sets = list(dict.fromkeys(table.dataset))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 2.6), sharey=True, squeeze=False)
    gaps = {}
    for ax, dataset in zip(axes[0], sets, strict=True):
        cells = table[table.dataset == dataset].pivot(index="encoder", columns="square", values="value")
        against = "object" if "object" in cells else "corners"
        for square, marker in (("centre", "o"), ("corners", "x")):
            colours = [colour(of[e]) for e in cells.index]
            ax.scatter(cells[against], cells[square], c=colours, marker=marker, s=18, label=SQUARES[square])
        ax.axline((0, 0), slope=1, color=MUTED, linewidth=0.8)
        ax.set_title(short(dataset), fontsize=8)
        ax.set_xlabel(f"CKA lost: {SQUARES[against]}", fontsize=7.5)
        gaps[short(dataset)] = float((cells.centre - cells.corners).mean())
    axes[0, 0].set_ylabel("CKA lost: square occluded")
    legend_below(fig, axes[0, :1].tolist(), columns=2)
    words = ", ".join(f"{gap:+.2f} on {name}" for name, gap in gaps.items())
    return fig, f"The centred square takes more CKA than the same square in a corner by {words}, mean over encoders."


def occlusion(results: Results, fractions: Sequence[float], fill: str) -> Drawn:
    """CKA with the complete image against the side of the centred square, removed or alone kept."""
    names, of, table = titles(results), methods(results), pd.DataFrame(results.tables["pairs"])
    table = table[(table.fill == fill) & (table.a == COMPLETE)]
    encoders, sets = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.dataset))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
    largest = {}
    for ax, dataset in zip(axes[0], sets, strict=True):
        for encoder in encoders:
            cell = table[(table.dataset == dataset) & (table.encoder == encoder)].set_index("b").cka
            for kind, style in (("occluded", "o-"), ("centre", ":")):
                line = [cell[f"{kind}_{100 * f:g}"] for f in fractions]
                label = names[encoder] if kind == "occluded" else None
                ax.plot(fractions, line, style, color=colour(of[encoder]), label=label, markersize=3, linewidth=1.2)
                if kind == "occluded":
                    largest[dataset, encoder] = line[-1]
        ax.set_title(short(dataset), fontsize=8)
        ax.set_xticks(fractions)
        ax.set_xlabel("side of the square")
    axes[0, 0].set_ylabel("debiased CKA with complete")
    dotted = {"only the centre kept": plt.Line2D([], [], color=MUTED, linestyle=":")}
    legend_below(fig, axes[0], columns=5, further=dotted)
    (dataset, encoder), value = min(largest.items(), key=lambda item: item[1])
    return fig, (
        f"With a square of {100 * fractions[-1]:.0f} % of the side removed, {names[encoder]} on {short(dataset)} keeps least "
        f"of the complete image: CKA {value:.2f}."
    )


def trap(rows: list[Row]) -> Drawn:
    """Raw measures of unrelated features against their width, for each number of images."""
    table = pd.DataFrame(rows)
    sizes, measures = list(dict.fromkeys(table.n)), list(dict.fromkeys(table.measure))
    fig, axes = plt.subplots(1, len(sizes), figsize=(WIDTH, 2.5), sharey=True, squeeze=False)
    for ax, n in zip(axes[0], sizes, strict=True):
        for shade, measure in zip(PALETTE, measures, strict=False):
            line = table[(table.n == n) & (table.measure == measure)].dropna()
            ax.plot(line.width, line.value, "o-", color=shade, label=measure, markersize=3)
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
        f"{worst.width}; debiased CKA stays within {true:.3f} of 0."
    )


def by_layer(results: Results) -> Drawn:
    """CKA of object and background, and of region and rest, layer by layer."""
    names, of, table = titles(results), methods(results), pd.DataFrame(results.tables["layers"])
    encoders, sets = list(dict.fromkeys(table.encoder)), list(dict.fromkeys(table.dataset))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 2.7), sharey=True, squeeze=False)
    falls = {}
    for ax, dataset in zip(axes[0], sets, strict=True):
        for encoder in encoders:
            cell = table[(table.dataset == dataset) & (table.encoder == encoder)]
            for (a, _), line in zip(PARTS, ("o-", "--"), strict=True):
                cka = cell[cell.a == a].cka.to_numpy()
                label = names[encoder] if a == "object" else None
                depth = np.linspace(0, 1, len(cka))
                ax.plot(depth, cka, line, color=colour(of[encoder]), label=label, markersize=3, linewidth=1.2)
            cka = cell[(cell.a == "region")].cka.to_numpy() - cell[cell.a == "object"].cka.to_numpy()
            falls[names[encoder], dataset] = cka[-1] - cka[0]
        ax.set_title(short(dataset), fontsize=8)
        ax.set_xlabel("depth")
    axes[0, 0].set_ylabel("debiased CKA")
    legend_below(fig, axes[0], columns=5, further={"region, rest": plt.Line2D([], [], color=MUTED, linestyle="--")})
    (name, dataset), change = max(falls.items(), key=lambda item: abs(item[1]))
    return fig, f"From first to last layer, separation by images changes most for {name} on {short(dataset)}, by {change:+.2f}."


def panel(results: Results) -> Drawn:
    """Separation under every measure (rows), by encoder: colours are ranks within a row, for each measure has its own scale."""
    names, table = titles(results), pd.DataFrame(results.tables["panel"]).dropna(subset="value")
    table["value"] = np.where(table.measure == "procrustes", 1 - table.value / 2, table.value)  # nuclear norm: 1 is the same
    mean = table.groupby(["measure", "encoder", "a"], sort=False).value.mean().unstack("a")
    wide = (mean.region - mean.object).unstack("encoder")[list(dict.fromkeys(table.encoder))]
    ranks = wide.rank(axis=1)
    fig, ax = plt.subplots(figsize=(WIDTH, 1.0 + 0.3 * len(wide)))
    words = [MEASURES[name].title + (" as 1 − d²/2" if name == "procrustes" else "") for name in wide.index]
    shown = ranks.set_axis([names[e] for e in ranks.columns], axis=1).set_axis(words)
    heatmap(shown, ax, low=1, high=ranks.shape[1], numbers=wide)
    first = wide.loc["debiased_cka"]
    most = f"By debiased CKA {names[first.idxmax()]} separates most ({first.max():.2f})"
    agree = wide.T.corr(method="spearman").loc["debiased_cka"].drop("debiased_cka").dropna()
    if agree.empty:
        return fig, f"{most}; an order of encoders needs two of them."
    worst = agree.idxmin()
    return fig, (
        f"{most}; of {len(agree)} other measures {(agree > 0.5).sum()} order the encoders alike (rank correlation above 0.5), "
        f"least {MEASURES[worst].title} ({agree[worst]:.2f})."
    )


def arms(results: Results) -> Drawn:
    """Reliance where the background is the true one, a cut-out, or a cut-out along a predicted outline; a panel a data set."""
    names, table = titles(results), pd.DataFrame(results.tables["reliance"])
    sets = list(dict.fromkeys(table.dataset))
    encoders = list(dict.fromkeys(table.encoder))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 0.9 + 0.28 * len(encoders)), sharey=True, squeeze=False)
    for ax, dataset in zip(axes[0], sets, strict=True):
        interval_plot(table[table.dataset == dataset], "encoder", "arm", ax=ax, names=names | ARM_WORDS)
        ax.set_title(short(dataset), fontsize=8)
    axes[0, 0].set_xlabel("CKA(complete, object) − CKA(complete, background)", fontsize=7.5)
    legend_below(fig, axes[0, :1].tolist(), columns=3)
    correlations = arm_agreement(results.tables["reliance"])
    words = "; ".join(f"{value:.2f} with {ARM_WORDS[arm]}" for arm, value in correlations.items())
    return fig, f"Rank correlation over encoders of reliance on true masks, mean over data sets: {words}."


def arm_agreement(rows: list[Row]) -> Mapping[str, float]:
    """Arm -> Spearman correlation over encoders of reliance with that of the true background, mean over data sets."""
    table = pd.DataFrame(rows).pivot_table(index=["dataset", "encoder"], columns="arm", values="value", dropna=False)
    found = table.groupby("dataset").corr(method="spearman")["true"].unstack("arm").mean()
    return {arm: float(found[arm]) for arm in ARM_WORDS if arm != "true" and arm in found and np.isfinite(found[arm])}


def neighbours(results: Results, fill: str) -> Drawn:
    """Accuracy of the nearest complete image for each variant."""
    names, table = titles(results), pd.DataFrame(results.tables["neighbours"])
    wanted = [COMPLETE, "object", "region", "background", "rest"]
    table = table[table.variant.isin(wanted) & table.fill.isin(("none", fill))]
    sets, encoders = list(dict.fromkeys(table[table.variant == "object"].dataset)), list(dict.fromkeys(table.encoder))
    fig, axes = plt.subplots(1, len(sets), figsize=(WIDTH, 0.9 + 0.28 * len(encoders)), sharey=True, squeeze=False)
    for ax, dataset in zip(axes[0], sets, strict=True):
        for offset, variant in enumerate(wanted):
            here = table[(table.dataset == dataset) & (table.variant == variant)].set_index("encoder").loc[encoders]
            y = np.arange(len(encoders)) + (offset - 2) * 0.15
            intervals(ax, here.rename(columns={"accuracy": "value"}), y, PALETTE[offset], variant)
        ax.set_title(short(dataset), fontsize=8)
        ax.set_xlabel("1-NN accuracy")
    axes[0, 0].set_yticks(range(len(encoders)), [names[e] for e in encoders])
    axes[0, 0].invert_yaxis()
    legend_below(fig, axes[0], columns=5)
    means = table[table.dataset.isin(sets)].groupby("variant").accuracy.mean()
    return fig, (
        f"Nearest-neighbour accuracy, mean over encoders and data sets, is {means[COMPLETE]:.2f} for complete images, "
        f"{means['object']:.2f} for the object alone and {means['background']:.2f} for the background alone."
    )


def short(dataset: str) -> str:
    """A data set's name as the page says it."""
    return dataset.removeprefix("scenes:")
