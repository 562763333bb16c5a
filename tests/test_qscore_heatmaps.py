"""Maps of features and their agreement with masks, on networks and masks whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.encoders.backbones import Stages
from analysis.encoders.base import Encoder
from analysis.encoders.transform import RAW
from analysis.errors import UserError
from analysis.studies.qscore import overlap
from analysis.studies.qscore.attribution import flattened, grad_cam, input_gradient, map_layer, pooled, upsample


class Colours(nn.Module):
    """Feature k is the mean of colour k over the image."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool2d(x, 2)


@pytest.fixture
def encoder() -> Encoder:
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Encoder("colours", Stages({"first": Colours(), "second": Colours()}, head, 3), RAW, size=32)


@pytest.fixture
def images() -> np.ndarray:
    """Red in the left half, green in the right."""
    found = np.zeros((2, 32, 32, 3), np.uint8)
    found[:, :, :16, 0] = 200
    found[:, :, 16:, 1] = 200
    return found


def test_a_feature_of_red_is_found_where_it_is_red(encoder: Encoder, images: np.ndarray) -> None:
    red_then_green = np.array([[1, 0, 0], [0, 1, 0]])
    for maps in (grad_cam(encoder, images, red_then_green, "first"), input_gradient(encoder, images, red_then_green)):
        half = maps.shape[1] // 2
        assert maps[0, :, :half].min() > 0 == maps[0, :, half:].max()
        assert maps[1, :, half:].min() > 0 == maps[1, :, :half].max()


def test_maps_of_linear_features_add_up(encoder: Encoder, images: np.ndarray) -> None:
    one, two, both = (grad_cam(encoder, images, np.tile(f, (2, 1)), "first") for f in ([1, 0, 0], [0, 1, 0], [1, 1, 0]))
    assert np.allclose(one + two, both)
    assert not grad_cam(encoder, images, np.zeros((2, 3)), "first").any()


def test_batches_do_not_change_a_map_and_no_hook_stays(encoder: Encoder) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)
    features = np.random.default_rng(1).random((5, 3))
    whole = grad_cam(encoder, images, features, "second")
    encoder.batch_size = 2
    assert np.allclose(grad_cam(encoder, images, features, "second"), whole)
    assert not encoder.backbone.part("second")._forward_hooks


def test_the_map_layer_is_the_last_with_seven_places(encoder: Encoder, images: np.ndarray) -> None:
    assert map_layer(encoder, images) == "second"  # 8 x 8
    small = Encoder("small", encoder.backbone, RAW, size=16)
    assert map_layer(small, images) == "first"
    with pytest.raises(UserError, match="no convolutional layer with 7 x 7 places"):
        map_layer(Encoder("tiny", encoder.backbone, RAW, size=8), images)


def test_grad_cam_of_the_zoo_is_the_textbook_formula() -> None:
    """The same map from plain autograd, on a zoo network, without hooks."""
    from analysis import encoders

    encoder = encoders.load("zoo:simclr")
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    features = (np.random.default_rng(1).random((2, 512)) < 0.05).astype(float)
    found = grad_cam(encoder, images, features, "stage2")
    net = encoder.backbone
    x = net.stem(encoder.transform(images))
    a = net.stages[1](net.stages[0](x)).detach().requires_grad_()
    h = net.expand(net.stages[3](net.stages[2](a))).mean((2, 3))
    (h * torch.from_numpy(features)).sum().backward()
    weight = a.grad.mean((2, 3))
    expected = torch.relu(torch.einsum("nk,nkhw->nhw", weight, a)).detach().numpy()
    assert found.shape == (2, 8, 8)
    assert np.allclose(found, expected, atol=1e-6)


def test_a_feature_of_a_flattened_embedding_is_found_at_its_own_place(images: np.ndarray) -> None:
    flat = Encoder("flat", Stages({"first": Colours(), "second": Colours()}, nn.Flatten(), 3 * 64), RAW, size=32)
    assert flattened(flat)
    feature = np.zeros((2, 3, 8, 8))
    feature[:, 0, 5, 2] = 1  # red, at row 5 and column 2
    found = grad_cam(flat, images, feature.reshape(2, -1), "second")
    assert [tuple(place) for place in np.argwhere(found[0])] == [(5, 2)]


