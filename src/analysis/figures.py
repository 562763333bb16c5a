"""One look for every figure, and no figure without words: SVG for both themes of the book, PDF for print."""

import base64
import html
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import InitVar, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.prose import escaped, signed
from analysis.svg import slim

WIDTH = 7.2  # inches: the text column of the book at 96 px per inch

# Contrast of 2.7 or more on the white and on the dark page; as colour-blind eyes see them, any two stay apart.
PALETTE = ("#0077bb", "#d55e00", "#009e73", "#b04dff", "#998d4c", "#735980", "#8f99cc", "#496633")
# One colour per method in the whole book, by its key in `encoders.methods`; what was not trained is grey. Contrast of 3 or more
# on both pages. Those of the zoo stay apart for colour-blind eyes; a title or a marker always says it too.
UNTRAINED = "#7d8590"
METHOD_COLOURS = {
    "dinov2": "#1074f4",
    "dino": "#19a0ca",
    "ibot": "#8b87f3",
    "mae": "#e1051e",
    "simmim": "#cc1e52",
    "scale-mae": "#f255c3",
    "swav": "#1a734f",
    "simclr": "#dd7a02",
    "moco": "#6d6a16",
    "moco-v3": "#6d6a16",
    "byol": "#a117d0",
    "simsiam": "#b6887e",
    "vicreg": "#8424ff",
    "barlow-twins": "#8747b1",
    "tcr": "#a63c91",
    "i-jepa": "#cc3978",
    "protoclr": "#cc2cfc",
    "umtra": "#fd3c9c",
    "beit": "#fc4d46",
    "supervised": "#9a9552",
    "untrained": UNTRAINED,
}
SEQUENTIAL = "crest"  # no black and no white: its cells are seen on both pages
DIVERGING = "vlag"

INK, MUTED, FAINT, PAPER = "#24292f", "#59636e", "#d5dae1", "#fefefe"
# The dark file is the light one with these colours exchanged. No palette or colour map holds them, so data never changes.
DARK = {INK: "#e8eaed", MUTED: "#a3acb8", FAINT: "#3c444f", PAPER: "#14181e"}

_RC: Any = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": f"cycler('color', {list(PALETTE)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "figure.figsize": (WIDTH, 3.4),
    "font.family": "DejaVu Sans",  # the one font matplotlib ships: the same outlines on every machine
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "image.cmap": "cividis",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "patch.edgecolor": PAPER,
    "savefig.dpi": 200,  # of photographs within a figure
    "savefig.facecolor": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
    "svg.fonttype": "path",
}

# A number that is none, standing by itself; `folder:inf`, `pets/nan` and 'None' in quotes are names.
_UNFILLED = re.compile(r"""(?<![\w/:.'"`-])-?(nan|None|inf)(?![\w/'"`-])|\{[a-z_]*(:[^}]*)?\}""")
_KIND = re.compile(r"(an? |the )?(figure|image|picture|plot|chart|graph|diagram) (of|showing) ", re.IGNORECASE)


@dataclass(frozen=True)
class FigureRef:
    """A saved figure; as the last value of a cell it shows itself, in Jupyter and in the book.

    Attributes:
        file: the light SVG, relative to the run's folder; the dark one and the PDF are beside it.
        alt: what the figure shows, as a statement.
        caption: Markdown.
    """

    file: str
    alt: str
    caption: str
    svg: InitVar[str] = ""

    def __post_init__(self, svg: str) -> None:
        object.__setattr__(self, "_svg", svg)  # not a field: results.json names the file and holds no picture

    @property
    def markdown(self) -> str:
        """A MyST figure."""
        return f":::{{figure}} {self.file}\n:alt: {escaped(self.alt)}\n\n{escaped(self.caption)}\n:::\n"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """HTML with the picture inside for Jupyter, a MyST figure for the book, the words for everything else."""
        picture = base64.b64encode(self._svg.encode()).decode()  # type: ignore[attr-defined]
        return {
            "text/html": f'<figure style="background:#fff;padding:.5em"><img src="data:image/svg+xml;base64,{picture}" '
            f'alt="{html.escape(self.alt)}"><figcaption style="color:#222">{html.escape(self.caption)}</figcaption></figure>',
            "text/markdown": self.markdown,
            "text/plain": f"[figure] {self.alt}",
        }


def colour(method: str) -> str:
    """The colour of a method, by its key in `encoders.methods`; grey ink for one that is not stated."""
    return METHOD_COLOURS.get(method, MUTED)


@contextmanager
def style(**changes: Any) -> Iterator[None]:
    """The look of the book within a `with` block; `changes` are matplotlib settings for this block only."""
    settings: Any = {**_RC, **changes}
    with mpl.rc_context(settings):
        yield


def use_style() -> None:
    """Make the look of the book the default of this process; notebooks do this once."""
    mpl.rcParams.update(_RC)


def intervals(ax: Axes, rows: pd.DataFrame, y: np.ndarray, colour: str, label: str) -> None:
    """Draw `value` of each row as a dot at height y (k,), with a bar from `low` to `high`."""
    errors = np.clip([rows.value - rows.low, rows.high - rows.value], 0, None)
    ax.errorbar(rows.value, y, xerr=errors, fmt="o", color=colour, label=label, markersize=3.5, linewidth=1.2)


def save(fig: Figure, run_dir: Path, name: str, alt: str, caption: str) -> FigureRef:
    """Write `figures/NAME.svg`, `NAME-dark.svg` and `NAME.pdf` into `run_dir`, and close the figure.

    The files are the same bytes whenever the figure is the same: no date, no random id.

    Raises:
        ValueError: `alt` says nothing (empty, fewer than five words, no full stop, or only the kind of picture), `caption`
            is empty, either holds an unresolved number, or `name` is not a plain file name.
    """
    alt, caption = _sentence("alt text", alt), _sentence("caption", caption)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) or name.endswith("-dark"):
        raise ValueError(f"figure name {name!r}: use lower-case letters, digits, - and _, and no ending in -dark")
    folder = Path(run_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.svg"
    with mpl.rc_context({**_RC, "svg.hashsalt": name}):
        fig.savefig(path, metadata={"Date": None})
        fig.savefig(path.with_suffix(".pdf"), metadata={"CreationDate": None})
    plt.close(fig)
    light = slim(path.read_text(encoding="utf-8"))
    for file, svg in ((path, light), (path.with_name(f"{name}-dark.svg"), _dark(light))):
        file.write_text(svg, encoding="utf-8")
    return FigureRef(f"figures/{name}.svg", alt, caption, light)


def _dark(svg: str) -> str:
    return re.sub("|".join(DARK), lambda found: DARK[found[0]], svg)


def _sentence(what: str, text: str) -> str:
    """`text` on one line, if it states something."""
    text = " ".join(str(text).split())
    if len(text.split()) < 5 or not text.endswith((".", "!", "?")):
        raise ValueError(f"{what} {text!r} states nothing: write one sentence with the finding, of five words or more")
    if _KIND.match(text):
        raise ValueError(f"{what} {text!r} names the picture: say what it shows")
    if _UNFILLED.search(text):
        raise ValueError(f"{what} {text!r} holds a number that was never filled in")
    return signed(text)
