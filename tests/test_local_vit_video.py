"""Laws and oracles of video scores and label propagation."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage.morphology import disk

from analysis.datasets import scenes
from analysis.errors import UserError
from analysis.studies.local_vit import tracking, video_scores


def overall(rows: list[video_scores.Row]) -> video_scores.Row:
    """The mean over objects of every column."""
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def reference_outline(mask: np.ndarray) -> np.ndarray:
    """The boundary map told pixel by pixel: right, lower and lower right neighbour, special cases at the border."""
    h, w = mask.shape
    out = np.zeros((h, w), dtype=bool)
    for y in range(h):
        for x in range(w):
            right = mask[y, x + 1] if x + 1 < w else None
            below = mask[y + 1, x] if y + 1 < h else None
            if right is None and below is None:
                continue
            if right is None:
                out[y, x] = mask[y, x] ^ below
            elif below is None:
                out[y, x] = mask[y, x] ^ right
            else:
                out[y, x] = (mask[y, x] ^ right) | (mask[y, x] ^ below) | (mask[y, x] ^ mask[y + 1, x + 1])
    return out


def reference_boundary(pred: np.ndarray, truth: np.ndarray, dilate: str) -> float:
    """F by dilation with a disc, or by a distance transform."""
    radius = int(np.ceil(0.008 * np.linalg.norm(pred.shape)))
    edges = [reference_outline(mask) for mask in (pred, truth)]
    if dilate == "disc":
        grown = [ndimage.binary_dilation(edge, disk(radius)) for edge in edges]
    else:
        grown = [ndimage.distance_transform_edt(~edge) <= radius if edge.any() else edge for edge in edges]
    counts = [edge.sum() for edge in edges]
    if 0 in counts:
        precision, recall = (1, 1) if counts == [0, 0] else ((1, 0) if counts[0] == 0 else (0, 1))
    else:
        precision, recall = (edges[0] & grown[1]).sum() / counts[0], (edges[1] & grown[0]).sum() / counts[1]
    return 0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def blobs(rng: np.random.Generator, shape: tuple[int, int], roughness: float) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.standard_normal(shape), roughness)
    return field > np.quantile(field, rng.uniform(0.2, 0.8))


@pytest.mark.parametrize("shape", [(40, 61), (96, 96), (130, 180)])
@pytest.mark.parametrize("dilate", ["disc", "distance"])
def test_boundary_accuracy_is_that_of_masks_dilated_by_a_disc(shape: tuple[int, int], dilate: str) -> None:
    rng = np.random.default_rng(0)
    for roughness in (0, 1, 4, 10):
        truth = blobs(rng, shape, roughness)
        for pred in (np.roll(truth, (2, -1), (0, 1)), blobs(rng, shape, roughness), truth):
            assert video_scores.boundary(pred, truth) == pytest.approx(reference_boundary(pred, truth, dilate), abs=1e-12)


def test_the_tolerance_of_a_480p_frame_is_eight_pixels() -> None:
    truth = np.zeros((480, 854), dtype=bool)
    truth[100:300, 200:400] = True
    assert video_scores.boundary(np.roll(truth, 8, axis=1), truth) == 1
    assert 0.4 < video_scores.boundary(np.roll(truth, 9, axis=1), truth) < 0.6  # the two edges across are lost


def test_region_similarity_of_cases_counted_by_hand() -> None:
    truth, pred = np.zeros((2, 4, 4), dtype=bool)
    truth[1:3, 1:3] = True
    pred[1:3, 2:4] = True
    assert video_scores.region(pred, truth) == pytest.approx(2 / 6)
    assert video_scores.region(truth, truth) == 1
    assert video_scores.region(~truth, truth) == 0


def test_boundary_accuracy_of_a_case_counted_by_hand() -> None:
    truth, pred = np.zeros((2, 10, 20), dtype=bool)
    truth[:, 10:] = True  # boundary: column 9, ten pixels; r = ceil(0.008 * 22.4) = 1
    pred[:5, 11:] = True  # boundary: column 10, rows 0 to 4, then row 4 from column 11 to 19
    # rows 0-4 of column 10 lie one pixel away: 5 of 14 right; truth rows 0-4 have theirs next to them: 5 of 10
    precision, recall = 5 / 14, 5 / 10
    assert video_scores.boundary(pred, truth) == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("fill", [False, True])
def test_empty_masks_follow_the_official_conventions(fill: bool) -> None:
    empty, square = np.zeros((2, 12, 12), dtype=bool)
    square[4:8, 4:8] = True
    assert video_scores.region(empty, empty) == 1
    assert video_scores.region(empty, square) == video_scores.region(square, empty) == 0
    blank = np.full((12, 12), fill)  # a full mask has no boundary either
    assert video_scores.boundary(blank, empty) == 1
    assert video_scores.boundary(blank, square) == video_scores.boundary(square, blank) == 0


def video(lengths: int = 6) -> np.ndarray:
    """Two squares that move to the right, labels 1 and 4."""
    labels = np.zeros((lengths, 30, 40), dtype=np.int64)
    for t in range(lengths):
        labels[t, 4:12, 3 + t : 11 + t] = 1
        labels[t, 16:26, 10 + t : 20 + t] = 4
    return labels


def test_a_perfect_prediction_scores_one_in_everything_and_does_not_decay() -> None:
    rows = video_scores.sequence(video(), video())
    assert [row["object"] for row in rows] == [1, 4]
    for row in rows:
        assert {row[k] for k in ("J_mean", "F_mean", "J_recall", "F_recall", "J&F")} == {1.0}
        assert row["J_decay"] == row["F_decay"] == 0


def test_the_first_and_the_last_frame_are_not_scored() -> None:
    pred = video()
    pred[[0, -1]] = 0
    assert overall(video_scores.sequence(pred, video()))["J&F"] == 1
    pred[1] = 0
    assert overall(video_scores.sequence(pred, video()))["J_mean"] == pytest.approx(3 / 4)


def test_void_counts_as_ground_and_late_objects_as_nobodys() -> None:
    truth = video()
    truth[:, :2] = 255
    truth[3:, 27:, :5] = 9
    rows = video_scores.sequence(video(), truth)
    assert [row["object"] for row in rows] == [1, 4]
    assert all(row["J&F"] == 1 for row in rows)


@pytest.mark.parametrize(
    ("n", "ends"), [(1, (1, 1)), (2, (1, 2)), (3, (2, 3)), (4, (2, 3)), (8, (3, 6)), (38, (10, 29)), (100, (26, 75))]
)
def test_decay_is_the_first_quarter_minus_the_last_with_shared_ends(n: int, ends: tuple[int, int]) -> None:
    values = np.random.default_rng(n).random(n)  # `ends`: last frame of the first quarter, first of the last, counted from 1
    mean, recall, decay = video_scores.statistics(values)
    assert mean == pytest.approx(sum(values) / n)
    assert recall == sum(v > 0.5 for v in values) / n
    assert decay == pytest.approx(np.mean(values[: ends[0]]) - np.mean(values[ends[1] - 1 :]))


def test_decay_is_right_beyond_256_frames() -> None:
    values = np.concatenate([np.ones(600), np.zeros(200)])
    assert video_scores.statistics(values)[2] == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("pred", "truth", "message"),
    [
        (video()[:, :, :-1], video(), "one shape"),
        (video()[:2], video()[:2], "at least 3 frames"),
        (np.zeros_like(video()), np.zeros_like(video()), "shows no object"),
        (np.where(video() == 1, 7, video()), video(), "label 7, the first frame has 1, 4"),
    ],
)
def test_videos_that_cannot_be_scored_are_refused_in_one_line(pred: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        video_scores.sequence(pred, truth)
    assert "\n" not in str(error.value)


def reference_propagation(grids: np.ndarray, first: np.ndarray, patch: int, **options: float) -> np.ndarray:
    """The published protocol told patch by patch, for images of whole patches."""
    frames, topk, radius, temperature = (options[k] for k in ("frames", "topk", "radius", "temperature"))
    t, h, w, _ = grids.shape
    names = np.unique(first)
    unit = grids / np.linalg.norm(grids, axis=-1, keepdims=True)
    soft = [np.eye(len(names))[np.searchsorted(names, first[patch // 2 :: patch, patch // 2 :: patch])]]
    shown = [first]
    for now in range(1, t):
        context = sorted({0, *range(max(1, now - int(frames)), now)})
        labels = np.zeros((h, w, len(names)))
        for y, x in np.ndindex(h, w):
            seen = [
                (float(unit[now, y, x] @ unit[s, v, u]), soft[s][v, u])
                for s in context for v, u in np.ndindex(h, w) if max(abs(v - y), abs(u - x)) <= radius
            ]  # fmt: skip
            best = sorted(seen, key=lambda pair: -pair[0])[: int(topk)]
            weights = np.exp(np.array([cosine for cosine, _ in best]) / temperature)
            labels[y, x] = (weights[:, None] * np.array([label for _, label in best])).sum(0) / weights.sum()
        soft.append(labels)
        at = [np.clip((np.arange(n * patch) + 0.5) / patch - 0.5, 0, n - 1) for n in (h, w)]
        maps = np.stack(
            [ndimage.map_coordinates(c, np.meshgrid(*at, indexing="ij"), order=1) for c in labels.transpose(2, 0, 1)]
        )
        low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
        shown.append(names[np.divide(maps - low, high - low, out=maps.copy(), where=high > low).argmax(0)])
    return np.stack(shown)


@pytest.mark.parametrize(
    ("frames", "topk", "radius", "temperature"),
    [(7, 5, 12, 0.1), (2, 3, 2, 0.1), (0, 5, 1, 0.3), (3, 1, 0, 0.1), (1, 90, 9, 1.0)],
)
def test_propagation_is_the_published_protocol(frames: int, topk: int, radius: int, temperature: float) -> None:
    rng = np.random.default_rng(3)
    grids = (rng.standard_normal((1, 5, 7, 6)) + 0.7 * rng.standard_normal((10, 5, 7, 6))).astype(np.float32)
    first = np.zeros((20, 28), dtype=np.int64)
    first[2:14, 3:13], first[9:18, 14:26] = 3, 8
    options = {"frames": frames, "topk": topk, "radius": radius, "temperature": temperature}
    found = tracking.propagate(grids, first, **options)
    assert found.dtype == first.dtype
    assert (found == reference_propagation(grids, first, 4, **options)).mean() > 0.9999


def test_a_static_video_keeps_its_labels() -> None:
    rng = np.random.default_rng(0)
    grids = np.repeat(rng.standard_normal((1, 8, 9, 64)).astype(np.float32), 12, axis=0)
    labels = rng.integers(0, 4, (8, 9))
    found = tracking.propagate(grids, labels.repeat(5, 0).repeat(5, 1))
    assert (found[:, 2::5, 2::5] == labels).all()


def moving(steps: int, pace: int, size: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Window onto a world of distinct patches that moves `pace` patches to the right a frame: tokens, labels, known."""
    rng = np.random.default_rng(1)
    world = rng.standard_normal((size, size + pace * steps, 128)).astype(np.float32)
    names = rng.integers(0, 3, world.shape[:2])
    views = [slice(pace * t, pace * t + size) for t in range(steps)]
    known = np.arange(size)[None] + pace * np.arange(steps)[:, None] < size  # columns that the first frame showed
    return np.stack([world[:, v] for v in views]), np.stack([names[:, v] for v in views]), known


