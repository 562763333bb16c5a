"""Places of patches: how many there are, how they are drawn, how much they overlap."""

import numpy as np
import pytest
import torch

from analysis.errors import UserError
from analysis.studies.bagssl.geometry import dense_boxes, expected_overlap, overlap, positions, sample_boxes
from analysis.training.views import apart


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("side", "size", "count"), [(16, 32, 289), (14, 32, 361), (8, 32, 625), (32, 64, 1089), (16, 64, 2401), (64, 64, 1)]
)
def test_an_image_has_as_many_windows_as_counting_gives(side: int, size: int, count: int) -> None:
    boxes = dense_boxes(size, side)
    assert positions(size, side) == len(boxes) == len(np.unique(boxes, axis=0)) == count
    assert boxes.min() == 0
    assert boxes.max() == size - side


def test_a_stride_that_misses_the_edge_leaves_equal_margins() -> None:
    boxes = dense_boxes(64, 16, 20)  # 0, 20, 40 of 0 ... 48: 8 px are left
    assert sorted(set(boxes[:, 0])) == [4, 24, 44]
    assert boxes[:4].tolist() == [[4, 4], [4, 24], [4, 44], [24, 4]]


@pytest.mark.parametrize(
    ("side", "size", "probability", "share"),
    [
        *((16, 32, 0.986, 0.42), (14, 32, 0.84, 0.31), (8, 32, 0.26, 0.082), (32, 64, 0.996, 0.43)),
        *((16, 64, 0.28, 0.085), (100, 224, 0.92, 0.34), (63, 224, 0.39, 0.11), (32, 224, 0.090, 0.025)),
    ],
)
def test_two_windows_overlap_as_often_and_as_much_as_the_law_says(
    side: int, size: int, probability: float, share: float
) -> None:
    law = expected_overlap(size, side)
    assert law.probability == pytest.approx(probability, rel=0.02)
    assert law.share == pytest.approx(share, rel=0.03, abs=0.006)
    found = overlap(sample_boxes(20_000, 2, size, side, seeded()), side)
    assert (found > 0).mean() == pytest.approx(law.probability, abs=0.015)
    assert found.mean() == pytest.approx(law.share, abs=0.01)


def test_windows_of_the_whole_image_share_all_of_it() -> None:
    assert expected_overlap(64, 64) == (1.0, 1.0)


def test_the_overlap_of_all_pairs_is_that_of_masks_laid_over_each_other() -> None:
    boxes = sample_boxes(3, 4, 20, 7, seeded())
    for places, found in zip(boxes, overlap(boxes, 7), strict=True):
        masks = np.zeros((4, 20, 20))
        for mask, (row, column) in zip(masks, places, strict=True):
            mask[row : row + 7, column : column + 7] = 1
        pairs = [(masks[i] * masks[j]).sum() / 49 for i in range(4) for j in range(i + 1, 4)]
        assert found == pytest.approx(pairs)


def test_every_place_is_as_probable_as_any_other() -> None:
    boxes = sample_boxes(400, 200, 12, 4, seeded()).reshape(-1, 2)
    counts = np.unique(boxes @ [9, 1], return_counts=True)[1]
    assert len(counts) == positions(12, 4)
    expected = len(boxes) / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 80 + 4 * (2 * 80) ** 0.5  # chi-square of 80 degrees, 4 deviations


@pytest.mark.parametrize(("side", "count"), [(32, 2), (32, 3), (32, 4), (16, 2), (16, 5), (16, 16), (8, 64), (10, 7)])
def test_disjoint_windows_share_no_pixel_and_stay_in_the_image(side: int, count: int) -> None:
    boxes = sample_boxes(300, count, 64, side, seeded(), disjoint=True)
    assert boxes.shape == (300, count, 2)
    assert (overlap(boxes, side) == 0).all()
    assert boxes.min() >= 0
    assert boxes.max() <= 64 - side
    assert len({places.tobytes() for places in boxes}) > 20  # and they are not always the same


def test_disjoint_pairs_lie_along_and_across_alike_and_in_either_order() -> None:
    first, second = sample_boxes(4000, 2, 64, 32, seeded(), disjoint=True).swapaxes(0, 1)
    beside = np.abs(first - second) == 32
    assert beside[:, 0].mean() == pytest.approx(0.5, abs=0.05)
    assert (first < second)[beside].mean() == pytest.approx(0.5, abs=0.05)


def test_the_trainer_places_disjoint_views_by_the_same_law() -> None:
    centres = apart(4000, 2, 0.25, torch.Generator().manual_seed(0)).numpy()
    corners = (centres + 1) * 32 - 8  # px of an image of 64
    assert corners.min() >= -1e-4
    assert corners.max() <= 48 + 1e-4
    distance = np.abs(corners[:, 0] - corners[:, 1])
    assert (distance.max(1) >= 16 - 1e-4).all()
    ours = sample_boxes(4000, 2, 64, 16, seeded(), disjoint=True)
    there = np.abs(ours[:, 0] - ours[:, 1])
    for share in (0.25, 0.5, 0.75):
        assert np.quantile(distance, share) == pytest.approx(np.quantile(there, share), abs=1.5)


def test_the_same_generator_draws_the_same_windows_and_another_others() -> None:
    first, again, other = (sample_boxes(5, 6, 64, 16, seeded(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="a patch of 65 px does not fit into an image of 64 px"):
        positions(64, 65)
    with pytest.raises(UserError, match="a patch of 0 px"):
        sample_boxes(1, 1, 64, 0, seeded())
    with pytest.raises(UserError, match="5 disjoint patches of 32 px do not fit into 64 px: at most 4 do"):
        sample_boxes(1, 5, 64, 32, seeded(), disjoint=True)
    with pytest.raises(UserError, match="at least 1 px apart"):
        dense_boxes(64, 32, 0)
    with pytest.raises(UserError, match="3 disjoint views of 50% of an image's side do not fit: at most 2 do"):
        apart(4, 3, 0.5, torch.Generator())
