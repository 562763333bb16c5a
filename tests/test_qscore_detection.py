"""Detection of misclassified images against scikit-learn, and the controls and compressions against their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from analysis.stats import cluster_counts
from analysis.studies.qscore import compression, controls
from analysis.studies.qscore.activity import Activity, Definition, discover
from analysis.studies.qscore.detection import auroc_within, detect, risk_coverage


def resample(m: int, draws: int, seed: int) -> np.ndarray:
    """How often each of m images counts: once, then as each bootstrap sample has it."""
    return np.concatenate([np.ones((1, m)), cluster_counts(np.arange(m), draws, seed)])


def sample(m: int = 300, seed: int = 0, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    correct = rng.random(m) < 0.7
    score = rng.normal(size=m) + correct
    return (np.round(score) if ties else score), correct


@pytest.mark.parametrize("ties", [False, True])
def test_areas_are_those_of_scikit_learn(ties: bool) -> None:
    score, correct = sample(ties=ties)
    found = detect(score, correct, resample(300, 5, 0))
    assert found.auroc[0] == pytest.approx(roc_auc_score(correct, score))
    assert found.auprc_correct[0] == pytest.approx(average_precision_score(correct, score))
    assert found.auprc_wrong[0] == pytest.approx(average_precision_score(~correct, -score))


@pytest.mark.parametrize("ties", [False, True])
def test_draws_are_the_areas_of_the_resampled_images(ties: bool) -> None:
    score, correct = sample(ties=ties)
    weights = resample(300, 8, 1)
    found = detect(score, correct, weights)
    for draw in range(1, 9):
        rows = np.repeat(np.arange(300), weights[draw].astype(int))
        assert len(rows) == 300
        assert found.auroc[draw] == pytest.approx(roc_auc_score(correct[rows], score[rows]))
        assert found.auprc_wrong[draw] == pytest.approx(average_precision_score(~correct[rows], -score[rows]))


def test_a_constant_score_gives_one_half_the_prevalence_and_the_error_rate() -> None:
    _, correct = sample()
    found = detect(np.ones(300), correct, resample(300, 3, 0))
    assert found.auroc[0] == pytest.approx(0.5)
    assert found.auprc_correct[0] == pytest.approx(correct.mean())
    assert found.auprc_wrong[0] == pytest.approx(1 - correct.mean())
    assert found.aurc[0] == pytest.approx(1 - correct.mean())


def test_a_perfect_score_and_its_reverse_are_the_extremes() -> None:
    _, correct = sample()
    noise = np.random.default_rng(0).random(300) / 10
    best, worst = (detect(sign * correct + noise, correct, resample(300, 3, 0)) for sign in (1, -1))
    assert best.auroc[0] == best.auprc_correct[0] == best.auprc_wrong[0] == 1
    assert worst.auroc[0] == 0
    assert best.aurc[0] < 1 - correct.mean() < worst.aurc[0]


def test_order_preserving_changes_of_a_score_change_nothing() -> None:
    score, correct = sample()
    weights = resample(300, 20, 0)
    before, after = detect(score, correct, weights), detect(np.exp(3 * score), correct, weights)
    assert np.allclose(before.auroc, after.auroc)
    assert not np.allclose(before.auroc, detect(score**2, correct, weights).auroc)


def test_several_scores_give_the_mean_of_their_areas() -> None:
    score, correct = sample()
    other, weights = sample(seed=5)[0], resample(300, 10, 0)
    both = detect(np.stack([score, other]), correct, weights)
    assert np.allclose(both.auroc, (detect(score, correct, weights).auroc + detect(other, correct, weights).auroc) / 2)


def test_a_draw_of_one_class_only_is_nan_and_not_a_number() -> None:
    found = detect(
        np.arange(4.0), np.array([True, True, True, False]), np.array([[1, 1, 1, 1], [2, 1, 1, 0]], dtype=np.float32)
    )
    assert found.auroc[0] == 0
    assert np.isnan(found.auroc[1])


def test_the_risk_coverage_curve_is_the_error_rate_of_the_best() -> None:
    score, correct = sample()
    order = np.argsort(-score)
    for share in (0.1, 0.5, 1.0):
        assert risk_coverage(score, correct, np.array([share]))[0] == pytest.approx(
            1 - correct[order[: int(share * 300)]].mean()
        )
    assert np.allclose(risk_coverage(np.ones(300), correct, np.array([0.2, 0.9])), 1 - correct.mean())
    curve = risk_coverage(score, correct, np.arange(1, 301) / 300)
    assert detect(score, correct, resample(300, 0, 0)).aurc[0] == pytest.approx(curve.mean())


def planted(n: int, seed: int, own: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Eight classes; each has features of its own among 400 dense ones; a quarter of the images lack them."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(8, size=n)
    h = rng.uniform(0, 1, (n, 400))
    clear = rng.random(n) < 0.75
    h[np.arange(n)[:, None], labels[:, None] * own + np.arange(own)] += 6 * clear[:, None]
    return h.astype(np.float32), labels


def test_planted_failures_are_predicted_by_q_and_not_by_random_features() -> None:
    from analysis import probing

    (x, labels), (y, truth) = planted(2000, 0), planted(1000, 1)
    of = discover(x, Definition(low=75, high=100))
    assert set(np.flatnonzero(of.features)) == set(range(80))
    probe = probing.fit_linear(x, labels)
    correct, found = probe.predict(y) == truth, controls.all_scores(x, y, of, probe.predict_proba(y), 0)
    weights = resample(1000, 200, 0)
    q, random = (detect(found[name], correct, weights).auroc for name in ("q", "random"))
    assert q[0] > 0.9
    assert np.quantile(q - random, 0.025) > 0


def test_every_score_is_finite_one_per_image_and_listed() -> None:
    rng = np.random.default_rng(0)
    x, y = (np.maximum(rng.standard_normal((n, 128)), 0).astype(np.float32) for n in (200, 90))
    y[3] = 0  # a representation without any activity
    found = controls.all_scores(x, y, discover(x, Definition(2)), np.full((90, 4), 0.25), 0)
    assert list(found) == list(controls.SCORES)
    for name, score in found.items():
        assert score.shape[-1] == 90, name
        assert np.isfinite(score).all(), name


def test_a_score_that_says_what_the_control_says_is_at_chance_among_images_of_like_control() -> None:
    rng = np.random.default_rng(0)
    control, own = rng.normal(size=(2, 4000))
    correct = rng.random(4000) < 1 / (1 + np.exp(-control - own))
    weights = resample(4000, 20, 0)
    same, other = (auroc_within(score, correct, control, weights) for score in (np.exp(control), own))
    assert detect(control, correct, weights).auroc[0] > 0.65
    assert abs(same[0] - 0.5) < 0.02
    assert other[0] > 0.65
    both = auroc_within(np.stack([np.exp(control), own]), correct, control, weights)
    assert np.allclose(both, (same + other) / 2)


def test_auroc_among_like_images_counts_the_pairs_of_each_part() -> None:
    score, correct = sample(200)
    control = np.random.default_rng(3).normal(size=200)
    part = np.argsort(np.argsort(control)) * 20 // 200
    pairs = [(i, j) for i in np.flatnonzero(correct) for j in np.flatnonzero(~correct) if part[i] == part[j]]
    expected = np.mean([(score[i] > score[j]) + 0.5 * (score[i] == score[j]) for i, j in pairs])
    assert auroc_within(score, correct, control, np.ones((1, 200)))[0] == pytest.approx(expected)


def test_random_sets_have_the_size_of_d_and_are_not_d() -> None:
    chosen = np.arange(100) < 45
    sets = controls.random_sets(chosen, 20, 0)
    assert all(drawn.sum() == 45 for drawn in sets)
    assert 0.3 < np.mean([(drawn & chosen).sum() / 45 for drawn in sets]) < 0.6
    assert np.array_equal(sets[3], controls.random_sets(chosen, 20, 0)[3])


def test_the_window_runs_through_all_features_and_the_papers_percentiles() -> None:
    assert compression.window(1.0, Definition()) == (0, 100)
    assert compression.window(0.45, Definition()) == pytest.approx((50, 95))
    for kept in (0.9, 0.6, 0.2):
        low, high = compression.window(kept, Definition())
        assert 0 < low < high < 100
        assert high - low == pytest.approx(100 * kept)


def test_windows_are_nested_and_of_the_size_asked_for() -> None:
    percent = np.random.default_rng(0).random(511)
    sets = [set(compression.kept_features(percent, kept, Definition())) for kept in (0.2, 0.45, 0.6, 0.8, 1.0)]
    assert [len(found) for found in sets] == [round(kept * 511) for kept in (0.2, 0.45, 0.6, 0.8, 1.0)]
    assert all(small <= large for small, large in pairwise(sets))


def test_every_way_keeps_equally_many_and_what_matters_survives() -> None:
    from analysis import probing

    (x, labels), (y, truth) = planted(600, 0, own=2), planted(300, 1, own=2)
    definition = Definition(low=96, high=100)
    percent, probe = Activity(definition).update(x).percent, probing.fit_linear(x, labels)
    ways = list(compression.ways(x, labels, y, percent, 0.04, definition, 2, 0, more=True))
    assert [way for way, *_ in ways].count("random") == 2
    assert {way for way, *_ in ways} == set(compression.WAYS)
    assert {(part.shape, other.shape) for _, part, other in ways} == {((600, 16), (300, 16))}
    score = {way: compression.refit(probe, part, labels, other, truth).mean() for way, part, other in ways}
    assert score["discriminative"] > score["random"] + 0.1
    assert score["lasso"] > score["random"] + 0.1
    whole = compression.refit(probe, x[:, ::-1], labels, y[:, ::-1], truth).mean()
    assert whole == pytest.approx((probe.predict(y) == truth).mean(), abs=0.02), "all features in another order"


def test_lasso_takes_the_features_that_tell_classes_apart() -> None:
    x, labels = planted(1000, 0, own=1)
    assert set(compression.lasso(x, labels, 8)) == set(range(8))


def test_lasso_is_followed_to_its_minimum_however_correlated_features_are() -> None:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((400, 12))
    x = (hidden @ rng.standard_normal((12, 120)) + 0.3 * rng.standard_normal((400, 120))).astype(np.float32)
    labels = (hidden[:, :4] + rng.gumbel(size=(400, 4))).argmax(1)
    z = (x - x.mean(0)) / x.std(0)
    y = np.eye(4)[labels] - np.eye(4)[labels].mean(0)
    pull = z.T @ y / len(z)
    penalty, step = compression.LASSO_PENALTY * np.linalg.norm(pull, axis=1).max(), len(z) / np.linalg.norm(z, 2) ** 2
    weights = moving = np.zeros_like(pull)
    for count in range(20_000):  # proximal gradient with momentum: other code for the same minimum
        ahead = moving - step * (z.T @ (z @ moving) / len(z) - pull)
        length = np.linalg.norm(ahead, axis=1, keepdims=True)
        after = ahead * np.maximum(1 - step * penalty / np.maximum(length, 1e-30), 0)
        moving, weights = after + count / (count + 3) * (after - weights), after
    size = np.linalg.norm(weights, axis=1)
    k = int((size > 0.02 * size.max()).sum())
    assert 10 < k < 110
    assert len(set(compression.lasso(x, labels, k)) & set(np.argsort(-size)[:k])) >= 0.97 * k


def test_a_concentrated_representation_loses_nothing_by_the_cut_and_much_by_a_random_one() -> None:
    from analysis import probing

    (x, labels), (y, truth) = planted(600, 0), planted(400, 1)
    probe, definition = probing.fit_linear(x, labels), Definition()
    wide, other, percent = compression.concentrated(probe, x, y, Activity(definition).update(x).percent, 0)
    assert wide.shape == x.shape
    kept = compression.kept_features(percent, 0.6, definition)
    assert set(range(392, 400)) <= set(kept), "the scores are the last features"
    subsets = [np.arange(400), kept, *compression.random_subsets(400, 0.6, 2, 0)]
    whole, own, *random = (compression.refit(probe, wide[:, some], labels, other[:, some], truth).mean() for some in subsets)
    assert own > whole - 0.03
    assert np.mean(random) < whole - 0.05
