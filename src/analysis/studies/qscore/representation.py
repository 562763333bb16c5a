"""One encoder on both halves of the data: its features, D, its linear probe, and what that gets right."""

from dataclasses import dataclass

from sklearn.pipeline import Pipeline

from analysis import probing
from analysis.encoders.base import Encoder
from analysis.features import extract
from analysis.studies.qscore.activity import Array, Definition, Discriminative, discover
from analysis.studies.qscore.data import Split


@dataclass(frozen=True)
class Representation:
    """Features x (n, r) of training and y (m, r) of other images, and what follows from them.

    Attributes:
        of: D and eps, from x alone.
        probe: fitted on x; `probabilities` (m, c) are what it says of y.
        correct: (m,) whether it names the class of y.
    """

    x: Array
    y: Array
    of: Discriminative
    probe: Pipeline
    probabilities: Array
    correct: Array


def represent(encoder: Encoder, data: Split, definition: Definition, min_coverage: float) -> Representation:
    """Both halves through an encoder. Signed features (transformers) are taken two-sided, an extension of ours."""
    x, y = (extract(encoder, part, description=encoder.name)["embed"] for part in (data.x, data.y))
    of = discover(x, sided(definition, x), min_coverage)
    probe = probing.fit_linear(x, data.labels)
    probabilities = probe.predict_proba(y)
    return Representation(x, y, of, probe, probabilities, probe.classes_[probabilities.argmax(1)] == data.truth)


def sided(definition: Definition, x: Array) -> Definition:
    """The definition, two-sided where features have signs."""
    return Definition(definition.eps, definition.low, definition.high, two_sided=bool((x[:100] < 0).any()))
