"""Tokens, transforms, neighbours and segmentation of patches: laws, planted truths and independent searches."""

import numpy as np
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix, jaccard_score
from sklearn.neighbors import NearestNeighbors

from analysis import encoders, neighbours
from analysis.encoders.backbones import Stages, wrap
from analysis.encoders.base import Encoder
from analysis.encoders.conv4 import Conv4
from analysis.encoders.transform import RAW
from analysis.errors import UserError
from analysis.neighbours import METRICS, nearest
from analysis.studies.local_vit import controls, segmentation, tokens, transforms, variance


@pytest.fixture(scope="module")
def zoo() -> Encoder:
    """An untrained ViT of the zoo, 8 x 8 patches of 8 px."""
    return encoders.load("zoo:untrained-vit")


def small_vit(**options) -> Encoder:
    """A vision transformer of 4 x 4 patches, random weights."""
    torch.manual_seed(0)
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2, num_classes=0, dynamic_img_size=True, **options
    )
    return Encoder("small", wrap(model.eval()), RAW, size=32)


@pytest.mark.parametrize("prefix", [{"class_token": True}, {"class_token": False, "global_pool": "avg"}, {"reg_tokens": 4}])
def test_a_change_of_one_patch_changes_most_the_token_in_its_place(prefix: dict) -> None:
    encoder = small_vit(**prefix)
    blank = np.full((1, 32, 32, 3), 128, np.uint8)
    for row, column in ((0, 0), (0, 3), (2, 1), (3, 2)):
        changed = blank.copy()
        changed[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = (255, 0, 60)
        both = tokens.layer_tokens(encoder, np.concatenate([blank, changed]), ("block1",))["block1"]
        moved = np.linalg.norm(both[1] - both[0], axis=-1)
        assert np.unravel_index(moved.argmax(), moved.shape) == (row, column)


@pytest.mark.parametrize("name", ["zoo:untrained-vit", "zoo:simmim"])  # the latter is read before its end
def test_the_block_that_is_read_through_the_final_norm_is_the_encoders_own_output(name: str) -> None:
    encoder = encoders.load(name)
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    assert tokens.layers(encoder) == tuple(f"block{i}" for i in range(1, 7))
    before = tokens.layer_tokens(encoder, images, tokens.layers(encoder))[tokens.read_block(encoder)]
    after = tokens.final_norm(encoder, before)
    np.testing.assert_allclose(after, tokens.tokens(encoder, images), atol=1e-5)
    assert abs(before.mean(-1)).max() > 10 * abs(after.mean(-1)).max()  # a norm without it would have no mean


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(2, 5))
def test_tiles_stitched_are_the_image_again(n: int, rows: int, columns: int, side: int) -> None:
    images = np.arange(n * rows * columns * side**2 * 2).reshape(n, rows * side, columns * side, 2)
    cut = tokens.split(images, (rows, columns))
    assert cut.shape == (n * rows * columns, side, side, 2)
    np.testing.assert_array_equal(tokens.stitch(cut, (rows, columns)), images)


def test_every_tile_is_an_image_of_its_own(zoo: Encoder) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 192, 3), dtype=np.uint8)
    whole = tokens.tokens(zoo, images, tiles=(1, 3))
    assert whole.shape == (2, 8, 24, 96)
    np.testing.assert_allclose(whole[1, :, 8:16], tokens.tokens(zoo, images[1:, :, 64:128])[0], atol=1e-5)


def test_tiles_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fall into 2 x 2 square tiles"):
        tokens.split(np.zeros((1, 64, 65, 3)), (2, 2))


def test_encoders_of_unequal_patches_get_equal_grids() -> None:
    fine = Encoder("fine", wrap(timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64)), RAW, size=64)
    images = np.zeros((1, 64, 64, 3), np.uint8)
    assert fine.patches(images).shape[1:3] == (4, 4)
    assert tokens.tokens(tokens.with_grid(fine, 8), images).shape == (1, 8, 8, 192)
    assert tokens.with_grid(fine, 8) is not fine
    assert tokens.with_grid(tokens.with_grid(fine, 8), 8).size == 128


