"""Laws and oracles of matching: regions, retrieval, correspondences between views, degradations."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from analysis.datasets import scenes
from analysis.errors import UserError
from analysis.neighbours import Metric
from analysis.studies.local_vit import correspondence, degrade, instances


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
    painted = grid.repeat(70, 0).repeat(48, 1).astype(float)
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
    parts = [instances.box_features(grid, np.array([[8.0, 8.0, x, 16.0]]), (16, 16), bins=2) for x in (16.0, 40.0)]
    np.testing.assert_array_equal(*parts)  # the parts are those of the box that is left


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


STRENGTHS = {
    "shift": (0, 1, 3.5, 8, -16, 20), "rotation": (0, 5, 10, 20, -33, 90), "scale": (1, 0.5, 0.8, 0.9, 1.1, 2),
    "blur": (2,), "noise": (30,), **{f"octave {k}": (30,) for k in degrade.OCTAVES},
}  # fmt: skip


def centres(maps: np.ndarray, size: int, grid: tuple[int, int]) -> np.ndarray:
    """A perfect matcher's tokens: where in the first view the centre of each patch of the second lies, and which image."""
    back = np.linalg.inv(np.concatenate([maps, np.tile([[[0.0, 0, 1]]], (len(maps), 1, 1))], 1))[:, :2]
    tokens = np.empty((len(maps), *grid, 3))
    for i, row, column in np.ndindex(len(maps), *grid):
        x, y = (column + 0.5) * size / grid[1] - 0.5, (row + 0.5) * size / grid[0] - 0.5
        tokens[i, row, column] = *(back[i] @ [x, y, 1]), 1000 * i
    return tokens


def test_every_transformation_is_tested_with_a_perfect_matcher() -> None:
    assert set(STRENGTHS) == set(correspondence.KINDS)


@pytest.mark.parametrize(("kind", "strength"), [(kind, s) for kind, values in STRENGTHS.items() for s in values])
@pytest.mark.parametrize("bank", ["image", "all"])
def test_a_perfect_matcher_finds_every_patch(kind: str, strength: float, bank: correspondence.Bank) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    view = correspondence.transform(images, kind, strength, np.random.default_rng(1))
    still = np.tile(np.eye(2, 3), (2, 1, 1))
    for grid, other in (((8, 8), (8, 8)), ((4, 8), (5, 9)), ((14, 14), (16, 16))):
        first, second = centres(still, 64, grid), centres(view.affine, 64, other)
        there = correspondence.correspondences(view.affine, 64, grid, other)
        back = correspondence.correspondences(correspondence.inverse(view.affine), 64, other, grid)
        for queries, targets, found in ((first, second, there), (second, first, back)):
            hits = correspondence.recall(queries, targets, found, "l2", bank=bank)
            assert (hits[found.valid] == 1).all()
            assert np.isnan(hits[~found.valid]).all()
            assert found.valid.sum() >= 2


def test_the_wrong_direction_is_exposed_by_the_perfect_matcher() -> None:
    images = np.zeros((1, 224, 224, 3), dtype=np.uint8)
    shares = {14: [], 16: []}
    for side, angle in ((side, angle) for side in shares for angle in (5, 10, 15, 20)):
        view = correspondence.transform(images, "rotation", angle, np.random.default_rng(0))
        inverted = correspondence.correspondences(view.affine, 224, (side, side))  # the queries are of the second view
        queries, targets = centres(view.affine, 224, (side, side)), centres(np.eye(2, 3)[None], 224, (side, side))
        shares[side].append(np.nanmean(correspondence.recall(queries, targets, inverted, "l2")))
    np.testing.assert_allclose(shares[14], [0.71, 0.18, 0.08, 0.02], atol=0.03)
    np.testing.assert_allclose(shares[16], [0.55, 0.14, 0.06, 0.02], atol=0.03)


def painted(size: int) -> np.ndarray:
    """An image whose colours are its coordinates: red to the right, green downwards."""
    y, x = np.indices((size, size))
    return np.stack([x, y, np.full_like(x, 7)], -1).astype(np.uint8)


