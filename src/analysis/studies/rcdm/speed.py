"""Samplers compared: calls of the network against faithfulness and realism, on the same images."""

import numpy as np

from analysis.decoders.ranks import ranks
from analysis.studies.rcdm import fidelity
from analysis.studies.rcdm.drawn import DIMENSIONS, Samples
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.stage import Stage


def samplers(stage: Stage, samples: Samples, measured: Measured) -> None:
    """The run's sampler, the other solver, and ancestral sampling, from the first self-supervised backbone of the run."""
    tap = next((c for c in stage.taps if c.tap == "backbone" and c.spatial and not c.shuffled), None)
    if tap is None:
        return
    n, steps = min(stage.params.n_timed, stage.params.n_images), stage.params.steps
    real = stage.judged
    space = fidelity.space(real[stage.params.n_images :], DIMENSIONS)
    rest, h, start = space(real[stage.params.n_images :]), stage.h(tap.name), stage.noise(n)
    for name, count in (
        ("dpm", steps // 2),
        ("dpm", steps),
        ("heun", steps),
        *(("ancestral", k) for k in stage.params.ancestral),
    ):
        own = (name, count) == (stage.params.sampler, steps)
        images = samples.first[tap.name][:n] if own else stage.draw(tap.name, h[:n], start, name, count)
        back = stage.represent(images, None, {tap.name})[tap.name]
        mrr = measured.mean(1 / ranks(back, h, np.arange(n)))
        distance = fidelity.frechet(space(stage.judge.embed(images).numpy()), rest, measured.weights(n))
        distance[1:] += distance[0] - distance[1:].mean()
        calls = 2 * count - 1 if name == "heun" else count
        row = {"sampler": name, "steps": count, "calls": calls, "n": n, "condition": tap.name}
        measured.tables["samplers"].append({**row, **measured.interval(mrr, "mrr"), **measured.interval(distance, "fd")})
        measured.draws["sampler", name, f"{count}"] = mrr
