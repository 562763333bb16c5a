"""Samples of every condition: how real they look, how faithful they are, and which factors they show."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from analysis import datasets
from analysis.decoders.conditions import Condition, thumbnails
from analysis.decoders.ranks import chance, ranks, relative_distance
from analysis.studies.rcdm import fidelity
from analysis.studies.rcdm.factors import TITLES, seen, skill, spread
from analysis.studies.rcdm.measured import BLURRED, LABEL, NULL, REAL, THUMBNAIL, Measured
from analysis.studies.rcdm.stage import Stage, shown

Array = np.ndarray
DIMENSIONS = 16  # of the space of FD-enc: with n samples, far fewer than n


@dataclass(frozen=True)
class Samples:
    """Condition -> samples (n, s, s, 3) of the first n images, and from a second noise of the first few of them."""

    first: dict[str, Array]
    second: dict[str, Array]


def draw(stage: Stage) -> Samples:
    """Samples of every condition, all from the same noise."""
    n, again = stage.params.n_images, stage.params.n_again
    starts = stage.noise(n), stage.noise(again, 1)
    hs = {c.name: _h(stage, c) for c in stage.taps}
    first = {name: stage.draw(name, h[:n], starts[0]) for name, h in hs.items()}
    return Samples(first, {name: stage.draw(name, h[:again], starts[1]) for name, h in hs.items()})


def faithful(stage: Stage, samples: Samples, measured: Measured) -> None:
    """One row per condition: ranks in its own space and in that of the encoder held out, distances, FD-enc, held-out loss."""
    n, m = stage.params.n_images, len(stage.bank)
    real = stage.judged
    space = fidelity.space(real[n:], DIMENSIONS)
    rest, own = space(real[n:]), space(real[:n])
    common = {"chance": chance(m), "among": m}
    real_row = {
        "condition": REAL,
        "part": "real",
        **common,
        **_realism(measured, REAL, own, rest),
        **measured.interval(np.ones(2), "mrr_judge"),
    }
    blurred = space(stage.judge.embed(magnified(stage.bank.images[:n])).numpy())
    measured.draws["kid", BLURRED] = fidelity.kid(blurred, rest, measured.weights(n))
    for tap in stage.taps:
        images = samples.first[tap.name]
        judged = stage.judge.embed(images).numpy()
        found = measured.mean(1 / ranks(judged, real, np.arange(n)))
        row = {
            **{"condition": tap.name, "part": part(tap), **common},
            **_realism(measured, tap.name, space(judged), rest),
            **measured.interval(found, "mrr_judge"),
            **_own_space(stage, samples, measured, tap),
            "loss": _loss(stage, tap),
        }
        measured.tables["conditions"].append(row)
    columns = measured.tables["conditions"][0]
    measured.tables["conditions"].append({name: real_row.get(name) for name in columns})


def part(tap: Condition) -> str:
    """What a condition is in a table: backbone, hidden, projector, or control."""
    return tap.tap if tap.tap and not tap.shuffled else "control"


def _h(stage: Stage, tap: Condition) -> Array:
    return np.zeros((len(stage.bank), 0)) if tap.name == NULL else stage.h(tap.name)


def _realism(measured: Measured, name: str, x: Array, real: Array) -> dict[str, float]:
    """FD-enc with its interval, KID, precision and recall (against as many real images)."""
    draws = fidelity.frechet(x, real, measured.weights(len(x)))
    draws[1:] += draws[0] - draws[1:].mean()  # repeats in a bootstrap sample raise the distance of all of them
    measured.draws["fd", name] = draws
    precision, recall = fidelity.precision_recall(x, real[: len(x)])
    measured.draws["kid", name] = fidelity.kid(x, real, measured.weights(len(x)))
    found = {"precision": precision, "recall": recall}
    return {**measured.interval(draws, "fd"), **measured.interval(measured.draws["kid", name], "kid"), **found}


def magnified(images: Array) -> Array:
    """8 x 8 thumbnails of images (n, s, s, 3), bicubically magnified to their size: pictures without detail."""
    small = ((thumbnails(images).reshape(-1, 8, 8, 3) + 1) * 127.5).round().astype(np.uint8)
    side = images.shape[1]
    return np.stack([np.asarray(Image.fromarray(i).resize((side, side), Image.Resampling.BICUBIC)) for i in small])


def _own_space(stage: Stage, samples: Samples, measured: Measured, tap: Condition) -> dict[str, float | None]:
    """Ranks and distance in the space of the representation that samples were drawn from."""
    empty = dict.fromkeys(("mrr", "mrr_low", "mrr_high", "mean_rank", "distance", "distance_low", "distance_high"))
    if tap.name in (NULL, LABEL):
        return empty
    n, bank = stage.params.n_images, stage.h(tap.name)
    back = again(stage, tap, samples.first[tap.name])
    own = ranks(back, bank, np.arange(n))
    mrr, apart = measured.mean(1 / own), measured.mean(relative_distance(back, bank[:n], bank))
    measured.draws["mrr", tap.name], measured.draws["distance", tap.name] = mrr, apart
    if NULL in samples.first:
        null = again(stage, tap, samples.first[NULL])
        measured.draws["mrr of null", tap.name] = measured.mean(1 / ranks(null, bank, np.arange(n)))
        measured.draws["distance of null", tap.name] = measured.mean(relative_distance(null, bank[:n], bank))
    return {**empty, **measured.interval(mrr, "mrr"), "mean_rank": float(own.mean()), **measured.interval(apart, "distance")}


def again(stage: Stage, tap: Condition, images: Array) -> Array:
    """Samples represented as their condition was."""
    return thumbnails(images) if tap.name == THUMBNAIL else stage.represent(images, None, {tap.name})[tap.name]


def _loss(stage: Stage, tap: Condition) -> float:
    n = stage.params.n_changed
    h = None if tap.name == NULL else stage.h(tap.name)[:n]
    return float(stage.decoder.loss(tap.name, stage.bank.images[:n], h, stage.params.seed).mean())


def factors(stage: Stage, samples: Samples, measured: Measured) -> None:
    """What the reader reads from real images, from samples, and how it differs between two samples of one representation."""
    n, again = stage.params.n_images, stage.params.n_again
    true, real = stage.true, stage.read
    everything = np.ones((1, len(stage.bank)))
    for name, title in TITLES.items():
        row = {"factor": name, "title": title, "value": float(skill(real[name], true[name], true[name], everything)[0])}
        measured.tables["reader"].append(row)
    for tap in stage.taps:
        first, second = (
            stage.reader(seen(stage.judge, images)) for images in (samples.first[tap.name], samples.second[tap.name])
        )
        for name in TITLES:
            row = {"condition": tap.name, "part": part(tap), "factor": name}
            shown = skill(first[name], true[name][:n], true[name], measured.weights(n))
            measured.add("skill", row, shown, ("skill", tap.name, name))
            varied = spread(first[name][:again], second[name], real[name], measured.weights(again))
            measured.add("spread", row, varied, ("spread", tap.name, name))


def gallery(stage: Stage, samples: Samples, measured: Measured) -> None:
    """The picture: images, and below each, samples of every condition from three noises."""
    rows = shown(stage.params.n_again)
    start = stage.noise(len(rows), 2)
    panel = {"image": stage.bank.images[rows]}
    for tap in stage.taps:
        third = stage.draw(tap.name, _h(stage, tap)[rows], start)
        panel[tap.name] = np.concatenate([samples.first[tap.name][rows], samples.second[tap.name][rows], third])
    measured.pictures["taps"] = panel


def unfamiliar(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Faithfulness on data sets unlike that of the training, each among images of its own, and at home among as many."""
    n, many = stage.params.n_unfamiliar, max(len(stage.bank) // 4, stage.params.n_unfamiliar + 1)
    taps = [c for c in stage.taps if c.tap == "backbone" and c.spatial and not c.shuffled]
    home = {c.name: _found(stage, measured, c, samples.first[c.name][:n], stage.h(c.name)[:many]) for c in taps}
    for dataset in stage.params.unfamiliar:
        data = datasets.load(dataset, size=stage.decoder.size, n=many, split="test")
        panel = {"image": data.images[shown(n)]}
        for tap in taps:
            h = stage.represent(data.images, None, {tap.name})[tap.name]
            images = stage.draw(tap.name, h[:n], stage.noise(n))
            away = _found(stage, measured, tap, images, h)
            row = {"dataset": dataset, "condition": tap.name, "n": n, "among": many, "chance": chance(many)}
            measured.tables["unfamiliar"].append(
                {**row, **away, **{f"home_{key}": value for key, value in home[tap.name].items()}}
            )
            panel[tap.name] = images[shown(n)]
        measured.pictures[f"unfamiliar {dataset}"] = panel


def _found(stage: Stage, measured: Measured, tap: Condition, images: Array, bank: Array) -> dict[str, float]:
    """Ranks of the first images of a bank (n, d) by their samples, and distances."""
    back, own = again(stage, tap, images), np.arange(len(images))
    mrr = measured.mean(1 / ranks(back, bank, own))
    apart = measured.mean(relative_distance(back, bank[own], bank))
    return {**measured.interval(mrr, "mrr"), **measured.interval(apart, "distance")}
