"""Panels of images and samples, from the pictures of a run. Each returns (figure, what it shows in words)."""

from collections.abc import Callable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from analysis.figures import WIDTH
from analysis.results import Row
from analysis.studies.rcdm.manipulation import COMMON, COMPOSITE, RANDOM, RELEASED
from analysis.studies.rcdm.measured import LABEL as LABEL_CONDITION
from analysis.studies.rcdm.measured import SHUFFLED
from analysis.studies.rcdm.plots import Drawn, Titles, percent

Tables = Mapping[str, Sequence[Row]]
Pictures = Mapping[str, Mapping[str, np.ndarray]]
GAP = 2  # px between images
PICTURED = 2  # images side by side, each with its samples
LABEL, HEAD = 1.5, 0.25  # inches for the titles of rows and columns
TALLEST = 1.0  # inches of a row: 96 px in the book
ROOM = 0.15  # inches beside the titles of rows: a browser's letters are wider than those they were measured with
HEADS = {COMMON: "common quarter", RANDOM: "another quarter", RELEASED: "released rule", COMPOSITE: "true composite"}
CAPTIONS = {
    "taps": "Top: the represented image, three times. Below: samples of its representation from three noises, the same noises "
    "in every row. What agrees within a row is kept, what varies is not.",
    "changes": "Pairs of columns: before and after a change of the image. Samples of a row are all from one noise, so that "
    "what changes in them changes in the representation.",
    "unfamiliar": "Images unlike those the decoder was trained on, and samples of their backbone representations.",
    "attacks": "Columns: the image, the image after the label-free attack, and samples of the representation: clean, attacked, "
    "and after a random change as large, all from one noise.",
    "edits": "The image, the other image, a sample of the image, samples with dimensions taken from the other image, and a "
    "sample of the true composite, all from one noise.",
    "paths": "The straight path from the representation of one image to that of another, all samples of a row from one noise.",
}


