"""Two ways to see what is not there, each measured: guidance, and noise that is not shared."""

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.decoders.ranks import ranks
from analysis.studies.rcdm.drawn import Samples
from analysis.studies.rcdm.factors import seen, spread
from analysis.studies.rcdm.measured import Measured
from analysis.studies.rcdm.stage import Stage

Array = np.ndarray
GUIDANCE = 3.0
FACTORS = ("species", "hue", "light", "ground", "x", "y", "scale", "rotation")


def traps(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Rows for both, from the first encoder of the run."""
    taps = [c for c in stage.taps if c.encoder == stage.params.encoders[0] and c.spatial and not c.shuffled]
    for tap in [c for c in taps if c.tap in ("backbone", "projector")]:
        unshared_noise(stage, samples, measured, tap)
        guided(stage, samples, measured, tap)


def guided(stage: Stage, samples: Samples, measured: Measured, tap: Condition) -> None:
    """Spread between two samples, and rank of the image, at guidance 1 and above: the same representation, another answer."""
    n = min(stage.params.n_changed, stage.params.n_again)
    h, own = stage.h(tap.name), slice(0, n)
    for guidance in (1.0, GUIDANCE):
        if guidance == 1:
            drawn = [samples.first[tap.name][own], samples.second[tap.name][own]]
        else:
            drawn = [stage.draw(tap.name, h[own], stage.noise(n, k), guidance=guidance) for k in (0, 1)]
        m = min(len(images) for images in drawn)
        back = stage.represent(drawn[0], None, {tap.name})[tap.name]
        row = {"condition": tap.name, "guidance": guidance, "mrr": float(np.mean(1 / ranks(back, h, np.arange(len(back)))))}
        if stage.known:
            read = [stage.reader(seen(stage.judge, images[:m])) for images in drawn]
            parts = [spread(read[0][f], read[1][f], stage.read[f], np.ones((1, m)))[0] for f in FACTORS]
            row["value"] = float(np.mean(parts))
        measured.tables["guidance"].append(row)


def unshared_noise(stage: Stage, samples: Samples, measured: Measured, tap: Condition) -> None:
    """How far apart samples are, in root mean square of pixel values: same h from two noises; two h from one noise, and two."""
    first, second = samples.first[tap.name].astype(float), samples.second[tap.name].astype(float)
    m = len(second)
    found = {
        "same representation, two noises": (first[:m], second),
        "two representations, one noise": None,
        "two representations, two noises": (first[1 : m + 1] if len(first) > m else np.roll(first[:m], -1, 0), second),
    }
    other = np.roll(stage.h(tap.name)[:m], -1, 0)
    found["two representations, one noise"] = (first[:m], stage.draw(tap.name, other, stage.noise(m)).astype(float))
    for what, pair in found.items():
        assert pair is not None
        apart = np.sqrt(((pair[0] - pair[1]) ** 2).mean((1, 2, 3)))
        measured.add("noise", {"condition": tap.name, "what": what}, measured.mean(apart))
