"""The study from end to end, and its sentences."""

import pandas as pd

from analysis import datasets
from analysis.encoders.facts import Facts, facts
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Column, Prose, say, table
from analysis.results import Results
from analysis.studies.masking_cka import plots, trap
from analysis.studies.masking_cka.claims import SMALLEST, judge
from analysis.studies.masking_cka.measure import measure
from analysis.studies.masking_cka.params import MaskingCka
from analysis.verdict_prose import answer

TRAP_IMAGES = (300, 1000, 3000)
TRAP_WIDTHS = (16, 64, 256, 1024)


def compute(study: Notebook) -> None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose; stored numbers are there already."""
    if study.stored:
        return
    params, results = _params(study), study.results
    measured = measure(params)
    results.tables |= measured.tables
    results.tables["trap"] = [
        row for n in TRAP_IMAGES for row in trap.unrelated(n, tuple(w for w in TRAP_WIDTHS if w < n), params.seed)
    ]
    names = {name: facts(name) for name in params.encoders}
    results.tables["encoders"] = [
        {"encoder": name, "title": known.title, "size": known.size, "supervision": known.supervision, "probe": _probe(known)}
        for name, known in names.items()
    ]
    smallest = min(row["kept"] for row in results.tables["samples"])
    results.claims, contrasts = judge(measured.draws, params, names, smallest)
    results.tables |= contrasts
    results.scalars |= _scalars(results)
    results.answer = answer(results, WHAT).markdown


def _probe(known: Facts) -> float | None:
    return known.probe.accuracy if known.probe and known.probe.data == "scenes:objects" else None


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return {row["encoder"]: row["title"] for row in results.tables["encoders"]}


def pictures(study: Notebook, name: str) -> FigureRef | Prose:
    """Images of data set `name` in every variant; in words only where the images are not at hand."""
    params = _params(study)
    if study.stored:
        return say(
            "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"
        )
    images = datasets.load(name, size=224 if not name.startswith("scenes:") else 64, n=min(params.n, 40), seed=params.seed)
    file = "pictures-" + "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")
    caption = f"{name}: the complete image, what is kept of it along the mask, the controls, and the occlusions."
    return study.show(plots.picture_grid(images, params), file[:60], caption)


def samples_table(results: Results) -> Prose:
    """How many images were loaded and kept of each data set."""
    columns: dict[str, Column] = {
        **{"dataset": "Data set", "loaded": ("Loaded", "d"), "kept": ("Kept", "d"), "classes": ("Classes", "d")},
        "foreground_share": ("Foreground, mean share", ".2f"),
    }
    return table(results.tables["samples"], columns)


def encoders_table(results: Results) -> Prose:
    """The encoders and what they were trained with."""
    words = {"self": "images alone", "labels": "labels", "none": "nothing (untrained)"}
    rows = [{**row, "trained": words[row["supervision"]]} for row in results.tables["encoders"]]
    columns: dict[str, Column] = {
        "title": "Encoder",
        "encoder": "Name",
        "trained": "Trained with",
        "size": ("Input, px", "d"),
        "probe": ("Linear probe", ".2f"),
    }
    return table(rows, columns)


def separation_table(results: Results) -> Prose:
    """Separation per encoder, mean over data sets, headline fill."""
    first = results.parameters["fills"][0]
    rows = [row for row in results.tables["separation"] if row["dataset"] == "mean" and row["fill"] == first]
    return table(_titled(rows, results), _INTERVAL | {"state": "By the rule"})


def reliance_table(results: Results) -> Prose:
    """CKA(complete, foreground) less CKA(complete, background), per encoder, mean over data sets."""
    return table(_titled([r for r in results.tables["reliance"] if r["dataset"] == "mean"], results), _INTERVAL)


WHAT = {
    "M1": "that not all self-supervised models separate object from ground",
    "M2": "that occluding the centre can stand in for removing the object",
    "M3": "that models differ in what carries their representation",
}
_INTERVAL: dict[str, Column] = {
    **{"title": "Encoder", "value": ("Value", ".3f"), "low": ("Low", ".3f"), "high": ("High", ".3f")},
}


def _titled(rows: list[dict], results: Results) -> list[dict]:
    names = titles(results)
    return [{**row, "title": names[row["encoder"]]} for row in rows]


def _params(study: Notebook) -> MaskingCka:
    assert isinstance(study.params, MaskingCka)
    return study.params


def _scalars(results: Results) -> dict[str, float]:
    """Numbers quoted in prose."""
    raw = pd.DataFrame(results.tables["trap"]).dropna()
    biased, debiased = (raw[raw.measure == f"linear CKA, {kind}"].value for kind in ("biased", "debiased"))
    found = {
        "smallest": SMALLEST,
        "images": float(sum(row["kept"] for row in results.tables["samples"])),
        "trap_cca": float(raw[raw.measure == "mean CCA"].value.max()),
        "trap_biased": float(biased.max()),
        "trap_debiased": float(debiased.abs().max()),
    }
    pairs = pd.DataFrame(results.tables["pairs"])
    cells = pairs[(pairs.a == "foreground") & (pairs.b == "background") & (pairs.fill == results.parameters["fills"][0])]
    if len(cells):
        found["cells"] = float(len(cells))
        found["cells_above_null"] = float((cells.low > cells.null_high).sum())
    return found