@pytest.fixture
def conv4() -> Encoder:
    """A Conv4 of random weights at its usual 84 px: a grid of 5 x 5."""
    torch.manual_seed(0)
    return Encoder("conv4", Stages(Conv4().stages(), torch.nn.Flatten(), dim=1600), RAW, size=84)


def test_a_convolutional_network_is_read_by_its_last_map(conv4: Encoder) -> None:
    assert (tokens.patch_side(conv4), tokens.patch_side(encoders.load("zoo:untrained"))) == (16, 32)
    encoder = tokens.with_grid(conv4, 4)
    assert encoder.size == 64
    blank = np.full((1, 64, 128, 3), 128, np.uint8)
    for row, column in ((0, 0), (0, 7), (2, 4), (3, 2)):
        changed = blank.copy()
        changed[0, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = (255, 0, 60)
        both = tokens.tokens(encoder, np.concatenate([blank, changed]), tiles=(1, 2))
        moved = np.linalg.norm(both[1] - both[0], axis=-1)
        assert moved.shape == (4, 8)
        assert np.unravel_index(moved.argmax(), moved.shape) == (row, column)


def test_a_convolutional_network_has_no_blocks_of_one_grid(conv4: Encoder) -> None:
    assert tokens.layers(conv4) == ()
    with pytest.raises(UserError, match="'conv4' has no blocks with one grid"):
        tokens.layer_tokens(conv4, np.zeros((1, 84, 84, 3), np.uint8), ("block1",))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("rows", "k"), [(5, 9), (37, 3), (1000, 1), (1000, 30), (2600, 4)])
def test_neighbours_are_those_of_an_independent_search(metric: str, rows: int, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "ROWS", 900)  # several blocks, the last one ragged
    rng = np.random.default_rng(rows + k)
    bank = rng.standard_normal((rows, 12)) * rng.uniform(0.1, 30, 12) + 5
    queries = rng.standard_normal((300, 12)) * 10 + 5
    found, similarity = nearest(queries.astype(np.float32), bank.astype(np.float32), k, metric)
    bank, queries = bank.astype(np.float32).astype(float), queries.astype(np.float32).astype(float)
    k = min(k, rows)
    if metric == "ip":
        expected = np.argsort(-queries @ bank.T, axis=1)[:, :k]
        scores = np.take_along_axis(queries @ bank.T, expected, 1)
    else:
        search = NearestNeighbors(n_neighbors=k, algorithm="brute", metric="cosine" if metric == "cosine" else "euclidean")
        distance, expected = search.fit(bank).kneighbors(queries)
        scores = 1 - distance if metric == "cosine" else -distance
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(similarity, scores, rtol=1e-5, atol=1e-9 if metric == "l2" else 1e-5 * np.abs(scores).max())


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 2, 7])
def test_the_order_of_twins_is_that_of_double_precision(metric: str, k: int) -> None:
    rng = np.random.default_rng(k)
    bank = np.repeat(rng.standard_normal((60, 768)), 2, axis=0)
    bank = (bank + 1e-6 * rng.standard_normal(bank.shape)).astype(np.float32)
    queries = rng.standard_normal((300, 768)).astype(np.float32)
    x, y = queries.astype(float), bank.astype(float)
    scores = {
        "ip": x @ y.T,
        "cosine": x @ y.T / np.linalg.norm(y, axis=1),
        "l2": -np.linalg.norm(x[:, None] - y[None], axis=2),
    }[metric]
    np.testing.assert_array_equal(nearest(queries, bank, k, metric)[0], np.argsort(-scores, axis=1, kind="stable")[:, :k])


def test_a_large_common_mean_does_not_blur_distances() -> None:
    rng = np.random.default_rng(0)
    bank = rng.standard_normal((500, 8)).astype(np.float32) + np.float32(300)
    queries = rng.standard_normal((200, 8)).astype(np.float32) + np.float32(300)
    expected = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank.astype(float)).kneighbors(queries.astype(float))[1]
    np.testing.assert_array_equal(nearest(queries, bank, 1, "l2")[0], expected)


