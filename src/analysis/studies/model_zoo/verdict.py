"""The rule by which an encoder beats its untrained copy, fixed before any number was seen, and the check of the cards."""

from collections.abc import Mapping

import numpy as np

from analysis import probing
from analysis.errors import UserError
from analysis.results import Row
from analysis.rules import Claim, Condition, Rule, judge
from analysis.stats import Estimate
from analysis.studies.base import evidence
from analysis.studies.model_zoo.cards import Card
from analysis.studies.model_zoo.measure import PROBES, Correct
from analysis.studies.model_zoo.params import ModelZoo

SMALLEST = 0.01
_REASON = "a gain of a point would change no study"
RULE = Rule(
    (
        Condition("knn", "gain of kNN over the untrained copy, in accuracy", SMALLEST, _REASON),
        Condition("linear", "gain of the linear probe over the untrained copy, in accuracy", SMALLEST, _REASON),
    ),
    negative="the untrained copy itself",
    positive="the labels themselves",
)
BEATS = "supported"
# Largest difference from a card that another processor explains: features that differ by 1e-6 flip a few close calls.
ALLOWED = {"knn": 0.005, "linear": 0.005, "rankme": 0.5, "factors": 0.005}


def verdicts(correct: Mapping[str, Correct], controls: Mapping[str, str], params: ModelZoo) -> list[Row]:
    """One row per encoder: its gains over its control and what the rule says; intervals hold for all encoders together."""
    return [_verdict(encoder, correct, control, params, len(controls)) for encoder, control in controls.items()]


def _verdict(encoder: str, correct: Mapping[str, Correct], control: str, params: ModelZoo, comparisons: int) -> Row:
    base = correct[control]

    def gains(own: Correct) -> dict[str, Estimate]:
        """Accuracy gained over the control, by probe."""
        settings = {"draws": params.n_bootstrap, "comparisons": comparisons}
        return {probe: probing.gain(own[probe], base[probe], params.seed, **settings) for probe in PROBES}

    labels = {probe: np.ones(len(base[probe]), bool) for probe in PROBES}
    claim = Claim(encoder, "model_zoo", "It beats its untrained copy.", RULE)
    found = judge(claim, evidence(gains, correct[encoder], base, labels, n=len(base["knn"])))
    row: Row = {"encoder": encoder, "control": control, "state": found.verdict}
    for gain in found.conditions:
        row |= {gain.name: gain.own.value, f"{gain.name}_low": gain.own.low, f"{gain.name}_high": gain.own.high}
    return row


def agreement(
    card: Card, scores: Mapping[str, float], factors: Mapping[str, float], params: ModelZoo, world: str
) -> Row | None:
    """How far the scores of this run are from those on the card; None where the run has other images or sizes.

    Raises:
        UserError: a score differs by more than rounding explains: weights, world or probes are not what they were.
    """
    probes = card.probes
    if (probes["data"], probes["n_train"], probes["n_test"]) != (params.dataset, params.n_train, params.n_test):
        return None
    written = {"knn": probes["knn"]["accuracy"], "linear": probes["linear"]["accuracy"], "rankme": probes["rankme"]}
    apart = {key: scores[key] - value for key, value in written.items()}
    apart["factors"] = max((abs(factors[key] - value) for key, value in probes["factors"].items()), default=0.0)
    for key, difference in apart.items():
        if abs(difference) > ALLOWED[key]:
            then, why = card.recipe["world"], "weights or probes changed"
            if then not in (None, world):
                why = f"the world changed since (then {then}, now {world})"
            raise UserError(
                f"{card.encoder}: {key} is {difference:+.4f} from its card, where {ALLOWED[key]} is allowed: {why}; "
                f"train it anew with `{card.recipe['command']}`"
            )
    return {"encoder": card.encoder, **{f"{key}_card": value for key, value in written.items()}, **apart}
