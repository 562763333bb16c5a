"""Bags of patches: one batched pass is the naive loop, samples come to the dense mean, a bag is told from no bag."""

from collections.abc import Collection
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from analysis.encoders import zoo
from analysis.encoders.backbones import Activation, Backbone
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF, Transform
from analysis.errors import UserError
from analysis.studies.bagssl import aggregate
from analysis.studies.bagssl.cutting import Cutter
from analysis.studies.bagssl.geometry import dense_boxes, sample_boxes


class Colours(Backbone):
    """A linear pooling net: a linear map of every pixel, averaged over places."""

    layers, dim = ("embed",), 8

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Conv2d(3, 8, 1)

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        grid = self.map(x)
        return {"embed": Activation(grid.mean((2, 3)), grid.movedim(1, -1))}


class Corner(Colours):
    """No bag: what it says depends on where in the frame a colour lies."""

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        grid = self.map(x)
        ramp = torch.linspace(0, 1, x.shape[-1])
        return {"embed": Activation((grid * ramp).mean((2, 3)), grid.movedim(1, -1))}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path))


@pytest.fixture
def images() -> np.ndarray:
    coarse = np.random.default_rng(3).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(4, 1).repeat(4, 2)  # 32 px


def encoder(kind: type[Backbone] | None = None, *, size: int = 16, head: bool = False) -> Encoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = kind() if kind else zoo.build({"family": "resnet", "widths": [4, 8], "dim": 12})
        projector = nn.Linear(12, 5) if head else None
    return Encoder("net", net, HALF, size=size, projector=projector)  # type: ignore[arg-type]


def boxes(m: int, side: int = 16, n: int = 5) -> np.ndarray:
    return sample_boxes(n, m, 32, side, np.random.default_rng(1))


def naive(net: Encoder, images: np.ndarray, corners: np.ndarray, side: int, project: bool = False) -> np.ndarray:
    """One patch after another."""
    read = net.project if project else net.embed
    rows = [
        [read(image[None, row : row + side, column : column + side])[0].numpy() for row, column in places]
        for image, places in zip(images, corners, strict=True)
    ]
    return np.array(rows)


@pytest.mark.parametrize("side", [8, 16, 20, 32])
def test_the_batched_pass_gives_what_a_loop_over_patches_gives(images: np.ndarray, side: int) -> None:
    net, corners = encoder(), boxes(7, side)
    found = aggregate.patch_features(net, images, corners, side)
    assert found.shape == (5, 7, 12)
    assert found.dtype == np.float32
    assert np.allclose(found, naive(net, images, corners, side), atol=1e-5)


def test_the_head_is_read_where_it_is_asked_for(images: np.ndarray) -> None:
    net, corners = encoder(head=True), boxes(3)
    found = aggregate.patch_features(net, images, corners, 16, "project")
    assert np.allclose(found, naive(net, images, corners, 16, project=True), atol=1e-5)


