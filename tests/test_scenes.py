"""The controlled world: determinism, ground truth and options of the still kinds."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from analysis.datasets import scenes
from analysis.datasets.scenes.textures import FAMILIES
from analysis.errors import UserError

STILL = ("objects", "fine", "context", "textures", "multi")
CREATURES = ("objects", "fine", "context", "multi")


def digest(dataset) -> str:
    """Of everything that is drawn, in a fixed order."""
    h = hashlib.blake2b(digest_size=8)
    second = {name: value for name, value in dataset.factors.items() if name.startswith("second")}
    for table in ({"images": dataset.images, "labels": dataset.labels}, dataset.masks, second):
        for name in sorted(table):
            h.update(name.encode() + np.ascontiguousarray(table[name]).tobytes())
    return h.hexdigest()


DIGESTS = {
    "objects": "0a1ef82732d742aa",
    "fine": "b5c33d730eb4da64",
    "context": "b6361dc311b5da76",
    "textures": "15005ac1aab7d346",
    "multi": "d4b8f22f3d7ff3f7",
    "video": "be7b3dd014bc1aa6",
    "pairs": "7657deee3fb17c7e",
}


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_the_world_is_the_one_that_was_published(kind):
    assert digest(scenes.make(kind, 8, seed=3)) == DIGESTS[kind]


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_a_range_made_in_pieces_equals_the_range_made_at_once(kind):
    whole = scenes.make(kind, 5, size=32, start=5)
    for start, n in ((8, 2), (5, 2)):
        piece = scenes.make(kind, n, size=32, start=start)
        rows = slice(start - 5, start - 5 + n)
        assert piece.ids.tolist() == whole.ids[rows].tolist()
        np.testing.assert_array_equal(piece.images, whole.images[rows])
        for name, mask in piece.masks.items():
            np.testing.assert_array_equal(mask, whole.masks[name][rows])
        for name, factor in piece.factors.items():
            np.testing.assert_array_equal(factor, whole.factors[name][rows])


def test_workers_share_the_work_and_change_nothing():
    one, two = (scenes.make("pairs", 130, size=8, workers=workers) for workers in (1, 2))
    assert one.ids.tolist() == two.ids.tolist()
    assert digest(one) == digest(two)
    for name, factor in one.factors.items():
        np.testing.assert_array_equal(factor, two.factors[name])


def test_another_process_makes_the_same_bytes_of_every_kind():
    here = [hashlib.sha256(scenes.make(kind, 2, size=32, start=11).images.tobytes()).hexdigest() for kind in scenes.KINDS]
    code = (
        "import hashlib; from analysis.datasets import scenes\n"
        "for kind in scenes.KINDS: "
        "print(hashlib.sha256(scenes.make(kind, 2, size=32, start=11).images.tobytes()).hexdigest())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert other == here


def test_seed_and_split_change_every_image():
    base = scenes.make("objects", 4, size=32)
    for other in (scenes.make("objects", 4, size=32, seed=1), scenes.make("objects", 4, size=32, split="train")):
        assert (base.images != other.images).mean(axis=(1, 2, 3)).min() > 0.5
        assert not set(base.ids) & set(other.ids)


@pytest.mark.parametrize("kind", STILL)
def test_labels_are_balanced_and_named(kind):
    classes = scenes.class_names(kind)
    d = scenes.make(kind, 2 * len(classes), size=16)
    assert d.classes == classes
    assert len(set(classes)) == len(classes)
    assert np.bincount(d.labels).tolist() == [2] * len(classes)


@pytest.mark.parametrize("kind", CREATURES)
def test_masks_agree_with_each_other(kind):
    d = scenes.make(kind, 16)
    foreground, part, semantic, instance = (d.masks[k] for k in ("foreground", "part", "semantic", "instance"))
    np.testing.assert_array_equal(foreground, instance > 0)
    np.testing.assert_array_equal(foreground, semantic > 0)
    assert not (part & ~foreground).any()
    assert part.any(axis=(1, 2)).mean() > 0.9
    assert (foreground.any(axis=(1, 2))).all()
    for row in range(len(d)):
        for k in np.unique(instance[row][instance[row] > 0]):
            assert len(np.unique(semantic[row][instance[row] == k])) == 1


@pytest.mark.parametrize("kind", ["objects", "fine", "context"])
def test_the_semantic_map_of_single_creatures_is_the_label(kind):
    d = scenes.make(kind, 32, size=32)
    assert (d.masks["semantic"].max(axis=(1, 2)) == d.labels + 1).all()


def test_textures_have_no_masks():
    d = scenes.make("textures", 2, size=16)
    assert d.masks == {}
    assert d.factors["background"].tolist() == list(d.classes[:2])


def test_masks_bound_what_a_creature_changes():
    """Painting the same scene in another hue changes pixels in the mask, and none beyond it but its soft border."""
    red, blue = (scenes.make("objects", 12, hue=hue, occluders=0, clutter=0) for hue in (0.0, 0.6))
    changed = (red.images != blue.images).any(axis=-1)
    inside = red.masks["foreground"]
    np.testing.assert_array_equal(inside, blue.masks["foreground"])
    near = inside.copy()
    for axis in (1, 2):
        near |= np.roll(near, 1, axis) | np.roll(near, -1, axis)
    assert changed[inside].mean() > 0.8
    assert not changed[~near].any()


def test_fixing_the_background_leaves_creature_pose_and_masks():
    free, fixed = scenes.make("objects", 8), scenes.make("objects", 8, background="brick")
    assert set(fixed.factors["background"]) == {"brick"}
    for name in free.masks:
        np.testing.assert_array_equal(free.masks[name], fixed.masks[name])
    for name in set(free.factors) - {"background"}:
        np.testing.assert_array_equal(free.factors[name], fixed.factors[name])


def test_pose_factors_say_where_the_creature_is():
    d = scenes.make("objects", 16, x=0.2, y=-0.1, rotation=0.0, scale=0.6, clutter=0, occluders=0)
    rows, columns = np.indices((64, 64))
    for mask in d.masks["foreground"]:
        assert abs((2 * columns[mask].mean() + 1) / 64 - 1 - 0.2) < 0.2
        assert abs((2 * rows[mask].mean() + 1) / 64 - 1 + 0.1) < 0.2
    small = scenes.make("objects", 16, x=0.0, y=0.0, scale=0.3, occluders=0).masks["foreground"].sum(axis=(1, 2))
    large = scenes.make("objects", 16, x=0.0, y=0.0, scale=0.6, occluders=0).masks["foreground"].sum(axis=(1, 2))
    assert np.allclose(large / small, 4, rtol=0.15)


def test_mirroring_reflects_the_mask():
    left, right = (
        scenes.make("fine", 6, x=0.0, rotation=0.0, mirror=m, occluders=0).masks["foreground"] for m in (True, False)
    )
    assert (left[:, :, ::-1] != right).mean() < 0.01


def test_occlusion_is_zero_without_occluders_and_grows_with_them():
    shares = [scenes.make("objects", 24, occluders=k, size=48).factors["occlusion"] for k in (0, 1, 2)]
    assert (shares[0] == 0).all()
    assert (shares[1] <= shares[2] + 1e-12).all()
    assert 0.03 < shares[1].mean() < shares[2].mean() < 0.6


def test_occlusion_counts_the_pixels_that_occluders_take():
    free, hidden = scenes.make("objects", 24, occluders=0), scenes.make("objects", 24, occluders=2)
    a, b = free.masks["foreground"].sum(axis=(1, 2)), hidden.masks["foreground"].sum(axis=(1, 2))
    np.testing.assert_allclose(hidden.factors["occlusion"], 1 - b / a)


@pytest.mark.parametrize(("split", "expected"), [("train", 0.9), ("test", 1 / len(FAMILIES))])
def test_context_correlates_in_training_and_not_in_the_test(split, expected):
    d = scenes.make("context", 240, size=8, split=split)
    agree = (d.factors["background"] == np.array(FAMILIES)[d.labels]).mean()
    assert abs(agree - expected) < 4 * np.sqrt(expected * (1 - expected) / 240)


def test_breaking_the_correlation_changes_the_ground_and_nothing_else():
    kept, broken = (scenes.make("context", 48, size=24, split="train", correlation=c) for c in (1.0, 0.0))
    assert (kept.factors["background"] != broken.factors["background"]).all()
    for name in set(kept.factors) - {"background"}:
        np.testing.assert_array_equal(kept.factors[name], broken.factors[name])
    for name, mask in kept.masks.items():
        np.testing.assert_array_equal(mask, broken.masks[name])
    assert kept.labels.tolist() == broken.labels.tolist()


def test_a_broken_context_leaves_no_family_to_a_class():
    d = scenes.make("context", 480, size=8)
    table = np.zeros((len(d.classes), len(FAMILIES)))
    np.add.at(table, (d.labels, [FAMILIES.index(family) for family in d.factors["background"]]), 1)
    cells = table.size - 1
    chi_square = ((table - table.mean()) ** 2 / table.mean()).sum()
    assert chi_square < cells + 4 * np.sqrt(2 * cells)


@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_context_takes_the_correlation_asked_for(correlation):
    d = scenes.make("context", 64, size=8, split="test", correlation=correlation)
    assert ((d.factors["background"] == np.array(FAMILIES)[d.labels]) == correlation).all()


@pytest.mark.parametrize("kind", STILL)
def test_a_larger_image_shows_the_same_scene(kind):
    small, large = scenes.make(kind, 8, size=48), scenes.make(kind, 8, size=144)
    shrunk = large.images.reshape(8, 48, 3, 48, 3, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(shrunk - small.images).mean() < 6
    for name in small.masks:
        assert (large.masks[name][:, 1::3, 1::3] == small.masks[name]).mean() > 0.99


def test_stream_goes_on_where_the_last_batch_ended():
    batches = scenes.stream("textures", batch=3, size=16)
    got = np.concatenate([next(batches).images for _ in range(3)])
    np.testing.assert_array_equal(got, scenes.make("textures", 9, size=16, split="train").images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cats"}, "unknown kind of scenes 'cats'; there are objects"),
        ({"kind": "objects", "split": "dev"}, "unknown split 'dev'"),
        ({"kind": "objects", "n": 0}, "n must be a whole number of at least 1"),
        ({"kind": "objects", "size": 2.5}, "size must be a whole number"),
        ({"kind": "objects", "seed": -1}, "seed must be"),
        ({"kind": "objects", "correlation": 0.5}, "scenes:objects has no option 'correlation'; it has background"),
        ({"kind": "context", "correlation": 1.5}, "correlation must be a number from 0 to 1, not 1.5"),
        ({"kind": "objects", "background": "sky"}, "unknown background 'sky'; there are stripes"),
        ({"kind": "objects", "clutter": 1.5}, "clutter must be a whole number"),
        ({"kind": "video", "frames": "many"}, "frames must be a whole number"),
        ({"kind": "objects", "scale": float("nan")}, "scale must be a number"),
    ],
)
def test_bad_arguments_give_one_clear_line(arguments, message):
    with pytest.raises(UserError) as caught:
        scenes.make(**{"n": 1, **arguments})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