def colours(image: np.ndarray, patch: int) -> np.ndarray:
    """Mean of the four pixels in the middle of each patch."""
    low, high = patch // 2 - 1, patch // 2
    return sum(image[a::patch, b::patch].astype(float) for a in (low, high) for b in (low, high)) / 4  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("kind", "strength"),
    [
        ("shift", 24),
        ("shift", -9.5),
        ("rotation", 20),
        ("rotation", -75),
        ("scale", 0.7),
        ("scale", 1.6),
        ("blur", 2),
        ("octave 2", 1),  # a grey level of noise: colours one patch apart differ by 16
    ],
)
def test_the_picture_moves_the_way_the_correspondences_say(kind: str, strength: float) -> None:
    image = painted(240)
    view = correspondence.transform(image[None], kind, strength, np.random.default_rng(0))
    first, second = colours(image, 16)[None], colours(view.images[0], 16)[None]
    found = correspondence.correspondences(view.affine, 240, (15, 15))
    inside = found.valid & ((found.points > 0.5) & (found.points < 13.5)).all(-1)  # the border is mixed with the fill
    assert inside.mean() > 0.3
    assert correspondence.recall(first, second, found, "l2")[inside].mean() > 0.95  # colours are rounded
    assert (correspondence.recall(first, second, found, "l2", tolerance=1)[inside] == 1).all()


def test_a_shift_by_whole_pixels_copies_them_and_fills_the_rest_with_the_mean_colour() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    moved = correspondence.transform(images, "shift", 5, np.random.default_rng(0)).images
    np.testing.assert_array_equal(moved[:, 5:, 5:], images[:, :-5, :-5])
    assert (moved[:, :5] == (124, 116, 104)).all()


def test_rotation_is_clockwise() -> None:
    image = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    image[0, 2:6, 14:18] = 255  # at twelve o'clock
    turned = correspondence.transform(image, "rotation", 90, np.random.default_rng(0)).images[0]
    assert (turned[14:18, 26:30] == 255).all()  # at three


@pytest.mark.parametrize("bank", ["image", "all"])
def test_the_pairs_of_the_world_are_found_by_a_perfect_matcher(bank: correspondence.Bank) -> None:
    world = scenes.make("pairs", 5, size=64)
    view = correspondence.of_pairs(world)
    found = correspondence.correspondences(view.affine, 64, (8, 8))
    first, second = centres(np.tile(np.eye(2, 3), (5, 1, 1)), 64, (8, 8)), centres(view.affine, 64, (8, 8))
    assert (correspondence.recall(first, second, found, "l2", bank=bank)[found.valid] == 1).all()
    rows, columns = ((np.arange(8) * 8 + 4) for _ in range(2))
    agree = world.masks["valid"][:, rows][:, :, columns].reshape(5, 64) == found.valid  # at a pixel next to the centre
    assert agree.mean() > 0.9


def test_instances_of_a_pair_correspond_where_the_points_say() -> None:
    still = {"blur": 0.0, "noise": 0.0, "jitter": 0.0}
    world = scenes.make("pairs", 6, size=64, **still)
    found = correspondence.correspondences(world.factors["affine"], 64, (64, 64))  # one patch per pixel
    for i in range(6):
        row, column = np.rint(found.points[i][found.valid[i]]).astype(int).T
        there = world.factors["second_instance"][i][row.clip(0, 63), column.clip(0, 63)]
        assert (there == world.masks["instance"][i].ravel()[found.valid[i]]).mean() > 0.95


def test_points_are_patch_centres_and_validity_ends_at_the_edge_of_the_image() -> None:
    maps = np.array([[[1, 0, 16.0], [0, 1, 0]]])  # one patch of 16 to the right
    found = correspondence.correspondences(maps, 64, (4, 4))
    points = found.points.reshape(4, 4, 2)
    np.testing.assert_allclose(points[2, 1], [2, 2])
    np.testing.assert_array_equal(found.valid.reshape(4, 4), [[True, True, True, False]] * 4)
    just, over = (correspondence.correspondences(maps * [[[1, 1, k]]], 64, (4, 4)).valid.sum() for k in (0.5, 0.51))
    assert (just, over) == (16, 12)  # moved by 8 the last centre is at the edge


def test_tolerance_counts_the_neighbours_and_no_more() -> None:
    tokens = np.eye(25).reshape(1, 5, 5, 25)
    offsets = {}
    for dy, dx in np.ndindex(3, 3):
        maps = np.array([[[1, 0, 10.0 * dx], [0, 1, 10.0 * dy]]])
        found = correspondence.correspondences(maps, 50, (5, 5))
        offsets[dy, dx] = [np.nanmean(correspondence.recall(tokens, tokens, found, tolerance=t)) for t in (0, 1)]
    assert {key for key, hits in offsets.items() if hits[0] == 1} == {(0, 0)}
    assert {key for key, hits in offsets.items() if hits[1] == 1} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert {value for hits in offsets.values() for value in hits} == {0.0, 1.0}
    for moved, hit in ((14.9, 1), (15.0, 1), (15.1, 0)):  # 1.5 patches: half of its own and the one allowed
        found = correspondence.correspondences(np.array([[[1, 0, moved], [0, 1, 0]]]), 50, (5, 5))
        assert np.nanmean(correspondence.recall(tokens, tokens, found, tolerance=1)) == hit


