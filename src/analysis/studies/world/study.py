"""The study from end to end: images drawn, representations probed, the rules applied, every number in a table."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from analysis import probing
from analysis.datasets import scenes
from analysis.datasets.scenes.textures import FAMILIES
from analysis.encoders.facts import facts
from analysis.notebook import Notebook
from analysis.results import Results, Row
from analysis.stats import Estimate
from analysis.studies.model_zoo.measure import PIXELS
from analysis.studies.world import confusion, findings
from analysis.studies.world.findings import Asked
from analysis.studies.world.measure import (
    KEPT,
    Images,
    Probed,
    agreement,
    drop,
    excess,
    guesses,
    images,
    measure,
    met,
    untouched,
)
from analysis.studies.world.pages import answer
from analysis.studies.world.params import World


def compute(study: Notebook) -> None:
    """Fill `study.results`: tables, findings and numbers quoted in prose, unless they are stored ones; and the answer."""
    if not study.stored:
        _measure(study.results, _params(study))
    study.results.answer = answer(study.results).markdown


def _measure(results: Results, params: World) -> None:
    data = images(params)
    probed = measure(data, params)
    names = {name: facts(name) for name in params.encoders}
    results.tables["representations"] = [
        {"representation": PIXELS, "title": PIXELS, "supervision": "none", "size": params.size},
        *({"representation": n, "title": f.title, "supervision": f.supervision, "size": f.size} for n, f in names.items()),
    ]
    trained = {name: known.supervision for name, known in names.items() if known.supervision != "none"}
    best = _best(trained or names, probed, data)
    unlabelled = _best([name for name, supervision in trained.items() if supervision == "self"], probed, data)
    concentration = {
        name: confusion.concentration(found.linear, data.test.labels, params.n_permutations, params.seed)
        for name, found in probed.items()
    }
    results.tables |= {
        "difficulty": _difficulty(probed, data, params),
        "factors": _factors(probed, data),
        "confusion": _cells(probed[best].linear, data.test.labels),
        "concentration": [{"representation": name, **row} for name, rows in concentration.items() for row in rows],
        "agreement": _agreement(data, params),
        "context": _context(probed, params),
    }
    asked = _counted(data, params)
    if trained:
        asked |= _of_best(probed[best], concentration[best], data, params)
    if unlabelled:
        asked |= _of_unlabelled(unlabelled, probed, data, params)
    results.tables["findings"] = findings.judge(asked)
    places = list(probed)
    results.scalars |= _scalars(params) | {
        "best": float(places.index(best)),
        "unlabelled": float(places.index(unlabelled or best)),
    }


def _params(study: Notebook) -> World:
    assert isinstance(study.params, World)
    return study.params


def _difficulty(probed: Mapping[str, Probed], data: Images, params: World) -> list[Row]:
    return [
        {
            "representation": name,
            "probe": probe,
            **vars(probing.accuracy(said == data.test.labels, params.seed)),
            "n": len(said),
        }
        for name, found in probed.items()
        for probe, said in (("knn", found.knn), ("linear", found.linear))
    ]


def _factors(probed: Mapping[str, Probed], data: Images) -> list[Row]:
    """Decodability of each factor, from the best constant and from each representation."""
    read = {"constant": guesses(data), **{name: found.factors for name, found in probed.items()}}
    known = probing.factors_of(data.test.factors)
    return [
        {"representation": name, "factor": f, "kind": "accuracy" if known[f].dtype.kind in "UOSb" else "R2", "value": value}
        for name, values in read.items()
        for f, value in values.items()
    ]


def _cells(said: np.ndarray, truth: np.ndarray) -> list[Row]:
    table = confusion.counts(said, truth)
    return [{"truth": int(t), "said": int(s), "count": int(table[t, s])} for t, s in np.ndindex(table.shape)]


def _agreement(data: Images, params: World) -> list[Row]:
    """How often class k stands on family k: asked for, and counted."""
    sets = {"context": ("train", KEPT), "kept": ("test, correlation kept", KEPT), "broken": ("test", 1 / len(FAMILIES))}
    return [
        {
            "set": key,
            "split": split,
            "asked": asked,
            **vars(agreement(getattr(data, key), params.seed)),
            "n": len(getattr(data, key)),
        }
        for key, (split, asked) in sets.items()
    ]


def _context(probed: Mapping[str, Probed], params: World) -> list[Row]:
    rows = []
    for name, found in probed.items():
        for probe, right in (("plain", found.plain), ("misled", found.misled)):
            row: Row = {"representation": name, "probe": probe}
            for key, score in (
                ("kept", probing.accuracy(right[0], params.seed)),
                ("broken", probing.accuracy(right[1], params.seed)),
                ("drop", drop(right, params.seed)),
            ):
                row |= {key: score.value, f"{key}_low": score.low, f"{key}_high": score.high}
            rows.append(row)
    return rows


def _hits(found: Probed, data: Images) -> np.ndarray:
    return found.linear == data.test.labels


def _best(names: Iterable[str], probed: Mapping[str, Probed], data: Images) -> str:
    """That of `names` with the best linear probe; empty where there is none."""
    return max(names, key=lambda name: _hits(probed[name], data).mean(), default="")


def _counted(data: Images, params: World) -> dict[str, Asked]:
    """What needs no encoder: the correlations."""
    shares = {"correlated": (data.context, KEPT), "broken": (data.broken, 1 / len(FAMILIES))}
    return {id_: Asked(agreement(drawn, params.seed), share, share, len(drawn)) for id_, (drawn, share) in shares.items()}


def _of_best(probed: Probed, errors: list[Row], data: Images, params: World) -> dict[str, Asked]:
    """What is asked of the best trained encoder; `errors` is empty where it made none."""
    reached = probing.accuracy(_hits(probed, data), params.seed)
    asked = {"hard": Asked(reached, findings.LOW, findings.HIGH, len(data.test))}
    for row in errors[-1:]:
        share = Estimate(row["value"], row["low"], row["high"])
        asked["confusable"] = Asked(share, row["null_high"], math.inf, row["errors"])
    return asked


def _of_unlabelled(name: str, probed: Mapping[str, Probed], data: Images, params: World) -> dict[str, Asked]:
    """What is asked of the best encoder trained without labels."""
    hits, n = _hits(probed[name], data), len(data.test)
    bare = _best([other for other in params.encoders if facts(other).supervision == "none"], probed, data)
    floors = {"pixels": PIXELS, **({"untrained": bare} if bare else {})}
    relied = excess((probed[name].misled, probed[name].plain), params.seed)
    return {
        "misleads": Asked(relied, 0.0, math.inf, n),
        **{
            id_: Asked(probing.gain(hits, _hits(probed[floor], data), params.seed), findings.APART, math.inf, n)
            for id_, floor in floors.items()
        },
    }


def _scalars(params: World) -> dict[str, float]:
    """Numbers quoted in prose."""
    same, compared = untouched(params)
    pairs = scenes.make("pairs", 32, size=params.size, seed=params.seed)
    matched, inside = met(pairs)
    return {
        "chance": 1 / len(scenes.class_names("objects")),
        "untouched": float(same),
        "compared": float(compared),
        "met": matched,
        "met_inside": inside,
        "pairs": float(len(pairs)),
        "n_train": float(params.n_train),
        "n_test": float(params.n_test),
    }
