"""Kinds of patches from maps of classes: what is labelled, what meets, and whether representations that know it are told."""

import numpy as np
import pytest

from analysis.studies.bagssl import loss
from analysis.studies.bagssl.cooccurrence import shuffled
from analysis.studies.bagssl.loss import UNLIKE, World, agreements, similarities
from analysis.studies.bagssl.maps import LEAST, mapped

CLASSES = ("sky", "sea", "road", "car", "rare")
VOID, SIDE, M = 255, 4, 6


def halves(seed: int, n: int = 60, size: int = 16) -> np.ndarray:
    """Maps (n, h, h): sky over sea or car over road, a stripe that is not labelled, and one image with a rare class."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((n, size, size), np.uint8)
    for i, one in enumerate(maps):
        split = rng.integers(6, 11)
        one[:split], one[split:] = ((0, 1), (3, 2))[i % 2]
        one[:, :2] = VOID
    maps[0, :8, 8:] = CLASSES.index("rare")
    return maps


def test_kinds_are_the_classes_seen_often_enough_and_patches_lie_on_labelled_pixels() -> None:
    test = halves(1)
    found = mapped(halves(0), test, CLASSES, M, SIDE, seed=0)
    assert found.kinds == ("sky", "sea", "road", "car")
    assert found.found.shape == (len(found.rows), M) == found.corners.shape[:2]
    middle = found.corners + SIDE // 2
    codes = test[found.rows[:, None], middle[..., 0], middle[..., 1]]
    assert [found.kinds[k] for k in found.found.ravel()] == [CLASSES[code] for code in codes.ravel()]
    assert found.corners.min() >= 0
    assert found.corners.max() <= 16 - SIDE
    assert len({tuple(map(int, corner)) for corner in found.corners[0]}) == M, "no place is taken twice"
    few = halves(0)
    few[LEAST - 1 :] = VOID
    assert mapped(few, test, CLASSES, M, SIDE, seed=0).kinds == ()


def test_what_meets_is_counted_on_the_other_half_over_all_places() -> None:
    train = halves(0)
    found = mapped(train, halves(1), CLASSES, M, SIDE, seed=0)
    assert found.joint.sum() == pytest.approx(1)
    assert np.allclose(found.joint, found.joint.T)
    assert found.joint[0, 2] == found.joint[1, 3] == 0, "sky never meets a road here, nor the sea a car"
    table, places = np.zeros((4, 4)), range(SIDE // 2, SIDE // 2 + 13)
    for one in train:
        kinds = [int(one[y, x]) for y in places for x in places if one[y, x] < 4]
        share = np.bincount(kinds, minlength=4) / max(len(kinds), 1)
        table += np.outer(share, share) / len(train)
    assert np.allclose(found.joint, table)


def test_an_image_with_too_few_labelled_places_is_left_out() -> None:
    test = halves(1)
    test[3] = VOID
    assert 3 not in mapped(halves(0), test, CLASSES, M, SIDE, seed=0).rows


def said(z: np.ndarray, found: np.ndarray, joint: np.ndarray) -> float:
    similar = similarities(z, found, np.ones((1, len(z))), len(joint))
    return float(agreements(loss._cut(similar, UNLIKE), joint)[0])


def test_a_representation_that_knows_what_meets_is_told_from_one_that_knows_looks_only() -> None:
    found = mapped(halves(0), halves(1), CLASSES, M, SIDE, seed=0)
    rng = np.random.default_rng(2)
    assert said(np.eye(2)[np.isin(found.found, (0, 1)).astype(int)], found.found, found.joint) > 0.9
    assert said(np.eye(4)[found.found], found.found, found.joint) < 0.1
    noise = [said(rng.standard_normal((*found.found.shape, 8)), found.found, found.joint) for _ in range(40)]
    assert abs(np.mean(noise)) < 0.2


def test_the_losses_own_optimum_is_found_on_photographs_too() -> None:
    found = mapped(halves(0), halves(1), CLASSES, M, SIDE, seed=0)
    rows = loss.optima(World("x", found.found, shuffled(found.found, np.random.default_rng(0)), found.joint))
    best = {(row["kinds"], row["pairs"], row["dim"]): row["value"] for row in rows}
    assert best["true", UNLIKE, 4] > 0.9
    assert {dim for _, _, dim in best} == {2, 4}
