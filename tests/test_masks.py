"""Laws of what is removed from an image."""

import numpy as np
import pytest

from analysis.datasets.base import Dataset
from analysis.studies.masking_cka import masks

SIZE = 48


@pytest.fixture
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centres, radii = rng.uniform(16, 32, (6, 2)), rng.uniform(5, 12, 6)
    distance = np.hypot(rows - centres[:, 0, None, None], columns - centres[:, 1, None, None])
    foreground = distance <= radii[:, None, None]
    border = (distance > radii[:, None, None]) & (distance <= radii[:, None, None] + 1.5)
    return Dataset(
        "toy",
        rng.integers(0, 256, (6, SIZE, SIZE, 3), dtype=np.uint8),
        np.zeros(6, dtype=np.int64),
        np.array([f"toy/{i}" for i in range(6)]),
        ("only",),
        {"foreground": foreground, "border": border},
    )


def test_foreground_background_and_border_part_every_image(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, seed=0)
    total = keep["foreground"].astype(int) + keep["background"] + dataset.masks["border"]
    assert (total == 1).all()


@pytest.mark.parametrize("fill", ["mean", "black", "blur"])
def test_painting_leaves_kept_pixels_bit_by_bit_and_changes_removed_ones(dataset: Dataset, fill: str) -> None:
    keep = masks.object_masks(dataset, seed=0)["foreground"]
    painted = masks.paint(dataset.images, keep, fill)
    assert painted.dtype == np.uint8
    assert np.array_equal(painted[keep], dataset.images[keep])
    assert (painted[~keep] != dataset.images[~keep]).any(axis=-1).mean() > 0.9


def test_object_and_ground_together_hold_the_complete_image(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, seed=0)
    fg, bg = (masks.paint(dataset.images, keep[name], "black") for name in ("foreground", "background"))
    inside = ~dataset.masks["border"]
    assert np.array_equal(np.maximum(fg, bg)[inside], dataset.images[inside])


def test_random_controls_keep_exactly_as_many_pixels(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, seed=0)
    for control, original in (("random_kept", "foreground"), ("random_removed", "background")):
        assert np.array_equal(keep[control].sum(axis=(1, 2)), keep[original].sum(axis=(1, 2)))
        assert not np.array_equal(keep[control], keep[original])
    assert not (keep["random_kept"] & keep["random_removed"]).any()


def test_the_box_covers_the_object_and_touches_it_on_all_sides(dataset: Dataset) -> None:
    hole = ~masks.object_masks(dataset, seed=0)["background_box"]
    shape = dataset.masks["foreground"] | dataset.masks["border"]
    assert (hole | ~shape).all()
    for axis in (1, 2):
        assert np.array_equal(hole.any(axis=axis), shape.any(axis=axis))


@pytest.mark.parametrize(("size", "fraction", "side"), [(64, 0.25, 16), (64, 0.5, 32), (224, 0.75, 168), (84, 0.25, 21)])
def test_occlusion_removes_exactly_the_square_it_says(size: int, fraction: float, side: int) -> None:
    ids = np.array(["a", "b", "c"])
    found = masks.occlusion_masks(ids, size, fraction, seed=3)
    tag = masks.percent(fraction)
    assert (found[f"centre_{tag}"].sum(axis=(1, 2)) == side**2).all()
    assert np.array_equal(found[f"occluded_{tag}"], ~found[f"centre_{tag}"])
    assert ((~found[f"elsewhere_{tag}"]).sum(axis=(1, 2)) == side**2).all()


def test_a_control_belongs_to_the_image_not_to_its_place_in_the_batch(dataset: Dataset) -> None:
    whole = masks.object_masks(dataset, seed=5)["random_kept"]
    part = masks.object_masks(dataset.select(np.array([4, 1])), seed=5)["random_kept"]
    assert np.array_equal(part, whole[[4, 1]])
    assert not np.array_equal(masks.object_masks(dataset, seed=6)["random_kept"], whole)


def test_images_without_object_or_without_ground_are_dropped_at_every_size(dataset: Dataset) -> None:
    foreground = dataset.masks["foreground"].copy()
    foreground[2], foreground[3] = False, True
    border = np.zeros_like(foreground)
    broken = Dataset(
        "toy", dataset.images, dataset.labels, dataset.ids, ("only",), {"foreground": foreground, "border": border}
    )
    kept = masks.common_ids({SIZE: broken, 2 * SIZE: dataset}, 0.01, 0.99)
    assert kept.tolist() == ["toy/0", "toy/1", "toy/4", "toy/5"]


def test_the_mean_fill_is_zero_after_the_usual_normalisation() -> None:
    mean = np.array([0.485, 0.456, 0.406])
    assert np.abs(np.array(masks.MEAN_COLOUR) / 255 - mean).max() < 1 / 255