def test_a_video_that_moves_by_whole_patches_is_tracked_exactly() -> None:
    grids, labels, known = moving(8, 1)
    found = tracking.propagate(grids, labels[0].repeat(3, 0).repeat(3, 1), radius=2)[:, 1::3, 1::3]
    assert (found == labels)[known[:, None].repeat(12, 1)].all()


def test_what_moves_beyond_the_window_is_lost_and_the_window_is_inclusive() -> None:
    grids, labels, known = moving(2, 3)
    agreement = [(tracking.propagate(grids, labels[0], radius=radius)[1] == labels[1])[:, known[1]].mean() for radius in (2, 3)]
    assert agreement[0] < 0.7
    assert agreement[1] == 1


def test_memory_is_bounded_by_blocks_that_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    grids, labels, _ = moving(10, 1)
    whole = tracking.propagate(grids, labels[0], radius=3)
    held, topk = [], tracking.torch.Tensor.topk
    monkeypatch.setattr(tracking, "BLOCK", 10_000)
    monkeypatch.setattr(tracking.torch.Tensor, "topk", lambda x, *a, **k: held.append(x.numel()) or topk(x, *a, **k))
    np.testing.assert_array_equal(tracking.propagate(grids, labels[0], radius=3), whole)
    assert 5_000 < max(held) <= 10_000 < 8 * 12**4


