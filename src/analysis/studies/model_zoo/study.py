"""The study from end to end: cards read, encoders probed, the rule applied, every number in a table."""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis import probing
from analysis.errors import UserError
from analysis.figures import FigureRef
from analysis.notebook import Notebook
from analysis.prose import Prose, say
from analysis.results import Row
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


def compute(study: Notebook) -> Images | None:
    """Fill `study.results`, and return the images for `pictures`; None where the page is drawn from stored numbers.

    Raises:
        UserError: a card is incomplete or disagrees with what is measured, or a trained encoder comes without its twin.
    """
    if study.stored:
        return None
    params, results = _params(study), study.results
    listed = [cards.read(name) for name in params.encoders]
    here = [card for card in listed if card.measurable(params.dataset)]
    if not here:
        raise UserError(f"none of these encoders was trained on {params.dataset} or is untrained: name another dataset")
    twins, starts = cards.twins(here), cards.starts(here)
    data = images(params)
    probed = measure(data, [card.encoder for card in here], params)
    correct = {name: found.correct for name, found in probed.items()}
    blocks = by_layer(data, [card.encoder for card in here if card.family == "ViT"], params)
    middle = {name: layers[halfway(list(layers))] for name, layers in blocks.items()}
    results.tables |= {
        "encoders": [cards.row(card) for card in listed],
        "scores": _scores(probed, params.seed),
        "verdicts": verdict.verdicts(verdict.gains(correct, twins, params)),
        "layers": _layers(blocks, params.seed),
        "middle": verdict.verdicts(verdict.gains(middle, {k: twins[k] for k in twins if k in middle}, params)),
        "starts": verdict.verdicts(verdict.gains(correct, starts, params)),
        "factors": _factors(probed, data),
        "agreement": _agreement(here, probed, params),
        "curves": [row for card in here for row in cards.curves(card)],
        "recipe": cards.recipe_rows(RECIPE if params.dataset == "scenes:objects" else PHOTOGRAPHS, here),
        "deviations": [cards.deviation(card) for card in here if card.encoder in twins],
        "cards": [cards.from_card(card) for card in listed if card not in here],
    }
    results.tables["neighbours"] = _neighbours(probed, here, data, params)
    results.scalars |= _scalars(listed, results.tables, data)
    results.answer = answer(results).markdown
    return data


def pictures(study: Notebook, data: Images | None) -> FigureRef | Prose:
    """Queries and their nearest neighbours; in words only where the images are not at hand."""
    if data is None:
        return say(
            "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"
        )
    caption = (
        "Three test images, drawn by the seed, and the five training images nearest to each by cosine. A frame: the same class."
    )
    return study.show(plots.neighbours(study.results.tables["neighbours"], data), "neighbours", caption)


def _params(study: Notebook) -> ModelZoo:
    assert isinstance(study.params, ModelZoo)
    return study.params


def _scores(probed: Mapping[str, Probed], seed: int) -> list[Row]:
    rows: list[Row] = []
    for name, found in probed.items():
        row: Row = {"encoder": name}
        for probe in PROBES:
            score = probing.accuracy(found.correct[probe], seed)
            row |= {probe: score.value, f"{probe}_low": score.low, f"{probe}_high": score.high}
        rows.append({**row, "rankme": found.rankme, "n": len(found.correct["knn"])})
    return rows


def halfway(layers: Sequence[str]) -> str:
    """The block after which as many blocks follow as went before: chosen by place, not by score."""
    return layers[(len(layers) - 1) // 2 - 1]


def _layers(blocks: Mapping[str, Mapping[str, Correct]], seed: int) -> list[Row]:
    """Both probes after every block, with intervals."""
    rows: list[Row] = []
    for name, layers in blocks.items():
        for depth, (layer, correct) in enumerate(layers.items(), start=1):
            for probe in PROBES:
                score = vars(probing.accuracy(correct[probe], seed))
                rows.append({"encoder": name, "layer": layer, "depth": depth, "probe": probe, **score})
    return rows


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


def _scalars(listed: Sequence[Card], tables: Mapping[str, list[Row]], data: Images) -> dict[str, float]:
    """Numbers quoted in prose."""
    found = {
        "chance": 1 / len(np.unique(data.truth)),
        "n_train": float(len(data.x)),
        "n_test": float(len(data.y)),
        "trained": float(len(tables["verdicts"])),
        "beating": float(sum(row["state"] == verdict.BEATS for row in tables["verdicts"])),
        "compared": float(len(tables["agreement"])),
        "megabytes": sum(row["bytes"] for row in tables["encoders"]) / 1e6,
        "hours": sum(card.recipe["wall_seconds"] for card in listed) / 3600,
    }
    for key in ("knn", "linear", "rankme", "factors"):
        found[f"apart_{key}"] = max((abs(row[key]) for row in tables["agreement"]), default=0.0)
    return found
