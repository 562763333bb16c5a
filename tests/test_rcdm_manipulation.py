"""Edits: the released rule, its control, and what counts as success, on representations whose structure is planted."""

import numpy as np
import pytest

from analysis.studies.rcdm import manipulation as m


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_dimension_is_common_that_is_not_zero_in_more_than_14_of_20() -> None:
    near = np.zeros((20, 3))
    near[:15, 0], near[:14, 1], near[:, 2] = 1, 1, -0.1
    assert m.non_zero(near).tolist() == [True, False, True]


def test_neighbours_are_the_nearest_by_cosine_among_the_candidates_only(rng: np.random.Generator) -> None:
    bank = rng.standard_normal((100, 5)) * rng.uniform(0.1, 10, (100, 1))
    candidates = np.arange(1, 100, 2)
    found = m.neighbours(bank[0], bank, candidates, 7)
    cosine = bank @ bank[0] / np.linalg.norm(bank, axis=1)
    assert set(found) == set(candidates[np.argsort(-cosine[candidates])][:7])


def test_the_control_takes_as_many_dimensions_and_none_of_the_common_ones(rng: np.random.Generator) -> None:
    for near in (np.maximum(rng.standard_normal((20, 60)), 0), rng.standard_normal((20, 60))):
        found = m.chosen(near, 3 * rng.standard_normal((200, 60)), rng)
        assert found[m.COMMON].sum() == found[m.RANDOM].sum() == 15
        assert not (found[m.COMMON] & found[m.RANDOM]).any()


def test_of_dimensions_that_are_never_zero_the_calmest_are_the_most_common(rng: np.random.Generator) -> None:
    bank = rng.standard_normal((300, 40))
    near = bank[:20] * np.repeat([0.1, 1.0], [10, 30])
    assert m.chosen(near, bank, rng)[m.COMMON].tolist() == [True] * 10 + [False] * 30


def test_swapping_the_planted_dimensions_of_a_background_moves_nothing_else(rng: np.random.Generator) -> None:
    ground, species = rng.integers(4, size=400), rng.integers(4, size=400)
    h = np.concatenate([5 * np.eye(4)[ground], np.eye(4)[species], rng.random((400, 24))], axis=1) + 0.01
    own, other = 0, int(np.flatnonzero((ground != ground[0]) & (species != species[0]))[0])
    near = h[rng.permutation(np.flatnonzero(ground == ground[own])[1:])[:20]]
    near = near + 1e-3 * rng.standard_normal(near.shape)
    found = m.chosen(near, h, rng)
    assert found[m.COMMON][:4].all()
    assert not found[m.RANDOM][:4].any()
    edited = {rule: np.where(found[rule], h[other], h[own]) for rule in (m.COMMON, m.RANDOM)}
    assert edited[m.COMMON][:4].argmax() == ground[other]
    assert edited[m.RANDOM][:4].argmax() == ground[own]


def test_a_composite_has_the_object_of_one_image_and_the_background_of_the_other() -> None:
    masks = np.zeros((1, 4, 4), bool)
    masks[:, 1:3, 1:3] = True
    found = m.composites(np.full((1, 4, 4, 3), 7, np.uint8), masks, np.full((1, 4, 4, 3), 9, np.uint8))
    assert (found[masks] == 7).all()
    assert (found[~masks] == 9).all()


def test_partners_are_of_another_species_on_an_unlike_background(rng: np.random.Generator) -> None:
    species, ground = rng.integers(4, size=200), rng.random((200, 3))
    other = m.partners(species, ground, 30, rng)
    assert (species[other] != species[:30]).all()
    for i, j in enumerate(other):
        apart = np.linalg.norm(ground[species != species[i]] - ground[i], axis=1)
        assert np.linalg.norm(ground[j] - ground[i]) >= np.median(apart)


def test_success_needs_both_the_change_and_what_was_to_stay() -> None:
    own = {"ground": np.zeros((4, 3)), "species": np.zeros(4, int)}
    other = {"ground": np.ones((4, 3)), "species": np.ones(4, int)}
    read = {"ground": np.array([[0.9] * 3, [0.9] * 3, [0.1] * 3, [0.1] * 3]), "species": np.array([0, 1, 0, 1])}
    assert m.succeeded(read, own, other).tolist() == [True, False, False, False]


def test_a_mixture_begins_and_ends_at_its_images(rng: np.random.Generator) -> None:
    own, other = rng.standard_normal((2, 5, 7))
    way = m.mixtures(own, other, np.array([0, 0.25, 1.0]))
    assert way[:, 0] == pytest.approx(own)
    assert way[:, 2] == pytest.approx(other)
    assert way[:, 1] == pytest.approx(0.75 * own + 0.25 * other)


def test_progress_is_one_forwards_minus_one_backwards_and_zero_where_nothing_changes(rng: np.random.Generator) -> None:
    own, other = np.zeros((1, 3)), np.array([[1.0, 2, 3]])
    way = np.linspace(0.1, 0.9, 5)[None, :, None] * other[:, None] + np.array([2.0, -1, 0])  # an offset across the line
    assert m.progress(way, own, other)[0] == pytest.approx(1)
    assert m.progress(way[:, ::-1], own, other)[0] == pytest.approx(-1)
    assert m.progress(np.ones((1, 5, 3)), own, other)[0] == 0
    shuffled = [m.progress(rng.permutation(way, axis=1), own, other)[0] for _ in range(600)]
    assert np.mean(shuffled) == pytest.approx(0, abs=0.08)
