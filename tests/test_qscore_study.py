"""The verdicts on Q1-Q5 where the truth is known, and the study at `smoke`."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis import probing
from analysis.encoders.facts import facts
from analysis.errors import UserError
from analysis.params import resolve
from analysis.results import Results
from analysis.rules import Finding, judge, published_verdict
from analysis.stats import over_units
from analysis.studies.qscore import claims, evidence, ranking
from analysis.studies.qscore.activity import Definition, discover
from analysis.studies.qscore.data import Split, split
from analysis.studies.qscore.measure import QMeasured, of_representation
from analysis.studies.qscore.regulariser import ARMS
from analysis.studies.qscore.representation import Representation
from analysis.studies.qscore.scores import sparsity
from analysis.studies.qscore.selectivity import activity, effect, selectivity

PARAMS: Any = resolve("qscore", "smoke")
MORE: Any = resolve("qscore", "smoke", {"n_random_subsets": 8, "n_bootstrap": 50})
ENCODERS = tuple(f"zoo:{method}" for method in ("simclr", "byol", "moco", "swav", "vicreg"))
WEIGHTS = QMeasured(0, 200).weights(1000)
CLASSES, R = 8, 240
World = Callable[[np.random.Generator, np.ndarray], tuple[np.ndarray, np.ndarray]]


def _noise(rng: np.random.Generator, n: int) -> np.ndarray:
    """Heavy-tailed features, some of them never active, some often."""
    return np.abs(rng.standard_t(4, (n, R))) * np.linspace(0.2, 2, R)


def true_world(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clear images excite features of their class, in the middle of A; all others as many features of no class."""
    n, clear = len(labels), rng.random(len(labels)) < 0.65
    h = np.abs(rng.normal(0, 0.3, (n, R))) * np.linspace(0.5, 1.5, R)
    own = 110 + labels[:, None] * 12 + np.arange(12)
    other = 216 + rng.random((n, 12)).argsort(1)[:, :5]
    h[np.arange(n)[:, None], own] += 3 * clear[:, None] * (rng.random((n, 12)) < 0.3)
    h[np.arange(n)[:, None], other] += 3 * ~clear[:, None] * (rng.random((n, 5)) < 0.75)
    return h, clear


