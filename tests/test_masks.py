"""Laws of what is removed from an image."""

import numpy as np
import pytest

from analysis.datasets.base import Dataset
from analysis.studies.masking_cka import masks

SIZE, N = 48, 8


@pytest.fixture
def dataset() -> Dataset:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    centres, radii = rng.uniform(16, 32, (N, 2)), rng.uniform(5, 12, N)
    distance = np.hypot(rows - centres[:, 0, None, None], columns - centres[:, 1, None, None])
    foreground = distance <= radii[:, None, None]
    border = (distance > radii[:, None, None]) & (distance <= radii[:, None, None] + 1.5)
    return Dataset(
        "toy",
        rng.integers(0, 256, (N, SIZE, SIZE, 3), dtype=np.uint8),
        np.zeros(N, dtype=np.int64),
        np.array([f"toy/{i}" for i in range(N)]),
        ("only",),
        {"foreground": foreground, "border": border},
    )


def test_object_cutout_and_border_part_every_image(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, 0, box=False)
    total = keep["object"].astype(int) + keep["cutout"] + dataset.masks["border"]
    assert (total == 1).all()


@pytest.mark.parametrize("box", [False, True])
def test_region_and_rest_part_every_image_exactly_even_where_the_image_is_flat(dataset: Dataset, box: bool) -> None:
    flat = Dataset("flat", np.zeros_like(dataset.images), dataset.labels, dataset.ids, ("only",), dataset.masks)
    for one in (dataset, flat):
        keep = masks.object_masks(one, 0, box)
        assert (keep["region"] ^ keep["rest"]).all()


@pytest.mark.parametrize("fill", ["mean", "black", "blur"])
def test_painting_leaves_kept_pixels_bit_by_bit_and_changes_removed_ones(dataset: Dataset, fill: str) -> None:
    keep = masks.object_masks(dataset, 0, box=False)["object"]
    painted = masks.paint(dataset.images, keep, fill)
    assert painted.dtype == np.uint8
    assert np.array_equal(painted[keep], dataset.images[keep])
    assert (painted[~keep] != dataset.images[~keep]).any(axis=-1).mean() > 0.9


def test_with_a_box_object_and_background_hold_the_complete_image_and_neither_shows_the_outline(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, 0, box=True)
    kept, removed = (masks.paint(dataset.images, keep[name], "black") for name in ("object", "background"))
    assert np.array_equal(np.maximum(kept, removed), dataset.images)
    for mask in keep["object"]:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)


def test_the_box_covers_the_object_and_touches_it_on_all_sides(dataset: Dataset) -> None:
    shape = dataset.masks["foreground"] | dataset.masks["border"]
    box = masks.object_masks(dataset, 0, box=True)["object"]
    assert (box | ~shape).all()
    for axis in (1, 2):
        assert np.array_equal(box.any(axis=axis), shape.any(axis=axis))


def test_regions_are_the_objects_of_other_images_each_used_once(dataset: Dataset) -> None:
    keep = masks.object_masks(dataset, 0, box=False)
    outlines = {mask.tobytes() for mask in keep["object"]}
    assert {mask.tobytes() for mask in keep["region"]} == outlines
    assert not any(np.array_equal(a, b) for a, b in zip(keep["region"], keep["object"], strict=True))
    assert not np.array_equal(keep["region"], masks.object_masks(dataset, 1, box=False)["region"])


@pytest.mark.parametrize("sizes", [(1,) * 9, (3, 3, 3), (4, 1, 2, 5), (2, 2)])
def test_an_outline_comes_from_another_cluster_wherever_that_is_possible(sizes: tuple[int, ...]) -> None:
    clusters = np.repeat([f"video-{i}" for i in range(len(sizes))], sizes)
    for seed in range(5):
        donors = masks.donors(clusters, seed)
        assert sorted(donors) == list(range(len(clusters)))
        assert (clusters[donors] != clusters).all()


def test_of_a_single_cluster_the_outline_is_at_least_of_another_image() -> None:
    assert (masks.donors(np.array(["a"] * 5), 0) != np.arange(5)).all()


@pytest.mark.parametrize(("size", "fraction", "side"), [(64, 0.25, 16), (64, 0.5, 32), (224, 0.75, 168), (84, 0.25, 21)])
def test_occlusion_removes_exactly_the_square_it_says_in_the_centre_and_in_each_corner(
    size: int, fraction: float, side: int
) -> None:
    keep = masks.occlusion_masks(size, fraction)
    tag = masks.percent(fraction)
    assert keep[f"centre_{tag}"].sum() == side**2
    assert np.array_equal(keep[f"occluded_{tag}"], ~keep[f"centre_{tag}"])
    corners = {"top_left": (0, 0), "top_right": (0, -1), "bottom_left": (-1, 0), "bottom_right": (-1, -1)}
    for name, place in corners.items():
        removed = ~keep[masks.corner(name, fraction)]
        assert removed[place]
        assert removed.sum() == side**2
    assert np.array_equal(keep[masks.corner("top_left", fraction)][:, ::-1], keep[masks.corner("top_right", fraction)])


def test_images_without_object_or_without_background_are_dropped_at_every_size(dataset: Dataset) -> None:
    foreground = dataset.masks["foreground"].copy()
    foreground[2], foreground[3] = False, True
    border = np.zeros_like(foreground)
    broken = Dataset(
        "toy", dataset.images, dataset.labels, dataset.ids, ("only",), {"foreground": foreground, "border": border}
    )
    kept = masks.common_ids({SIZE: broken, 2 * SIZE: dataset}, 0.01, 0.9, box=False)
    assert kept.tolist() == ["toy/0", "toy/1", "toy/4", "toy/5", "toy/6", "toy/7"]


def test_the_simple_segmenter_finds_what_differs_from_the_rim_and_says_nothing_of_a_flat_image() -> None:
    rng = np.random.default_rng(0)
    truth = np.zeros((2, 64, 64), dtype=bool)
    truth[0, 20:50, 10:40], truth[1, 5:25, 30:60] = True, True
    images = rng.normal([90, 120, 60], 4, (2, 64, 64, 3))
    images[truth] = rng.normal([200, 60, 50], 4, (truth.sum(), 3))
    predicted = masks.predicted_foreground(images.clip(0, 255).astype(np.uint8))
    assert masks.intersection_over_union(truth, predicted).min() > 0.8
    assert not masks.predicted_foreground(np.full((1, 64, 64, 3), 70, np.uint8)).any()


def test_the_mean_fill_is_zero_after_the_usual_normalisation() -> None:
    mean = np.array([0.485, 0.456, 0.406])
    assert np.abs(np.array(masks.MEAN_COLOUR) / 255 - mean).max() < 1 / 255