@pytest.mark.parametrize(("bank", "chance"), [("image", 1 / 16), ("all", 1 / 48)])
def test_tokens_that_are_all_the_same_are_worth_chance(bank: correspondence.Bank, chance: float) -> None:
    tokens = np.ones((3, 4, 4, 8), dtype=np.float32)
    found = correspondence.correspondences(np.tile(np.eye(2, 3), (3, 1, 1)), 64, (4, 4))
    np.testing.assert_allclose(correspondence.recall(tokens, tokens, found, bank=bank), chance)


def test_a_patch_of_another_image_is_no_hit() -> None:
    tokens = np.random.default_rng(0).standard_normal((2, 4, 4, 32))
    found = correspondence.correspondences(np.tile(np.eye(2, 3), (2, 1, 1)), 64, (4, 4))
    assert (correspondence.recall(tokens, tokens, found, bank="all") == 1).all()
    assert (correspondence.recall(tokens, tokens[::-1], found, bank="all") == 0).all()


def test_a_view_that_shows_nothing_of_the_first_has_no_hits() -> None:
    maps = np.array([[[1, 0, 500.0], [0, 1, 0]]])
    tokens = np.ones((1, 4, 4, 2))
    assert np.isnan(correspondence.recall(tokens, tokens, correspondence.correspondences(maps, 64, (4, 4)))).all()


@pytest.mark.parametrize("kind", degrade.KINDS)
def test_a_degradation_is_nothing_at_its_neutral_strength_and_worse_at_each_level(kind: str) -> None:
    images = scenes.make("objects", 3, size=64).images
    known = degrade.KINDS[kind]
    before = images.copy()
    same = degrade.degrade(images, kind, 0, np.random.default_rng(0))
    np.testing.assert_array_equal(same, images)
    assert not np.shares_memory(same, images)
    copies = [degrade.degrade(images, kind, level, np.random.default_rng(0)) for level in known.levels]
    errors = [np.square(copy - images.astype(float)).mean((1, 2, 3)) for copy in copies]
    assert all(copy.dtype == np.uint8 and copy.shape == images.shape for copy in copies)
    assert (np.diff([np.zeros(3), *errors], axis=0) > 0).all()
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("kind", degrade.KINDS)
def test_a_degradation_is_repeatable_and_the_first_images_do_not_depend_on_the_rest(kind: str) -> None:
    images = scenes.make("objects", 3, size=32).images
    level = degrade.KINDS[kind].levels[1]
    whole, part = (degrade.degrade(part, kind, level, np.random.default_rng(3)) for part in (images, images[:2]))
    np.testing.assert_array_equal(whole[:2], part)
    other = degrade.degrade(images, kind, level, np.random.default_rng(4))
    assert np.array_equal(other, whole) == (not kind.startswith(("noise", "octave")))


def test_noise_of_an_octave_holds_its_frequencies_and_no_other() -> None:
    grey = np.full((1, 128, 128, 3), 128, dtype=np.uint8)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    for octave, (low, high) in enumerate(((0.25, 1), (0.125, 0.25), (0.0625, 0.125), (0.03125, 0.0625)), start=1):
        noisy = degrade.degrade(grey, f"octave {octave}", 30, np.random.default_rng(0))[0] - 128.0
        power = (np.abs(np.fft.fft2(noisy, axes=(0, 1))) ** 2).sum(-1)
        assert power[(frequency > low) & (frequency <= high)].sum() > 0.98 * power.sum()
        assert noisy.std() == pytest.approx(30, rel=0.005)  # rounded to whole grey levels


def test_strengths_are_what_their_units_say() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((1, 200, 200, 3), 128, dtype=np.uint8)
    assert degrade.degrade(grey, "noise", 20, rng).std() == pytest.approx(20, rel=0.02)
    point = np.zeros((1, 65, 65, 3), dtype=np.uint8)
    point[0, 32:, :] = 255  # an edge: its blur is the distribution function, 84.1 % one deviation behind it
    profile = degrade.degrade(point, "blur", 6, rng)[0, :, 0, 0] / 255
    assert profile[32 + 6] - 0.5 == pytest.approx(0.341, abs=0.04)


