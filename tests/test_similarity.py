"""Golden values, oracles and declared invariances of the similarity measures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.book.measures import DEFECTS
from analysis.similarity import (
    MEASURES,
    cka_matrix,
    debiased_cka,
    invariance_table,
    linear_cka,
    mean_cca,
    minibatch_cka,
    procrustes,
    pwcca,
    rbf_cka,
    squared_cca,
    svcca,
)
from analysis.similarity.cka import u_centre
from analysis.similarity.defects import demo_features, directions_by_length, projected_without_whitening
from analysis.similarity.inputs import centred
from analysis.similarity.products import feature_products, gram_products

TINY_X = np.array([[1, 0], [0, 1], [1, 1], [2, 1], [0, 3]])
TINY_Y = np.array([[1], [2], [3], [5], [8]])
GOLDEN: dict[str, tuple[Callable[..., float], dict[str, Any], float]] = {
    "linear": (linear_cka, {}, 0.5576132566117589),
    "debiased": (debiased_cka, {}, 0.5134564895055259),
    "rbf t=0.5": (rbf_cka, {}, 0.6548311822614982),
    "rbf t=1": (rbf_cka, {"threshold": 1.0}, 0.5758322230135368),
    "debiased rbf": (rbf_cka, {"debiased": True}, 0.41927675102205164),
    "R2_CCA, centred": (squared_cca, {}, 0.5453963321908328),
    "mean CCA": (mean_cca, {}, 0.7310139587836586),
    "PWCCA": (pwcca, {}, 0.7346677196174033),
    "SVCCA .99": (svcca, {}, 0.7310139587836586),
    "SVCCA .90": (svcca, {"variance": 0.9}, 0.70576480814),
    "Procrustes": (procrustes, {}, 2 - 2 * 0.7362553106058285),
}
MINIBATCH = {4: 0.53222, 5: 0.52382, 10: 0.54373, 20: 0.53372, 25: 0.51327, 50: 0.53084, 100: 0.51346}


@pytest.mark.parametrize("name", GOLDEN)
def test_published_and_recomputed_values_on_the_demo_features_are_met(name: str) -> None:
    function, options, value = GOLDEN[name]
    assert function(*demo_features(), **options) == pytest.approx(value, abs=1e-11)


def test_pwcca_weighted_by_the_other_side_has_its_own_golden_value() -> None:
    x, y = demo_features()
    assert pwcca(y, x) == pytest.approx(0.7368405675246634, abs=1e-12)


@pytest.mark.parametrize("batch_size", MINIBATCH)
def test_minibatch_cka_meets_its_golden_values(batch_size: int) -> None:
    assert minibatch_cka(*demo_features(), batch_size=batch_size) == pytest.approx(MINIBATCH[batch_size], abs=5e-6)


def test_exact_rational_values_of_the_tiny_example_are_met() -> None:
    assert linear_cka(TINY_X, TINY_Y) == pytest.approx((793 / 100) / np.sqrt(467 / 200 * 5929 / 100), abs=1e-14)
    assert debiased_cka(TINY_X, TINY_Y) == pytest.approx((17 / 30) / np.sqrt(9 / 10 * 77 / 2), abs=1e-14)
    assert mean_cca(TINY_X, TINY_Y) == pytest.approx(0.99297251, abs=5e-9)
    assert procrustes(TINY_X, TINY_Y) == pytest.approx(2 - 2 * 0.73623156, abs=2e-8)


def test_in_one_dimension_cka_is_the_squared_correlation_and_cca_its_size() -> None:
    x = np.array([[1.0], [2], [3], [4]])
    assert linear_cka(x, x**2) == pytest.approx(0.9689922480620155, abs=1e-14)
    assert mean_cca(x, -(x**2)) == pytest.approx(np.sqrt(0.9689922480620155), abs=1e-14)


def test_scaling_by_1337_and_random_maps_behave_as_in_the_published_demo() -> None:
    x, y = demo_features()
    map_ = np.random.default_rng(0).standard_normal((10, 10))
    assert linear_cka(1.337 * x, y) == pytest.approx(linear_cka(x, y), abs=1e-12)
    assert abs(linear_cka(x @ map_, y) - linear_cka(x, y)) > 0.01
    assert squared_cca(x @ map_, y) == pytest.approx(squared_cca(x, y), abs=1e-10)


@given(n=st.integers(4, 40), p=st.integers(1, 30), q=st.integers(1, 30), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_feature_form_and_gram_form_give_the_same_products(n: int, p: int, q: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xs = [centred(rng.standard_normal((n, p))), centred(rng.standard_normal((n, q)))]
    ys = [centred(rng.standard_normal((n, q)) ** 3)]
    for right in (ys, xs):
        one, other = feature_products(xs, right), gram_products(xs, right)
        for name in ("cross", "self_x", "self_y"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-9)


def test_gram_form_is_the_same_over_several_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    xs = [centred(rng.standard_normal((37, 5)))]
    whole = gram_products(xs, xs)
    monkeypatch.setattr("analysis.similarity.products.BLOCK", 10)
    np.testing.assert_allclose(gram_products(xs, xs).cross, whole.cross, rtol=1e-12)


def test_layer_matrix_equals_the_single_pairs_and_is_symmetric_with_itself() -> None:
    rng = np.random.default_rng(1)
    base = rng.standard_normal((60, 8))
    xs = [base @ rng.standard_normal((8, p)) + rng.standard_normal((60, p)) for p in (3, 8, 20)]
    ys = [base @ rng.standard_normal((8, q)) for q in (100, 2)]
    for debiased, single in ((True, debiased_cka), (False, linear_cka)):
        expected = [[single(x, y) for y in ys] for x in xs]
        np.testing.assert_allclose(cka_matrix(xs, ys, debiased=debiased), expected, atol=1e-12)
        own = cka_matrix(xs, debiased=debiased)
        np.testing.assert_allclose(own, [[single(x, z) for z in xs] for x in xs], atol=1e-12)
        np.testing.assert_array_equal(own, own.T)


def test_debiased_cka_is_the_cosine_of_u_centred_grams_and_one_minibatch() -> None:
    x, y = demo_features()
    u, v = u_centre(x @ x.T), u_centre(y @ y.T)
    assert debiased_cka(x, y) == pytest.approx(np.vdot(u, v) / np.linalg.norm(u) / np.linalg.norm(v), abs=1e-12)
    assert debiased_cka(x, y) == pytest.approx(minibatch_cka(x, y, batch_size=100), abs=1e-14)


def test_minibatches_drop_no_row_when_n_is_not_a_multiple() -> None:
    x, y = demo_features()
    changed = x.copy()
    changed[-1] += 10
    assert minibatch_cka(changed, y, batch_size=30) != minibatch_cka(x, y, batch_size=30)
    assert minibatch_cka(x[:7], y[:7], batch_size=4) == pytest.approx(debiased_cka(x[:7], y[:7]), abs=1e-14)


def test_rbf_cka_tends_to_linear_cka_as_the_kernel_widens() -> None:
    x, y = demo_features()
    assert rbf_cka(x, y, threshold=1e3) == pytest.approx(linear_cka(x, y), abs=1e-6)
    assert rbf_cka(x, y, threshold=1e3, debiased=True) == pytest.approx(debiased_cka(x, y), abs=1e-6)


@pytest.mark.parametrize("name", MEASURES)
def test_a_set_is_the_same_as_itself(name: str) -> None:
    x, _ = demo_features()
    expected = 0 if name == "procrustes" else 1
    assert MEASURES[name].function(x, x) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", MEASURES)
@given(seed=st.integers(0, 10**6), p=st.integers(1, 12), q=st.integers(1, 12))
@settings(max_examples=10, deadline=None)
def test_values_stay_in_the_declared_range(name: str, seed: int, p: int, q: int) -> None:
    rng = np.random.default_rng(seed)
    low, high = MEASURES[name].range
    value = MEASURES[name].function(rng.standard_normal((30, p)) ** 3, rng.standard_normal((30, q)))
    assert low - 1e-12 <= value <= high + 1e-12


def transformed(x: np.ndarray, change: str) -> np.ndarray:
    """X after one change; the maps are far from trivial so that a missing invariance shows."""
    rng = np.random.default_rng(5)
    p = x.shape[1]
    square = rng.standard_normal((p, p))
    return {
        "translation": x + 100 * rng.standard_normal(p),
        "scaling": 1e-3 * x,
        "permutation": x[:, rng.permutation(p)],
        "orthogonal": x @ np.linalg.qr(square)[0],
        "invertible": x @ (square + np.diag(np.geomspace(0.1, 10, p))),
    }[change]


def anisotropic() -> tuple[np.ndarray, np.ndarray]:
    """Related features whose directions differ in length, where SVCCA really drops some."""
    rng = np.random.default_rng(7)
    x = rng.standard_normal((120, 8)) * np.geomspace(1, 0.02, 8)
    return x, x @ rng.standard_normal((8, 6)) + rng.standard_normal((120, 6))


@pytest.mark.parametrize("change", ["translation", "scaling", "permutation", "orthogonal", "invertible"])
@pytest.mark.parametrize("name", MEASURES)
def test_each_measure_has_exactly_the_invariances_it_declares(name: str, change: str) -> None:
    measure, (x, y) = MEASURES[name], anisotropic()
    before = measure.function(x, y)
    for declared, after in (
        (measure.invariances, measure.function(transformed(x, change), y)),
        (measure.invariances_y, measure.function(x, transformed(y, change))),
    ):
        if getattr(declared, change):
            assert after == pytest.approx(before, abs=1e-8)
        else:
            assert abs(after - before) > 1e-4


@pytest.mark.parametrize("name", MEASURES)
def test_each_measure_is_symmetric_exactly_when_it_says_so(name: str) -> None:
    measure, (x, y) = MEASURES[name], anisotropic()
    there, back = measure.function(x, y), measure.function(y, x)
    if measure.invariances.symmetric:
        assert back == pytest.approx(there, abs=1e-12)
    else:
        assert abs(back - there) > 1e-4


@pytest.mark.parametrize("name", MEASURES)
def test_rows_may_be_reordered_together_but_not_on_one_side(name: str) -> None:
    measure, (x, y) = MEASURES[name], anisotropic()
    order = np.random.default_rng(0).permutation(120)
    value = measure.function(x, y)
    if name != "minibatch_cka":  # its batches are consecutive rows
        assert measure.function(x[order], y[order]) == pytest.approx(value, abs=1e-10)
    assert abs(measure.function(x, y[order]) - value) > 0.05


def test_the_book_table_is_written_from_the_declarations() -> None:
    table = {row["measure"]: row for row in invariance_table()}
    assert len(table) == len(MEASURES) == 9
    assert table["mean CCA"]["invertible"] == "yes"
    assert table["linear CKA (biased)"]["invertible"] == "no"
    assert table["PWCCA (weights of the first side)"]["orthogonal"] == "second side only"
    assert table["PWCCA (weights of the first side)"]["symmetric"] == "no"


def test_svcca_by_length_depends_on_the_mean_and_the_right_one_does_not() -> None:
    rows = directions_by_length()
    assert np.ptp([row.correct for row in rows]) < 1e-9
    assert np.ptp([row.defective for row in rows]) > 0.2
    assert rows[0].correct - rows[0].defective > 0.1  # more directions are kept than 99 % of the variance asks for


def test_pwcca_without_whitening_weighs_other_directions_and_depends_on_the_mean() -> None:
    uneven, *shifted = projected_without_whitening()
    assert uneven.defective - uneven.correct > 0.05
    assert [row.correct for row in shifted] == pytest.approx([0.7346677196174033] * 2, abs=1e-9)
    assert shifted[1].defective == pytest.approx(0.880, abs=0.002)  # what the released source gives on these features


def test_every_recomputed_defect_changes_the_number() -> None:
    rows = [row for shown in DEFECTS.values() for part in shown for row in part()]
    assert len(rows) >= 12
    effects = {row.defect: max(abs(r.correct - r.defective) for r in rows if r.defect == row.defect) for row in rows}
    assert all(effect > 1e-5 for effect in effects.values()), effects
    published = next(row.defective for row in rows if row.defect == "QR of uncentred features")
    assert published == pytest.approx(0.5431238559305234, abs=1e-12)
