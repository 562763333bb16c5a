"""Discriminative features and Q-Score against hand counts, an independent computation, algebra and planted truth."""

import numpy as np
import pytest

from analysis.errors import UserError
from analysis.studies.qscore import scores
from analysis.studies.qscore.activity import Activity, Definition, discover, discriminative, highly_active, moments
from analysis.studies.qscore.planted import plant
from analysis.studies.qscore.scores import q_score
from analysis.studies.qscore.selectivity import selectivity


def heavy(n: int, r: int, seed: int = 0) -> np.ndarray:
    """Features without any class structure, non-negative and heavy-tailed."""
    return np.random.default_rng(seed).exponential(size=(n, r)) ** 2


def active(h: np.ndarray, definition: Definition) -> np.ndarray:
    return highly_active(h, moments(h), definition)


def by_hand(h: np.ndarray, chosen: np.ndarray, eps: float) -> list[float]:
    """Eq. 1 read aloud, image by image, feature by feature."""
    found = []
    for row in h:
        unit = [float(value) / float(np.sqrt(sum(v * v for v in row))) for value in row]
        mu = sum(unit) / len(unit)
        sigma = (sum((value - mu) ** 2 for value in unit) / len(unit)) ** 0.5
        above = [value - mu for value, of in zip(unit, chosen, strict=True) if of and value > mu + eps * sigma]
        found.append(sum(above) / len(above) if above else 0.0)
    return found


def test_a_case_small_enough_to_count_by_hand() -> None:
    h = np.zeros((4, 20))
    h[0, 3] = h[1, 3] = h[2, 5] = 1.0  # one feature of twenty: mu = 1/20, z = sqrt(19) = 4.36 > 4
    h[3] = 1.0  # all equal: none stands out
    counted = Activity(Definition()).update(h)
    assert counted.percent[3] == 50
    assert counted.percent[5] == 25
    assert counted.percent.sum() == 75
    assert counted.coverage == 0.75
    chosen = np.arange(20) == 3
    found = q_score(h, chosen)
    assert np.allclose(found.value, [0.95, 0.95, 0, 0])
    assert found.active.tolist() == [1, 1, 0, 0]
    assert found.coverage == 0.5


