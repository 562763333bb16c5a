"""Which kinds of patches occur together: the law of the world, counting, and what representations say of it."""

import numpy as np
import pytest

from analysis.datasets import Dataset, scenes
from analysis.errors import UserError
from analysis.studies.bagssl import cooccurrence, losses
from analysis.studies.bagssl.geometry import dense_boxes, sample_boxes

SIDE, K = 8, len(cooccurrence.KINDS)


@pytest.fixture(scope="module")
def world() -> Dataset:
    return scenes.make("objects", 320, size=32, split="val")


@pytest.fixture(scope="module")
def joint(world: Dataset) -> np.ndarray:
    return cooccurrence.true_joint(world, SIDE)


def places(m: int, n: int = 320) -> np.ndarray:
    return sample_boxes(n, m, 32, SIDE, np.random.default_rng(0))


def test_the_true_joint_is_a_symmetric_distribution_over_all_kinds(joint: np.ndarray) -> None:
    assert joint.shape == (K, K) == (24, 24)
    assert joint.sum() == pytest.approx(1)
    assert np.allclose(joint, joint.T)
    assert (joint.sum(0) > 0).all()


def test_two_families_two_species_or_two_parts_never_occur_together_and_all_else_does(joint: np.ndarray) -> None:
    factor = np.array([kind.split(":")[0] for kind in cooccurrence.KINDS])
    same = (factor[:, None] == factor) & ~np.eye(K, dtype=bool)
    assert (joint[same] == 0).all()
    assert (joint[~same] > 0).all()


def test_the_families_of_the_ground_are_even_and_tell_nothing_of_the_creature(joint: np.ndarray) -> None:
    ground = joint.sum(0)[:16]
    assert ground == pytest.approx(np.full(16, ground.mean()))
    across = joint[:16, 16:]
    assert across == pytest.approx(np.tile(across.mean(0), (16, 1)))


def test_a_patch_is_of_the_kind_its_middle_shows(world: Dataset) -> None:
    corners = places(6)
    found = cooccurrence.kinds(world, corners, SIDE)
    for row in range(0, 320, 20):
        for (top, left), kind in zip(corners[row], found[row], strict=True):
            pixel = (row, top + 4, left + 4)
            what = "part" if world.masks["part"][pixel] else "species" if world.masks["foreground"][pixel] else "background"
            assert cooccurrence.KINDS[kind] == f"{what}: {world.factors[what][row]}"


def test_counting_every_pair_of_places_gives_areas_times_areas(world: Dataset) -> None:
    some = world.select(np.arange(16))
    every = np.tile(dense_boxes(32, SIDE), (16, 1, 1))
    found = cooccurrence.kinds(some, every, SIDE)
    area = np.stack([np.bincount(row, minlength=K) / found.shape[1] for row in found])
    assert np.allclose(cooccurrence.counted(found), area.T @ area / 16, atol=2e-3)  # pairs of a place with itself are left out


def test_counts_come_to_the_truth_as_images_become_more(world: Dataset, joint: np.ndarray) -> None:
    found = cooccurrence.kinds(world, places(24), SIDE)
    gaps = [np.abs(cooccurrence.counted(found[:n]) - joint).sum() for n in (10, 80, 320)]
    assert gaps[2] < gaps[1] < gaps[0]
    assert gaps[2] < 0.3  # of 2, the most that two distributions can be apart
    assert np.corrcoef(cooccurrence.counted(found).ravel(), joint.ravel())[0, 1] > 0.95


def test_counting_is_a_loop_over_ordered_pairs_of_different_patches() -> None:
    found = np.array([[0, 1, 1], [2, 2, 0]])
    table = np.zeros((3, 3))
    for row in found:
        for i in range(3):
            for j in range(3):
                table[row[i], row[j]] += i != j
    assert np.allclose(cooccurrence.counted(found, 3), table / table.sum())


def test_the_identity_of_the_losses_holds_on_counted_patches_to_twelve_digits(world: Dataset) -> None:
    counted = cooccurrence.counted(cooccurrence.kinds(world, places(8), SIDE))
    z = np.random.default_rng(0).standard_normal((K, 6))
    for weight in (0.5, 2.0):
        left = losses.cooccurrence_loss(z, counted, weight)
        right = 2 * weight * losses.spectral_loss(z, counted, weight / 2) + losses.constant(counted)
        assert left == pytest.approx(right, rel=1e-12)


