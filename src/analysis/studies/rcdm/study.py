"""The study from end to end: everything measured, the rules applied, every number in a table."""

from analysis import paths
from analysis.decoders import card
from analysis.decoders.decoder import Decoder, load
from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.results import Results, Row
from analysis.studies.rcdm import pictures as panels
from analysis.studies.rcdm.claims import judge
from analysis.studies.rcdm.contrasts import Contrasts
from analysis.studies.rcdm.measure import encoder_rows, measure, tap_rows
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.pages import WHAT, titles
from analysis.studies.rcdm.params import Rcdm
from analysis.verdict_prose import answer


def compute(study: Notebook) -> Measured | None:
    """Fill `study.results` with tables, verdicts and the numbers quoted in prose, and return what `pictures` draws from.

    None where the page is drawn from stored numbers.

    Raises:
        UserError, MissingFile: the decoder is not there, or does not know an encoder of the run.
    """
    if study.stored:
        return None
    params, results = _params(study), study.results
    decoder = load(params.decoder, params.device)
    measured = measure(params, decoder)
    results.tables |= measured.tables
    results.tables["decoder"] = [_decoder_row(decoder)]
    cards = [decoder.card, *(card.facts(paths.decoder(name)) for name in (*params.alone, *params.histories))]
    results.tables["training"] = [row for each in cards for row in card.history(each)]
    results.tables["encoders"] = encoder_rows(params.encoders)
    results.tables["taps"] = tap_rows(measured.taps)
    supervision = {row["encoder"]: row["supervision"] for row in results.tables["encoders"]}
    contrasts = Contrasts(measured.draws, measured.taps, supervision, params.level)
    results.tables["families"] = _families(contrasts)
    results.claims = judge(contrasts, params)
    results.scalars |= _scalars(results)
    results.answer = answer(results, WHAT).markdown
    return measured


def pictures(study: Notebook, measured: Measured | None, panel: str) -> Prose | object:
    """One of the panels of samples; in words only where the images are not at hand, or the run has no such panel."""
    if measured is None:
        return say("*The pictures are left out: this page is drawn from stored numbers.*")
    drawn = panels.panel(panel, measured.pictures, study.results.tables, titles(study.results).get)
    if drawn is None:
        return say("*This run has nothing to show here.*")
    return study.show(drawn, panel.replace(" ", "-"), panels.CAPTIONS[panel])


def _params(study: Notebook) -> Rcdm:
    assert isinstance(study.params, Rcdm)
    return study.params


def _decoder_row(decoder: Decoder) -> Row:
    made = decoder.card
    row = {"name": decoder.name, "size": decoder.size, "weights": made["parameters"], "start": made["start"]}
    ranked = {"ranked": made["recipe"]["ranks"], "among": made["recipe"]["among"]}
    return {**row, **ranked, **{key: made[key] for key in ("steps", "images_seen")}}


def _families(contrasts: Contrasts) -> list[Row]:
    """Means over families of conditions: skill and spread of factors in samples, and of linear probes on representations."""
    rows = []
    factors = dict.fromkeys(key[2] for key in contrasts.draws if key[0] == "skill")
    for quantity in ("skill", "spread", "probe"):
        for family, names in contrasts.families().items():
            for factor in factors:
                values = contrasts.mean(quantity, names, [(factor,)])
                if values is not None:
                    row = {"quantity": quantity, "family": family, "factor": factor}
                    rows.append({**row, **vars(contrasts.estimate(values))})
    return rows


def _scalars(results: Results) -> dict[str, float]:
    """Numbers quoted in prose."""
    conditions, samplers = results.tables["conditions"], results.tables["samplers"]
    found = {"n": results.parameters["n_images"], "chance": conditions[0]["chance"], "among": conditions[0]["among"]}
    own = [
        row
        for row in samplers
        if (row["sampler"], row["steps"]) == (results.parameters["sampler"], results.parameters["steps"])
    ]
    if own:
        found["calls"] = own[0]["calls"]
        found["fewer"] = min(row["calls"] for row in samplers if row["sampler"] == "ancestral") / own[0]["calls"]
    return {name: float(value) for name, value in found.items()}