MASKS, GRID = np.ones((1, 8, 8), bool), np.ones((2, 2, 3))
IMAGES, GRIDS = np.zeros((1, 8, 8, 3), np.uint8), np.ones((1, 2, 2, 3))
FOUND = correspondence.correspondences(np.eye(2, 3)[None], 8, (2, 2))
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: instances.roi_features(GRID, MASKS[0]), "masks"),
        (lambda: instances.roi_features(GRID, ~MASKS), "mask 0 is empty"),
        (lambda: instances.box_features(GRID, np.array([[5, 0, 3, 8]]), (8, 8)), "no area"),
        (lambda: instances.box_features(GRID, np.array([[9, 0, 12, 8]]), (8, 8)), "no area in the image of 8 x 8"),
        (lambda: instances.box_features(GRID, np.array([[0, 0, np.nan, 8]]), (8, 8)), "no area"),
        (lambda: instances.box_features(GRID, np.array([0, 0, 3, 8]), (8, 8)), r"boxes \(k, 4\)"),
        (lambda: instances.box_features(GRID, np.array([[0, 0, 3, 8]]), (8, 8), bins=0), "bins"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 4)), np.ones(2), np.ones(2)), "same d"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 3)), np.ones(3), np.ones(2)), "one per vector"),
        (lambda: instances.retrieval(np.ones((2, 3)), np.ones((0, 3)), np.ones(2), np.ones(0)), "not empty"),
        (
            lambda: instances.retrieval(np.ones((2, 3)), np.ones((2, 3)), np.ones(2), np.ones(2), metric="dot"),
            "ip, cosine, l2",
        ),
        (lambda: instances.retrieval(np.full((2, 3), np.nan), np.ones((2, 3)), np.ones(2), np.ones(2)), "finite"),
        (lambda: degrade.degrade(IMAGES, "fog", 1, RNG), "unknown degradation 'fog'"),
        (lambda: degrade.degrade(IMAGES, "blur", -1, RNG), "blur is the standard deviation"),
        (lambda: degrade.degrade(IMAGES, "noise", np.nan, RNG), "not nan"),
        (lambda: degrade.degrade(IMAGES / 255, "blur", 1, RNG), "8 bits"),
        (lambda: correspondence.transform(IMAGES, "shear", 1, RNG), "unknown transformation 'shear'"),
        (lambda: correspondence.transform(IMAGES, "scale", 0, RNG), "above 0 for scale"),
        (lambda: correspondence.transform(IMAGES[:, :4], "shift", 1, RNG), "square"),
        (lambda: correspondence.of_pairs(scenes.make("objects", 1, size=16)), "scenes:pairs has"),
        (lambda: correspondence.correspondences(np.eye(2, 3), 8, (2, 2)), "maps must be"),
        (lambda: correspondence.recall(GRIDS, GRIDS[:, :1], FOUND, tolerance=-1), "tolerance"),
        (lambda: correspondence.recall(GRIDS[:, :1], GRIDS, FOUND), "do not fit"),
        (lambda: correspondence.recall(GRIDS[0], GRIDS, FOUND), "images, rows, columns, channels"),
        (lambda: correspondence.recall(GRIDS, GRIDS, FOUND, bank="world"), "image, all"),
        (lambda: correspondence.recall(GRIDS, GRIDS, FOUND, "dot"), "unknown metric"),
    ],
)
def test_what_cannot_be_matched_is_refused_in_one_line(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_similarities_are_the_exact_ones_over_the_largest_that_a_query_could_reach(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((5, 7)) + 2, 10 * rng.standard_normal((9, 7))
    found = instances.Gallery(y, metric).similarity(x)
    for i, j in np.ndindex(5, 9):
        a, b = x[i], y[j]
        if metric == "l2":
            middle = y.mean(0)
            largest = np.linalg.norm(a - middle) + np.linalg.norm(y - middle, axis=1).max()
            expected = -(((a - b) ** 2).sum()) / largest**2
        else:
            size = np.linalg.norm(y, axis=1).max() if metric == "ip" else np.linalg.norm(b)
            expected = a @ b / (np.linalg.norm(a) * size)
        assert found[i, j] == pytest.approx(expected, abs=2e-12)
