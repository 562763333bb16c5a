"""What the similarity measures do with features that are small, broken, degenerate or badly scaled."""

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.similarity import (
    MEASURES,
    LinearCka,
    cka_matrix,
    debiased_cka,
    linear_cka,
    mean_cca,
    minibatch_cka,
    pwcca,
    rbf_cka,
    squared_cca,
    svcca,
)
from analysis.similarity.defects import demo_features


def noise(n: int, p: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, p))


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("function", [debiased_cka, minibatch_cka, lambda x, y: rbf_cka(x, y, debiased=True)])
def test_unbiased_estimators_refuse_fewer_than_four_images(function, n: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match="at least 4"):
        function(noise(n, 2), noise(n, 3, seed=1))


def test_four_images_are_enough_for_a_value_that_may_be_negative() -> None:
    values = [debiased_cka(noise(4, 3, seed=s), noise(4, 3, seed=s + 100)) for s in range(50)]
    assert min(values) < -0.5
    assert max(np.abs(values)) <= 1 + 1e-12


def test_negative_estimates_are_kept_and_average_to_zero_for_unrelated_features() -> None:
    values = np.array([debiased_cka(noise(32, 64, seed=s), noise(32, 64, seed=s + 1000)) for s in range(200)])
    biased = np.array([linear_cka(noise(32, 64, seed=s), noise(32, 64, seed=s + 1000)) for s in range(5)])
    assert (values < 0).any()
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(200)
    assert biased.min() > 0.5


@pytest.mark.parametrize("name", MEASURES)
def test_constant_features_give_nan_and_never_a_silent_number(name: str) -> None:
    constant = np.full((30, 4), 0.1, dtype=np.float32)
    assert np.isnan(MEASURES[name].function(constant, noise(30, 3)))
    assert np.isnan(MEASURES[name].function(noise(30, 3), constant))


def test_features_that_differ_only_by_the_rounding_of_float32_count_as_constant() -> None:
    almost = (100 + 1e-5 * noise(30, 4)).astype(np.float32)
    assert np.isnan(linear_cka(almost, noise(30, 3)))
    assert np.isfinite(linear_cka(100 + 1e-5 * noise(30, 4), noise(30, 3)))  # in float64 that is signal


def test_one_image_unlike_all_others_has_no_debiased_value() -> None:
    x = np.zeros((30, 3))
    x[0] = 1
    assert np.isnan(debiased_cka(x, noise(30, 3)))


def test_rbf_width_of_zero_gives_nan() -> None:
    x = np.repeat(noise(4, 3), [27, 1, 1, 1], axis=0)
    assert np.isnan(rbf_cka(x, noise(30, 3)))


@pytest.mark.parametrize("function", [mean_cca, squared_cca, pwcca])
def test_duplicate_and_dead_columns_invent_no_directions(function) -> None:  # type: ignore[no-untyped-def]
    x, y = demo_features()
    wide = np.hstack([x, x[:, :3], np.zeros((100, 2))])
    assert function(wide, wide) == pytest.approx(1, abs=1e-12)
    if function is not pwcca:  # duplicated neurons do change its weights
        assert function(wide, y) == pytest.approx(function(x, y), abs=1e-10)


def test_directions_made_of_float32_rounding_are_not_counted() -> None:
    x = 10 + noise(200, 5)
    wide = (x @ noise(5, 12, seed=1)).astype(np.float32)  # rank 5 but for rounding
    assert mean_cca(wide, x) == pytest.approx(1, abs=1e-6)
    assert mean_cca(wide, noise(200, 20, seed=2)) == pytest.approx(mean_cca(x, noise(200, 20, seed=2)), abs=1e-5)


def test_cca_refuses_correlations_that_are_one_by_dimension_and_counts_them() -> None:
    x, y = noise(50, 30), noise(50, 25, seed=1)
    with pytest.raises(UserError, match=r"at least 6 of 25"):
        mean_cca(x, y)
    with pytest.raises(UserError, match="fewer dimensions"):
        pwcca(x, y)
    assert mean_cca(noise(50, 49), noise(50, 60), allow_trivial=True) == pytest.approx(1)
    assert svcca(noise(50, 60), y, variance=0.3) < 0.9  # reduced first, hence legitimate


@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3, 1e4])
def test_a_common_offset_in_float32_does_not_change_cka(offset: float) -> None:
    x, y = demo_features()
    a, b = (x + offset).astype(np.float32), (y + offset).astype(np.float32)
    tolerance = 1e-5 if offset <= 1e3 else 1e-3  # float32 itself keeps 1e-3 of a unit at 1e4
    assert debiased_cka(a, b) == pytest.approx(debiased_cka(x, y), abs=tolerance)
    assert linear_cka(a, b) == pytest.approx(linear_cka(x, y), abs=tolerance)


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
def test_the_unit_of_the_features_does_not_matter(scale: float) -> None:
    x, y = demo_features()
    for measure in MEASURES.values():
        assert measure.function(scale * x, y) == pytest.approx(measure.function(x, y), abs=1e-9)
    with pytest.raises(UserError, match="rescale"):
        linear_cka(1e80 * x, y)


@pytest.mark.parametrize("kind", [np.float16, np.int32, np.uint8, bool])
def test_integer_boolean_and_half_features_are_computed_in_float64(kind: type) -> None:
    a, b = demo_features()
    x: np.ndarray = (3 * a).clip(min=0).astype(kind)
    y: np.ndarray = (3 * b).clip(min=0).astype(kind)
    assert linear_cka(x, y) == pytest.approx(linear_cka(x.astype(np.float64), y.astype(np.float64)), abs=1e-12)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(10), r"x\[:, None\]"),
        (np.zeros((10, 2, 2)), "one row per image"),
        (np.zeros((10, 0)), "shape"),
        (np.array([["a"]] * 10), "real numbers"),
        (np.full((10, 2), 1j), "real numbers"),
        (np.full((10, 2), np.nan), "20 values that are not finite"),
        (np.array([[np.inf], [-np.inf]] * 5), "10 values that are not finite"),
        (np.zeros((9, 2)), "9 rows and y has 10"),
    ],
)
@pytest.mark.parametrize("name", MEASURES)
def test_unusable_features_are_refused_in_one_line(name: str, x: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        MEASURES[name].function(x, noise(10, 2))
    assert "\n" not in str(error.value)


def test_bad_options_are_refused() -> None:
    x, y = demo_features()
    with pytest.raises(UserError, match="threshold"):
        rbf_cka(x, y, threshold=0)
    with pytest.raises(UserError, match="batch_size"):
        minibatch_cka(x, y, batch_size=3)
    with pytest.raises(UserError, match="variance"):
        svcca(x, y, variance=1.5)
    with pytest.raises(UserError, match="at least one layer"):
        cka_matrix([])
    with pytest.raises(UserError, match="rows"):
        cka_matrix([x], [y[1:]])


def test_inputs_are_never_changed() -> None:
    x, y = demo_features()
    before = x.copy(), y.copy()
    for measure in MEASURES.values():
        measure.function(x, y)
    stream = LinearCka()
    stream.update(x, y)
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
