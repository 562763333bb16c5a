"""The controlled world by name: options in the name of a data set, any size, and the geometry underneath."""

import sys

import numpy as np
import pytest

from analysis import datasets
from analysis.datasets import scenes
from analysis.datasets.reader import open_reader
from analysis.datasets.scenes.bones import axes, compose, move, surface
from analysis.datasets.scenes.crowds import draw_multi
from analysis.datasets.scenes.relief import FAR, pieces
from analysis.datasets.scenes.render import plain_view
from analysis.errors import UserError


def test_options_in_a_name_are_those_of_make():
    named = datasets.load("scenes:context?correlation=1&scale=0.9&mirror=true&background=grass", size=24, n=6, seed=2)
    made = scenes.make("context", 6, size=24, seed=2, correlation=1.0, scale=0.9, mirror=True, background="grass")
    np.testing.assert_array_equal(named.images, made.images)
    assert named.name == "scenes:context?correlation=1&scale=0.9&mirror=true&background=grass"
    assert named.ids.tolist() == made.ids.tolist()


def test_many_images_are_made_by_several_processes_and_are_the_same():
    named = datasets.load("scenes:textures", size=8, n=datasets.SCENES_WORKER + 8)
    made = scenes.make("textures", 8, size=8, start=datasets.SCENES_WORKER)
    np.testing.assert_array_equal(named.images[-8:], made.images)


def test_a_reader_takes_options_too():
    name = "scenes:video?frames=4"
    whole, reader = datasets.load(name, size=16, n=6), open_reader(name, size=16, n=6)
    assert list(reader.ids) == whole.ids.tolist()
    np.testing.assert_array_equal(reader.read(2, 5), whole.images[2:5])


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("scenes:objects?corelation=1", "scenes:objects has no option 'corelation'; it has background"),
        ("scenes:context?correlation=1.5", "correlation must be a number from 0 to 1, not 1.5"),
        ("scenes:objects?scale=big", "scale must be a number from 0.1 to 2, not 'big'"),
        ("scenes:objects?background=sky", "unknown background 'sky'; there are stripes"),
        ("scenes:objects?clutter=1.5", "clutter must be a whole number from 0 to 4"),
        ("scenes:objects?scale", "write options as scenes:objects?option=value"),
        ("scenes:objects?", "write options as scenes:objects?option=value"),
        ("scenes:objects?x=0&x=1", "each once"),
        ("scenes:cats?x=0", "unknown data set 'scenes:cats?x=0'; known are scenes:objects"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line_before_anything_is_drawn(name, says, monkeypatch):
    monkeypatch.setitem(sys.modules, "analysis.datasets.scenes.world", None)  # drawing would fail otherwise
    for refuse in (datasets.check, datasets.source_files) if "cats" in name else (datasets.check,):
        with pytest.raises(UserError) as caught:
            refuse(name)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_every_size_shows_the_same_samples(kind):
    base = scenes.make(kind, 2, size=64, start=3)
    for size in (8, 65, 224):
        other = scenes.make(kind, 2, size=size, start=3)
        assert other.images.shape == (2, size, size, 3)
        assert {name: mask.shape for name, mask in other.masks.items()} == dict.fromkeys(base.masks, (2, size, size))
        assert other.ids.tolist() == base.ids.tolist()
        assert other.labels.tolist() == base.labels.tolist()
        for name in set(base.factors) - {"affine", "occlusion", *(f for f in base.factors if f.startswith("second"))}:
            np.testing.assert_array_equal(other.factors[name], base.factors[name])
    coarse = [d.images.mean(axis=(0, 1, 2)) for d in (base, scenes.make(kind, 2, size=224, start=3))]
    assert np.abs(coarse[0] - coarse[1]).max() < 4


@pytest.mark.parametrize("kind", ["multi", "video"])
def test_a_creature_that_nothing_hides_is_where_its_track_says(kind):
    d = scenes.make(kind, 24, size=96)
    seen = 0
    for row in range(len(d)):
        for k, (x, y) in enumerate(d.factors["centre"][row]):
            inside = abs(x) < 1 and abs(y) < 1
            if inside and d.factors["occlusion"][row, k] == 0:
                assert d.masks["instance"][row][int((y + 1) * 48), int((x + 1) * 48)] == k + 1
                seen += 1
    assert seen > 20


def test_bones_far_away_change_neither_distance_nor_normals():
    rng = np.random.default_rng(0)
    table = rng.uniform(0, 32, (3, 6)).astype(np.float32) * np.array([1, 1, 1, 1, 0.2, 0.2], np.float32)
    axis, points = axes(table)[:, :, None], rng.uniform(0, 32, (2, 1, 500)).astype(np.float32)
    far = np.broadcast_to(FAR[:, None, None], (8, 2, 1))
    few, many = (surface(a, points, np.float32(2.0)) for a in (axis, np.concatenate([axis, far], axis=1)))
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_creature_has_the_same_shape_and_colours_alone_and_in_a_crowd():
    """All layers of a scene are computed together; the company must not matter."""
    for seed in range(4):
        actors = draw_multi(np.random.default_rng(seed), 0, {"objects": 5}).scene.actors
        placed = [compose(plain_view(64), actor.pose) for actor in actors]
        tables = [
            move(np.array([bone for layer in a.layers for bone in layer.bones]), m) for a, m in zip(actors, placed, strict=True)
        ]
        crowd = pieces(actors, placed, np.concatenate(tables), (0.3, 0.4, 0.866), 64)
        for index, (actor, matrix, table) in enumerate(zip(actors, placed, tables, strict=True)):
            alone = pieces((actor,), [matrix], table, (0.3, 0.4, 0.866), 64)
            same = [piece for piece in crowd if piece.actor == index]
            assert [piece.box for piece in alone] == [piece.box for piece in same]
            for one, other in zip(alone, same, strict=True):
                for name in ("colours", "cover", "dim", "solid"):
                    np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