def test_an_averaged_embedding_is_not_taken_for_a_flattened_one(encoder: Encoder) -> None:
    from analysis import encoders

    assert not flattened(encoder)
    assert not flattened(encoders.load("zoo:untrained"))


def square(side: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """One image: a mask of the left half, and heat of 3 there and 1 elsewhere."""
    mask = np.zeros((1, side, side), bool)
    mask[:, :, : side // 2] = True
    return np.where(mask, 3.0, 1.0), mask


def test_overlaps_counted_by_hand() -> None:
    heat, mask = square()
    assert overlap.mass(heat, mask)[0] == pytest.approx(0.75)
    assert overlap.soft_iou(heat, mask)[0] == pytest.approx(32 / (32 + 32 / 3))
    assert overlap.iou(heat, mask)[0] == 1
    assert overlap.pointing(heat, mask)[0] == 1
    assert overlap.iou(heat, ~mask)[0] == overlap.pointing(heat, ~mask)[0] == 0


def test_one_hot_pixel_is_perfect_by_the_printed_measure_and_by_no_true_one() -> None:
    _, mask = square()
    heat = np.zeros((1, 8, 8))
    heat[0, 3, 1] = 5.0
    assert overlap.mass(heat, mask)[0] == 1
    assert overlap.soft_iou(heat, mask)[0] == pytest.approx(1 / 32)


def test_the_mask_as_map_is_perfect_by_every_measure_and_its_complement_by_none() -> None:
    mask = np.random.default_rng(0).random((4, 16, 16)) < 0.3
    for name, measure in overlap.MEASURES.items():
        assert np.allclose(measure(mask.astype(float), mask), 1), name
        assert np.allclose(measure((~mask).astype(float), mask), 0), name


def test_an_even_map_scores_the_area_of_the_mask() -> None:
    mask = np.random.default_rng(0).random((4, 16, 16)) < 0.3
    assert np.allclose(overlap.mass(np.ones((4, 16, 16)), mask), mask.mean((1, 2)))


def test_scale_changes_no_overlap_and_nothing_is_nothing() -> None:
    rng = np.random.default_rng(0)
    heat, mask = rng.random((3, 8, 8)), rng.random((3, 8, 8)) < 0.4
    for name, measure in overlap.MEASURES.items():
        assert np.allclose(measure(7 * heat, mask), measure(heat, mask)), name
        assert np.isnan(measure(np.zeros((1, 8, 8)), mask[:1]))[0], name
        assert np.isnan(measure(heat[:1], np.zeros((1, 8, 8), bool)))[0], name


def test_the_centre_prior_prefers_the_middle() -> None:
    prior = overlap.centre_prior(64)
    assert prior[31, 31] == prior.max() > 4 * prior[0, 31]
    assert np.allclose(prior, prior[::-1, ::-1])


def test_upsampling_keeps_a_flat_map_and_its_side() -> None:
    assert np.allclose(upsample(np.full((2, 8, 8), 0.3, np.float32), 64), 0.3)
    assert upsample(np.ones((2, 4, 4), np.float32), 32).shape == (2, 32, 32)


def test_a_transformer_has_no_maps_and_says_so() -> None:
    from analysis import encoders
    from analysis.studies.qscore.attribution import has_maps

    assert has_maps(encoders.load("zoo:untrained"))
    vit = encoders.load("zoo:untrained-vit")
    assert not has_maps(vit)
    with pytest.raises(UserError, match="no convolutional layer"):
        map_layer(vit, np.zeros((1, 64, 64, 3), np.uint8))


@pytest.mark.parametrize("side", [7, 8, 14])
def test_a_planted_feature_lies_where_its_mask_does_as_far_as_the_places_of_the_map_tell(side: int) -> None:
    """Against the mean over each place, by hand, and seen through the map: on the mask, spilled by a place at most."""
    mask = np.zeros((1, 56, 56), bool)
    mask[0, 24:40, 8:24] = True
    coarse = pooled(mask, (side, side))
    place = 56 // side
    np.testing.assert_allclose(coarse[0], mask[0].reshape(side, place, side, place).mean((1, 3)), atol=1e-6)
    heat = upsample(coarse, 56)
    assert overlap.mass(heat, mask)[0] > 3 * mask.mean()
    assert not heat[0, : 24 - 2 * place].any()
    assert not heat[0, :, 24 + 2 * place :].any()
