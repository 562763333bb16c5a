"""The rules of M1 to M3 on planted quantities, both ways, and on what fooled the rules before them."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from analysis.encoders import facts as facts_module
from analysis.encoders.facts import Facts, Probe
from analysis.rules import Finding, judge
from analysis.studies.base import Measured
from analysis.studies.masking_cka import evidence
from analysis.studies.masking_cka.claims import CLAIMS
from analysis.studies.masking_cka.measure import MEAN_GREY, READERS, SEPARATE, thin
from analysis.studies.masking_cka.params import MaskingCka

B, SPREAD = 200, 0.004
RESNETS, VITS = ("zoo:r1", "zoo:r2", "zoo:r3"), ("zoo:v1", "zoo:v2")
ENCODERS = (*RESNETS, "zoo:r0", *VITS, "zoo:v0")
FILLS, SQUARES = ("mean", "black"), ("top_left_50", "top_right_50", "bottom_left_50", "bottom_right_50")
Value = Callable[[str, str, str, str], float]  # (data set, encoder, fill, "a-b") -> value


def probe(accuracy: float) -> Probe:
    return Probe(accuracy, accuracy - 0.02, accuracy + 0.02, "scenes:objects", 0.06)


def known(name: str) -> Facts:
    family = name.removeprefix("zoo:")[0]
    untrained = f"zoo:{family}0"
    if name == untrained:
        return Facts("untrained", 64, "untrained", family, "none", "", probe(0.1), untrained)
    return Facts(name.removeprefix("zoo:").upper(), 64, "swav", family, "clustering", "scenes", probe(0.6), untrained)


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Finding]]:
    """Planted quantities of the encoders -> the verdicts; the made representations have what they are made to have."""
    for place in (evidence, facts_module):
        monkeypatch.setattr(place, "facts", known)

    def judged(images: int = 300, wide: float = 0, **planted: Value | float) -> dict[str, Finding]:
        """`wide`: spread of everything on a further data set with masks, `few`, which is like `objects` but for that."""
        rng, measured = np.random.default_rng(0), Measured(0, B)
        masked = ("objects", "few") if wide else ("objects",)
        params = MaskingCka(encoders=ENCODERS, datasets=(*masked, "bare"), fills=FILLS, fractions=(0.5,), n_bootstrap=B)

        def enter(kind: str, dataset: str, name: str, fill: str, pair: str, value: float) -> None:
            a, b = pair.split("-")
            spread = wide if dataset == "few" else SPREAD * (not name.startswith("made:"))
            draws = value + spread * rng.standard_normal(B)
            measured.draws[kind, dataset, name, fill, a, b] = np.concatenate([[value], draws])

        pairs = ["complete-object", "complete-background", "object-background", "region-rest"]
        squares = [f"complete-{name}" for name in ("occluded_50", *SQUARES)]
        names = (*ENCODERS, *(thin(e) for e in ENCODERS), SEPARATE, MEAN_GREY, *READERS)
        for name in names:
            for fill in FILLS:
                for kind, pair in [*(("cka", pair) for pair in pairs), *(("overlap", pair) for pair in pairs[2:])]:
                    for dataset in masked:
                        enter(kind, dataset, name, fill, pair, value(planted, kind, dataset, name, fill, pair))
            for dataset in (*masked, "bare"):
                for pair in squares:
                    enter("cka", dataset, name, "mean", pair, value(planted, "cka", dataset, name, "mean", pair))
        measured.tables["samples"] = [{"dataset": name, "clusters": images, "masks": True} for name in masked]
        found = evidence.judged(measured, params)
        return {claim.id: judge(claim, found[claim.id]) for claim in CLAIMS}

    return judged


def value(planted: Mapping[str, Value | float], kind: str, dataset: str, name: str, fill: str, pair: str) -> float:
    if name.startswith("made:"):
        return made(kind, dataset, name, pair)
    key = pair.replace("-", "_") if kind == "cka" else f"overlap_{pair.split('-')[0]}"
    if "complete-" in pair and "_50" in pair:
        key = "centre" if "occluded" in pair else "corner"
    chosen = planted.get(key, 0.5)
    return chosen(dataset, name.removesuffix("/thinned"), fill, pair) if callable(chosen) else chosen


def made(kind: str, dataset: str, name: str, pair: str) -> float:
    share = READERS.get(name, 0.5)
    if pair == "region-rest":
        return 1.0 if kind == "overlap" else 0.5
    if pair == "object-background":
        return 1.0 if (kind, name) == ("overlap", MEAN_GREY) else 0.0
    if "_50" in pair:
        return 0.7 if dataset == "bare" else 1 - 0.8 * share if "occluded" in pair else 0.9
    return share if pair == "complete-object" else 1 - share


APART = {"region_rest": 0.6, "object_background": 0.1, "overlap_region": 0.9}


def overlaps(trained: float, untrained: float = 0.85) -> Value:
    return lambda _, name, *__: untrained if name.endswith("0") else trained


def test_m1_is_not_supported_where_every_model_separates_in_both_senses(findings: Callable) -> None:
    assert findings(**APART, overlap_object=overlaps(0.3))["M1"].verdict == "not supported"


@pytest.mark.parametrize("weak", RESNETS)
def test_m1_is_supported_by_one_model_that_does_not_separate_by_images(findings: Callable, weak: str) -> None:
    def alike(_: str, name: str, *__: str) -> float:
        return 0.6 if name == weak else 0.1

    found = findings(**APART | {"object_background": alike}, overlap_object=overlaps(0.3))["M1"]
    assert found.verdict == "supported"
    assert f"{known(weak).title} by CKA" in found.note


def test_m1_is_supported_where_training_adds_no_directions_of_their_own(findings: Callable) -> None:
    assert findings(**APART, overlap_object=overlaps(0.3, untrained=0.3))["M1"].verdict == "supported"


def test_a_model_that_separates_under_one_fill_only_decides_nothing(findings: Callable) -> None:
    def by_fill(_: str, name: str, fill: str, __: str) -> float:
        return 0.6 if (name, fill) == ("zoo:r1", "black") else 0.1

    assert findings(**APART | {"object_background": by_fill}, overlap_object=overlaps(0.3))["M1"].verdict == "inconclusive"


def test_a_model_that_is_not_above_its_untrained_copy_does_not_speak(
    findings: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlearned(name: str) -> Facts:
        facts = known(name)
        return facts if name != "zoo:r1" else Facts(**{**vars(facts), "probe": probe(0.1)})

    for place in (evidence, facts_module):
        monkeypatch.setattr(place, "facts", unlearned)
    alike: Value = lambda _, name, *__: 0.6 if name == "zoo:r1" else 0.1  # noqa: E731
    found = findings(**APART | {"object_background": alike}, overlap_object=overlaps(0.3))["M1"]
    assert found.verdict == "not supported"
    assert "R1 is not above its untrained copy on its own data" in found.note


@pytest.mark.parametrize("separates", [True, False])
def test_a_data_set_that_cannot_tell_the_controls_apart_does_not_answer_for_the_others(
    findings: Callable, separates: bool
) -> None:
    planted = {**APART, "overlap_object": overlaps(0.3)} if separates else {}
    every = findings(wide=0.4, **planted)
    alone, beside = findings(**planted)["M1"], every["M1"]
    assert alone.verdict == beside.verdict == ("not supported" if separates else "supported")
    assert "Left out: few (the controls cannot be told apart there)" in beside.note
    assert "data sets objects, few against bare" in every["M2"].note  # a mean, in which it weighs as any other


def test_a_data_set_that_tells_the_controls_apart_answers_with_the_others(findings: Callable) -> None:
    def here_only(dataset: str, name: str, *_: str) -> float:
        return 0.6 if (dataset, name) == ("few", "zoo:r1") else 0.1

    found = findings(wide=0.002, **APART | {"object_background": here_only}, overlap_object=overlaps(0.3))["M1"]
    assert found.verdict == "inconclusive"
    assert "Left out" not in found.note


@pytest.mark.parametrize(("images", "verdict"), [(39, "not testable here"), (40, "not supported")])
def test_a_handful_of_images_decides_nothing(findings: Callable, images: int, verdict: str) -> None:
    found = findings(images, **APART, overlap_object=overlaps(0.3))["M1"]
    assert found.verdict == verdict


def lost(name: str) -> float:
    return 0.1 + 0.1 * ENCODERS.index(name)


def test_m2_is_supported_where_the_centre_acts_as_the_object_does_and_only_where_there_is_one(findings: Callable) -> None:
    def centre(dataset: str, name: str, *_: str) -> float:
        return 1 - (0.2 + 0.8 * lost(name) if dataset == "objects" else 0.15)

    removed: Value = lambda _, name, *__: 1 - lost(name)  # noqa: E731
    assert findings(complete_background=removed, centre=centre, corner=0.85)["M2"].verdict == "supported"


def test_m2_is_not_supported_where_the_centre_matters_as_much_without_an_object(findings: Callable) -> None:
    both: Value = lambda _, name, *__: 1 - (0.2 + 0.8 * lost(name))  # noqa: E731
    found = findings(complete_background=lambda _, name, *__: 1 - lost(name), centre=both, corner=0.85)["M2"]
    assert found.verdict == "not supported"
    assert found.decided_by == "place"


def test_m2_is_not_supported_where_encoders_react_to_the_centre_in_another_order(findings: Callable) -> None:
    def centre(dataset: str, name: str, *_: str) -> float:
        return lost(name) - 0.05 if dataset == "objects" else 0.9

    found = findings(complete_background=lambda _, name, *__: 1 - lost(name), centre=centre, corner=0.9)["M2"]
    assert found.verdict == "not supported"


def test_m3_is_supported_by_a_difference_within_one_architecture(findings: Callable) -> None:
    assert findings(complete_object=lambda _, name, *__: 0.8 if name == "zoo:r2" else 0.5)["M3"].verdict == "supported"


def test_what_two_architectures_differ_by_before_any_training_is_no_difference_of_models(findings: Callable) -> None:
    found = findings(complete_object=lambda _, name, *__: 0.9 if "v" in name else 0.2)["M3"]
    assert found.verdict == "not supported"


@pytest.mark.parametrize(
    ("third", "low", "high"),
    [
        ((0.9, -0.7, 0.9, -0.7), 0.8, 1.5),  # beside the second it goes furthest up
        ((0.6, 0.6, 0.6, -1.1), -1.1, 1.2),  # beside the second it goes furthest the other way
    ],
)
def test_the_largest_difference_has_the_lower_end_of_its_own_pair_and_the_upper_end_of_all(
    findings: Callable, third: tuple[float, ...], low: float, high: float
) -> None:
    places = [(dataset, fill) for dataset in ("objects", "few") for fill in FILLS]
    second = 0.8 if low > 0 else 0.1

    def planted(dataset: str, name: str, fill: str, _: str) -> float:
        return {"zoo:r2": second, "zoo:r3": third[places.index((dataset, fill))]}.get(name, 0.0)

    found = findings(wide=SPREAD, complete_object=planted)["M3"].deciding
    assert found is not None
    assert (found.own.low, found.own.high) == pytest.approx((low, high), abs=0.05)


def test_a_difference_that_changes_sign_with_the_fill_decides_nothing(findings: Callable) -> None:
    def flips(_: str, name: str, fill: str, __: str) -> float:
        return 0.5 + (name == "zoo:r2") * (0.3 if fill == "mean" else -0.2)

    found = findings(complete_object=flips)["M3"]
    assert found.verdict == "inconclusive"
    assert found.deciding is not None
    assert found.deciding.own.low < -0.15, "the largest difference is as uncertain as it was measured, its sign included"
    assert found.needed is None, "more images would not make it hold under every fill"
