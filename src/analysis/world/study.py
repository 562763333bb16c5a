"""The study from end to end: images drawn, representations probed, the rules applied, every number in a table."""

from collections.abc import Mapping

import numpy as np

from analysis import probing
from analysis.datasets import scenes
from analysis.datasets.scenes.textures import FAMILIES
from analysis.encoders.facts import facts
from analysis.model_zoo.measure import PIXELS
from analysis.notebook import Notebook
from analysis.params import World
from analysis.results import Row
from analysis.stats import Estimate
from analysis.world import confusion, findings
from analysis.world.measure import KEPT, Images, Probed, agreement, drop, excess, guesses, images, measure, met, untouched
from analysis.world.pages import answer


def compute(study: Notebook) -> None:
    """Fill `study.results` with tables, findings and the numbers quoted in prose; stored numbers are there already."""
    if study.stored:
        return
    params, results = _params(study), study.results
    data = images(params)
    probed = measure(data, params)
    names = {name: facts(name) for name in params.encoders}
    results.tables["representations"] = [
        {"representation": PIXELS, "title": PIXELS, "supervision": "none", "size": params.size},
        *({"representation": n, "title": f.title, "supervision": f.supervision, "size": f.size} for n, f in names.items()),
    ]
    trained = [name for name, known in names.items() if known.supervision != "none"]
    best = max(trained or params.encoders, key=lambda name: (probed[name].linear == data.test.labels).mean())
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
    results.tables["findings"] = _findings(probed, data, params, best if trained else None, concentration[best])
    results.scalars |= _scalars(params, list(probed).index(best))
    results.answer = answer(results).markdown


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


def _findings(probed: Mapping[str, Probed], data: Images, params: World, best: str | None, errors: list[Row]) -> list[Row]:
    """The rules applied; those about a trained encoder where the run has one."""
    hits = {name: found.linear == data.test.labels for name, found in probed.items()}
    context, broken = (agreement(drawn, params.seed) for drawn in (data.context, data.broken))
    found: dict[str, Estimate] = {"correlated": context, "broken": broken}
    sizes = {"correlated": len(data.context), "broken": len(data.broken)}
    bounds = {"correlated": (KEPT, KEPT), "broken": (1 / len(FAMILIES), 1 / len(FAMILIES))}
    if best is not None:
        found |= {
            "hard": probing.accuracy(hits[best], params.seed),
            "pixels": probing.gain(hits[best], hits[PIXELS], params.seed),
            "misleads": excess((probed[best].misled, probed[best].plain), params.seed),
        }
        bounds |= {"hard": (findings.LOW, findings.HIGH), "pixels": (findings.APART, 1), "misleads": (0, 1)}
        sizes |= {id_: len(data.test) for id_ in ("hard", "pixels", "untrained", "misleads")}
        bare = [name for name in params.encoders if facts(name).supervision == "none"]
        if bare:
            found["untrained"] = min(
                (probing.gain(hits[best], hits[b], params.seed) for b in bare), key=lambda gain: gain.value
            )
            bounds["untrained"] = (findings.APART, 1)
        for row in errors[-1:]:
            found["confusable"] = Estimate(row["value"], row["low"], row["high"])
            bounds["confusable"], sizes["confusable"] = (row["null_high"], 2), row["errors"]
    return findings.judge(found, bounds, sizes)


def _scalars(params: World, best: int) -> dict[str, float]:
    """Numbers quoted in prose; `best` is the place of the best encoder among the representations."""
    same, compared = untouched(params)
    pairs = scenes.make("pairs", 32, size=params.size, seed=params.seed)
    matched, inside = met(pairs)
    return {
        "best": float(best),
        "chance": 1 / len(scenes.class_names("objects")),
        "untouched": float(same),
        "compared": float(compared),
        "met": matched,
        "met_inside": inside,
        "pairs": float(len(pairs)),
        "n_train": float(params.n_train),
        "n_test": float(params.n_test),
    }
