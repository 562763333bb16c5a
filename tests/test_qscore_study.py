"""The verdicts on Q1-Q5 where the truth is known, and the study at `smoke`."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.params import resolve
from analysis.results import Results
from analysis.studies.qscore import ladder
from analysis.studies.qscore.activity import Rule, find
from analysis.studies.qscore.claims import DETECTS, judge
from analysis.studies.qscore.controls import RANDOM, SPARSITY, Q, random_sets
from analysis.studies.qscore.data import split
from analysis.studies.qscore.detection import detect, resample
from analysis.studies.qscore.reading import effect, selectivity
from analysis.studies.qscore.regulariser import ARMS
from analysis.studies.qscore.scores import q_score, sparsity

PARAMS: Any = resolve("qscore", "smoke")
WEIGHTS = resample(1000, 200, 0)
Draws = dict[tuple[str, ...], np.ndarray]


def around(value: float, spread: float = 0.001, seed: int = 0) -> np.ndarray:
    return np.concatenate([[value], np.random.default_rng(seed).normal(value, spread, 200)])


def measured(**changes: float) -> Draws:
    """Draws of one encoder for which every claim holds, with single quantities changed."""
    values = {
        ("effect", "D"): 0.5,
        ("effect", "random"): 0.1,
        ("effect", "gain"): 0.4,
        ("eta", "gain"): 0.05,
        ("accuracy", "all"): 0.7,
        ("accuracy", "discriminative", "0.6"): 0.69,
        ("accuracy", "random", "0.6"): 0.66,
        **{("accuracy", way, "0.6"): 0.68 for way in ("pca", "variance", "magnitude")},
        ("auroc", Q): 0.75,
        ("auroc", SPARSITY): 0.65,
        ("auroc", RANDOM): 0.6,
        ("auprc_correct", Q): 0.8,
        ("auprc_wrong", Q): 0.5,
        ("core", "discriminative", "mass", "core"): 0.5,
        **{("core", kind, "mass", "core"): 0.2 for kind in ("random", "centre", "even")},
    }
    assert set(changes) <= {"/".join(key) for key in values}
    return {key: around(changes.get("/".join(key), value), seed=i) for i, (key, value) in enumerate(values.items())}


def trained(gain: float = 0.02, core: float = 0.05, control: float = 0.0) -> list[dict[str, Any]]:
    """Rows of Q4 in which both terms gain, and no control does."""
    rng = np.random.default_rng(0)
    lift = {"both": (gain, core), "lambda2": (control, 0.0)}
    rows = []
    for seed in range(6):
        base = rng.normal(0.5, 0.01)
        for arm in ARMS:
            more, mass = lift.get(arm, (0.0, 0.0))
            noise = 0.0 if arm == "base" else rng.normal(0, 0.001)
            rows.append(
                {
                    "method": "m",
                    "seed": seed,
                    "arm": arm,
                    "linear": base + more + noise,
                    "core_discriminative": 0.3 + mass + noise,
                }
            )
    return rows


def verdicts(draws: Draws, rows: list[dict[str, Any]] | None = None) -> dict[str, str]:
    found = judge({"e": draws}, ["e"], trained() if rows is None else rows, PARAMS, 1000)
    return {finding.id: finding.verdict for finding in found}


def test_where_every_claim_holds_every_claim_is_supported() -> None:
    assert set(verdicts(measured()).values()) == {"supported"}


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("Q1", {"effect/gain": 0.05}, "not supported"),
        ("Q1", {"eta/gain": 0.0}, "not supported"),
        ("Q1", {"effect/D": -0.2}, "inconclusive"),
        ("Q2", {"accuracy/discriminative/0.6": 0.6}, "not supported"),
        ("Q2", {"accuracy/random/0.6": 0.69}, "not supported"),
        ("Q3", {"auroc/q": 0.52}, "not supported"),
        ("Q3", {"auroc/sparsity": 0.75}, "not supported"),
        ("Q3", {"auroc/random": 0.8}, "not supported"),
        ("Q5", {"core/random/mass/core": 0.5}, "not supported"),
        ("Q5", {"core/centre/mass/core": 0.6}, "not supported"),
        ("Q5", {"core/even/mass/core": 0.5}, "not supported"),
    ],
)
def test_a_claim_falls_with_any_of_its_conditions_and_no_other_does(
    claim: str, changes: dict[str, float], verdict: str
) -> None:
    found = verdicts(measured(**changes))
    assert found.pop(claim) == verdict
    assert set(found.values()) == {"supported"}


def test_regularisation_must_gain_and_gain_more_than_its_controls() -> None:
    assert verdicts(measured(), trained(gain=0.0))["Q4"] == "not supported"
    assert verdicts(measured(), trained(gain=0.02, control=0.02))["Q4"] == "inconclusive"
    assert verdicts(measured(), trained(core=0.0))["Q5"] == "not supported"
    without = verdicts(measured(), [])
    assert (without["Q4"], without["Q5"]) == ("not tested", "inconclusive")


def test_an_encoder_without_maps_leaves_the_claim_about_maps_untested() -> None:
    draws = {key: values for key, values in measured().items() if key[0] != "core"}
    assert verdicts(draws)["Q5"] == "not tested"


def test_wide_intervals_decide_nothing() -> None:
    rng = np.random.default_rng(0)
    wide = {key: np.concatenate([[0.7], rng.permutation(np.linspace(-1, 2, 200))]) for key in measured()}
    assert set(verdicts(wide).values()) == {"inconclusive", "supported"}
    assert verdicts(wide)["Q4"] == "supported", "it rests on trainings alone"


def test_without_an_encoder_to_judge_claims_about_encoders_are_not_tested() -> None:
    found = {finding.id: finding.verdict for finding in judge({}, [], [], PARAMS, 10)}
    assert set(found.values()) == {"not tested"}


def areas(y: np.ndarray, chosen: np.ndarray, rule: Rule, correct: np.ndarray) -> Draws:
    scores = {Q: q_score(y, chosen, rule).value, SPARSITY: sparsity(y)}
    scores[RANDOM] = np.stack([q_score(y, drawn, rule).value for drawn in random_sets(chosen, 5, 0)])
    return {("auroc", name): detect(score, correct, WEIGHTS).auroc for name, score in scores.items()}


def test_sparse_random_features_are_no_success_however_well_q_detects() -> None:
    """Features without any structure, and a probe that is right where they are sparse: Q detects it, and must not be "
    "believed."""
    rng = np.random.default_rng(0)
    x, y = (np.abs(rng.standard_t(3, (n, 512))) for n in (2000, 1000))
    found = find(x, Rule(4.0))
    correct = rng.random(1000) < 1 / (1 + np.exp(-2 * (sparsity(y) - sparsity(y).mean()) / sparsity(y).std()))
    detected = areas(y, found.chosen, found.rule, correct)
    assert np.quantile(detected["auroc", Q], 0.025) > DETECTS
    assert verdicts({**measured(), **detected})["Q3"] == "not supported"