@pytest.mark.parametrize("eps", [1.0, 2.5, 4.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_score_is_equation_1_read_aloud(eps: float, dtype: type) -> None:
    h = heavy(40, 64).astype(dtype)
    chosen = np.random.default_rng(1).random(64) < 0.45
    assert np.allclose(q_score(h, chosen, Definition(eps)).value, by_hand(h, chosen, eps), atol=1e-6)


def test_lengths_of_representations_change_nothing() -> None:
    h, scale = heavy(200, 128), np.random.default_rng(1).uniform(1e-3, 1e3, (200, 1))
    percent = Activity(Definition(2)).update(h).percent
    assert np.array_equal(Activity(Definition(2)).update(h * scale).percent, percent)
    chosen = discriminative(percent)
    assert np.allclose(q_score(h * scale, chosen).value, q_score(h, chosen).value)


def test_a_shift_of_all_features_changes_the_score() -> None:
    h, everything = heavy(50, 128), np.ones(128, dtype=bool)
    moved = q_score(h + 1, everything)
    assert np.array_equal(moved.active, q_score(h, everything).active)
    assert not np.allclose(moved.value, q_score(h, everything).value)


def test_permuting_features_permutes_what_is_found_and_leaves_the_score() -> None:
    h, order = heavy(3000, 64) * np.linspace(1, 4, 64), np.random.default_rng(1).permutation(64)
    percent = Activity(Definition(2)).update(h).percent
    edges = np.sort(percent)[[round(0.5 * 64) - 1, round(0.5 * 64), round(0.95 * 64) - 1, round(0.95 * 64)]]
    assert edges[0] < edges[1], "ties at the edges are another law"
    assert edges[2] < edges[3]
    assert np.array_equal(discriminative(percent[order]), discriminative(percent)[order])
    chosen = discriminative(percent)
    assert np.allclose(q_score(h[:, order], chosen[order]).value, q_score(h, chosen).value)


def test_no_data_can_make_features_more_active_than_cantelli_allows() -> None:
    for h in (heavy(500, 512), np.random.default_rng(0).standard_cauchy((500, 512)), np.eye(500, 512)):
        assert Activity(Definition(4)).update(h).percent.mean() <= 100 / 17 + 1e-9


@pytest.mark.parametrize(("r", "possible"), [(17, False), (18, True)])
def test_at_most_seventeen_features_never_exceed_four_standard_deviations(r: int, possible: bool) -> None:
    assert active(np.eye(1, r), Definition(4)).any() == possible  # the largest z of r numbers is sqrt(r - 1)


def test_the_share_of_images_without_active_features_is_that_of_rectified_noise() -> None:
    for r, least, most in ((512, 0.15, 0.2), (2048, 0, 0.002)):
        h = np.maximum(np.random.default_rng(0).standard_normal((8000, r)), 0)
        counted = Activity(Definition(4)).update(h)
        assert counted.empty == 8000 - (h > (h.mean(1) + 4 * h.std(1))[:, None]).any(1).sum()
        assert least <= 1 - counted.coverage <= most


def test_q_is_bounded_by_the_spread_wherever_it_is_defined() -> None:
    h = heavy(300, 256)
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    found = q_score(h, np.ones(256, dtype=bool))
    assert found.defined.any()
    assert (found.value > 4 * unit.std(1))[found.defined].all()
    assert (found.value[~found.defined] == 0).all()


def test_the_spread_of_unit_vectors_is_a_function_of_their_l1_norm_alone() -> None:
    unit = heavy(100, 256)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    assert np.allclose(unit.var(1), 1 / 256 - (-scores.sparsity(unit) / 256) ** 2)


def test_on_noise_without_structure_q_is_nearly_sparsity() -> None:
    from scipy.stats import spearmanr

    h = np.abs(np.random.default_rng(0).standard_t(3, (4000, 512)))
    q = q_score(h, np.ones(512, dtype=bool)).value
    assert spearmanr(q, scores.sparsity(h)).statistic > 0.8


def test_percentiles_choose_45_percent_of_the_features_by_rank() -> None:
    percent = np.random.default_rng(0).permutation(512) / 100 + 0.01
    chosen = discriminative(percent)
    assert chosen.sum() == round(0.95 * 512) - round(0.5 * 512)
    assert percent[chosen].min() > np.sort(percent)[: round(0.5 * 512)].max()
    assert percent[chosen].max() < np.sort(percent)[round(0.95 * 512) :].min()


def test_features_that_are_never_active_are_not_discriminative() -> None:
    percent = np.zeros(100)
    percent[:20] = np.arange(1, 21)
    chosen = discriminative(percent)
    assert chosen.sum() == 15
    assert percent[chosen].tolist() == list(range(1, 16))


def test_planted_features_are_recovered() -> None:
    """Rare, class-specific and generic features, planted by frequency in dense noise: D is the middle kind."""
    rng = np.random.default_rng(0)
    n, r = 4000, 400
    share = np.concatenate([np.full(200, 0.002), np.full(180, 0.03), np.full(20, 0.3)])
    h = rng.uniform(0, 0.1, (n, r)) + 2 * (rng.random((n, r)) < share)
    place = rng.permutation(r)
    chosen = discriminative(Activity(Definition(1)).update(h[:, place]).percent)
    assert set(place[chosen]) == set(range(200, 380))


def test_a_stream_in_pieces_is_the_same_as_the_whole(tmp_path) -> None:
    h = heavy(1000, 96).astype(np.float32)
    np.save(tmp_path / "h.npy", h)
    stored = np.load(tmp_path / "h.npy", mmap_mode="r")
    whole, pieces = Activity().update(h), Activity()
    for start, stop in ((0, 1), (1, 400), (400, 1000)):
        pieces.update(stored[start:stop])
    assert np.array_equal(pieces.percent, whole.percent)
    assert pieces.n == 1000
    assert pieces.coverage == whole.coverage
    chosen = discriminative(whole.percent)
    assert np.array_equal(q_score(stored, chosen).value, q_score(h, chosen).value)


def test_memory_does_not_grow_with_the_number_of_images(tmp_path) -> None:
    import tracemalloc

    def peak(n: int) -> int:
        h = np.lib.format.open_memmap(tmp_path / f"{n}.npy", mode="w+", dtype=np.float32, shape=(n, 256))
        tracemalloc.start()
        Activity().update(h)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2000)
    assert peak(20_000) < 1.5 * peak(2000)


def test_two_sided_features_see_both_signs_and_agree_with_one_sided_where_there_is_one() -> None:
    h = np.zeros((2, 40))
    h[0, 1], h[1, 1] = 1.0, -1.0
    both, one = active(h, Definition(two_sided=True)), active(h, Definition())
    assert both[:, 1].all()
    assert one[:, 1].tolist() == [True, False]
    chosen = np.arange(40) == 1
    assert np.allclose(q_score(h, chosen, Definition(two_sided=True)).value, 0.975)
    right = heavy(100, 256)
    assert np.array_equal(active(right, Definition(two_sided=True)), active(right, Definition())), (
        "nothing lies 4 sigma below a mean here"
    )


def test_features_equal_up_to_rounding_have_no_active_one() -> None:
    for value in (1e-20, 0.1, 1e6, 1e15):
        h = np.full((3, 300), value, dtype=np.float32)
        h[1, 7] = np.nextafter(h[1, 7], np.float32(np.inf))
        assert not active(h, Definition()).any()


def test_features_far_from_zero_keep_their_spread() -> None:
    h = heavy(50, 256)
    assert np.array_equal(
        active((h + 1000).astype(np.float32), Definition(2)), active((h + 1000).astype(np.float32).astype(float), Definition(2))
    )


def test_the_earlier_definitions_are_their_formulas() -> None:
    h = heavy(30, 64)
    mean, std = h.mean(1), h.std(1)
    assert np.allclose(scores.v1(h), (h.max(1) - mean) / std / h.sum(1))
    assert np.allclose(scores.largest_z(h), (h.max(1) - mean) / std)
    assert np.allclose(scores.sparsity(h), -h.sum(1) / np.linalg.norm(h, axis=1))
    unit = h / np.linalg.norm(h, axis=1, keepdims=True)
    assert np.allclose(scores.preprint(h), by_hand(unit, np.ones(64, dtype=bool), 1))


def test_the_first_version_changes_with_length_and_the_published_one_does_not() -> None:
    h = heavy(30, 64)
    assert not np.allclose(scores.v1(2 * h), scores.v1(h))
    assert np.allclose(scores.preprint(2 * h), scores.preprint(h))


@pytest.mark.parametrize("unit", [1e-37, 1e-30, 1e-19, 1e18, 1e25, 1e35])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_unit_of_measurement_changes_d_the_score_or_sparsity(unit: float, dtype: type) -> None:
    h = (heavy(60, 128) * np.random.default_rng(2).choice([1.0, 3.0], (60, 1))).astype(dtype)
    scaled = (h.astype(float) * unit).astype(dtype)
    percent, other = (Activity(Definition(2)).update(part).percent for part in (h, scaled))
    assert np.abs(percent - other).max() <= 100 / 60, "at most one image at the edge, by rounding"
    chosen = discriminative(percent)
    assert chosen.any()
    assert np.allclose(q_score(scaled, chosen, Definition(2)).value, q_score(h, chosen, Definition(2)).value, rtol=1e-3)
    for score in (scores.sparsity, scores.largest_z):
        assert np.allclose(score(scaled), score(h), rtol=1e-4)


def test_rows_of_zeros_and_of_extremes_among_others_disturb_none() -> None:
    h = heavy(6, 64).astype(np.float32)
    mixed = h.copy()
    mixed[1], mixed[4] = 0, mixed[4] * np.float32(1e30)
    assert np.array_equal(active(mixed, Definition(2))[[0, 2, 3, 5]], active(h, Definition(2))[[0, 2, 3, 5]])
    assert not active(mixed, Definition(2))[1].any()
    assert np.array_equal(active(mixed, Definition(2))[4], active(h, Definition(2))[4])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Definition(eps=-1), "eps cannot be -1"),
        (lambda: Definition(low=95, high=50), "percentiles cannot be 95 and 50"),
        (lambda: Activity().update(np.zeros(5)), "must be (n, r)"),
        (lambda: Activity().update(np.full((2, 30), np.nan)), "not finite"),
        (lambda: Activity().update(np.ones((2, 30))).update(np.ones((2, 31))), "width 31 after features of width 30"),
        (lambda: Activity().percent, "no image was counted"),
        (lambda: q_score(np.ones((2, 30)), np.ones(29, dtype=bool)), "a choice of shape (29,)"),
    ],
)
def test_bad_input_gets_one_clear_line(call, words: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("classes", "power"), [(10, 2.0), (10, 3.0), (4, 2.0), (30, 2.0)])
def test_class_features_planted_as_a_control_are_more_selective_than_any_representations_own(
    classes: int, power: float
) -> None:
    """Also where the representation's own features follow their classes and are rarely active."""
    rng, n, r = np.random.default_rng(0), 1500, 256
    labels = np.arange(n) % classes
    liked = 1 + 2 * rng.random((classes, r))
    h = (rng.exponential(size=(n, r)) * liked[labels]) ** power
    of = discover(h, Definition(3.0))
    found = plant(h, labels, np.full(n, 0.55), np.arange(classes), of, seed=1)
    new = discover(found, of.definition)
    shares = selectivity(found, labels, np.ones((1, n)))[0]
    assert new.features[r:].mean() > 0.7, "D is mostly what was planted"
    assert shares[r:].mean() > shares[:r].max()
    assert shares[new.features].mean() - shares.mean() > 0.05
