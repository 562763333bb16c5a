"""The rules judge planted truths rightly, both ways."""

import numpy as np
import pytest

from analysis.claims import Finding
from analysis.encoders.facts import Facts
from analysis.ledger import LEDGER
from analysis.similarity import CkaEstimate
from analysis.studies.masking_cka import claims
from analysis.studies.masking_cka.measure import MASK_PAIRS, occlusion_pairs
from analysis.studies.masking_cka.params import MaskingCka

MODELS = {"a": "self", "b": "self", "teacher": "labels", "blank": "none"}
KNOWN = {name: Facts(name.upper(), 64, kind) for name, kind in MODELS.items()}  # type: ignore[arg-type]
PARAMS = MaskingCka(encoders=tuple(MODELS), datasets=("one", "two", "bare"), fills=("mean",), fractions=(0.5,), n_bootstrap=200)


def planted(spread: float = 0.01, **values: dict[str, float]) -> dict:
    """Draws around planted CKA values: `pair={encoder: value}`; everything else is 0.5."""
    rng, draws = np.random.default_rng(0), {}
    pairs = [(d, p) for d in ("one", "two") for p in (*MASK_PAIRS, *occlusion_pairs(0.5))]
    pairs += [("bare", p) for p in occlusion_pairs(0.5)]
    for dataset, (a, b) in pairs:
        for number, encoder in enumerate(MODELS):
            value = values.get(f"{a}_{b}", {}).get(encoder, 0.5) + 0.001 * number
            draws[dataset, encoder, "mean", a, b] = CkaEstimate(value, value + spread * rng.standard_normal(200), np.zeros(20))
    return draws


def verdict(id_: str, draws: dict) -> Finding:
    found, tables = claims.judge(draws, PARAMS, KNOWN, n=100)
    assert [finding.id for finding in found] == ["M1", "M2", "M3"]
    assert set(tables) == {"separation", "place", "reliance"}
    return next(finding for finding in found if finding.id == id_)


@pytest.mark.parametrize(
    ("cut", "wide", "expected"),
    [
        ({"a": 0.8, "b": 0.8}, 0.01, "not supported"),  # both models separate: the claim that not all do fails
        ({"a": 0.8, "b": 0.5}, 0.01, "supported"),  # b does not
        ({"a": 0.8, "b": 0.55}, 0.2, "inconclusive"),  # too noisy to say of b
    ],
)
def test_m1_follows_the_models_that_do_not_separate(cut: dict, wide: float, expected: str) -> None:
    found = verdict("M1", planted(wide, random_kept_random_removed={**cut, "teacher": 0.1, "blank": 0.1}))
    assert found.verdict == expected


def test_m1_asks_self_supervised_models_only() -> None:
    draws = planted(random_kept_random_removed={"a": 0.8, "b": 0.8, "teacher": 0.5, "blank": 0.5})
    assert verdict("M1", draws).verdict == "not supported"


@pytest.mark.parametrize(("gap", "expected"), [(0.3, "supported"), (0.0, "not supported")])
def test_m3_needs_a_difference_that_matters(gap: float, expected: str) -> None:
    found = verdict("M3", planted(0.005, complete_foreground={"a": 0.5 + gap, "b": 0.5}))
    assert found.verdict == expected
    assert found.estimate == pytest.approx(gap, abs=0.02)


def test_m2_needs_agreement_and_a_place_that_does_not_matter_where_there_is_no_object() -> None:
    order = {"a": 0.2, "b": 0.4, "teacher": 0.6, "blank": 0.8}
    agreeing = {"complete_background": order, "complete_occluded_50": order, "complete_elsewhere_50": order}
    assert verdict("M2", planted(**agreeing)).verdict == "supported"
    place_matters = {**agreeing, "complete_elsewhere_50": {k: v + 0.2 for k, v in order.items()}}
    assert verdict("M2", planted(**place_matters)).verdict == "not supported"
    against = {**agreeing, "complete_background": dict(zip(order, reversed(order.values()), strict=True))}
    assert verdict("M2", planted(**against)).verdict == "not supported"


def test_without_images_that_have_no_masks_m2_is_never_supported() -> None:
    order = {"a": 0.2, "b": 0.4, "teacher": 0.6, "blank": 0.8}
    draws = planted(complete_background=order, complete_occluded_50=order, complete_elsewhere_50=order)
    params = PARAMS.model_copy(update={"datasets": ("one", "two")})
    found, _ = claims.judge(draws, params, KNOWN, n=100)
    assert found[1].verdict == "inconclusive"


def test_without_self_supervised_models_nothing_is_claimed_about_them() -> None:
    known = {name: Facts(name, 64, "labels") for name in MODELS}
    found, _ = claims.judge(planted(), PARAMS, known, n=100)
    assert [f.verdict for f in found if f.id in ("M1", "M3")] == ["not tested", "not tested"]


def test_the_ledger_holds_every_claim_once_with_quantity_control_and_rule() -> None:
    assert len({claim.id for claim in LEDGER}) == len(LEDGER) == 25
    assert all(claim.statement and claim.quantity and claim.control and claim.rule for claim in LEDGER)
