"""The study from end to end, and its sentences."""

from functools import partial

import numpy as np
import pandas as pd

from analysis.charts import Drawn
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import INTERVAL, Column, Prose, say, table
from analysis.results import Results
from analysis.studies.base import Measured, run, titles
from analysis.studies.masking_cka import plots, trap
from analysis.studies.masking_cka.claims import CLAIMS, SMALLEST
from analysis.studies.masking_cka.evidence import judged
from analysis.studies.masking_cka.measure import measure
from analysis.studies.masking_cka.stimuli import load_stimuli
from analysis.verdict_prose import answer

TRAP_IMAGES = (300, 1000)
TRAP_WIDTHS = (16, 64, 256, 1024)


def compute(notebook: Notebook) -> Measured | None:
    """Fill the results: tables, verdicts, the numbers quoted in prose, the answer."""
    if not notebook.stored:
        notebook.results.tables["trap"] = [
            row for n in TRAP_IMAGES for row in trap.unrelated(n, tuple(w for w in TRAP_WIDTHS if w < n), notebook.params.seed)
        ]
    evidence = partial(judged, params=notebook.params)
    return run(notebook, measure, CLAIMS, evidence, scalars=_scalars)


def finding(results: Results) -> Prose:
    """The answer claim by claim, how many encoders show it, and what it means in practice."""
    separation = pd.DataFrame(results.tables["separation_all"])
    names, n = titles(results), results.scalars
    by_images, by_directions = (
        separation[separation.sense == sense].set_index("encoder") for sense in ("images", "directions")
    )
    relied = pd.DataFrame(results.tables["reliance_all"]).set_index("encoder").value
    words = (
        "{answer}\n\nCut along the true object, {parted} of {encoders} encoders show halves that are less alike than those of "
        "a cut along another image's object, in every data set that decides and under every fill; {apart} keep object and "
        "background in directions of their own. {most} stands closest to the object alone (CKA with it minus CKA with the "
        "background: {high:+.2f}), {least} to the background ({low:+.2f}). Occluding the centre takes {centre:+.2f} more CKA "
        "than occluding a corner where there is an object"
    )
    words += ", {bare:+.2f} where there is none." if "place_bare" in n else "."
    words += (
        "\n\n**For practice.** A masked image shows its hole as well. Compare with a hole of the same kind elsewhere, with an "
        "untrained network, and over several fills, before a difference is laid to the object."
    )
    return say(
        words,
        answer=answer(results, CLAIMS),
        parted=int((by_images.low > SMALLEST).sum()),
        apart=int((by_directions.low > SMALLEST).sum()),
        encoders=len(by_images),
        most=names[relied.idxmax()],
        high=relied.max(),
        least=names[relied.idxmin()],
        low=relied.min(),
        centre=n["place_objects"],
        **({"bare": n["place_bare"]} if "place_bare" in n else {}),
    )


def pictures(notebook: Notebook, name: str) -> FigureRef | Prose:
    """Images of data set `name` in every variant; in words only where the images are not at hand."""
    params = notebook.params
    file = "pictures-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")
    few = params.model_copy(update={"n": min(params.n, 40), "datasets": (name,)})
    caption = (
        f"{name}: the complete image and what is kept of it. *Region* and *rest* are cut along the object of another image, "
        "*predicted* along a guess from the pixels."
    )

    def draw() -> Drawn:
        """Load the images, which the run itself has not kept, and lay them out."""
        stimuli, _ = load_stimuli(name, few)
        return plots.picture_grid(stimuli[max(stimuli)], params)

    return notebook.picture(draw, file[:60], caption)


def samples_table(results: Results) -> Prose:
    """How many images were loaded and kept of each data set, and what stands for the background."""
    columns: dict[str, Column] = {
        **{"dataset": "Data set", "loaded": ("Loaded", "d"), "kept": ("Kept", "d"), "clusters": ("Independent", "d")},
        **{"background": "Background is", "object_share": ("Object, mean share", ".2f")},
        "predicted_iou": ("Predicted mask, IoU", ".2f"),
    }
    return table(results.tables["samples"], columns)


def reliance_table(results: Results) -> Prose:
    """CKA(complete, object) - CKA(complete, background) of every encoder, ranked by what training adds."""
    names = titles(results)
    rows = [{**row, "title": names[row["encoder"]]} for row in results.tables["reliance_all"]]
    rows.sort(key=lambda row: -np.inf if row["learned"] is None else -row["learned"])
    rows.sort(key=lambda row: row["learned"] is None)
    columns: dict[str, Column] = {"title": "Encoder", "value": ("As it is", INTERVAL)}
    return table(rows, columns | {"learned": ("Minus its untrained copy", INTERVAL)})


def _scalars(results: Results) -> dict[str, float]:
    """Numbers quoted in prose."""
    raw = pd.DataFrame(results.tables["trap"]).dropna()
    biased, debiased = (raw[raw.measure == f"linear CKA, {kind}"].value for kind in ("biased", "debiased"))
    found = {
        "images": float(sum(row["kept"] for row in results.tables["samples"])),
        "trap_cca": float(raw[raw.measure == "mean CCA"].value.max()),
        "trap_biased": float(biased.max()),
        "trap_debiased": float(debiased.abs().max()),
    }
    place = pd.DataFrame(results.tables["place"])
    for name, masks in (("place_objects", True), ("place_bare", False)):
        means = place[place.masks == masks].groupby("square").value.mean()
        if len(means):
            found[name] = float(means["centre"] - means["corners"])
    pairs = pd.DataFrame(results.tables["pairs"])
    cells = pairs[(pairs.a == "object") & (pairs.b == "background") & (pairs.fill == results.parameters["fills"][0])]
    found["cells"], found["cells_above_null"] = float(len(cells)), float((cells.low > cells.null_high).sum())
    return found
