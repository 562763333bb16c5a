"""The weighted bootstrap, the permutation null and the comparison of two feature files."""

from itertools import permutations

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.similarity import MEASURES, cka_pairs, compare, debiased_cka, linear_cka
from analysis.similarity.defects import demo_features
from analysis.similarity.resampling import generator, weighted_hsic


def noise(n: int, p: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, p))


def related(n: int, rng: np.random.Generator, p: int = 4) -> tuple[np.ndarray, np.ndarray, float]:
    """Gaussian features with a known population CKA, ||S_xy||^2 / (||S_xx|| ||S_yy||)."""
    x = rng.standard_normal((n, p)) * np.arange(1, p + 1)
    y = x + 2 * rng.standard_normal((n, p))
    sxx = np.diag(np.arange(1.0, p + 1) ** 2)
    return x, y, float(np.sum(sxx**2) / np.linalg.norm(sxx) / np.linalg.norm(sxx + 4 * np.eye(p)))


def brute_force_hsic(w: np.ndarray, k: np.ndarray, l: np.ndarray) -> float:
    """The definition: an average over all ordered tuples of four different images."""
    total = weight = 0.0
    for i, j, q, r in permutations(range(len(w)), 4):
        product = w[i] * w[j] * w[q] * w[r]
        total += product * (k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q])
        weight += product
    return total / weight


def closed_form(w: np.ndarray, k: np.ndarray, l: np.ndarray) -> float:
    k, l = (g - np.diag(np.diag(g)) for g in (k, l))
    powers = np.stack([w, w**2], axis=1)
    return float(weighted_hsic(w[:, None], k @ powers, l @ powers, (k * l) @ powers)[0])


@pytest.mark.parametrize(
    "weights", [[1, 1, 1, 1, 1, 1, 1], [0, 2, 1, 3, 0, 1, 0], [0, 2, 1, 3, 1, 0, 0], [0.5, 2, 1, 0.1, 4, 1, 3]]
)
def test_weighted_hsic_is_the_average_over_tuples_of_different_images(weights: list[float]) -> None:
    w, x, y = np.array(weights, dtype=float), noise(7, 3), noise(7, 2, seed=1)
    k, l = x @ x.T, y @ y.T
    assert closed_form(w, k, l) == pytest.approx(brute_force_hsic(w, k, l), rel=1e-9)


def test_weighted_hsic_does_not_change_when_features_are_shifted() -> None:
    w, x, y = np.array([0, 2, 1, 3, 1, 1, 0, 2.0]), noise(8, 3), noise(8, 2, seed=1)
    before = closed_form(w, x @ x.T, y @ y.T)
    x, y = x + 3, y - [5, 1]
    assert closed_form(w, x @ x.T, y @ y.T) == pytest.approx(before, rel=1e-9)


def test_weighted_hsic_with_ones_is_hsic_1_and_needs_four_different_images() -> None:
    x, y = demo_features()
    ones = np.ones(100)
    k, l = x @ x.T, y @ y.T
    cka = closed_form(ones, k, l) / np.sqrt(closed_form(ones, k, k) * closed_form(ones, l, l))
    assert cka == pytest.approx(debiased_cka(x, y), abs=1e-12)
    assert np.isnan(closed_form(np.array([3, 2, 1, 0, 0.0]), k[:5, :5], l[:5, :5]))


def test_the_naive_bootstrap_is_biased_upwards_and_the_weighted_one_is_not() -> None:
    x, y = noise(60, 40), noise(60, 40, seed=1)
    estimate = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=200, n_permutations=0)["x", "y"]
    draws = generator(0, 0).integers(0, 60, (50, 60))
    naive = np.mean([debiased_cka(x[rows], y[rows]) for rows in draws])
    assert naive - estimate.value > 0.25
    assert abs(estimate.draws.mean() - estimate.value) < 0.05


def test_intervals_of_debiased_cka_cover_the_population_value() -> None:
    covered = []
    for repetition in range(200):
        x, y, truth = related(60, np.random.default_rng([8, repetition]))
        estimate = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=200, n_permutations=0, seed=repetition)["x", "y"]
        low, high = estimate.interval(0.95)
        covered.append(low <= truth <= high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_half_sample_intervals_have_the_width_of_the_sampling_spread() -> None:
    values, widths = [], []
    for repetition in range(40):
        x, y, _ = related(80, np.random.default_rng([9, repetition]))
        row = compare(x, y, measures=["mean_cca"], n_bootstrap=60, n_permutations=0, seed=repetition)[0]
        values.append(row.value)
        widths.append(row.high - row.low)
    assert np.mean(widths) / (2 * 1.96 * np.std(values)) == pytest.approx(1, abs=0.35)


def test_permuted_images_score_about_zero_and_related_ones_stand_out() -> None:
    x, y = demo_features()
    estimate = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=0)["x", "y"]
    order = generator(0, 1).permuted(np.tile(np.arange(100), (200, 1)), axis=1)[0]
    assert estimate.null[0] in (pytest.approx(debiased_cka(x[order], y)), pytest.approx(debiased_cka(x, y[order])))
    assert abs(estimate.null.mean()) < 0.005
    assert estimate.null.max() < 0.1 < estimate.value