def test_blocks_do_not_change_a_number(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    net, corners = encoder(), boxes(7)
    whole = aggregate.aggregate(net, images, corners, 16)
    monkeypatch.setattr(aggregate, "BLOCK", 14)
    assert np.allclose(aggregate.nested_means(net, images, corners, 16, counts=(2, 7))[-1], whole, atol=1e-6)


def test_running_means_are_the_means_of_the_first_patches(images: np.ndarray) -> None:
    net, corners = encoder(), boxes(13)
    patches, means = aggregate.patch_features(net, images, corners, 16), aggregate.nested_means(net, images, corners, 16)
    assert aggregate.doubling(13) == (1, 2, 4, 8)
    for count, mean in zip((1, 2, 4, 8), means, strict=True):
        assert np.allclose(mean, patches[:, :count].mean(1), atol=1e-6)
    assert np.allclose(aggregate.aggregate(net, images, corners, 16), patches.mean(1), atol=1e-6)


def test_sampled_means_come_to_the_dense_mean_as_one_over_the_root_of_their_number(images: np.ndarray) -> None:
    net, every = encoder(), dense_boxes(32, 20, 1)
    dense = aggregate.aggregate(net, images, np.tile(every, (5, 1, 1)), 20)
    patches = aggregate.patch_features(net, images, np.tile(every, (5, 1, 1)), 20)
    drawn = np.random.default_rng(0).integers(len(every), size=(200, 5, 64))
    for count in (1, 4, 16, 64):
        means = patches[np.arange(5)[:, None], drawn[..., :count]].mean(2)  # (200, 5, d)
        error = ((means - dense) ** 2).mean((0, 2)) ** 0.5
        law = (patches.var(1).mean(1) / count) ** 0.5
        assert error == pytest.approx(law, rel=0.15)
    sampled = aggregate.nested_means(net, images, sample_boxes(5, 256, 32, 20, np.random.default_rng(2)), 20)
    errors = ((sampled - dense) ** 2).mean((1, 2)) ** 0.5
    assert errors[8] < errors[4] < errors[0]


def tiled(size: int, side: int, n: int) -> np.ndarray:
    return np.tile(dense_boxes(size, side, side), (n, 1, 1))


def test_a_linear_pooling_net_is_a_bag_exactly_and_one_that_looks_at_places_is_not(images: np.ndarray) -> None:
    """Patches that tile the image, and an input as large as a patch, so that nothing is resampled."""
    gaps = {}
    for kind in (Colours, Corner):
        parts, whole = encoder(kind, size=16), encoder(kind, size=32)
        bag = aggregate.aggregate(parts, images, tiled(32, 16, 5), 16)
        h = whole.embed(images).numpy()
        gaps[kind] = np.abs(bag - h).max() / np.abs(h).max()
    assert gaps[Colours] < 1e-6
    assert gaps[Corner] > 0.05


def test_a_second_call_reads_the_cache_and_other_patches_do_not(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    net, corners = encoder(head=True), boxes(4)
    first = aggregate.patch_features(net, images, corners, 16)
    calls: list[int] = []
    pooled = Encoder.pooled
    monkeypatch.setattr(Encoder, "pooled", lambda self, *args, **more: calls.append(1) or pooled(self, *args, **more))
    assert (aggregate.patch_features(net, images, corners, 16) == first).all()
    assert not calls
    for other in ((images[::-1].copy(), corners, 16), (images, corners[:, ::-1], 16), (images, np.minimum(corners, 12), 20)):
        aggregate.patch_features(net, *other)
    assert len(calls) == 3
    aggregate.nested_means(net, images, corners, 16, counts=(4,))
    aggregate.nested_means(net, images, corners, 16, counts=(2, 4))
    assert len(calls) == 5
    assert aggregate.patch_features(net, images, corners, 16, "project").shape == (5, 4, 5)


def test_a_damaged_cache_is_computed_again(images: np.ndarray, tmp_path: Path) -> None:
    net, corners = encoder(), boxes(4)
    first = np.array(aggregate.patch_features(net, images, corners, 16))
    (file,) = (tmp_path / "cache" / "patches").glob("*.npz")
    content = bytearray(file.read_bytes())
    content[-40] ^= 1
    file.write_bytes(content)
    assert (aggregate.patch_features(net, images, corners, 16) == first).all()


@pytest.mark.parametrize(
    ("corners", "side", "says"),
    [
        (np.zeros((5, 3)), 16, r"corners must be \(n, m, 2\) for the same n images, not \(5, 3\) for 5"),
        (np.zeros((4, 3, 2)), 16, "for the same n images"),
        (np.zeros((5, 0, 2)), 16, "for the same n images"),
        (np.full((5, 3, 2), 17), 16, "have corners between 0 and 16; these reach from 17 to 17"),
        (np.full((5, 3, 2), -1), 16, "these reach from -1"),
        (np.zeros((5, 3, 2)), 33, "patches of 33 px in images of 32 px"),
    ],
)
def test_places_that_do_not_fit_are_refused_in_one_line(images: np.ndarray, corners: np.ndarray, side: int, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        aggregate.patch_features(encoder(), images, corners.astype(int), side)
    assert "\n" not in str(caught.value)


def test_unknown_layers_missing_heads_and_numbers_that_do_not_rise_are_refused(images: np.ndarray) -> None:
    with pytest.raises(UserError, match="has no layer 'deep'"):
        aggregate.patch_features(encoder(), images, boxes(2), 16, "deep")
    with pytest.raises(UserError, match="has no projector"):
        aggregate.patch_features(encoder(), images, boxes(2), 16, "project")
    for counts in ((2, 1), (0, 2), (1, 3)):
        with pytest.raises(UserError, match="numbers of patches must rise from 1 or more to 2 at most"):
            aggregate.nested_means(encoder(), images, boxes(2), 16, counts=counts)


class Counted(Transform):
    """Counts the patches that it resizes."""

    counts: ClassVar[list[int]] = []

    def pixels(self, images: np.ndarray) -> Tensor:
        self.counts.append(len(images))
        return super().pixels(images)


def test_the_same_patches_are_resized_once_and_others_are_not_taken_for_them(images: np.ndarray) -> None:
    Counted.counts.clear()
    transform, cutter, fresh = Counted(16, *HALF), Cutter(), Cutter(limit=0)
    boxes = sample_boxes(len(images), 3, 32, 9, np.random.default_rng(0))
    asked = [
        (images, boxes, 8),
        (images, boxes, 9),
        (images[::-1], boxes, 8),
        (images, boxes[::-1], 8),
        (images[:4], boxes[:4], 8),
    ]
    for _ in range(2):
        for pictures, corners, side in asked:
            expected = fresh.cut(pictures, corners, side, Transform(16, *HALF))
            np.testing.assert_array_equal(cutter.cut(pictures, corners, side, transform), expected)
    assert Counted.counts == [15, 15, 15, 15, 12]
    assert cutter.cut(images, boxes, 8, Counted(12, *HALF)).shape == (15, 12, 12, 3)  # another encoder, another input


def test_a_full_cutter_cuts_and_forgets(images: np.ndarray) -> None:
    Counted.counts.clear()
    boxes = sample_boxes(len(images), 3, 32, 9, np.random.default_rng(0))
    cutter = Cutter(limit=2 * boxes[:, :, 0].size * 16 * 16 * 3 - 1)  # room for one
    for _ in range(2):
        for side in (8, 9):
            cutter.cut(images, boxes, side, Counted(16, *HALF))
    assert Counted.counts == [15, 15, 15]


def test_features_are_the_same_with_a_cutter(images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, cutter = encoder(), Cutter()
    boxes = sample_boxes(len(images), 4, 32, 8, np.random.default_rng(0))
    alone = aggregate.patch_features(net, images, boxes, 8)
    for folder in ("first", "again"):  # an empty cache each: the second time nothing is resized
        monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / folder))
        np.testing.assert_array_equal(aggregate.patch_features(net, images, boxes, 8, cutter=cutter), alone)
