"""The linear probe of the book: its penalty is chosen on training images alone, the same way for every encoder."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from analysis import probing
from analysis.logistic import Logistic


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def classes(rng: np.random.Generator, n: int, d: int, signal: float, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """k classes whose means differ in the first k of d features."""
    labels = rng.integers(k, size=n)
    x = rng.standard_normal((n, d)).astype(np.float32)
    x[np.arange(n), labels] += signal
    return x, labels


def test_the_probe_is_a_logistic_regression_with_the_penalty_that_was_chosen(rng: np.random.Generator) -> None:
    x, labels = classes(rng, 300, 20, 1.5)
    probe = probing.fit_linear(x, labels)
    own = LogisticRegression(C=probe[-1].C, max_iter=2000, tol=1e-8).fit(StandardScaler().fit_transform(x), labels)
    y, _ = classes(rng, 200, 20, 1.5)
    assert probe[-1].C in probing.STRENGTHS
    assert probe.predict_proba(y) == pytest.approx(own.predict_proba(StandardScaler().fit(x).transform(y)), abs=0.01)


def test_tuning_loses_nothing_against_the_best_fixed_penalty(rng: np.random.Generator) -> None:
    for d, signal in ((300, 0.7), (8, 1.5)):
        x, labels = classes(rng, 800, d, signal)
        y, truth = classes(rng, 4000, d, signal)
        tuned = (probing.linear(x, labels, y) == truth).mean()
        scaler = StandardScaler().fit(x)
        fixed = [
            LogisticRegression(C=c, max_iter=500).fit(scaler.transform(x), labels).score(scaler.transform(y), truth)
            for c in probing.STRENGTHS
        ]
        assert tuned > max(fixed) - 0.01


def test_a_weak_representation_is_read_as_well_as_a_fixed_penalty_reads_it(rng: np.random.Generator) -> None:
    """Many classes, few images, correlated features: the plain log loss would take by far too strong a penalty."""
    n, d, k = 800, 96, 16
    mixing = rng.standard_normal((d, d)) * np.geomspace(1, 1e-3, d)[:, None]
    means = 0.4 * np.geomspace(1, 1e-3, d)[:, None] * rng.standard_normal((d, k))

    def draw(count: int) -> tuple[np.ndarray, np.ndarray]:
        labels = rng.integers(k, size=count)
        return (means[:, labels] + np.geomspace(1, 1e-3, d)[:, None] * rng.standard_normal((d, count))).T @ mixing, labels

    (x, labels), (y, truth) = draw(n), draw(4000)
    scaler = StandardScaler().fit(x)
    fixed = [Logistic(C=c).fit(scaler.transform(x), labels).score(scaler.transform(y), truth) for c in probing.STRENGTHS]
    by_plain_loss = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {"logisticregression__C": probing.STRENGTHS[:8]},
        scoring="neg_log_loss",
        cv=StratifiedKFold(4),
    ).fit(x, labels)
    assert (probing.linear(x, labels, y) == truth).mean() > max(fixed) - 0.01
    assert by_plain_loss.score(y, truth) < 0
    assert (by_plain_loss.predict(y) == truth).mean() < max(fixed) - 0.03


def test_what_is_read_hardly_hangs_on_the_draw_of_the_quarters(rng: np.random.Generator) -> None:
    for d, signal in ((100, 0.7), (300, 1.5), (512, 1.5)):
        x, labels = classes(rng, 600, d, signal, k=6)
        y, truth = classes(rng, 4000, d, signal, k=6)
        scores = [float((probing.fit_linear(x, labels, seed=seed).predict(y) == truth).mean()) for seed in range(8)]
        assert np.ptp(scores) < 0.01


def after_scaling(model: Pipeline, x: np.ndarray, labels: np.ndarray) -> float:
    """Minus the log loss at the best of many temperatures, for scikit-learn's search."""
    scores = model.decision_function(x)
    return -min(log_loss(labels, softmax(scores / t, 1), labels=model.classes_) for t in np.geomspace(0.02, 50, 200))


def test_the_choice_is_as_good_as_that_of_cross_validation_by_another_code(rng: np.random.Generator) -> None:
    for d, signal in ((300, 0.7), (40, 1.0), (8, 1.5)):
        x, labels = classes(rng, 800, d, signal)
        other = GridSearchCV(
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
            {"logisticregression__C": probing.STRENGTHS},
            scoring=after_scaling,
            cv=StratifiedKFold(4, shuffle=True, random_state=1),
        ).fit(x, labels)
        ours = other.cv_results_["mean_test_score"][probing.STRENGTHS.index(probing.fit_linear(x, labels)[-1].C)]
        assert ours > 1.01 * other.best_score_


def test_the_probe_is_the_same_whenever_it_is_fitted_and_whatever_the_labels_are_called(rng: np.random.Generator) -> None:
    x, labels = classes(rng, 300, 20, 1.0)
    y, _ = classes(rng, 100, 20, 1.0)
    first = probing.linear(x, labels, y)
    assert (probing.linear(x, labels, y) == first).all()
    named = np.array(["a", "b", "c", "d"])
    assert (probing.linear(x, named[labels], y) == named[first]).all()


def test_quarters_of_a_class_are_held_out_in_turn_and_what_is_left_over_stays_in() -> None:
    labels = np.repeat([0, 1, 2], [40, 9, 3])
    quarters = probing._quarters(labels, 0)
    assert [np.bincount(quarters[labels == k] + 1, minlength=5).tolist() for k in range(3)] == [
        [0, 10, 10, 10, 10],
        [1, 2, 2, 2, 2],
        [3, 0, 0, 0, 0],
    ]


def test_with_too_few_images_to_choose_the_penalty_is_a_fixed_one(rng: np.random.Generator) -> None:
    x = rng.standard_normal((6, 4))
    assert probing.fit_linear(x, np.array([0, 1, 0, 1, 2, 2]))[-1].C == probing.UNTUNED


def test_constant_features_are_read_without_a_fault(rng: np.random.Generator) -> None:
    x, labels = classes(rng, 100, 6, 2.0)
    x[:, 5] = 1.0
    assert np.isfinite(probing.fit_linear(x, labels).predict_proba(x)).all()