def test_discriminative_features_that_fail_with_the_probe_are_a_success() -> None:
    """Planted: clear images excite the features of their class, all images excite as many random tails."""
    rng = np.random.default_rng(0)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        h, clear = rng.uniform(0, 0.5, (n, 400)), rng.random(n) < 0.6
        group = rng.integers(10, size=n)
        h[np.arange(n)[:, None], group[:, None] * 18 + np.arange(18)] += 2 * clear[:, None]
        rows = np.flatnonzero(~clear)
        h[rows[:, None], 200 + rng.integers(0, 200, (len(rows), 18))] += 2
        return h, clear

    (x, _), (y, clear) = draw(4000), draw(1000)
    rule = Rule(2.5, low=55, high=100)
    found = find(x, rule)
    assert found.chosen[:180].mean() > 0.9
    assert verdicts({**measured(), **areas(y, found.chosen, rule, clear)})["Q3"] == "supported"


def test_the_effect_is_cohens_d_and_draws_are_of_resampled_images() -> None:
    rng = np.random.default_rng(0)
    correct = rng.random(1000) < 0.6
    values = rng.normal(size=1000) + 0.8 * correct
    found = effect(values, correct, WEIGHTS)
    a, b = values[correct], values[~correct]
    pooled = np.sqrt((len(a) * a.var() + len(b) * b.var()) / 1000)
    assert found[0] == pytest.approx((a.mean() - b.mean()) / pooled, rel=1e-5)
    rows = np.repeat(np.arange(1000), WEIGHTS[7].astype(int))
    assert found[7] == pytest.approx(effect(values[rows], correct[rows], np.ones((1, 1000), np.float32))[0], rel=1e-4)


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