def test_draws_are_paired_across_pairs_and_across_calls() -> None:
    features = {"a": noise(40, 5), "b": noise(40, 6, seed=1), "c": noise(40, 7, seed=2)}
    pairs = [("a", "b"), ("b", "c"), ("a", "a"), ("c", "a")]
    together = cka_pairs(features, pairs, n_bootstrap=30, n_permutations=10, seed=4)
    for pair in pairs:
        alone = cka_pairs(features, [pair], n_bootstrap=30, n_permutations=50, seed=4)[pair]
        np.testing.assert_allclose(alone.draws, together[pair].draws, atol=1e-12)
    np.testing.assert_allclose(together["a", "a"].draws, 1, atol=1e-12)
    other = cka_pairs(features, pairs[:1], n_bootstrap=30, n_permutations=0, seed=5)[pairs[0]]
    assert not np.allclose(other.draws, together[pairs[0]].draws)


def test_the_result_does_not_depend_on_how_draws_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"a": noise(40, 5), "b": noise(40, 6, seed=1)}
    whole = cka_pairs(features, [("a", "b")], n_bootstrap=25, n_permutations=0)["a", "b"]
    monkeypatch.setattr("analysis.similarity.resampling.CHUNK_BYTES", 30_000)
    np.testing.assert_allclose(cka_pairs(features, [("a", "b")], n_bootstrap=25, n_permutations=0)["a", "b"].draws, whole.draws)


def test_pairs_of_unknown_or_unequal_representations_are_refused() -> None:
    with pytest.raises(UserError, match="'z'"):
        cka_pairs({"a": noise(10, 2)}, [("a", "z")])
    with pytest.raises(UserError, match="number of images"):
        cka_pairs({"a": noise(10, 2), "b": noise(11, 2)}, [("a", "b")])
    with pytest.raises(UserError, match="at least 4"):
        cka_pairs({"a": noise(3, 2)}, [("a", "a")])
    constant = cka_pairs({"a": noise(10, 2), "b": np.ones((10, 2))}, [("a", "b")], n_bootstrap=5, n_permutations=5)["a", "b"]
    assert np.isnan(constant.value)
    assert np.isnan(constant.draws).all()
    assert np.isnan(constant.null).all()


def test_compare_gives_every_measure_its_value_interval_and_null() -> None:
    x, y = demo_features()
    rows = compare(x, y, n_bootstrap=50, n_permutations=20)
    assert [row.measure for row in rows] == list(MEASURES)
    for row in rows:
        assert row.value == pytest.approx(MEASURES[row.measure].function(x, y), abs=1e-12)
        assert row.low <= row.value <= row.high
        assert row.null_mean <= row.null_high
        assert (row.n, row.note) == (100, "")
        beyond_null = row.value < row.null_mean if row.measure == "procrustes" else row.value > row.null_high
        assert beyond_null
    assert rows == compare(x, y, n_bootstrap=50, n_permutations=20)
    biased = next(row for row in rows if row.measure == "linear_cka")
    assert biased.null_mean == pytest.approx(0.090, abs=0.012)


def test_null_values_are_those_of_the_public_function_on_permuted_images() -> None:
    x, y = demo_features()
    order = generator(3, 1).permuted(np.arange(100)[None], axis=1)[0]
    for row in compare(x, y, n_bootstrap=2, n_permutations=1, seed=3):
        expected = [MEASURES[row.measure].function(x, y[order]), MEASURES[row.measure].function(x[order], y)]
        assert min(abs(row.null_mean - value) for value in expected) < 1e-10


