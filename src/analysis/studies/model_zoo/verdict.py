"""The rule by which an encoder beats its untrained twin, fixed before any number was seen, and the check of the cards."""

from collections.abc import Mapping

import numpy as np

from analysis import probing
from analysis.errors import UserError
from analysis.results import Row
from analysis.stats import Estimate
from analysis.studies.model_zoo.cards import Card
from analysis.studies.model_zoo.measure import PROBES
from analysis.studies.model_zoo.params import ModelZoo

BEATS, FAILS = "beats its untrained twin", "does not beat its untrained twin"
RULE = (
    "An encoder *beats its untrained twin* if the gains of both its probes, kNN and linear, have intervals above 0, at a level "
    "of 95 % for all encoders together (Bonferroni). Otherwise it *does not*, and is no evidence about its method."
)
# Largest difference from a card that another processor or BLAS explains: rounding of features by 1e-6 flips a few close calls.
ALLOWED = {"knn": 0.005, "linear": 0.005, "rankme": 0.5, "factors": 0.01}


def gains(correct: Mapping[str, Mapping[str, np.ndarray]], controls: Mapping[str, str], params: ModelZoo) -> list[Row]:
    """Gain of each encoder over its control, probe by probe; intervals hold for all encoders together."""
    rows = []
    for encoder, control in controls.items():
        for probe in PROBES:
            pair = correct[encoder][probe], correct[control][probe]
            found = probing.gain(*pair, params.seed, draws=params.n_bootstrap, comparisons=len(controls))
            rows.append({"encoder": encoder, "control": control, "probe": probe, **vars(found)})
    return rows


def state(knn: Estimate, linear: Estimate) -> str:
    """The rule."""
    return BEATS if knn.above(0) and linear.above(0) else FAILS


def verdicts(rows: list[Row]) -> list[Row]:
    """One row per encoder of `gains`: both gains, and what the rule says of them."""
    found: dict[tuple[str, str], dict[str, Estimate]] = {}
    for row in rows:
        found.setdefault((row["encoder"], row["control"]), {})[row["probe"]] = Estimate(row["value"], row["low"], row["high"])
    return [
        {
            **{"encoder": encoder, "control": control, "state": state(**gain)},
            **{f"{probe}_{key}": value for probe in PROBES for key, value in vars(gain[probe]).items()},
        }
        for (encoder, control), gain in found.items()
    ]


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
            other = card.recipe["world"] not in (None, world)
            raise UserError(
                f"{card.encoder}: {key} is {difference:+.4f} from its card, where {ALLOWED[key]} is allowed: "
                + (
                    f"the world changed since (then {card.recipe['world']}, now {world})"
                    if other
                    else "weights or probes changed"
                )
                + f"; train it anew with `{card.recipe['command']}`"
            )
    return {"encoder": card.encoder, **{f"{key}_card": value for key, value in written.items()}, **apart}