def test_a_picture_without_objects_stays_without_objects() -> None:
    grids, _, _ = moving(3, 1)
    assert (tracking.propagate(grids, np.full((12, 12), 7)) == 7).all()


def test_creatures_are_followed_by_tokens_that_tell_them_apart() -> None:
    world = scenes.make("video", 8, size=64, frames=8)
    truth = world.masks["instance"].astype(np.int64)
    truth[~np.isin(truth, truth[0])] = 0
    shares = np.stack([(truth == k).reshape(8, 16, 4, 16, 4).mean((2, 4)) for k in range(6)], -1).astype(np.float32)
    followed = overall(video_scores.sequence(tracking.propagate(shares, truth[0]), truth))
    noise = np.random.default_rng(0).standard_normal(shares.shape).astype(np.float32)
    lost = overall(video_scores.sequence(tracking.propagate(noise, truth[0]), truth))
    assert followed["J&F"] > 0.6
    assert followed["J&F"] > lost["J&F"] + 0.3


@pytest.mark.parametrize(
    ("grids", "first", "options", "message"),
    [
        (np.ones((3, 4, 4)), np.zeros((8, 8), int), {}, "frames, rows, columns, channels"),
        (np.full((3, 4, 4, 2), np.nan), np.zeros((8, 8), int), {}, "finite"),
        (np.ones((3, 4, 4, 2)), np.zeros((8, 8)), {}, "whole numbers"),
        (np.ones((3, 4, 4, 2)), np.zeros((3, 8), int), {}, "at least"),
        (np.ones((3, 4, 4, 2)), np.zeros((8, 8), int), {"topk": 0}, "topk must be a whole number of at least 1"),
        (np.ones((3, 4, 4, 2)), np.zeros((8, 8), int), {"radius": 1.5}, "radius"),
        (np.ones((3, 4, 4, 2)), np.zeros((8, 8), int), {"temperature": 0}, "temperature must be above 0"),
    ],
)
def test_tokens_that_cannot_be_followed_are_refused_in_one_line(grids, first, options, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message) as error:
        tracking.propagate(grids, first, **options)
    assert "\n" not in str(error.value)


