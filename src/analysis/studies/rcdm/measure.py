"""From a decoder and encoders to numbers: the tables of the study `rcdm`."""

from collections.abc import Sequence

import numpy as np

from analysis import paths
from analysis.decoders import card
from analysis.decoders.conditions import Condition
from analysis.decoders.decoder import Decoder, load
from analysis.encoders.facts import facts
from analysis.results import Row
from analysis.studies.rcdm.attacked import attacks
from analysis.studies.rcdm.drawn import draw, factors, faithful, gallery, unfamiliar
from analysis.studies.rcdm.edited import edits
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.params import Rcdm
from analysis.studies.rcdm.speed import samplers
from analysis.studies.rcdm.stage import open_stage
from analysis.studies.rcdm.through import changes, layers
from analysis.studies.rcdm.traps import traps


def measure(params: Rcdm, decoder: Decoder | None = None) -> Measured:
    """Every measure of the study, with the decoder of the parameters or another; of factors only where they are known.

    Raises:
        UserError, MissingFile: as `open_stage`; the decoder is not there.
    """
    decoder = decoder or load(params.decoder, params.device)
    stage = open_stage(params, decoder)
    measured = Measured(params.seed, params.n_bootstrap, params.level, taps=stage.taps, stale=_stale(params, decoder))
    samples = draw(stage)
    faithful(stage, samples, measured)
    gallery(stage, samples, measured)
    changes(stage, samples, measured)
    unfamiliar(stage, samples, measured)
    attacks(stage, samples, measured)
    samplers(stage, samples, measured)
    traps(stage, samples, measured)
    if stage.known:
        factors(stage, samples, measured)
        layers(stage, measured)
        edits(stage, samples, measured)
    measured.tables["taps"] = tap_rows((*stage.taps, *measured.compared))
    measured.tables["families"] = family_rows(measured)
    measured.tables["training"] = _training(params, decoder)
    measured.tables["decoder"] = [_decoder_row(decoder)]
    return measured


def _decoder_row(decoder: Decoder) -> Row:
    made = decoder.card
    recipe = made.get("recipe", {})
    row = {"name": decoder.name, "size": decoder.size, "ranked": recipe.get("ranks"), "among": recipe.get("among")}
    return row | {key: made.get(key) for key in ("parameters", "start", "steps", "images_seen")}


def _stale(params: Rcdm, decoder: Decoder) -> dict[str, str]:
    """Encoder -> why samples say nothing of it: its weights are not those that the decoder was trained with."""
    known = decoder.card.get("encoders", {})
    changed = [name for name in params.encoders if name in known and card.digest_of(name) != known[name]]
    return {name: f"the decoder was trained with other weights of {facts(name).title}" for name in changed}


def _training(params: Rcdm, decoder: Decoder) -> list[Row]:
    """Ranks as they were measured while decoders were trained."""
    further = [card.facts(paths.decoder(name)) for name in params.histories]
    return [row for each in (decoder.card, *further) if "curve" in each for row in card.history(each)]


def family_rows(measured: Measured) -> list[Row]:
    """Means over families of conditions: skill and spread of factors in samples, and of linear probes on representations."""
    rows = []
    factors = dict.fromkeys(key[2] for key in measured.draws if key[0] == "skill")
    for quantity in ("skill", "spread", "probe"):
        for family, names in measured.families().items():
            for factor in factors:
                found = [measured.draws[key] for name in names if (key := (quantity, name, factor)) in measured.draws]
                if found:
                    row = {"quantity": quantity, "family": family, "factor": factor}
                    rows.append({**row, **measured.interval(np.mean(found, axis=0))})
    return rows


def tap_rows(taps: Sequence[Condition]) -> list[Row]:
    """The conditions of the run, with titles for tables and figures."""
    words = {"hidden": "hidden layer", "shuffled": "shuffled", "null": "nothing", "label": "class label"}
    rows = []
    for tap in taps:
        title = {**words, "thumbnail": "8 × 8 thumbnail"}.get(tap.name)
        if title is None:
            title = f"{facts(tap.encoder).title} {words.get(tap.tap, tap.tap)}" + ("" if tap.spatial else ", no map")
        rows.append({"condition": tap.name, "encoder": tap.encoder, "tap": tap.tap, "spatial": tap.spatial, "title": title})
    return rows
