"""The road scenes and videos of the study, in their official layouts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.errors import MissingFile, UserError
from analysis.local_vit import frames


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data root."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    return tmp_path


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def camvid(root: Path, image: Callable[[str, str], Path], label: Callable[[str, str], Path]) -> None:
    for split, count in (("train", 3), ("val", 2)):
        for index in range(count):
            name = f"0001TP_{index:06d}"
            write(root / image(split, name), np.full((360, 480, 3), 40 * index, np.uint8))
            write(root / label(split, name), np.full((360, 480), 11 if index else 4, np.uint8))


def nested(root: Path) -> None:
    camvid(
        root, lambda s, n: Path(f"camvid/{s}/images/{n}.png"), lambda s, n: Path(f"camvid/{s}/labels/{n}.png")
    )  # fmt: skip


def flat(root: Path) -> None:
    camvid(root, lambda s, n: Path(f"CamVid/{s}/{n}.png"), lambda s, n: Path(f"CamVid/{s}annot/{n}.png"))


@pytest.mark.parametrize("layout", [nested, flat])
def test_camvid_is_read_from_both_layouts_with_its_own_splits(root: Path, layout: Callable[[Path], None]) -> None:
    layout(root)
    few = frames.few_shot("camvid", 72, 30, 0)
    assert (len(few.bank), len(few.test)) == (3, 2)
    assert few.test_maps[:, 0, 0].tolist() == [4, 11]
    assert few.classes[4] == "pavement"
    assert few.void == 11


def test_cityscapes_takes_as_many_images_of_each_city_and_evaluates_19_classes(root: Path) -> None:
    for split, cities in (("train", ("ulm", "bremen", "jena")), ("val", ("lindau", "munster"))):
        for city in cities:
            for index in range(4):
                frame = f"{city}/{city}_{index:06d}_000019"
                write(root / f"cityscapes/leftImg8bit/{split}/{frame}_leftImg8bit.png", np.zeros((8, 16, 3), np.uint8))
                labels = np.array([[7, 8, 33, 0], [6, 34, 26, 18]], np.uint8).repeat(4, 0).repeat(4, 1)
                write(root / f"cityscapes/gtFine/{split}/{frame}_gtFine_labelIds.png", labels)
    data = datasets.load("cityscapes", size=8, n=6, split="train")
    assert np.bincount(data.labels).tolist() == [2, 2, 2]
    few = frames.few_shot("cityscapes", 6, 4, 0)
    assert few.bank.shape == (6, 1024, 2048, 3)
    assert few.test_maps[0][::512, ::512].tolist() == [[0, 1, 18, 255], [255, 255, 13, 255]]
    assert len(few.classes) == 19


def test_davis_gives_the_videos_of_the_list_with_their_objects(root: Path) -> None:
    for name, top in (("bear", 255), ("camel", 2), ("dog", 1)):
        for frame in range(3):
            write(root / f"DAVIS/JPEGImages/480p/{name}/{frame:05d}.jpg", np.zeros((48, 80, 3), np.uint8))
            mask = np.zeros((48, 80), np.uint8)
            mask[10:20, 10:30], mask[30:40, 40:70] = top, min(top, 1) if top < 255 else 0
            write(root / f"DAVIS/Annotations/480p/{name}/{frame:05d}.png", mask)
    found = {name: np.unique(objects).tolist() for name, _, objects in frames.videos("davis", 9, 9, 0)}
    assert found == {"bear": [0, 1], "camel": [0, 1, 2], "dog": [0, 1]}
    (root / "DAVIS/ImageSets/2017").mkdir(parents=True)
    (root / "DAVIS/ImageSets/2017/val.txt").write_text("camel\n")
    ((name, images, _),) = frames.videos("davis", 9, 2, 0)
    assert (name, images.shape) == ("camel", (2, 480, 800, 3))


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "davis"])
def test_what_is_absent_is_named_with_its_source(root: Path, name: str) -> None:
    with pytest.raises(MissingFile, match=f"{name}: .* is missing; get it from ") as caught:
        frames.few_shot(name, 2, 2, 0) if name != "davis" else list(frames.videos(name, 2, 2, 0))
    assert "\n" not in str(caught.value)


def test_camvid_has_no_third_split(root: Path) -> None:
    nested(root)
    with pytest.raises(UserError, match="camvid has no split 'val'; it has test, train"):
        datasets.load("camvid", size=32, split="val")
