"""Logistic regression at its minimum: scikit-learn's, by independent gradients, whatever the features are like."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from analysis import logistic
from analysis.logistic import Logistic, Turned, choose, scaled_loss

Array = np.ndarray
SCALES = np.geomspace(0.05, 20, 4000)


def data(n: int, d: int, classes: int, *, decay: float = 1.0, shift: float = 0.0, seed: int = 0) -> tuple[Array, Array]:
    """Correlated features (n, d), the spread of whose axes falls to `decay`, and labels that they tell in part."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0]
    x = rng.standard_normal((n, d)) * np.geomspace(1, decay, d) @ turn
    logits = 2 * (x - x.mean(0)) / x.std(0) @ rng.standard_normal((d, classes)) / np.sqrt(d)
    return x + shift, (logits + rng.gumbel(size=logits.shape)).argmax(1)


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize(("n", "d", "shift"), [(300, 20, 0.0), (300, 20, 5.0), (40, 90, 0.0), (40, 90, 5.0), (20, 1, 0.0)])
@pytest.mark.parametrize("strength", [1e-3, 1.0, 30.0])
def test_it_is_the_regression_of_scikit_learn(classes: int, n: int, d: int, shift: float, strength: float) -> None:
    x, labels = data(n, d, classes, shift=shift)
    ours = Logistic(C=strength).fit(x, labels)
    theirs = LogisticRegression(C=strength, solver="newton-cg", tol=1e-8, max_iter=10_000).fit(x, labels)
    assert ours.predict_proba(x) == pytest.approx(theirs.predict_proba(x), abs=2e-3)
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=3e-3 * np.abs(theirs.coef_).max())
    assert (ours.classes_ == theirs.classes_).all()


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("decay", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_gradient_vanishes_at_the_end_however_correlated_the_features_are(classes: int, decay: float, kind: type) -> None:
    x, labels = data(500, 40, classes, decay=decay)
    x = (x / x.std(0)).astype(kind)
    fitted = Logistic(C=10.0).fit(x, labels)
    weights, constant = fitted.coef_, fitted.intercept_
    if classes == 2:
        weights, constant = np.vstack([-weights, weights]) / 2, np.append(-constant, constant) / 2
    shares = softmax(x @ weights.T + constant, 1)
    wrong = shares - np.eye(classes)[np.searchsorted(fitted.classes_, labels)]
    slope = wrong.T @ x + weights * (2 if classes == 2 else 1) / 10
    assert np.abs(slope).max() / len(x) < 1e-4
    assert np.abs(wrong.sum(0)).max() / len(x) < 1e-4
    assert fitted.n_iter_[0] < 200


def test_what_is_read_does_not_hang_on_the_rounding_of_features() -> None:
    x, labels = data(1200, 60, 10, decay=1e-3)
    x = (x / x.std(0)).astype(np.float32)
    train, test, truth = x[:600], x[600:], labels[600:]
    rng = np.random.default_rng(1)
    scores = []
    for size in (0, 1e-6, 1e-6, 1e-6):
        moved = (train * (1 + size * rng.standard_normal(train.shape))).astype(np.float32)
        scores.append(Logistic(C=10.0).fit(moved, labels[:600]).score(test, truth))
    assert np.ptp(scores) <= 1 / 600


@pytest.mark.parametrize("classes", [2, 5])
def test_another_start_ends_at_the_same_minimum_and_sooner(classes: int) -> None:
    x, labels = data(400, 30, classes, decay=1e-2, shift=5.0)
    ready = Turned.of(x, labels)
    before = Logistic(C=0.5).fit(x[:300], labels[:300])
    fresh, begun = Logistic(C=1.0).solve(ready), Logistic(C=1.0).solve(ready, before)
    assert begun.predict_proba(x) == pytest.approx(fresh.predict_proba(x), abs=1e-3)
    assert begun.n_iter_[0] < fresh.n_iter_[0]
    assert Logistic(C=1.0).solve(ready, fresh).n_iter_[0] <= 1


def test_a_copy_fitted_anew_keeps_the_penalty_and_labels_may_be_words() -> None:
    x, labels = data(200, 10, 3)
    named = np.array(["owl", "elk", "ant"])[labels]
    fitted = Logistic(C=0.3).fit(x, named)
    again = clone(fitted).fit(x, named)
    assert again.C == 0.3
    assert (again.predict(x) == fitted.predict(x)).all()
    assert set(again.predict(x)) <= set(named)


def test_features_without_any_variation_leave_the_frequencies() -> None:
    labels = np.repeat([0, 1, 2], [10, 20, 70])
    shares = Logistic().fit(np.ones((100, 4)), labels).predict_proba(np.ones((1, 4)))
    assert shares[0] == pytest.approx([0.1, 0.2, 0.7], abs=1e-3)


def test_one_class_and_features_that_are_not_finite_are_refused() -> None:
    x = np.ones((4, 2))
    with pytest.raises(ValueError, match="two classes"):
        Logistic().fit(x, np.zeros(4))
    for bad in (np.nan, np.inf):
        x[0, 0] = bad
        with pytest.raises(ValueError, match="infs or NaNs"):
            Logistic().fit(x, np.arange(4) % 2)


def test_one_that_has_not_converged_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "STEPS", 2)
    with pytest.warns(ConvergenceWarning, match="not converged in 2 steps"):
        Logistic(C=10.0).fit(*data(200, 10, 3))


def test_a_scale_of_all_scores_leaves_the_loss_and_a_share_of_each_class_is_one_of_rows() -> None:
    x, labels = data(300, 10, 3)
    fitted = Logistic().fit(x[:200], labels[:200])
    held, shares = x[200:], np.eye(3)[labels[200:]]
    loss = scaled_loss([fitted], [held], [shares])
    assert loss == pytest.approx(
        min(log_loss(labels[200:], softmax(fitted.decision_function(held) / t, 1)) for t in SCALES), abs=1e-4
    )
    assert scaled_loss([fitted, fitted], [held[:40], held[40:]], [shares[:40], shares[40:]]) == pytest.approx(loss, abs=1e-6)
    assert scaled_loss([fitted], [np.repeat(held, 2, 0)], [np.repeat(shares, 2, 0)]) == pytest.approx(loss, abs=1e-6)
    fitted.coef_, fitted.intercept_ = 7 * fitted.coef_, 7 * fitted.intercept_
    assert scaled_loss([fitted], [held], [shares]) == pytest.approx(loss, abs=1e-5)


@pytest.mark.parametrize(("n", "d", "classes"), [(1000, 5, 3), (120, 80, 3), (120, 80, 2)])
def test_the_penalty_that_is_chosen_has_the_least_loss_and_few_weaker_ones_are_fitted(n: int, d: int, classes: int) -> None:
    x, labels = data(n, d, classes, decay=0.1)
    strengths = [10.0**power for power in range(-5, 4)]
    train, held, shares = slice(0, n // 2), x[n // 2 :], np.eye(classes)[labels[n // 2 :]]
    part, tried = Turned.of(x[train], labels[train]), []
    losses = [scaled_loss([Logistic(C=c).solve(part)], [held], [shares]) for c in strengths]
    steps = ((tried.append(c) or [c]) for c in strengths)
    number, model = choose(steps, [part], [held], [shares])
    assert losses[number] < 1.001 * min(losses)
    assert strengths[number] == model.C
    assert tried == strengths[: len(tried)]
    if losses[-1] > 1.1 * min(losses):
        assert len(tried) < len(strengths)
