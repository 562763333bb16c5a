"""The study from end to end: cards read, encoders probed, the rule applied, every number in a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis import probing
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Prose
from analysis.results import Results, Row
from analysis.studies.base import Measured, run
from analysis.studies.model_zoo import cards, plots, verdict
from analysis.studies.model_zoo.cards import Card
from analysis.studies.model_zoo.measure import (
    PIXELS,
    PROBES,
    Correct,
    Images,
    Probed,
    by_layer,
    constant,
    images,
    measure,
    queries,
)
from analysis.studies.model_zoo.pages import answer
from analysis.studies.model_zoo.params import ModelZoo
from analysis.training.data import scenes_version
from analysis.training.recipe import PHOTOGRAPHS, RECIPE


@dataclass
class Zoo(Measured):
    """What was measured, and the images it was measured on, for the picture."""

    images: Images = field(kw_only=True)


def compute(study: Notebook) -> Zoo | None:
    """Fill `study.results`; None where the page is drawn from stored numbers.

    Raises:
        UserError: a card is incomplete or disagrees with what is measured, or a trained encoder comes without its untrained
            copy.
    """
    zoo = run(study, _measure, scalars=_scalars)
    study.results.answer = answer(study.results).markdown
    return zoo


def pictures(study: Notebook, zoo: Zoo | None) -> FigureRef | Prose:
    """Queries and their nearest neighbours."""
    caption = (
        "Three test images, drawn by the seed, and the five training images nearest to each by cosine. A frame: the same class."
    )
    rows = study.results.tables["neighbours"]
    return study.picture(lambda: plots.neighbours(rows, zoo.images), "neighbours", caption)  # type: ignore[union-attr]


def _measure(params: ModelZoo) -> Zoo:
    listed, here = cards.chosen(params.encoders, params.dataset)
    copies, starts = cards.copies(here), cards.starts(here)
    data = images(params)
    zoo = Zoo(params.seed, params.n_bootstrap, images=data)
    probed = measure(data, [card.encoder for card in here], params)
    correct = {name: found.correct for name, found in probed.items()}
    blocks = by_layer(data, [card.encoder for card in here if card.family == "ViT"], params)
    middle = {name: layers[halfway(list(layers))] for name, layers in blocks.items()}
    zoo.tables |= {
        "encoders": [cards.row(card) for card in listed],
        "scores": _scores(probed, data, params.seed),
        "verdicts": verdict.verdicts(correct, copies, params),
        "layers": _layers(blocks, params.seed),
        "middle": verdict.verdicts(middle, {name: copy for name, copy in copies.items() if name in middle}, params),
        "starts": verdict.verdicts(correct, starts, params),
        "factors": _factors(probed, data),
        "agreement": _agreement(here, probed, params),
        "curves": [row for card in here for row in cards.curves(card)],
        "recipe": cards.recipe_rows(RECIPE if params.dataset == "scenes:objects" else PHOTOGRAPHS, here),
        "deviations": [cards.deviation(card) for card in here if card.encoder in copies],
        "cards": [cards.from_card(card) for card in listed if card not in here],
        "neighbours": _neighbours(probed, here, data, params),
    }
    return zoo


def _scores(probed: Mapping[str, Probed], data: Images, seed: int) -> list[Row]:
    rows: list[Row] = []
    chance = 1 / len(np.unique(data.truth))
    for name, found in probed.items():
        row: Row = {"encoder": name}
        for probe in PROBES:
            score = probing.accuracy(found.correct[probe], seed)
            row |= {probe: score.value, f"{probe}_low": score.low, f"{probe}_high": score.high}
        rows.append({**row, "rankme": found.rankme, "n": len(found.correct["knn"]), "chance": chance})
    return rows


def halfway(layers: Sequence[str]) -> str:
    """The block after which as many blocks follow as went before: chosen by place, not by score."""
    return layers[(len(layers) - 1) // 2 - 1]


def _layers(blocks: Mapping[str, Mapping[str, Correct]], seed: int) -> list[Row]:
    """Both probes after every block, with intervals."""
    return [
        {"encoder": name, "layer": layer, "depth": depth, "probe": probe, **vars(probing.accuracy(correct[probe], seed))}
        for name, layers in blocks.items()
        for depth, (layer, correct) in enumerate(layers.items(), start=1)
        for probe in PROBES
    ]


def _factors(probed: Mapping[str, Probed], data: Images) -> list[Row]:
    """Decodability of each factor, from the best constant, from pixels, from each encoder."""
    guess = {name: constant(data.known[name], data.found[name]) for name in data.known}
    read = {"constant": guess, **{name: found.factors for name, found in probed.items()}}
    kinds = {name: "accuracy" if data.known[name].dtype.kind in "UOSb" else "R2" for name in data.known}
    return [
        {"encoder": encoder, "factor": factor, "kind": kinds[factor], "value": value}
        for encoder, values in read.items()
        for factor, value in values.items()
    ]


def _agreement(here: Sequence[Card], probed: Mapping[str, Probed], params: ModelZoo) -> list[Row]:
    world = scenes_version() if params.dataset == "scenes:objects" else ""
    rows = []
    for card in here:
        found = probed[card.encoder]
        scores = {probe: float(found.correct[probe].mean()) for probe in PROBES} | {"rankme": found.rankme}
        rows.append(verdict.agreement(card, scores, found.factors, params, world))
    return [row for row in rows if row]


def _neighbours(probed: Mapping[str, Probed], here: Sequence[Card], data: Images, params: ModelZoo) -> list[Row]:
    """Neighbours in pixels and in the best untrained, self-supervised and supervised encoder (by linear probe)."""
    shown = {PIXELS: PIXELS}
    for supervision in ("nothing", "images", "labels"):
        group = [card for card in here if card.supervision == supervision]
        if group:
            best = max(group, key=lambda card: probed[card.encoder].correct["linear"].mean())
            shown[best.encoder] = best.title
    asked = queries(len(data.y), params.seed)
    return [
        {"encoder": name, "title": title, "query": int(query), "place": place, "image": int(row), "hit": bool(hit)}
        for name, title in shown.items()
        for query, rows in zip(asked, probed[name].nearest, strict=True)
        for place, (row, hit) in enumerate(zip(rows, data.labels[rows] == data.truth[query], strict=True), start=1)
    ]


def _scalars(results: Results) -> dict[str, float]:
    """Numbers quoted in prose."""
    tables, parameters = results.tables, results.parameters
    seconds = [row["wall_seconds"] for row in tables["encoders"]]
    found = {
        "chance": tables["scores"][0]["chance"],
        "n_train": float(parameters["n_train"]),
        "n_test": float(parameters["n_test"]),
        "trained": float(len(tables["verdicts"])),
        "beating": float(sum(row["state"] == verdict.BEATS for row in tables["verdicts"])),
        "compared": float(len(tables["agreement"])),
        "megabytes": sum(row["bytes"] for row in tables["encoders"]) / 1e6,
        "hours": sum(seconds) / 3600,
    }
    for key in ("knn", "linear", "rankme", "factors"):
        found[f"apart_{key}"] = max((abs(row[key]) for row in tables["agreement"]), default=0.0)
    return found