def panel(name: str, pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    """The panel of that name; None where the run has no picture of it."""
    makers: dict[str, Callable[[Pictures, Tables, Titles], Drawn | None]] = {
        **{"taps": _taps, "changes": _changed, "unfamiliar": _unfamiliar, "attacks": _attacked, "edits": _edited},
        "paths": _paths,
    }
    return makers[name](pictures, tables, titles)


def _grid(rows: Mapping[str, Sequence[np.ndarray]], heads: Sequence[str] = (), gaps: Sequence[int] = ()) -> Figure:
    """Rows of images with a title on the left, as one picture; a wider gap before each of the columns in `gaps`."""
    side, count = next(iter(rows.values()))[0].shape[0], max(map(len, rows.values()))
    lefts = [k * (side + GAP) + sum(g <= k for g in gaps) * 3 * GAP for k in range(count)]
    canvas = np.zeros((len(rows) * (side + GAP) - GAP, lefts[-1] + side, 4), np.uint8)  # what is between is transparent
    for r, images in enumerate(rows.values()):
        for left, image in zip(lefts, images, strict=False):
            canvas[r * (side + GAP) : r * (side + GAP) + side, left : left + side] = np.dstack(
                [image, np.full((side, side), 255)]
            )
    height = min((WIDTH - LABEL) * canvas.shape[0] / canvas.shape[1], TALLEST * len(rows))
    fig, ax = plt.subplots(figsize=(WIDTH, HEAD + height), layout=ConstrainedLayoutEngine(w_pad=ROOM))
    ax.imshow(canvas, interpolation="nearest")
    ax.grid(False)
    ax.set_frame_on(False)
    middles = [r * (side + GAP) + side / 2 for r in range(len(rows))]
    ax.set_yticks(middles, list(rows), fontsize=7)
    ax.set_xticks([left + side / 2 for left in lefts], [*heads, *[""] * (count - len(heads))], fontsize=7)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    return fig


def _taps(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn:
    shown = pictures["taps"]
    n = len(shown["image"])
    draws = (max(map(len, shown.values()))) // n
    order = [d * n + i for i in range(PICTURED) for d in range(draws)]
    rows = {"image": [shown["image"][i] for i in range(PICTURED) for _ in range(draws)]}
    left_out = ("image", LABEL_CONDITION, SHUFFLED)
    table = pd.DataFrame(tables["conditions"]).dropna(subset="mrr")
    table = table[table.part != "control"]
    best, worst = (table.loc[k] for k in (table.mrr.idxmax(), table.mrr.idxmin()))
    head = f"{best.condition.partition(':')[0]}:projector"  # of projectors, that beside the backbone that ranks best
    names = [n for n in shown if n not in left_out and (n == head or not n.endswith((":adagn", ":hidden", ":projector")))]
    rows |= {str(titles(name)): [shown[name][k] for k in order] for name in names}
    fig = _grid(rows, gaps=range(draws, PICTURED * draws, draws))
    return fig, (
        f"Samples agree with their image most when drawn from {titles(best.condition)} (MRR {best.mrr:.2f}), least from "
        f"{titles(worst.condition)} ({worst.mrr:.2f})."
    )


def _changed(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    panels = {name.removeprefix("change "): found for name, found in pictures.items() if name.startswith("change ")}
    if not panels:
        return None
    conditions = [name for name in next(iter(panels.values())) if name != "image"]
    rows = {
        (str(titles(name)) if name != "image" else name): [
            image for k, found in enumerate(panels.values()) for image in _two(found[name], k)
        ]
        for name in ["image", *conditions]
    }
    fig = _grid(rows, [text for change in panels for text in ("", change)], gaps=range(2, 2 * len(panels), 2))
    table = pd.DataFrame(tables["changes"])
    means = table[table.change.isin(list(panels))].groupby("condition").value.mean()
    return fig, (
        f"Of {', '.join(panels)}, samples from {titles(means.idxmax())} show most ({percent(means.max())} on average), samples "
        f"from {titles(means.idxmin())} least ({percent(means.min())})."
    )


def _two(alternating: np.ndarray, k: int) -> np.ndarray:
    """Before and after of the k-th image, or of the last."""
    start = 2 * min(k, len(alternating) // 2 - 1)
    return alternating[start : start + 2]


def _unfamiliar(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    panels = {name.removeprefix("unfamiliar "): found for name, found in pictures.items() if name.startswith("unfamiliar ")}
    if not panels:
        return None
    names = list(next(iter(panels.values())))
    rows = {
        (str(titles(name)) if name != "image" else name): [image for found in panels.values() for image in found[name][:3]]
        for name in names
    }
    count = [len(found["image"][:3]) for found in panels.values()]
    heads = [text for name, n in zip(panels, count, strict=True) for text in (name.removeprefix("scenes:"), *[""] * (n - 1))]
    table = pd.DataFrame(tables["unfamiliar"])
    best = table.loc[table.mrr.idxmax()]
    alt = f"Unfamiliar images rank best for samples from {titles(best.condition)}, on {best.dataset}: MRR {best.mrr:.2f}."
    return _grid(rows, heads, gaps=np.cumsum(count)[:-1].tolist()), alt


def _attacked(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    panels = {name.removeprefix("attack "): found for name, found in pictures.items() if name.startswith("attack ")}
    if not panels:
        return None
    heads = list(next(iter(panels.values())))
    rows = {str(titles(name)): _row(found, 0) for name, found in panels.items()}
    fig = _grid(rows, [head.removeprefix("sample, ") for head in heads])
    table = pd.DataFrame(tables["attacked"]).pivot(index="condition", columns="way", values="mrr")
    lost = table["none"] - table["label-free"]
    return fig, (
        f"After the largest label-free attack, samples from {titles(lost.idxmax())} lose most of their image: its MRR falls "
        f"from {table['none'][lost.idxmax()]:.2f} to {table['label-free'][lost.idxmax()]:.2f}."
    )


def _row(found: Mapping[str, np.ndarray], k: int) -> list[np.ndarray]:
    return [images[min(k, len(images) - 1)] for images in found.values()]


def _edited(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    name = next((found.removeprefix("edit ") for found in pictures if found.startswith("edit ")), None)
    if name is None:
        return None
    shown = pictures[f"edit {name}"]
    rows = {f"pair {k + 1}": _row(shown, k) for k in range(len(shown["image"]))}
    table = pd.DataFrame(tables["edits"])
    hits = table[table.condition == name].set_index("rule").value
    words = f"{titles(name)}: swapping {COMMON} gives the other background and keeps the object in {percent(hits[COMMON])} of "
    alt = f"{words}the edits, {RANDOM} in {percent(hits[RANDOM])}; samples of the true composite in {percent(hits[COMPOSITE])}."
    return _grid(rows, [HEADS.get(head, head) for head in shown]), alt


def _paths(pictures: Pictures, tables: Tables, titles: Titles) -> Drawn | None:
    panels = {name.removeprefix("path "): found for name, found in pictures.items() if name.startswith("path ")}
    if not panels:
        return None
    heads = [head for k, head in enumerate(next(iter(panels.values()))) if k not in (3, 5)]
    rows = {
        str(titles(name)): [image for j, image in enumerate(_row(found, k)) if j not in (3, 5)]
        for k, (name, found) in enumerate(panels.items())
    }
    table = pd.DataFrame(tables["paths"])
    best = table.loc[table.value.idxmax()]
    alt = (
        f"Along straight paths the background goes over most steadily for {titles(best.condition)}: rank correlation "
        f"{best.value:.2f} of place and colour."
    )
    return _grid(rows, heads), alt