def test_noise_has_no_selectivity_and_draws_lie_around_their_value() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(100), 10)
    noise = rng.normal(size=(1000, 200))
    signal = noise + rng.normal(size=(100, 200))[truth]
    weights = resample(1000, 50, 0)
    nothing, half = (selectivity(y, truth, weights).mean(1) for y in (noise, signal))
    assert abs(nothing[0]) < 0.005  # eta squared: 0.1
    assert half[0] == pytest.approx(0.5, abs=0.02)
    for found in (nothing, half):
        assert found[1:].min() < found[0] < found[1:].max()
        assert found[1:].mean() == pytest.approx(found[0], abs=0.01)


def test_a_ladder_is_grouped_by_method_and_followed_by_ranks() -> None:
    assert ladder.group("conv4:protoclr_miniimagenet_3query_50bs_200images") == "protoclr"
    assert ladder.group("zoo:simclr") == "zoo"
    quantities = {"q_at_4": 0.0, "sparsity": 1.0, "rankme": 1.0}
    rows = [{"group": "a", "accuracy": i / 10, "q": i**2, **quantities} for i in range(8)] + [
        {"group": "b", "accuracy": 0.5, "q": 1.0, **quantities}
    ]
    found = {(row["group"], row["quantity"]): row["rho"] for row in ladder.follows(rows, 50, 0)}
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
    part = split(f"folder:{photographs / 'train'}", 64, 1000, 1000, 0)
    assert len(part.x) + len(part.y) == 24
    assert 4 <= len(part.y) <= 6
    assert split(f"folder:{photographs / 'train'}", 64, 7, 3, 0).x.shape == (7, 64, 64, 3)


def test_an_absent_folder_is_one_clear_line() -> None:
    with pytest.raises(UserError, match="there is no"):
        split("folder:/nowhere/at/all", 64, 10, 10, 0)


def test_the_ladder_and_the_stored_trainings_belong_to_what_a_run_reads() -> None:
    params = resolve("qscore", "smoke", {"ladder": "zoo:byol"})
    assert params.reads["encoders"][-1] == "zoo:byol"
    assert params.reads["files"] == ("tuning/qscore.json",)
    assert resolve("qscore", "smoke", {"retrain": True}).reads["files"] == ()


@pytest.mark.slow
def test_a_smoke_run_holds_every_table_and_verdict(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("qscore") / "results.json")
    assert [claim.id for claim in results.claims] == ["Q1", "Q2", "Q3", "Q4", "Q5"]
    detected = {(row["encoder"], row["score"]): row for row in results.tables["detection"]}
    assert detected["zoo:supervised", "softmax"]["auroc"] > 0.7, "a probe knows most about its own errors"
    for row in detected.values():
        assert row["auroc_low"] <= row["auroc_high"]
        assert 0 <= row["aurc"] <= 1
    shares = {row["encoder"]: row["coverage_train"] for row in results.tables["readings"]}
    assert all(share >= 0.9 or row["eps"] == 1 for row, share in zip(results.tables["readings"], shares.values(), strict=True))


@pytest.mark.slow
def test_numbers_of_the_page_do_not_depend_on_other_encoders(smoke_run: Callable[[str], Path]) -> None:
    from analysis.studies.qscore.measure import measure

    results = Results.load(smoke_run("qscore") / "results.json")
    params: Any = resolve("qscore", "smoke", {"encoders": "zoo:vicreg"})
    data = split(params.dataset, 64, params.n_train, params.n_test, 0)
    alone = measure(params, data, None).tables["detection"]
    together = [row for row in results.tables["detection"] if row["encoder"] == "zoo:vicreg"]
    assert [row["auroc"] for row in alone] == pytest.approx([row["auroc"] for row in together])


def test_features_that_are_all_equal_leave_q_undefined_and_not_the_study() -> None:
    found = find(np.ones((50, 64)), Rule(4.0), least=0.9)
    assert found.rule == replace(found.rule, eps=1.0)
    assert found.coverage == 0
    assert not found.chosen.any()
