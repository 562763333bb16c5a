"""From a decoder and encoders to numbers: the tables of the study `rcdm`."""

from collections.abc import Sequence

from analysis.decoders.conditions import Condition
from analysis.decoders.decoder import Decoder
from analysis.encoders.facts import facts
from analysis.results import Row
from analysis.studies.rcdm.attacked import attacks
from analysis.studies.rcdm.drawn import draw, factors, faithful, gallery, unfamiliar
from analysis.studies.rcdm.edited import edits
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.params import Rcdm
from analysis.studies.rcdm.sharing import alone, sharing
from analysis.studies.rcdm.speed import samplers
from analysis.studies.rcdm.stage import open_stage
from analysis.studies.rcdm.through import changes, layers
from analysis.studies.rcdm.traps import traps


def measure(params: Rcdm, decoder: Decoder) -> Measured:
    """Every measure of the study; those of factors only where the world's factors are known.

    Raises:
        UserError, MissingFile: as `open_stage` and `alone`.
    """
    stage, measured = open_stage(params, decoder), Measured(params)
    measured.taps = stage.taps
    singles = alone(stage)
    samples = draw(stage)
    faithful(stage, samples, measured)
    sharing(stage, singles, samples, measured)
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
    return measured


def encoder_rows(names: Sequence[str]) -> list[Row]:
    """What is known of the encoders beforehand."""
    known = {name: facts(name) for name in names}
    return [{"encoder": name, "title": found.title, "supervision": found.supervision} for name, found in known.items()]


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