def false_world(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every feature says a little of the class, errors fall anywhere."""
    shift = np.random.default_rng(99).normal(0, 0.5, (CLASSES, R))
    return _noise(rng, len(labels)) + np.abs(shift[labels]), rng.random(len(labels)) < 0.7


def tails_world(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class is told by features that are never highly active, which a window around D leaves out."""
    shift = np.random.default_rng(98).random((CLASSES, 80))
    h = np.abs(rng.normal(0, 0.3, (len(labels), R))) * np.linspace(0.5, 1.5, R)
    h[:, :80] = 0.02 * (shift[labels] + rng.random((len(labels), 80)))
    return h, labels >= 0


def sparse_world(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probe is right where a representation is sparse, whichever features are active."""
    h, _ = false_world(rng, labels)
    sparse = sparsity(h)
    return h, rng.random(len(labels)) < 1 / (1 + np.exp(-0.8 - 3 * (sparse - sparse.mean()) / sparse.std()))


def longer_world(rng: np.random.Generator, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Representations of correct images are longer, in all features alike."""
    h, correct = false_world(rng, labels)
    return h * np.where(correct, 2.0, 1.0)[:, None], correct


def measured(world: World) -> QMeasured:
    """Representations of a world, read as those of self-supervised encoders, and one that says nothing."""
    rng = np.random.default_rng(0)
    labels, truth = rng.integers(CLASSES, size=900), rng.integers(CLASSES, size=1600)
    data = Split(np.zeros((900, 1)), labels, np.zeros((1600, 1)), truth)
    found = QMeasured(0, 50, n_classes=CLASSES)
    for seed, name in enumerate((*ENCODERS, "zoo:untrained")):
        own = np.random.default_rng(seed + 1)
        (x, _), (y, correct) = world(own, labels), world(own, truth)
        x, y = (h if name != "zoo:untrained" else h[own.permutation(len(h))] for h in (x, y))
        of = discover(x, Definition(2.5), 0.9)
        probe = probing.fit_linear(x, labels)
        right = probe.predict(y) == truth if world in (true_world, tails_world) or name == "zoo:untrained" else correct
        shown = Representation(x, y, of, probe, probe.predict_proba(y), right)
        found.join(of_representation(name, shown, data, Definition(2.5), MORE))
    return found


def verdicts(found: QMeasured, monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    monkeypatch.setattr(evidence, "not_learned", lambda names: {})
    each = evidence.judged(found)
    return {claim.id: judge(claim, each[claim.id]) for claim in claims.CLAIMS}


@pytest.fixture(scope="module")
def worlds() -> Mapping[str, QMeasured]:
    return {world.__name__: measured(world) for world in (true_world, false_world, tails_world, sparse_world, longer_world)}


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        ("true_world", {"Q1": "supported", "Q2": "supported", "Q3": "supported", "Q3b": "supported"}),
        ("false_world", {"Q1": "not supported", "Q3": "not supported", "Q3b": "not supported"}),
        ("tails_world", {"Q2": "not supported"}),
        ("sparse_world", {"Q3": "supported", "Q3b": "not supported"}),
        ("longer_world", {"Q1": "not supported"}),
    ],
)
def test_planted_truth_is_told(
    worlds: Mapping[str, QMeasured], world: str, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = verdicts(worlds[world], monkeypatch)
    assert {id_: found[id_].verdict for id_ in expected} == expected, [found[id_].sentence() for id_ in expected]


def test_the_mean_over_d_of_unit_vectors_falls_where_codes_sharpen_and_activity_does_not() -> None:
    rng = np.random.default_rng(0)
    labels, clear = rng.integers(CLASSES, size=1000), rng.random(1000) < 0.65
    y = np.abs(rng.normal(0, 0.3, (1000, R))) * np.linspace(0.5, 1.5, R)
    own = 110 + labels[:, None] * 12 + np.arange(12)
    y[np.arange(1000)[:, None], own] += np.where(clear, 6.0, 1.2)[:, None] * (rng.random((1000, 12)) < 0.3)
    inside = (np.arange(R) >= 110) & (np.arange(R) < 218)
    unit = y / np.linalg.norm(y, axis=1, keepdims=True)
    assert effect(unit[:, inside].mean(1), clear, WEIGHTS)[0] < -0.5
    active = activity(y, Definition(2.5))
    assert effect(active @ inside, clear, WEIGHTS)[0] > 0.3
    assert np.allclose(activity(7 * y, Definition(2.5)), active), "of any length"


def test_q3_is_not_testable_where_too_few_images_have_a_score_or_the_probe_knows_too_little(
    worlds: Mapping[str, QMeasured], monkeypatch: pytest.MonkeyPatch
) -> None:
    for column, value in (("coverage", 0.5), ("value", 0.1), ("value", 0.99)):
        rows = [{**row, column: value} for row in worlds["true_world"].tables["representations"]]
        changed = replace(worlds["true_world"], tables={**worlds["true_world"].tables, "representations": rows})
        found = verdicts(changed, monkeypatch)
        assert {found[id_].verdict for id_ in ("Q3", "Q3b")} == {"not testable here"}
        assert found["Q1"].verdict == "supported"


def test_encoders_that_learnt_nothing_are_left_out_by_facts_and_named(
    worlds: Mapping[str, QMeasured], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "not_learned", lambda names: {name: f"{facts(name).title} learnt nothing" for name in names})
    found = evidence.judged(worlds["true_world"])
    assert "learnt nothing" in "; ".join(found["Q1"].unmet)
    monkeypatch.setattr(evidence, "not_learned", lambda names: {ENCODERS[0]: "the first learnt nothing"})
    found = evidence.judged(worlds["true_world"])
    assert found["Q1"].n == len(ENCODERS) - 1
    assert "the first learnt nothing" in found["Q1"].note


def around(value: float, seed: int = 0) -> np.ndarray:
    return np.concatenate([[value], np.random.default_rng(seed).normal(value, 0.004, 100)])


def heats(own: float = 2.0, other: float = 1.0, planted: float = 3.0) -> QMeasured:
    """Heat in the core, relative to an even map, of the encoders' own features and of one planted into their maps."""
    found = QMeasured(0, 100)
    for seed, name in enumerate((*ENCODERS, "zoo:supervised")):
        found.tables["representations"].append({"encoder": name, "two_sided": False})
        found.draws["core", "planted", "core", name] = around(0.1 * planted, seed + 20)
        for region, heat in (("core", own), ("other core", other)):
            found.draws["core", "discriminative", region, name] = around(0.1 * heat, seed)
            for kind in ("even", "centre", "random"):
                found.draws["core", kind, region, name] = around(0.1, seed + 10)
    return found


def core(found: QMeasured, monkeypatch: pytest.MonkeyPatch) -> Finding:
    monkeypatch.setattr(evidence, "not_learned", lambda names: {})
    return judge(claims.Q5, evidence._q5(found, list(ENCODERS), [*ENCODERS, "zoo:supervised"], ""))


def test_heat_must_exceed_every_control_and_the_controls_must_speak(monkeypatch: pytest.MonkeyPatch) -> None:
    assert core(heats(), monkeypatch).verdict == "supported"
    assert core(heats(own=1.0), monkeypatch).verdict == "not supported"
    assert core(heats(planted=1.0), monkeypatch).verdict == "not testable here", "maps are too coarse to show it"
    assert "over an even map 1.0" in core(heats(), monkeypatch).note, "the supervised encoder stands beside"
    assert core(heats(other=2.0), monkeypatch).verdict == "not testable here", "heat lies on any core"
    central = heats()
    for name in ENCODERS:
        central.draws["core", "centre", "core", name] = around(0.25)
    assert core(central, monkeypatch).verdict == "not supported"


def trained(gain: float = 0.02, control: float = 0.0, pull: float = 0.1, rise: float = 0.0, spread: float = 0.0) -> QMeasured:
    """Rows of Q4 in which the strong arm gains, by `spread` more in each next method, and labels move heat."""
    rng, rows = np.random.default_rng(0), []
    for place, method in enumerate(("a", "b", "c")):
        lift = {"strong": gain + spread * (place - 1), "random": control}
        for seed in range(3):
            base = rng.normal(0.5, 0.01)
            for arm in ARMS:
                own = base + lift.get(arm, 0.0) + (0.0 if arm == "base" else rng.normal(0, 0.001))
                row = {"method": method, "seed": seed, "arm": arm, "linear": own, "pull_own_first": 1.0}
                heat = 0.3 * (1 + (rise if arm == "strong" else 0.6 if arm == "labels" else 0)) + rng.normal(0, 1e-3)
                rows.append({**row, "pull_q_first": pull if arm == "strong" else 0.0, "core_discriminative": heat})
    found = QMeasured(0, 100)
    found.tables["trained"] = rows
    return found


def test_regularisation_must_gain_in_arms_that_pull_and_its_controls_must_speak() -> None:
    def verdict(found: QMeasured, claim: Any = claims.Q4) -> Finding:
        return judge(claim, evidence._trainings(found)[claim.id])

    assert verdict(trained()).verdict == "supported"
    assert verdict(trained(gain=-0.01)).verdict == "not supported"
    assert verdict(trained(gain=-0.05)).verdict == "not supported", "however much it costs, a gain would have been seen"
    assert verdict(trained(control=0.03)).verdict == "not testable here", "random features gain as well"
    assert verdict(trained(gain=0.0, spread=0.02)).verdict == "not testable here", "nor would the paper's own gain be seen"
    weak = verdict(trained(pull=1e-6))
    assert weak.verdict == "not testable here"
    assert "no arm pulls 1%" in weak.reason
    assert verdict(trained(rise=0.3), claims.Q5B).verdict == "supported"
    assert verdict(trained(rise=0.0), claims.Q5B).verdict == "not supported"


def test_trainings_without_controls_show_their_numbers_and_decide_nothing() -> None:
    found = trained()
    found.tables["trained"] = [row for row in found.tables["trained"] if row["arm"] not in ("random", "labels")]
    judged = judge(claims.Q4, evidence._trainings(found)["Q4"])
    assert judged.verdict == "not testable here"
    assert "random features as D, the negative control," in judged.reason
    assert "labels, the positive control," in judge(claims.Q5B, evidence._trainings(found)["Q5b"]).reason
    assert judged.conditions[0].own.value == pytest.approx(0.02, abs=1e-3)


def test_images_that_tell_which_were_right_widen_the_interval_over_methods() -> None:
    plain, found = trained(), trained()
    rng = np.random.default_rng(0)
    for row in found.tables["trained"]:
        right = rng.random(400) < row["linear"]
        row["correct"], row["linear"], row["n_test"] = np.packbits(right).tobytes().hex(), float(right.mean()), 400
    widths = [e.high - e.low for e in (evidence._trainings(m)["Q4"].own["gain"] for m in (plain, found))]
    assert widths[1] > widths[0]


@pytest.mark.parametrize(
    ("claim", "expected"),
    [("Q2", "supported"), ("Q3", "supported"), ("Q4", "supported"), ("Q1", "not run"), ("Q3b", "not run"), ("Q5", "not run")],
)
def test_the_papers_own_numbers_go_through_the_rules(claim: str, expected: str) -> None:
    found = next(c for c in claims.CLAIMS if c.id == claim)
    assert published_verdict(found) == expected


def test_the_papers_means_are_those_of_its_tables() -> None:
    gain = claims.Q4.published.estimates["gain"]  # type: ignore[union-attr]
    expected = over_units([q - base for _, base, q, _, _ in claims.TABLES.values()])
    assert (100 * gain.value, 100 * gain.low) == pytest.approx((expected.value, expected.low))
    assert expected.value == pytest.approx(2.98, abs=0.01)
    loss = over_units([kept - full for full, kept, _ in claims.FIGURE_2.values()])
    assert (loss.value, loss.low, loss.high) == pytest.approx((-2.3, -2.8, -1.7), abs=0.06)


def test_without_an_encoder_to_judge_claims_are_not_testable(monkeypatch: pytest.MonkeyPatch) -> None:
    found = verdicts(QMeasured(0, 50), monkeypatch)
    assert {finding.verdict for finding in found.values()} == {"not testable here"}
    assert all(finding.reason for finding in found.values())


def test_the_effect_is_cohens_d_and_draws_are_of_resampled_images() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(1000) < 0.6
    values = rng.normal(size=1000) + 0.8 * correct
    found = effect(values, correct, WEIGHTS)
    a, b = values[correct], values[~correct]
    pooled = np.sqrt((len(a) * a.var() + len(b) * b.var()) / 1000)
    assert found[0] == pytest.approx((a.mean() - b.mean()) / pooled, rel=1e-5)
    rows = np.repeat(np.arange(1000), WEIGHTS[7].astype(int))
    assert found[7] == pytest.approx(effect(values[rows], correct[rows], np.ones((1, 1000)))[0], rel=1e-4)
    assert effect(1e-30 * values, correct, WEIGHTS)[0] == pytest.approx(found[0])


def test_selectivity_of_equal_classes_is_the_estimate_of_the_analysis_of_variance() -> None:
    rng = np.random.default_rng(0)
    truth = np.tile(np.arange(4), 250)
    y = rng.normal(size=(1000, 3)) + np.stack([truth, np.zeros(1000), 100 + 0.01 * truth], 1)
    found = selectivity(y, truth, WEIGHTS[:1])[0]
    for feature in range(3):
        groups = [y[truth == c, feature] for c in range(4)]
        within = np.mean([group.var(ddof=1) for group in groups])
        between = np.var([group.mean() for group in groups], ddof=1) - within / 250
        assert found[feature] == pytest.approx(between / (between + within), rel=5e-3, abs=1e-5)


@pytest.mark.parametrize("tail", [2.1, 3.0, 30.0])
def test_intervals_of_selectivity_contain_their_value_whatever_the_tails(tail: float) -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(100), 10)
    noise = rng.standard_t(tail, size=(1000, 100))
    signal = noise + 2 * np.abs(rng.standard_t(tail, size=(100, 100)))[truth]
    for y in (noise, signal):
        found = selectivity(y, truth, WEIGHTS).mean(1)
        low, high = np.quantile(found[1:], [0.025, 0.975])
        assert low < found[0] < high
    assert abs(selectivity(noise, truth, WEIGHTS[:1]).mean()) < 0.01  # eta squared: 0.1


def test_the_ranking_is_grouped_by_method_and_followed_by_ranks() -> None:
    quantities = {"q_at_4": 0.0, "sparsity": 1.0, "rankme": 1.0}
    rows = [{"group": "a", "accuracy": i / 10, "q": i**2, **quantities} for i in range(8)] + [
        {"group": "b", "accuracy": 0.5, "q": 1.0, **quantities}
    ]
    found = {(row["group"], row["quantity"]): row["rho"] for row in ranking.follows(rows, 50, 0)}
    assert found["a", "q"] == pytest.approx(1)
    assert math.isnan(found["a", "q_at_4"]), "all equal: no ranks"
    assert not any(group == "b" for group, _ in found), "too few for a correlation"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    from PIL import Image

    rng = np.random.default_rng(0)
    for part, count in (("train", 12), ("val", 5)):
        for label in ("cat", "dog"):
            folder = tmp_path / "made" / part / label
            folder.mkdir(parents=True)
            for i in range(count):
                Image.fromarray(rng.integers(0, 256, (70, 80, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return tmp_path / "made"


def test_a_folder_with_train_and_val_is_taken_as_it_is_and_any_other_is_split(photographs: Path) -> None:
    whole = split(f"folder:{photographs}", 64, 1000, 1000, 0)
    assert (len(whole.x), len(whole.y)) == (24, 10)
    assert len(whole.clusters) == 10
    part = split(f"folder:{photographs / 'train'}", 64, 1000, 1000, 0)
    assert len(part.x) + len(part.y) == 24
    assert 4 <= len(part.y) <= 6
    assert split(f"folder:{photographs / 'train'}", 64, 7, 3, 0).x.shape == (7, 64, 64, 3)


def test_an_absent_folder_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="there is no"):
        split("folder:/nowhere/at/all", 64, 10, 10, 0)


def test_ranked_encoders_and_the_stored_trainings_belong_to_what_a_run_reads() -> None:
    params = resolve("qscore", "smoke", {"ranking": "zoo:byol"})
    assert params.reads["encoders"][-1] == "zoo:byol"
    assert params.reads["files"] == ("tuning/qscore.json",)
    assert resolve("qscore", "smoke", {"retrain": True}).reads["files"] == ()


def test_old_names_of_parameters_are_refused_with_the_new_one_named() -> None:
    for old, new in {"kept": "keep_fractions", "ladder": "ranking", "least_coverage": "min_coverage"}.items():
        with pytest.raises(UserError, match=f"{old!r} is called {new!r} now"):
            resolve("qscore", "smoke", {old: 1})


def test_features_that_are_all_equal_leave_q_undefined_and_not_the_study() -> None:
    of = discover(np.ones((50, 64)), Definition(4.0), min_coverage=0.9)
    assert of.definition.eps == 1.0
    assert of.coverage == 0
    assert not of.features.any()


@pytest.mark.slow
def test_a_smoke_run_holds_every_table_and_verdict(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("qscore") / "results.json")
    assert [claim.id for claim in results.claims] == [claim.id for claim in claims.CLAIMS]
    detected = {(row["encoder"], row["score"]): row for row in results.tables["detection"]}
    assert detected["zoo:supervised", "softmax"]["auroc"] > 0.7, "a probe knows most about its own errors"
    for row in results.tables["representations"]:
        assert row["coverage_train"] >= PARAMS.min_coverage or row["eps"] == 1
    for finding in results.claims:
        for condition in finding.conditions:
            assert not condition.own.low > condition.own.value or condition.own.high < condition.own.value


@pytest.mark.slow
def test_every_number_of_the_captions_stands_in_the_tables(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("qscore") / "results.json")
    table = {row["score"]: [] for row in results.tables["detection"]}  # type: dict[str, list[float]]
    for row in results.tables["detection"]:
        table[row["score"]].append(row["auroc"])
    caption = next(figure["caption"] for figure in results.figures if "predicting" in figure["file"])
    for score in ("q", "softmax"):
        assert f"{np.mean(table[score]):.2f}" in caption
    within = [row["value"] for row in results.tables["within"] if row["features"] == "D"]
    assert f"{np.mean(within):.2f}" in caption