def test_real_masks_score_as_by_dilation_and_follow_colour_better_than_chance(real_root: Path) -> None:
    archive = real_root / "davis-2016-val-subset.zip"
    if not archive.exists():
        pytest.skip("no DAVIS archive")
    with zipfile.ZipFile(archive) as files:
        names = [f"DAVIS/{{}}/480p/blackswan/{i:05d}.{{}}" for i in range(0, 10, 2)]
        masks = np.stack([np.array(Image.open(files.open(name.format("Annotations", "png")))) > 0 for name in names])
        tokens = np.stack([
            np.array(Image.open(files.open(name.format("JPEGImages", "jpg"))).resize((53, 30), Image.Resampling.BOX))
            for name in names
        ]).astype(np.float32) - 128  # fmt: skip
    for a, b in ((0, 1), (0, 4)):
        assert video_scores.boundary(masks[b], masks[a]) == pytest.approx(reference_boundary(masks[b], masks[a], "distance"))
    found = tracking.propagate(tokens, masks[0].astype(np.int64))
    assert overall(video_scores.sequence(found, masks.astype(np.int64)))["J_mean"] > 0.5


def test_a_classifier_of_the_first_frame_follows_what_it_can_tell_apart_and_leaves_nuisance_out() -> None:
    rng = np.random.default_rng(0)
    labels = np.zeros((4, 32, 32), int)
    for t in range(4):
        labels[t, 8:16, 4 * t : 4 * t + 12] = 7
    grids = np.eye(6)[(labels[:, 2::4, 2::4] > 0).astype(int)] + 0.05 * rng.standard_normal((4, 8, 8, 6))
    nuisance = np.concatenate([grids, 50 * rng.standard_normal((4, 8, 8, 2))], -1)
    for tokens in (grids, nuisance):
        found = tracking.by_first_frame(tokens, labels[0])
        np.testing.assert_array_equal(found[0], labels[0])
        assert (found == labels).mean() > 0.9
    alone = tracking.by_first_frame(grids, np.full((32, 32), 3))
    assert (alone == 3).all()