def test_rows_are_matched_by_their_ids_or_refused() -> None:
    x, y = noise(60, 3), noise(60, 4, seed=1)
    ids = [f"image {i}" for i in range(60)]
    quick = {"measures": ["linear_cka"], "n_bootstrap": 2, "n_permutations": 2}
    assert compare(x, y, ids_x=ids, ids_y=list(ids), **quick)[0].value == linear_cka(x, y)  # type: ignore[arg-type]
    swapped = [*ids[:5], ids[6], ids[5], *ids[7:]]
    for other, message in (
        (swapped, "row 5 is image 'image 5' in x but 'image 6' in y .the same ids in another order"),
        ([*ids[:-1], "other"], "row 59 .*different sets"),
        (ids[:-1], "60 rows but 59 ids"),
        ([*ids[:-1], ids[0]], "not unique"),
        (None, "one side only"),
    ):
        with pytest.raises(UserError, match=message):
            compare(x, y, ids_x=ids, ids_y=other, **quick)  # type: ignore[arg-type]
    assert compare(x, y, **quick)[0].n == 60  # type: ignore[arg-type]


def test_compare_refuses_what_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="at least 4"):
        compare(noise(3, 2), noise(3, 2))
    with pytest.raises(UserError, match=r"unknown measure 'ckaa'; known are debiased_cka"):
        compare(noise(9, 2), noise(9, 2), measures=["ckaa"])
    with pytest.raises(UserError, match="level"):
        compare(noise(9, 2), noise(9, 2), level=95)
    with pytest.raises(UserError, match="compare_large takes any number"):
        compare(np.zeros((12_001, 1)), np.zeros((12_001, 1)))


def test_every_undefined_number_comes_with_its_reason() -> None:
    rows = compare(np.full((60, 3), 0.1), noise(60, 4), n_bootstrap=4, n_permutations=2)
    for row in rows:
        assert np.isnan([row.value, row.low, row.high, row.null_mean]).all()
        assert "x constant over the images" in row.note
    wide = {row.measure: row for row in compare(noise(60, 50), noise(60, 50, seed=1), n_bootstrap=4, n_permutations=2)}
    assert "are 1 whatever the features" in wide["mean_cca"].note
    assert np.isfinite(wide["debiased_cka"].value)
    tight = compare(noise(60, 20), noise(60, 20, seed=1), measures=["mean_cca"], n_bootstrap=4, n_permutations=2)[0]
    assert np.isfinite([tight.value, tight.null_mean]).all()
    assert np.isnan([tight.low, tight.high]).all()
    assert "no interval from half samples: ranks 20 + 20 exceed" in tight.note


def test_few_images_and_repeated_images_are_noted() -> None:
    x, y = noise(20, 3), noise(20, 4, seed=1)
    row = compare(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0), measures=["debiased_cka"], n_bootstrap=4, n_permutations=2)[
        0
    ]
    assert "only 40 images" in row.note
    assert "20 rows of x repeat" in row.note
    assert "20 rows of y repeat" in row.note
    six = compare(x[:6], y[:6], n_bootstrap=20, n_permutations=2, measures=["debiased_cka", "linear_cka"])
    assert np.isfinite(six[0].low)
    assert "at least 8 images" in six[1].note


def videos(frames: int, rng: np.random.Generator, k: int = 30, p: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unrelated features of `k` videos, whose frames are nearly alike, and the video of each frame."""
    clusters = np.repeat(np.arange(k), frames)
    x, y = (rng.standard_normal((k, p))[clusters] + 0.1 * rng.standard_normal((k * frames, p)) for _ in range(2))
    return x, y, clusters


def test_frames_of_one_video_neither_inflate_the_value_nor_narrow_the_interval() -> None:
    inside, values, naive = 0, [], []
    for repetition in range(40):
        x, y, clusters = videos(8, np.random.default_rng(repetition))
        fair = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=200, n_permutations=0, clusters=clusters)["x", "y"]
        values.append(fair.value)
        naive.append(cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=0, n_permutations=0)["x", "y"].value)
        low, high = fair.interval()
        inside += low <= 0 <= high
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(40) + 0.01
    assert np.mean(naive) > 0.3
    assert inside >= 34  # of 40: 95 % with room for chance


def test_one_image_per_cluster_is_the_ordinary_estimate_and_more_frames_only_smooth_it() -> None:
    x, y, clusters = videos(1, np.random.default_rng(0))
    pair = {"x": x, "y": x + y}, [("x", "y")]
    plain, clustered = cka_pairs(*pair, n_bootstrap=20), cka_pairs(*pair, n_bootstrap=20, clusters=clusters)
    np.testing.assert_array_equal(plain["x", "y"].draws, clustered["x", "y"].draws)
    repeated = ({name: np.repeat(rows, 5, axis=0) for name, rows in pair[0].items()}, pair[1])
    again = cka_pairs(*repeated, n_bootstrap=20, clusters=np.repeat(clusters, 5))
    np.testing.assert_allclose(again["x", "y"].draws, plain["x", "y"].draws, atol=1e-10)
