"""The same scene without its object or without a part: what changes, what does not, and what the masks say."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from analysis import datasets
from analysis.datasets import scenes
from analysis.datasets.scenes import draw
from analysis.datasets.scenes.render import REACH, SOFT, render, to_bytes
from analysis.datasets.scenes.scene import Scene
from analysis.errors import UserError

SIZE, SCALE = 64, 0.6
CALM = {"x": 0.0, "y": 0.0, "scale": SCALE, "rotation": 0.0}  # the whole creature and its shadow are within the image
FAR = round((REACH + SOFT) * SCALE * SIZE / 2) + 2  # pixels from a thing to the end of its shadow
KINDS = ("objects", "fine", "context")


def pair(kind: str, without: str, **options):
    return (scenes.make(kind, 10, size=SIZE, seed=3, **CALM, **options, **extra) for extra in ({}, {"without": without}))


def near(mask: np.ndarray) -> np.ndarray:
    return np.stack([binary_dilation(one, iterations=FAR, structure=np.ones((3, 3))) for one in mask])


@pytest.mark.parametrize("without", ["object", "part"])
@pytest.mark.parametrize("kind", KINDS)
def test_ids_labels_factors_and_masks_are_those_of_the_original(kind, without):
    original, bare = pair(kind, without)
    assert original.ids.tolist() == bare.ids.tolist()
    assert np.array_equal(original.labels, bare.labels)
    assert set(original.factors) == set(bare.factors)
    for name in original.factors:
        assert np.array_equal(original.factors[name], bare.factors[name]), name
    for name in original.masks:
        assert np.array_equal(original.masks[name], bare.masks[name]), name
    assert original.masks["foreground"].any(axis=(1, 2)).all()


@pytest.mark.parametrize(("without", "mask"), [("object", "foreground"), ("part", "part")])
@pytest.mark.parametrize("kind", KINDS)
def test_every_pixel_away_from_what_is_missing_and_its_shadow_is_identical(kind, without, mask):
    original, bare = pair(kind, without, occluders=0)
    changed = (original.images != bare.images).any(axis=-1)
    assert not (changed & ~near(original.masks[mask])).any()
    assert (~near(original.masks[mask])).mean() > 0.2
    assert changed[original.masks[mask]].mean() > 0.95


def test_what_stands_before_the_object_stays_when_the_object_goes():
    original, bare = pair("objects", "object", occluders=2)
    silhouette = next(pair("objects", "object", occluders=0)).masks["foreground"]
    hidden = silhouette & ~original.masks["foreground"]
    square = np.ones((3, 3))
    inner = np.stack([~binary_dilation(~one, square) for one in hidden])
    change = np.abs(original.images[inner].astype(int) - bare.images[inner]).max(axis=-1)
    assert len(change) > 30
    assert (change == 0).mean() > 0.9  # outlines and thin sticks are mixed with what lies behind
    assert change.max() < 32


@pytest.mark.parametrize("seed", [0, 5])
def test_where_the_object_was_is_the_ground_as_it_would_be_painted_alone(seed):
    bare = scenes.make("objects", 4, size=SIZE, seed=seed, without="object", clutter=0, occluders=0)
    for index in range(4):
        rng = np.random.default_rng([scenes.KINDS.index("objects"), scenes.SPLITS.index("test"), seed, index])
        ground = draw.ground(rng.random(draw.GROUND_LOTS))
        light = draw.light(rng.random(draw.LIGHT_LOTS))
        assert np.array_equal(bare.images[index], to_bytes(render(Scene(ground, light, ()), SIZE).image))


def test_without_its_part_a_creature_keeps_its_body():
    original, bare = pair("fine", "part", occluders=0)
    body = original.masks["foreground"] & ~near(original.masks["part"])
    assert body.sum() > 500
    assert np.array_equal(original.images[body], bare.images[body])


def test_the_counterfactual_has_a_name_and_pairs_by_id():
    original = datasets.load("scenes:context?correlation=0.5", size=32, n=6, seed=1)
    bare = datasets.load("scenes:context?correlation=0.5&without=object", size=32, n=6, seed=1)
    assert bare.align(original.ids[[4, 1]]).ids.tolist() == original.ids[[4, 1]].tolist()
    assert (original.images != bare.images).any(axis=(1, 2, 3)).all()


def test_an_unknown_counterfactual_is_refused_and_so_is_one_of_a_kind_without_one_creature():
    with pytest.raises(UserError, match="unknown without 'head'; there are object, part"):
        datasets.check("scenes:objects?without=head")
    for kind in ("textures", "multi", "video", "pairs"):
        with pytest.raises(UserError, match="has no option 'without'"):
            datasets.check(f"scenes:{kind}?without=object")
