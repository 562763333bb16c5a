"""The study from end to end: everything measured, the rules applied, every number in a table."""

from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.results import Results, Row
from analysis.studies.local_vit import defects, plots
from analysis.studies.local_vit.claims import families, judge, shortfalls, unlearnt
from analysis.studies.local_vit.contrasts import Contrasts
from analysis.studies.local_vit.frames import having, layout
from analysis.studies.local_vit.measure import encoder_rows, measure
from analysis.studies.local_vit.measured import Measured
from analysis.studies.local_vit.pages import WHAT, titles
from analysis.studies.local_vit.params import LocalVit
from analysis.verdict_prose import answer

SHOWN = 4  # encoders in the picture


def compute(study: Notebook) -> Measured | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose, and return what `pictures` draws from.

    None where the page is drawn from stored numbers.

    Raises:
        UserError: a data set without ground truth for any probe, or an encoder without patch tokens.
    """
    if study.stored:
        return None
    params, results = _params(study), study.results
    for name in params.datasets:
        layout(name)
    measured = measure(params)
    results.tables |= measured.tables
    results.tables["encoders"] = encoder_rows(params.encoders)
    results.tables["rotation"] = defects.inverted_rotation()
    results.tables["stitching"] = defects.shifted_stitching(params.seed)
    results.tables["lengths"] = defects.unequal_lengths(params.seed)
    contrasts = Contrasts(measured.draws, titles(results), params.level, unlearnt(results.tables["encoders"]))
    results.tables["families"] = families(contrasts)
    results.tables["shortfalls"] = _shortfall_rows(contrasts)
    smallest = min([row["test"] for row in results.tables["samples"]], default=params.n_views)
    results.claims = judge(contrasts, _held(results), measured.perfect, smallest, params.n_bootstrap)
    results.scalars |= _scalars(results, measured)
    results.answer = answer(results, WHAT).markdown
    return measured


def pictures(study: Notebook, measured: Measured | None) -> Prose | object:
    """Test images with the labels that neighbours give them; in words only where the images are not at hand."""
    if measured is None:
        return say(
            "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"
        )
    params = _params(study)
    sets = having("segmentation", params.datasets)
    if not sets:
        return say("*No data set of this run is segmented.*")
    said = {
        (encoder, setting): maps
        for (dataset, encoder, setting), maps in measured.examples.items()
        if dataset == sets[0] and encoder in params.encoders[:SHOWN]
    }
    drawn = plots.examples(measured.shown[sets[0]], said, lambda name: titles(study.results)[name], measured.classes[sets[0]])
    return study.show(
        drawn, "labels", f"{sets[0]}: images, the commonest class of each patch, and that of its nearest neighbour."
    )


def _params(study: Notebook) -> LocalVit:
    assert isinstance(study.params, LocalVit)
    return study.params


def _held(results: Results) -> dict[str, float]:
    """Encoder -> share of variance that the removed dimensions hold, mean over data sets."""
    rows = results.tables["held"]
    names = dict.fromkeys(row["encoder"] for row in rows)
    shares = {name: [row["value"] for row in rows if row["encoder"] == name] for name in names}
    return {name: sum(found) / len(found) for name, found in shares.items()}


def _shortfall_rows(contrasts: Contrasts) -> list[Row]:
    return [
        {"setting": setting, "metric": metric, **vars(found)}
        for setting, both in shortfalls(contrasts).items()
        for metric, found in zip(("ip", "cosine"), both, strict=True)
    ]


def _scalars(results: Results, measured: Measured) -> dict[str, float]:
    """Numbers quoted in prose."""
    found = {"removed": _removed(results)} if results.tables["held"] else {}
    if measured.perfect is not None:
        found["perfect"] = measured.perfect
    turned = [row["inverted"] for row in results.tables["rotation"]]
    stitched = results.tables["stitching"]
    return {
        **found,
        "inverted_most": max(turned),
        "inverted_least": min(turned),
        "stitched_right": max(row["right"] for row in stitched),
        "stitched_wrong": max(row["shifted"] for row in stitched),
    }


def _removed(results: Results) -> float:
    return float(results.parameters["removed"])
