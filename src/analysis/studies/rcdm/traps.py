"""Two settings by which samples say more, or less, than their representation: guidance, and noise that is not shared."""

import numpy as np

from analysis.decoders.conditions import Condition
from analysis.decoders.ranks import ranks, relative_distance
from analysis.studies.rcdm.drawn import Samples, again
from analysis.studies.rcdm.factors import seen, spread
from analysis.studies.rcdm.measured import THUMBNAIL, Measured
from analysis.studies.rcdm.stage import Stage

Array = np.ndarray
GUIDANCES = (1.0, 2.0, 3.0)
FACTORS = ("species", "hue", "light", "ground", "x", "y", "scale", "rotation")


def traps(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Rows for both, from the first encoder of the run; guidance also for thumbnails, whose representation is exact."""
    taps = [c for c in stage.taps if c.encoder == stage.params.encoders[0] and c.spatial and not c.shuffled]
    taps = [c for c in taps if c.tap in ("backbone", "projector")]
    for tap in taps:
        unshared_noise(stage, samples, measured, tap)
    for tap in (*taps, *(c for c in stage.taps if c.name == THUMBNAIL)):
        guided(stage, samples, measured, tap)


def guided(stage: Stage, samples: Samples, measured: Measured, tap: Condition) -> None:
    """Distance of samples to their representation, rank of the image, and spread between two samples, by guidance."""
    n = min(stage.params.n_changed, stage.params.n_again)
    h, own = stage.h(tap.name), slice(0, n)
    for guidance in sorted({*GUIDANCES, stage.params.guidance}):
        if guidance == stage.params.guidance:
            drawn = [samples.first[tap.name][own], samples.second[tap.name][own]]
        else:
            drawn = [stage.draw(tap.name, h[own], stage.noise(n, k), guidance=guidance) for k in (0, 1)]
        m = min(len(images) for images in drawn)
        back = again(stage, tap, drawn[0])
        row = {"condition": tap.name, "guidance": guidance, "mrr": float(np.mean(1 / ranks(back, h, np.arange(len(back)))))}
        row["distance"] = float(relative_distance(back, h[: len(back)], h).mean())
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
