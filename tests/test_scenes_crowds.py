"""The controlled world: tracks of `video` and correspondences of `pairs`."""

import numpy as np
import pytest
from scipy import ndimage

from analysis.datasets import scenes

STILL_CAMERA = {"blur": 0.0, "noise": 0.0, "jitter": 0.0}


def warped(images: np.ndarray, matrix: np.ndarray, order: int) -> np.ndarray:
    """The first view brought onto the second by the affine map, an independent resampling."""
    size = images.shape[0]
    y, x = np.indices((size, size))
    inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    u, v, _ = np.tensordot(inverse, np.stack([x, y, np.ones_like(x)]), 1)
    planes = images[..., None] if images.ndim == 2 else images
    out = [ndimage.map_coordinates(p.astype(float), [v, u], order=order, cval=np.nan) for p in np.moveaxis(planes, -1, 0)]
    return np.squeeze(np.stack(out, -1))


def test_the_affine_map_takes_the_first_view_onto_the_second_to_a_fraction_of_a_pixel():
    d = scenes.make("pairs", 6, size=80, zoom=0.0, **STILL_CAMERA)
    for row in range(len(d)):
        errors = {}
        for dx, dy in ((0, 0), (0.3, 0), (-0.3, 0), (0, 0.3), (0, -0.3)):
            moved = d.factors["affine"][row] + np.array([[0, 0, dx], [0, 0, dy]])
            errors[dx, dy] = np.nanmean(np.abs(warped(d.images[row], moved, order=1) - d.factors["second"][row]))
        assert min(errors, key=lambda offset: errors[offset]) == (0, 0)
        assert errors[0, 0] < 7  # of 255: linear interpolation of sharp textures


def test_instances_and_species_correspond():
    d = scenes.make("pairs", 6, size=96, **STILL_CAMERA)
    for name in ("instance", "semantic"):
        for row in range(len(d)):
            guess = warped(d.masks[name][row], d.factors["affine"][row], order=0)
            known = ~np.isnan(guess)
            assert (guess == d.factors[f"second_{name}"][row])[known].mean() > 0.96


def test_valid_marks_the_pixels_that_the_second_view_shows():
    d = scenes.make("pairs", 4, size=32)
    for row in range(4):
        for y, x in ((0, 0), (16, 16), (31, 5)):
            u, v = d.factors["affine"][row] @ [x, y, 1]
            assert d.masks["valid"][row, y, x] == (0 <= u <= 31 and 0 <= v <= 31)


def test_pairs_without_change_are_the_same_picture():
    d = scenes.make("pairs", 3, shift=0.0, turn=0.0, zoom=0.0, **STILL_CAMERA)
    np.testing.assert_array_equal(d.images, d.factors["second"])
    assert d.masks["valid"].all()


@pytest.mark.parametrize("amount", ["blur", "noise", "jitter"])
def test_each_disturbance_changes_colours_and_nothing_else(amount):
    still = {"shift": 0.0, "turn": 0.0, "zoom": 0.0, **STILL_CAMERA}
    d = scenes.make("pairs", 3, **{**still, amount: 0.5})
    assert (d.images != d.factors["second"]).any()
    np.testing.assert_array_equal(d.masks["instance"], d.factors["second_instance"])
    assert (d.factors[amount] > 0).all()


def test_the_affine_map_scales_with_the_image():
    small, large = (scenes.make("pairs", 3, size=size).factors["affine"] for size in (32, 64))
    np.testing.assert_allclose(small[:, :, :2], large[:, :, :2])
    corner = small @ [-0.5, -0.5, 1]
    np.testing.assert_allclose(large @ [-0.5, -0.5, 1], 2 * corner + 0.5)


def test_ids_of_a_video_carry_video_and_frame():
    d = scenes.make("video", 6, frames=4, size=16, start=2)
    assert d.ids[:3].tolist() == ["video/test/0/000000/0002", "video/test/0/000000/0003", "video/test/0/000001/0000"]
    assert d.factors["video"].tolist() == [0, 0, 1, 1, 1, 1]
    assert d.factors["frame"].tolist() == [2, 3, 0, 1, 2, 3]


def test_instances_keep_their_species_and_move_little_between_frames():
    d = scenes.make("video", 24, frames=12)
    for video in (0, 1):
        rows = np.flatnonzero(d.factors["video"] == video)
        steps = np.diff(d.factors["centre"][rows], axis=0)
        assert np.nanmax(np.abs(steps)) < 0.25
        assert np.nanmax(np.abs(steps)) > 0.01
        instance, semantic = d.masks["instance"][rows], d.masks["semantic"][rows]
        for k in range(1, d.factors["objects"][rows[0]] + 1):
            assert len(np.unique(semantic[instance == k])) == 1


def test_masks_of_neighbouring_frames_overlap():
    d = scenes.make("video", 16, frames=16)
    same = d.masks["instance"][1:] == d.masks["instance"][:-1]
    held = d.masks["instance"][:-1] > 0
    assert same[held].mean() > 0.6


def test_twins_share_the_species_of_the_target_and_the_others_do_not():
    d = scenes.make("video", 12, frames=1)
    for row in range(len(d)):
        for k in range(1, d.factors["objects"][row] + 1):
            seen = d.masks["semantic"][row][d.masks["instance"][row] == k]
            if len(seen):
                assert (seen[0] == d.labels[row] + 1) == (k <= 1 + d.factors["twins"][row])


def test_tracks_are_occluded_and_the_share_is_known():
    occlusion = scenes.make("video", 32, frames=16).factors["occlusion"]
    assert np.nanmax(occlusion) > 0.3
    assert np.nanmin(occlusion) == 0
    assert ((occlusion >= 0) & (occlusion <= 1) | np.isnan(occlusion)).all()


def test_a_longer_video_begins_with_the_shorter_one():
    short, long = scenes.make("video", 4, frames=4, size=32), scenes.make("video", 8, frames=8, size=32)
    np.testing.assert_array_equal(short.images, long.images[:4])
