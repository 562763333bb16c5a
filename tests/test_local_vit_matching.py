"""Laws and oracles of matching: regions, retrieval, correspondences between views, degradations."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from analysis.errors import UserError
from analysis.local_vit import instances


def test_a_region_is_the_mean_of_the_image_painted_with_its_tokens() -> None:
    rng = np.random.default_rng(0)
    grid = rng.standard_normal((4, 6, 5)).astype(np.float32)
    masks = rng.random((7, 20, 18)) < 0.3
    painted = grid.repeat(5, 0).repeat(3, 1)
    expected = [painted[mask].mean(0) for mask in masks]
    np.testing.assert_allclose(instances.roi_features(grid, masks), expected, rtol=1e-5, atol=1e-6)


def test_cells_that_do_not_divide_the_image_weigh_by_exact_area() -> None:
    rng = np.random.default_rng(0)
    grid = rng.standard_normal((3, 7, 4)).astype(np.float32)
    masks = rng.random((5, 10, 16)) < 0.4
    fine = np.kron(masks, np.ones((1, 21, 21), bool))  # 210 x 336 pixels: whole ones for 3 x 7 cells and 10 x 16 pixels
    painted = grid.repeat(70, 0).repeat(48, 1)
    np.testing.assert_allclose(instances.roi_features(grid, masks), [painted[m].mean(0) for m in fine], rtol=1e-4, atol=1e-5)


def test_a_box_is_the_region_of_its_pixels_and_a_mask_of_a_cell_its_token() -> None:
    rng = np.random.default_rng(1)
    grid = rng.standard_normal((4, 4, 3)).astype(np.float32)
    masks = np.zeros((2, 18, 30), dtype=bool)
    masks[0, 3:11, 7:22], masks[1, 0:18, 0:1] = True, True
    boxes = np.array([[7, 3, 22, 11], [0, 0, 1, 18]])
    found = instances.box_features(grid, boxes, (18, 30))
    np.testing.assert_allclose(found, instances.roi_features(grid, masks), rtol=1e-5, atol=1e-6)
    cell = instances.box_features(grid, np.array([[7.5, 4.5, 15, 9]]), (18, 30))
    np.testing.assert_allclose(cell[0], grid[1, 1], rtol=1e-6)


def test_the_bins_of_a_box_are_its_parts_row_by_row() -> None:
    grid = np.random.default_rng(2).standard_normal((8, 8, 3)).astype(np.float32)
    box = np.array([[3.0, 5.5, 27.3, 29.0]])
    left, top, right, bottom = box[0]
    x, y = np.linspace(left, right, 8), np.linspace(top, bottom, 8)
    parts = [[x[j], y[i], x[j + 1], y[i + 1]] for i in range(7) for j in range(7)]
    joined = instances.box_features(grid, box, (32, 32), bins=7)
    assert joined.shape == (1, 147)
    np.testing.assert_allclose(joined.reshape(49, 3), instances.box_features(grid, np.array(parts), (32, 32)), atol=1e-5)


def test_a_box_is_cut_at_the_image() -> None:
    grid = np.arange(16, dtype=np.float32).reshape(4, 4, 1)
    inside = instances.box_features(grid, np.array([[8.0, 8.0, 16.0, 16.0]]), (16, 16))
    np.testing.assert_array_equal(instances.box_features(grid, np.array([[8.0, 8.0, 99.0, 99.0]]), (16, 16)), inside)


def told(queries, gallery, query_ids, gallery_ids, groups, metric):  # type: ignore[no-untyped-def]
    """Retrieval one query at a time."""
    top1, precision = [], []
    for i, query in enumerate(queries):
        kept = [j for j in range(len(gallery)) if groups is None or groups[0][i] != groups[1][j]]
        unit = 1 if metric == "ip" else np.linalg.norm(query) * np.linalg.norm(gallery[kept], axis=1)
        scores = -((gallery[kept] - query) ** 2).sum(1) if metric == "l2" else gallery[kept] @ query / unit
        right = gallery_ids[kept] == query_ids[i]
        top1.append(right[scores.argmax()] if right.any() else np.nan)
        precision.append(average_precision_score(right, scores) if right.any() else np.nan)
    return np.array(top1, float), np.array(precision)


@pytest.mark.parametrize("metric", instances.METRICS)
@pytest.mark.parametrize("barred", [False, True])
def test_retrieval_is_that_of_scikit_learn_one_query_at_a_time(metric, barred, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(instances, "BLOCK", 200)
    rng = np.random.default_rng(5)
    queries, gallery = rng.standard_normal((23, 6)) + 1, rng.standard_normal((61, 6)) * rng.uniform(0.5, 3, (61, 1)) + 1
    query_ids, gallery_ids = rng.integers(0, 9, 23), rng.integers(1, 9, 61)
    groups = (rng.integers(0, 4, 23), rng.integers(0, 4, 61)) if barred else None
    found = instances.retrieval(queries, gallery, query_ids, gallery_ids, exclude=groups, metric=metric)
    top1, precision = told(queries, gallery, query_ids, gallery_ids, groups, metric)
    assert np.isnan(top1).any()  # nothing bears the id 0
    np.testing.assert_array_equal(found.top1, top1)
    np.testing.assert_allclose(found.average_precision, precision)


def test_ties_come_at_once_as_in_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    gallery = rng.integers(0, 2, (40, 3)) + np.array([1.0, 0.0, 0.0])
    queries, gallery_ids = gallery[:10] * 1.7, rng.integers(0, 3, 40)
    query_ids = gallery_ids[:10]
    found = instances.retrieval(queries, gallery, query_ids, gallery_ids)
    for i in range(10):
        scores = np.round(gallery @ queries[i] / np.linalg.norm(gallery, axis=1) / np.linalg.norm(queries[i]), 9)
        right = gallery_ids == query_ids[i]
        assert found.average_precision[i] == pytest.approx(average_precision_score(right, scores))
        assert found.top1[i] == pytest.approx(right[scores == scores.max()].mean())


@pytest.mark.parametrize("metric", instances.METRICS)
def test_an_encoder_that_maps_all_to_one_point_is_worth_chance(metric: str) -> None:
    features = np.repeat(np.random.default_rng(0).standard_normal((1, 384)), 60, axis=0)
    ids = np.arange(60) % 3
    found = instances.retrieval(features[:7], features, ids[:7], ids, exclude=(np.arange(7), np.arange(60)), metric=metric)
    np.testing.assert_allclose(found.top1, 19 / 59)
    np.testing.assert_allclose(found.average_precision, 19 / 59)


def test_cosine_ignores_length_and_the_inner_product_does_not() -> None:
    gallery, ids = np.array([[1.0, 0.0], [9.0, 9.0]]), np.array([0, 1])
    query = np.array([[1.0, 0.1]])
    assert instances.retrieval(query, gallery, ids[:1], ids, metric="cosine").top1[0] == 1
    assert instances.retrieval(query, gallery, ids[:1], ids, metric="ip").top1[0] == 0
    assert instances.retrieval(query, gallery, ids[:1], ids, metric="l2").top1[0] == 1


def test_a_far_off_mean_does_not_disturb_distances() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20, 8))
    ids = np.arange(20) // 2
    near, far = (
        instances.retrieval(x + c, x + c, ids, ids, exclude=(np.arange(20), np.arange(20)), metric="l2") for c in (0, 1e5)
    )
    np.testing.assert_allclose(near.average_precision, far.average_precision)


MASKS, GRID = np.ones((1, 8, 8), bool), np.ones((2, 2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: instances.roi_features(GRID, MASKS[0]), "masks"),
        (lambda: instances.roi_features(GRID, ~MASKS), "mask 0 is empty"),
        (lambda: instances.box_features(GRID, np.array([[5, 0, 3, 8]]), (8, 8)), "no area"),
        (lambda: instances.box_features(GRID, np.array([[0, 0, np.nan, 8]]), (8, 8)), "no area"),
        (lambda: instances.box_features(GRID, np.array([0, 0, 3, 8]), (8, 8)), r"boxes \(k, 4\)"),
        (lambda: instances.box_features(GRID, np.array([[0, 0, 3, 8]]), (8, 8), bins=0), "bins"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 4)), np.ones(2), np.ones(2)), "same d"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 3)), np.ones(3), np.ones(2)), "one per vector"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((0, 3)), np.ones(2), np.ones(0)), "same d"),
        (
            lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 3)), np.ones(2), np.ones(2), metric="dot"),
            "ip, cosine, l2",
        ),
        (lambda: instances.retrieval(np.full((2, 3), np.nan), np.ones((2, 3)), np.ones(2), np.ones(2)), "finite"),
    ],
)
def test_what_cannot_be_matched_is_refused_in_one_line(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message) as error:
        call()
    assert "\n" not in str(error.value)
