"""The adapters on the real photographs; skipped where they are absent."""

import os

import numpy as np
import pytest

from analysis import datasets


@pytest.fixture
def real_root():
    root = os.environ.get("DATA_ROOT")
    if not root:
        pytest.skip("DATA_ROOT is not set")
    return root


@pytest.fixture
def load(real_root, tmp_path_factory, monkeypatch):
    """Loads a set that is present, unpacking it into one cache for all tests of this file."""
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path_factory.getbasetemp() / "real-cache"))
    present = {card.name for card in datasets.describe() if card.present}

    def loader(name, **options):
        if name not in present:
            pytest.skip(f"{name} is not below DATA_ROOT")
        return datasets.load(name, **options)

    return loader


def test_eth80_shows_every_object_from_41_directions_on_a_blue_ground(load):
    data = load("eth80", size=56)
    assert len(data.classes) == 8
    objects = np.unique(np.stack([data.labels, data.factors["instance"]]), axis=1, return_counts=True)[1]
    assert set(objects) == {41}
    views = np.unique(np.stack([data.factors["polar"], data.factors["azimuth"]]), axis=1)
    assert views.shape[1] == 41
    assert (views[0] == 0).sum() == 1  # from straight above there is one view
    area = data.masks["foreground"].mean(axis=(1, 2))
    assert area.min() > 0.05
    assert area.max() < 0.7
    blue = [
        (data.images[row][~mask][:, 2] > data.images[row][~mask][:, 0]).mean()
        for row, mask in enumerate(data.masks["foreground"])
    ]
    assert np.mean(blue) > 0.99


def test_the_person_is_in_the_middle_of_every_clothing_photograph(load):
    data = load("ccp", size=56, n=60)
    where = data.masks["foreground"].mean(axis=0)
    assert where[10:40, 24:32].mean() > 0.9
    assert where[:, :6].mean() < 0.1
    assert data.masks["semantic"].max() <= 58


def test_grabcut_borders_are_thin_and_lie_along_the_object(load):
    data = load("grabcut", size=112)
    assert not (data.masks["foreground"] & data.masks["border"]).any()
    assert data.masks["border"].mean() < 0.03
    assert data.masks["foreground"].any(axis=(1, 2)).all()


@pytest.mark.parametrize("split", ["train", "test"])
def test_tiny_imagenet_is_balanced_and_its_boxes_are_its_masks(load, split):
    data = load("tiny-imagenet", size=64, n=400, split=split)
    assert len(data.classes) == len(set(data.classes)) == 200
    assert set(np.bincount(data.labels, minlength=200)) == {2}
    x0, y0, x1, y1 = data.factors["box"].T
    assert np.array_equal((x1 - x0) * (y1 - y0), data.masks["foreground"].sum(axis=(1, 2)))


def test_imagenette_has_ten_classes_of_about_a_thousand_training_photographs(load):
    load("imagenette", size=8, n=1)
    for split, total in (("train", 9_469), ("test", 3_925)):
        samples = datasets.table("imagenette", split).samples
        counts = np.bincount([sample.label for sample in samples])
        assert counts.sum() == total
        assert len(counts) == 10
        assert counts.min() > 0.85 * total / 10
    few = load("imagenette", size=64, n=50, split="train")
    assert np.bincount(few.labels).tolist() == [5] * 10
    assert few.images.reshape(50, -1).std(axis=1).min() > 5


@pytest.mark.parametrize("split", ["train", "test"])
def test_most_photographs_of_coco_show_things_and_stuff(load, split):
    data = load("coco", size=56, split=split)
    assert len(data) == 100
    things = data.classes.index("toothbrush")
    semantic, foreground = data.masks["semantic"], data.masks["foreground"]
    assert np.array_equal(foreground, semantic <= things)
    assert 0.2 < foreground.mean() < 0.6
    assert foreground.any(axis=(1, 2)).mean() > 0.9
    assert (semantic == 255).mean() < 0.2


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_trimaps_of_pets_put_a_thin_border_around_one_animal(load, split):
    data = load("pets", size=112, n=60, split=split)
    foreground, border = data.masks["foreground"], data.masks["border"]
    assert not (foreground & border).any()
    assert foreground.any(axis=(1, 2)).mean() > 0.95
    assert 0.02 < border.mean() < 0.25
    assert 0.1 < foreground.mean() < 0.6


def test_the_splits_of_dtd_share_no_image(load):
    load("dtd", size=8, n=1)
    names = [{sample.id for sample in datasets.table("dtd", split).samples} for split in ("train", "val", "test")]
    assert all(names)
    assert not names[0] & names[1] | names[0] & names[2] | names[1] & names[2]


def test_ids_of_real_photographs_do_not_depend_on_size_or_n(load):
    small, large, few = load("grabcut", size=28), load("grabcut", size=56), load("grabcut", size=28, n=7)
    assert small.ids.tolist() == large.ids.tolist()
    assert np.array_equal(small.align(few.ids).images, few.images)