def test_vectors_of_length_one_make_all_metrics_agree() -> None:
    bank, queries = np.random.default_rng(0).standard_normal((2, 400, 16)).astype(np.float32)
    unit = transforms.fit("unit", bank)
    found = [nearest(unit(queries), unit(bank), 5, metric)[0] for metric in METRICS]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[0], nearest(queries, bank, 5, "cosine")[0])


def test_a_search_of_unequal_widths_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot search"):
        nearest(np.zeros((2, 3)), np.zeros((2, 4)))


def test_transforms_do_to_the_bank_what_they_say() -> None:
    rng = np.random.default_rng(0)
    bank = (rng.standard_normal((900, 6)) @ rng.standard_normal((6, 6)) + 3).astype(np.float32)
    bank = np.concatenate([bank, np.ones((900, 1), np.float32)], 1)  # a constant dimension
    centred, standard, white = (transforms.fit(kind, bank)(bank) for kind in ("centre", "standardise", "whiten"))
    assert abs(centred.mean(0)).max() < 1e-4
    np.testing.assert_allclose(standard.std(0), [1] * 6 + [0], atol=1e-4)
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(white.T)), [0] + [1] * 6, atol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(transforms.fit("unit", bank)(bank), axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(transforms.fit("none", bank)(bank), bank)


def test_a_transform_fitted_on_the_bank_does_not_look_at_the_queries() -> None:
    bank, queries = np.random.default_rng(0).standard_normal((2, 50, 4)).astype(np.float32)
    transform = transforms.fit("standardise", bank)
    np.testing.assert_array_equal(transform(queries)[:7], transform(queries[:7]))
    assert abs(transform(queries + 5).mean()) > 3


@pytest.mark.parametrize("which", transforms.DROPS)
def test_what_is_dropped_and_what_is_kept_make_the_whole(which: str) -> None:
    bank = np.random.default_rng(0).standard_normal((60, 10)).astype(np.float32) * np.arange(1, 11, dtype=np.float32)
    for m in range(1, 10):
        kept, gone = transforms.drop(which, bank, m).kept, transforms.only(which, bank, m).kept
        assert sorted([*kept, *gone]) == list(range(10))
        assert set(transforms.removed(which, bank, m - 1)) <= set(gone)  # a larger m removes the same and more
    with pytest.raises(ValueError, match="cannot remove 10"):
        transforms.drop(which, bank, 10)


def planted(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (600, 20), labels, nuisance dimensions: the class is in 4 ... 19, while 0 ... 3 are large and say nothing."""
    rng = np.random.default_rng(seed)
    labels = np.arange(600) % 4
    x = rng.standard_normal((4, 20))[labels] * 2 + 0.5 * rng.standard_normal((600, 20))
    x[:, :4] = 50 * rng.standard_normal((600, 4))
    return x.astype(np.float32), labels, np.arange(4)


@pytest.mark.parametrize("metric", METRICS)
def test_nuisance_dimensions_break_neighbours_and_dropping_or_standardising_repairs_them(metric: str) -> None:
    x, labels, large = planted()
    bank, queries = x[:300], x[300:]

    def accuracy(transform: transforms.FeatureTransform) -> float:
        near = nearest(transform(queries), transform(bank), 1, metric)[0][:, 0]
        return float((labels[:300][near] == labels[300:]).mean())

    np.testing.assert_array_equal(np.sort(transforms.removed("highest", bank, 4)), large)
    assert accuracy(transforms.fit("none", bank)) < 0.6
    assert accuracy(transforms.drop("highest", bank, 4)) > (0.9 if metric != "ip" else 0.75)
    assert accuracy(transforms.fit("standardise", bank)) > 0.9 or metric == "ip"
    assert accuracy(transforms.drop("random", bank, 4, seed=3)) < 0.6
    assert accuracy(transforms.drop("lowest", bank, 4)) < 0.6


def test_variance_is_found_where_it_was_planted() -> None:
    x, _, _ = planted()
    y, _, _ = planted(1)
    assert variance.spectrum(x)[:4].sum() > 0.95
    assert variance.overlap(x, y, 4) == 1
    assert variance.spectrum(x).sum() == pytest.approx(1)
    assert variance.sizes(96, (0.0, 0.005, 0.26, 0.5, 1.0)) == [0, 25, 48, 95]


def test_the_ratio_is_that_of_all_tokens_and_its_draws_are_those_of_whole_images() -> None:
    x = planted()[0].reshape(6, 10, 10, 20)
    found = variance.ratio(x, np.array([[1, 1, 1, 1, 1, 1], [2, 0, 0, 1, 0, 3]]))
    for value, images in zip(found, ([0, 1, 2, 3, 4, 5], [0, 0, 3, 5, 5, 5]), strict=True):
        spread = x[images].reshape(-1, 20).var(0, dtype=np.float64)
        assert value == pytest.approx(spread.max() / np.median(spread), rel=1e-6)
    assert variance.above(x.reshape(-1, 20), 10) == 4
    assert variance.above(np.random.default_rng(0).standard_normal((5000, 20)), 2) == 0


def test_pixels_are_counted_as_enlarging_patches_would() -> None:
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 5, (3, 24, 36)).astype(np.uint8)  # 4 is void
    predicted = rng.integers(0, 4, (3, 4, 6))
    counts = segmentation.count_pixels(maps, (4, 6), 4, void=4)
    assert counts.sum() == (maps < 4).sum()
    large = predicted.repeat(6, 1).repeat(6, 2)
    for image, matrix in enumerate(segmentation.confusion(predicted, counts)):
        known = maps[image] < 4
        np.testing.assert_array_equal(matrix, confusion_matrix(maps[image][known], large[image][known], labels=range(4)))


@settings(max_examples=30)
@given(st.integers(0, 10_000))
def test_miou_is_that_of_an_independent_library_over_the_classes_that_are_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.integers(0, 5, 80), rng.integers(0, 6, 80)  # class 5 is predicted, never true
    matrix = confusion_matrix(truth, said, labels=range(7))
    expected = jaccard_score(truth, said, labels=np.unique(truth), average="macro")
    assert segmentation.miou(matrix) == pytest.approx(expected)


def test_the_first_draw_is_all_images_and_draws_are_weighted_images() -> None:
    matrix = np.random.default_rng(0).integers(0, 9, (4, 3, 3))
    draws = segmentation.miou_draws(matrix, np.array([[1, 1, 1, 1], [2, 0, 0, 1]]))
    assert draws.tolist() == [segmentation.miou(matrix.sum(0)), segmentation.miou(2 * matrix[0] + matrix[3])]


def separable(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Grids (8, 4, 4, 6) and pixel counts (8, 4, 4, 3): a class per patch, plainly readable."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (8, 4, 4))
    grids = np.eye(6)[labels] * 4 + 0.3 * rng.standard_normal((8, 4, 4, 6)) + 7
    return grids.astype(np.float32), np.eye(3, dtype=int)[labels] * 64


def test_all_probes_label_patches_that_are_plainly_apart() -> None:
    (grids, counts), (queries, truth) = separable(0), separable(1)
    counts[0, 0, 0] = 0  # all void
    bank = segmentation.bank_of(grids, counts)
    assert len(bank.features) == len(bank.image) == 8 * 16 - 1
    standard = transforms.fit("standardise", bank.features)
    said = {
        "neighbour": segmentation.by_neighbour(bank, queries, standard, "cosine"),
        "vote": segmentation.by_vote(bank, queries, standard),
        "linear": segmentation.fit_linear(bank, seed=0)(queries),
        "linear, raw": segmentation.fit_linear(bank, normalise=False, seed=0)(queries),
        "linear, strength given": segmentation.fit_linear(bank, seed=0, strength=1e2)(queries),
    }
    for name, labels in said.items():
        assert labels.shape == (8, 4, 4), name
        matrix = segmentation.confusion(labels, truth).sum(0)
        assert segmentation.miou(matrix) > 0.95, name
        assert segmentation.class_iou(matrix).mean() == pytest.approx(segmentation.miou(matrix))
    half = bank.of_images(np.arange(4))
    assert set(half.image) == {0, 1, 2, 3}
    assert len(half.features) == 4 * 16 - 1


def test_a_patch_of_void_alone_is_nobodys_neighbour() -> None:
    grids, counts = np.zeros((1, 1, 3, 2), np.float32), np.array([[[[0, 0], [5, 3], [0, 9]]]])
    grids[0, 0] = [[9, 9], [1, 0], [0, 1]]
    bank = segmentation.bank_of(grids, counts)
    assert bank.labels.tolist() == [0, 1]
    query = np.array([[[[10.0, 9.0]]]], np.float32)
    assert segmentation.by_neighbour(bank, query, transforms.fit("none", bank.features), "cosine").item() == 0


def test_a_planting_is_undone_by_the_next_layer_and_only_turns_the_axes_at_strength_one() -> None:
    """A linear layer behind the tokens, such as the embedding of a decoder, absorbs it: the network computes the same."""
    rng = np.random.default_rng(0)
    x, labels, _ = planted()
    axes = controls.least_informative(x, labels, 5)
    np.testing.assert_allclose(axes.T @ axes, np.eye(20), atol=1e-8)
    layer = rng.standard_normal((20, 7))
    for strength in controls.STRENGTHS:
        planting = controls.planting(axes, 5, strength)
        absorbed = np.linalg.solve(np.asarray(planting.scale, dtype=np.float64), layer)
        np.testing.assert_allclose(planting(x) @ absorbed, x @ layer, atol=2e-3)
    turned = controls.planting(axes, 5, 1.0)(x)
    np.testing.assert_allclose(turned @ turned.T, x @ x.T, rtol=1e-3, atol=0.5)


def test_what_is_amplified_is_what_tells_the_classes_apart_least() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(4000) % 4
    x = rng.standard_normal((4000, 12)) * np.linspace(3, 1, 12)
    x[:, 1] += 6 * (labels % 2)  # of the half with most variance, two tell the classes apart
    x[:, 2] += 6 * (labels // 2)
    axes = controls.least_informative(x, labels, 4)
    assert abs(axes[1:3, :4]).max() < 0.2
    high = transforms.removed("highest", controls.planting(axes, 4, 12.0)(x), 4)
    assert sorted(high) == [0, 1, 2, 3]


def test_the_same_noise_destroys_everything_or_stays_apart() -> None:
    x = np.random.default_rng(0).standard_normal((50, 8, 8, 10)).astype(np.float32)
    for place, width in (("all", 10), ("own", 13)):
        noisy = controls.noise(place, x, 0.26, 0)(x)
        assert noisy.shape == (50, 8, 8, width)
        added = noisy - x if place == "all" else noisy[..., 10:]
        assert added.reshape(-1, added.shape[-1]).var(0).sum() == pytest.approx(controls.ENERGY * 10, rel=0.03)
    np.testing.assert_array_equal(noisy[..., :10], x)


def test_a_paired_metric_learns_to_leave_out_what_pairs_do_not_share() -> None:
    rng = np.random.default_rng(0)
    thing = rng.standard_normal((400, 6))
    views = [np.concatenate([thing + 0.1 * rng.standard_normal((400, 6)), 20 * rng.standard_normal((400, 4))], 1) for _ in "ab"]
    metric = transforms.paired_metric(views[0][:200], views[1][:200])

    def found(change: transforms.FeatureTransform) -> float:
        return float((nearest(change(views[0][200:]), change(views[1][200:]), 1, "l2")[0][:, 0] == np.arange(200)).mean())

    assert found(transforms.fit("none", views[0])) < 0.1
    assert found(metric) > 0.9