def test_no_other_representation_has_a_smaller_loss_than_the_best(joint: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    z = cooccurrence.best(joint, 0.5, 6)
    least = losses.spectral_loss(z, joint, 0.5)
    for size in (1e-3, 0.1, 1.0):
        assert all(losses.spectral_loss(z + size * rng.standard_normal(z.shape), joint, 0.5) > least for _ in range(10))
    deeper = [losses.spectral_loss(cooccurrence.best(joint, 0.5, dim), joint, 0.5) for dim in (1, 4, 12, K)]
    assert deeper == sorted(deeper, reverse=True)


def test_of_full_rank_the_best_similarities_are_the_ratios_where_these_have_no_negative_eigenvalue() -> None:
    shown = np.random.default_rng(2).random((200, 5)) ** 4
    shown /= shown.sum(1, keepdims=True)
    joint = shown.T @ shown / 200
    z = cooccurrence.best(joint, 0.5, 5)
    assert np.allclose(z @ z.T, losses.ratio(joint))
    assert cooccurrence.agreement(z @ z.T, joint) == pytest.approx(1)


def test_the_best_similarities_of_counts_recover_the_truth_and_those_of_shuffled_patches_do_not(
    world: Dataset, joint: np.ndarray
) -> None:
    found = cooccurrence.kinds(world, places(24), SIDE)
    mixed = cooccurrence.shuffled(found, np.random.default_rng(3))
    assert sorted(mixed.ravel()) == sorted(found.ravel())
    scores, unlike = [], []
    for each in (found, mixed):
        z = cooccurrence.best(cooccurrence.counted(each), 0.5, K)
        scores.append(cooccurrence.agreement(z @ z.T, joint))
        unlike.append(cooccurrence.agreement(np.where(np.eye(K, dtype=bool), np.nan, z @ z.T), joint))
    assert scores[0] > 0.9
    assert unlike[0] > 0.8
    assert abs(unlike[1]) < 0.3  # with a kind's likeness to itself, which no product of z can make negative, it is larger


def test_representations_that_say_with_what_a_patch_occurs_agree_with_the_truth_and_noise_does_not(
    world: Dataset, joint: np.ndarray
) -> None:
    found, rng = cooccurrence.kinds(world, places(8), SIDE), np.random.default_rng(4)
    noise = rng.standard_normal((*found.shape, 24))
    values, vectors = np.linalg.eigh(joint / np.sqrt(np.outer(joint.sum(0), joint.sum(0))))
    planted = (vectors * np.sqrt(values.clip(0)) / np.sqrt(joint.sum(0))[:, None])[found] + 0.1 * noise
    good, bad = (cooccurrence.agreement(cooccurrence.similarities(z, found), joint) for z in (planted, noise))
    assert good > 0.7
    assert abs(bad) < 0.3


def test_similarities_never_pair_patches_of_one_image() -> None:
    found = np.array([[0, 0], [1, 1], [0, 1]])
    z = np.random.default_rng(5).standard_normal((3, 2, 4))
    unit = z / np.linalg.norm(z, axis=2, keepdims=True)
    unit -= unit.mean((0, 1))
    got = cooccurrence.similarities(z, found, 3)
    for a in range(2):
        for b in range(2):
            pairs = [
                unit[i, j] @ unit[k, m]
                for i in range(3) for j in range(2) for k in range(3) for m in range(2)
                if i != k and found[i, j] == a and found[k, m] == b
            ]  # fmt: skip
            assert got[a, b] == pytest.approx(np.mean(pairs))
    assert np.isnan(got[2]).all()
    assert np.isfinite(cooccurrence.agreement(got, np.full((3, 3), 1 / 9) + np.diag([0.0, 0.0, 0.0])))


def test_other_worlds_single_patches_and_missing_classes_are_refused_in_one_line(world: Dataset) -> None:
    with pytest.raises(UserError, match="scenes:textures: kinds of patches are known of Scenes with one creature"):
        cooccurrence.true_joint(scenes.make("textures", 4, size=16), SIDE)
    with pytest.raises(UserError, match="two or more patches"):
        cooccurrence.counted(np.zeros((4, 1), int))
    with pytest.raises(UserError, match=r"no image shows species: .* with part: .*: take more"):
        cooccurrence.true_joint(world.select(np.arange(5)), SIDE)
