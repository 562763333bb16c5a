"""The study from end to end: everything measured, the rules applied, every number in a table."""

from collections.abc import Callable, Mapping

from analysis.charts import Drawn
from analysis.figures import FigureRef
from analysis.notebook import LEFT_OUT, Notebook
from analysis.prose import Prose, say
from analysis.results import Results
from analysis.studies.base import run
from analysis.studies.local_vit.claims import CLAIMS
from analysis.studies.local_vit.evidence import judged
from analysis.studies.local_vit.measure import measure
from analysis.studies.local_vit.measured import Tokens


def compute(study: Notebook) -> Tokens | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose, and return what `pictures` draws from.

    None where the page is drawn from stored numbers.

    Raises:
        UserError: a data set without ground truth for any probe, or an encoder without patch tokens.
    """
    return run(study, measure, CLAIMS, judged, scalars=_scalars)


def picture(
    study: Notebook, measured: Tokens | None, draw: Callable[[Results, Tokens, str], Drawn], reading: str
) -> FigureRef | Prose:
    """A figure of images: those of the first data set that is segmented."""
    if measured is None or not measured.shown:
        return say(LEFT_OUT if measured is None else "*No data set of this run is segmented.*")
    dataset = next(iter(measured.shown))
    return study.figure(draw, f"{dataset}; {reading}", measured, dataset)


def _scalars(results: Results) -> Mapping[str, float]:
    """Numbers quoted in prose."""
    perfect, stitched = results.tables.get("perfect", []), results.tables["stitching"]
    turned = [row["inverted"] for row in results.tables["rotation"]]
    found = {"perfect": min(row["value"] for row in perfect)} if perfect else {}
    return found | {
        "removed": float(results.parameters["removed"]),
        "inverted_most": max(turned),
        "inverted_least": min(turned),
        "stitched_right": max(row["right"] for row in stitched),
        "stitched_wrong": max(row["shifted"] for row in stitched),
    }
