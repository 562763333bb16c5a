"""Ranks, distances between distributions, factors and changes: laws and oracles."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.datasets.scenes import make
from analysis.decoders.ranks import chance, ranks, relative_distance
from analysis.studies.rcdm import changes, factors, fidelity


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_ranks_are_those_of_the_library_and_of_a_sort(rng: np.random.Generator) -> None:
    from torchmetrics.retrieval import RetrievalMRR

    bank, own = rng.standard_normal((150, 6)), np.arange(40)
    samples = bank[:40] + 0.8 * rng.standard_normal((40, 6))
    found = ranks(samples, bank, own)
    apart = np.linalg.norm(samples[:, None] - bank[None], axis=2)
    assert found.tolist() == [1 + (row < row[i]).sum() for i, row in enumerate(apart)]
    target = torch.zeros(40, 150, dtype=torch.bool)
    target[range(40), range(40)] = True
    rows = torch.arange(40).repeat_interleave(150)
    oracle = RetrievalMRR()(1 / (1 + torch.from_numpy(apart).flatten()), target.flatten(), indexes=rows)
    assert (1 / found).mean() == pytest.approx(float(oracle), abs=1e-6)
    assert 1 < found.mean() < 75


def test_ranks_do_not_depend_on_the_chunk(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    bank, samples = rng.standard_normal((50, 4)), rng.standard_normal((9, 4))
    whole = ranks(samples, bank, np.arange(9))
    monkeypatch.setattr("analysis.decoders.ranks.CHUNK", 7)
    assert (ranks(samples, bank, np.arange(9)) == whole).all()


def test_the_condition_itself_ranks_first_and_a_space_of_one_point_in_the_middle(rng: np.random.Generator) -> None:
    bank = rng.standard_normal((101, 3))
    assert (ranks(bank[:5], bank, np.arange(5)) == 1).all()
    assert (ranks(np.zeros((2, 3)), np.zeros((101, 3)), np.arange(2)) == 51).all()


def test_random_samples_have_the_reciprocal_rank_of_chance(rng: np.random.Generator) -> None:
    bank, samples = rng.standard_normal((200, 5)), rng.standard_normal((4000, 5))
    # any bank image is as likely the own one
    found = (1 / ranks(samples, bank, rng.integers(200, size=4000))).mean()
    assert found == pytest.approx(chance(200), rel=0.25)
    assert chance(2000) == pytest.approx(0.0041, abs=1e-4)


def test_the_relative_distance_of_two_random_images_is_one(rng: np.random.Generator) -> None:
    bank = rng.standard_normal((300, 8)) * rng.uniform(0.1, 3, 8)
    first, second = np.triu_indices(300, 1)
    assert relative_distance(bank[first], bank[second], bank).mean() == pytest.approx(1)
    assert relative_distance(bank, bank, bank).max() == 0


class Given(nn.Module):
    """Features that are the pixels themselves."""

    num_features = 5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :5].double()


def test_the_frechet_distance_is_that_of_the_library(rng: np.random.Generator) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    real, x = (rng.integers(0, 256, (n, 3, 2, 2)).astype(np.uint8) for n in (80, 60))
    x = np.sqrt(x * 200.0).astype(np.uint8)
    oracle = FrechetInceptionDistance(feature=Given(), input_img_size=(3, 2, 2), normalize=False)
    oracle.set_dtype(torch.float64)
    oracle.update(torch.from_numpy(real), real=True)
    oracle.update(torch.from_numpy(x), real=False)
    found = fidelity.frechet(*(z.reshape(len(z), -1)[:, :5].astype(float) for z in (x, real)))
    assert found[0] == pytest.approx(float(oracle.compute()), rel=1e-6)


def test_the_frechet_distance_has_its_closed_form_along_one_axis(rng: np.random.Generator) -> None:
    x, real = 3 + 2 * rng.standard_normal((500, 1)), rng.standard_normal((400, 1))
    (mx, sx), (mr, sr) = ((z.mean(), z.std(ddof=1)) for z in (x, real))
    assert fidelity.frechet(x, real)[0] == pytest.approx((mx - mr) ** 2 + (sx - sr) ** 2)


def test_the_frechet_distance_is_zero_to_itself_and_knows_no_rotation(rng: np.random.Generator) -> None:
    x, real = rng.standard_normal((60, 4)), rng.standard_normal((70, 4)) * [1, 2, 3, 4]
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    assert fidelity.frechet(real, real)[0] == pytest.approx(0, abs=1e-6)
    assert fidelity.frechet(x @ turn, real @ turn) == pytest.approx(fidelity.frechet(x, real))


def test_weights_count_as_repeated_samples(rng: np.random.Generator) -> None:
    x, real = rng.standard_normal((30, 3)), rng.standard_normal((40, 3))
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=4)
    rows = [fidelity.frechet(np.repeat(x, w, axis=0), real)[0] for w in weights]
    assert fidelity.frechet(x, real, weights) == pytest.approx(np.array(rows))


def test_the_space_makes_real_images_white_and_drops_what_they_do_not_span(rng: np.random.Generator) -> None:
    real = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 10)) + 5
    space = fidelity.space(real, 8)
    assert space(real).shape == (200, 3)
    assert np.cov(space(real), rowvar=False) == pytest.approx(np.eye(3), abs=1e-8)
    assert fidelity.space(real, 2)(real).shape == (200, 2)


def test_the_kernel_distance_is_the_mean_over_pairs_and_unbiased(rng: np.random.Generator) -> None:
    x, real = rng.standard_normal((5, 3)), rng.standard_normal((6, 3))

    def kernel(a: np.ndarray, b: np.ndarray) -> float:
        return (a @ b / 3 + 1) ** 3

    within = [np.mean([kernel(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j]) for z in (x, real)]
    assert fidelity.kid(x, real)[0] == pytest.approx(sum(within) - 2 * np.mean([[kernel(a, b) for a in x] for b in real]))
    many = [fidelity.kid(rng.standard_normal((20, 2)), rng.standard_normal((20, 2)))[0] for _ in range(400)]
    assert np.mean(many) == pytest.approx(0, abs=3 * np.std(many) / 20)


def test_bootstrap_samples_of_the_kernel_distance_are_not_farther_for_their_repeats(rng: np.random.Generator) -> None:
    x, real = rng.standard_normal((60, 4)), rng.standard_normal((300, 4))
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=500)
    draws = fidelity.kid(x, real, weights)
    assert draws.mean() == pytest.approx(fidelity.kid(x, real)[0], abs=3 * draws.std() / 500**0.5 + 1e-3)
    own = np.ones((1, 60))
    assert fidelity.kid(x, real, own)[0] == pytest.approx(fidelity.kid(x, real)[0])
    few = np.array([[2, 0, 1] + [0] * 57])  # the pair of a sample with its own repeat is none
    kernel = (x[0] @ x[2] / 4 + 1) ** 3
    other = fidelity.kid(x[[0, 2]], real, np.array([[2, 1]]))[0]
    assert fidelity.kid(x, real, few)[0] == pytest.approx(other)
    assert np.isfinite(kernel)


def test_precision_falls_outside_the_real_and_recall_where_modes_are_missing(rng: np.random.Generator) -> None:
    modes = np.repeat(np.array([[0.0, 0], [10, 0]]), 50, axis=0)
    real = modes + 0.1 * rng.standard_normal((100, 2))
    one_mode = 0.1 * rng.standard_normal((100, 2))
    precision, recall = fidelity.precision_recall(one_mode, real)
    assert precision > 0.8
    assert recall == pytest.approx(0.5, abs=0.08)
    assert fidelity.precision_recall(one_mode + 100, real) == (0, 0)
    assert min(fidelity.precision_recall(real, real)) == 1


def test_skill_is_one_without_error_and_zero_for_a_constant(rng: np.random.Generator) -> None:
    numbers, words, once = rng.standard_normal((400, 2)), rng.integers(4, size=400), np.ones((1, 400))
    assert factors.skill(numbers, numbers, numbers, once)[0] == 1
    assert factors.skill(numbers.mean(0, keepdims=True), numbers, numbers, once)[0] == pytest.approx(0)
    assert factors.skill(words, words, words, once)[0] == 1
    commonest = np.full(400, np.bincount(words).argmax())
    assert factors.skill(commonest, words, words, once)[0] == pytest.approx(0)


def test_spread_is_zero_for_twins_and_one_for_strangers(rng: np.random.Generator) -> None:
    once = np.ones((1, 3000))
    for population in (rng.standard_normal((3000, 2)), rng.integers(5, size=3000)):
        other = rng.permutation(population)
        assert factors.spread(population, population, population, once)[0] == 0
        assert factors.spread(population, other, population, once)[0] == pytest.approx(1, abs=0.05)


def test_a_reader_reads_planted_factors_and_nothing_from_noise(rng: np.random.Generator) -> None:
    data = make("objects", 240, size=32)
    true = factors.truth(data)
    words = np.eye(4)[np.unique(true["species"], return_inverse=True)[1]]
    planted = np.concatenate([true["x"], true["ground"], words], axis=1) @ rng.standard_normal((8, 30))
    reader = factors.Reader(planted[:160] + 1e-3 * rng.standard_normal((160, 30)), {k: v[:160] for k, v in true.items()})
    codes, once = reader.codes(true), np.ones((1, 80))
    found = {k: factors.skill(v, codes[k][160:], codes[k], once)[0] for k, v in reader(planted[160:]).items()}
    assert found["species"] == 1
    assert found["x"] > 0.5
    assert found["ground"] > 0.5
    assert found["mirror"] < 0.3
    assert found["light"] < 0.3


def test_the_background_colour_is_that_of_the_pixels_outside_the_creature() -> None:
    data = make("objects", 3, size=32)
    outside = data.images[1][~data.masks["foreground"][1]]
    assert factors.truth(data)["ground"][1] == pytest.approx(outside.mean(0) / 255)


IMAGES = make("objects", 6, size=32).images


def test_changes_that_undo_themselves_do() -> None:
    for twice in (changes.mirror, changes.upside_down):
        assert (twice(twice(IMAGES)) == IMAGES).all()
    muted = changes.darker(IMAGES) // 2 + 60  # far from the ends of the range, where a turn of the hue would be clipped
    thrice = changes.hue(changes.hue(changes.hue(muted)))
    assert np.abs(thrice.astype(int) - muted).max() <= 3


def test_each_change_alters_what_it_should_and_keeps_what_it_should() -> None:
    def read(reading, change) -> float:
        return float(np.abs(reading(change(IMAGES)) - reading(IMAGES)).max())

    assert np.ptp(changes.grey(IMAGES), axis=-1).max() == 0
    assert read(changes.layout, changes.grey) < 0.01
    muted = changes.darker(IMAGES) // 2 + 60
    assert np.abs(changes.layout(changes.hue(muted)) - changes.layout(muted)).max() < 0.01
    assert np.abs(changes.colours(changes.hue(muted)) - changes.colours(muted)).max() > 0.02
    assert (changes.grain(changes.blur(IMAGES)) < changes.grain(IMAGES)).all()
    assert (changes.grain(changes.noise(IMAGES)) > changes.grain(changes.blur(IMAGES))).all()
    assert changes.darker(IMAGES).mean() == pytest.approx(0.6 * IMAGES.mean(), abs=0.5)


def test_a_crop_and_a_turn_keep_the_middle_and_bring_no_border_in() -> None:
    flat = np.full((1, 32, 32, 3), 200, np.uint8)
    for change in (changes.crop, changes.rotation):
        assert (change(flat) == 200).all()
        disc = np.zeros((1, 32, 32, 3), np.uint8)
        disc[:, 13:19, 13:19] = 255
        assert change(disc)[0, 14:18, 14:18].min() > 200
    assert changes.crop(disc).mean() > 1.5 * disc.mean()


def test_a_rotation_turns_by_its_angle_and_no_other() -> None:
    dot = np.zeros((1, 32, 32, 3), np.uint8)
    dot[:, 14:18, 22:26] = 255  # right of the middle
    turned = changes.rotation(dot)[0, ..., 0].astype(float)
    y, x = (turned.sum(1 - axis) @ np.arange(32) / turned.sum() - 15.5 for axis in (0, 1))
    assert abs(np.rad2deg(np.arctan2(y, x))) == pytest.approx(changes.TURN, abs=2)


@pytest.mark.parametrize("change", list(changes.CHANGES))
def test_the_share_is_one_for_images_zero_for_constants_and_half_between(change: str) -> None:
    changed, once = changes.CHANGES[change](IMAGES), np.ones((1, len(IMAGES)))
    assert changes.shares(IMAGES, changed, IMAGES, changed, change, once)[0] == pytest.approx(1)
    assert changes.shares(IMAGES, changed, IMAGES, IMAGES, change, once)[0] == 0
    if changes.READINGS[change] is not changes.grain:  # the others are linear in pixels
        halfway = (IMAGES.astype(float) + changed) / 2
        assert changes.shares(IMAGES, changed, IMAGES, halfway, change, once)[0] == pytest.approx(0.5)


def test_every_change_of_a_training_has_a_reading() -> None:
    assert set(changes.TRAINED) | set(changes.OTHER) == set(changes.READINGS) == {*changes.CHANGES, changes.LIGHT}
