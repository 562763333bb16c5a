"""The study from end to end: everything measured, the rules applied, every number in a table."""

from collections.abc import Mapping

from analysis.notebook import LEFT_OUT, Notebook
from analysis.prose import Prose, say
from analysis.results import Results
from analysis.studies.base import run
from analysis.studies.rcdm import pictures as panels
from analysis.studies.rcdm.claims import CLAIMS
from analysis.studies.rcdm.evidence import evidence
from analysis.studies.rcdm.measure import measure
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.pages import titles


def compute(study: Notebook) -> Measured | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose, and return what `pictures` draws from.

    None where the page is drawn from stored numbers.

    Raises:
        UserError, MissingFile: the decoder is not there, or does not know an encoder of the run.
    """
    return run(study, measure, CLAIMS, evidence, scalars=_scalars)


def pictures(study: Notebook, measured: Measured | None, panel: str) -> Prose | object:
    """One of the panels of samples; in words only where the images are not at hand, or the run has no such panel."""
    if measured is None:
        return say(LEFT_OUT)
    drawn = panels.panel(panel, measured.pictures, study.results.tables, titles(study.results).get)
    if drawn is None:
        return say("*This run has nothing to show here.*")
    return study.show(drawn, panel.replace(" ", "-"), panels.CAPTIONS[panel])


def _scalars(results: Results) -> Mapping[str, float]:
    """Numbers quoted in prose."""
    conditions = results.tables["conditions"]
    return {"n": results.parameters["n_images"], "chance": conditions[0]["chance"], "among": conditions[0]["among"]}
