"""The road scenes and videos of the study, in their official layouts."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.errors import MissingFile, UserError
from analysis.studies.local_vit import frames, object_retrieval


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
    assert (len(few.bank), len(few.test)) == (len(few.bank_clusters), len(few.clusters)) == (3, 2)
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
    assert few.bank.shape == (12, 1024, 2048, 3)  # the bank proper, and as many for larger banks
    assert len(few.main) == 6
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


def test_ade20k_leaves_out_pixels_of_no_class_and_counts_from_its_first(root: Path) -> None:
    for split, short in (("training", "train"), ("validation", "val")):
        for index in range(2):
            name = f"ADE_{short}_{index:08d}"
            write(root / f"ADEChallengeData2016/images/{split}/{name}.jpg", np.zeros((20, 30, 3), np.uint8))
            labels = np.array([[0, 1], [150, 7]], np.uint8).repeat(10, 0).repeat(15, 1)
            write(root / f"ADEChallengeData2016/annotations/{split}/{name}.png", labels)
    few = frames.few_shot("ade20k", 2, 2, 0)
    assert few.bank.shape == (2, 448, 672, 3)
    assert few.test_maps[0][::224, ::336].tolist() == [[few.void, 0], [149, 6]]
    assert len(few.classes) == 150


def bdd100k(root: Path, labels: str, shift: int) -> None:
    """Two videos of ten frames; in each, a large object stands still and a small one before it moves `shift` px a frame."""
    for video in ("b1c66a42-6f7d68ca", "b1c81faa-3df17267"):
        frames_ = []
        for index in range(10):
            name = f"{video}-{index + 1:07d}.jpg"
            write(root / f"bdd100k/images/track/val/{video}/{name}", np.zeros((72, 128, 3), np.uint8))
            small = {"x1": 20.0 + shift * index, "x2": 29.0 + shift * index, "y1": 30.0, "y2": 39.0}
            large = {"x1": -5.0, "x2": 59.6, "y1": 10.4, "y2": 200.0}
            boxes = [{"id": "00000007", "category": "car", "box2d": small}, {"id": "00000003", "box2d": large}]
            frames_.append({"name": name, "videoName": video, "frameIndex": index, "labels": boxes if index != 4 else None})
        file = root / "bdd100k" / labels / "val" / f"{video}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(frames_[::-1]))


@pytest.mark.parametrize("labels", ["labels/box_track_20", "labels-20/box-track"])
def test_bdd100k_numbers_its_boxes_alike_in_a_whole_video(root: Path, labels: str) -> None:
    bdd100k(root, labels, shift=2)
    ((name, images, objects), _) = frames.videos("bdd100k", 9, 10, 0)
    assert (name, images.shape, objects.shape) == ("b1c66a42-6f7d68ca", (10, 672, 1120, 3), (10, 72, 128))
    small, large = (int(objects[0, y, x]) for y, x in ((35, 25), (50, 10)))  # the small one lies on top
    assert {small, large} == {1, 2}
    assert objects[4].max() == 0
    for frame in (1, 3, 9):
        rows, columns = np.nonzero(objects[frame] == small)
        assert (rows.min(), rows.max(), columns.min(), columns.max()) == (30, 39, 20 + 2 * frame, 29 + 2 * frame)
    assert np.nonzero((objects[9] == large).any(1))[0].tolist() == list(range(10, 72))


def test_objects_of_bdd100k_are_looked_for_in_later_frames_that_have_labels(root: Path) -> None:
    bdd100k(root, "labels/box_track_20", shift=3)
    images, settings = object_retrieval.objects("bdd100k", 40, 12, 0)
    assert len(images) == 8  # first, second, fifth and ninth frame of two videos
    assert list(settings) == ["next frame", "8 frames later"]  # the fifth frame has no labels
    for found, left in zip(settings.values(), (23, 44), strict=True):
        assert found.query[2].tolist() == found.gallery[2].tolist()
        assert len(set(found.query[2].tolist())) == 4
        assert (found.gallery[0][0].nonzero()[1].min(), found.query[0][0].nonzero()[1].min()) == (left, 20)


def test_a_label_file_of_another_kind_is_refused_in_one_line(root: Path) -> None:
    bdd100k(root, "labels/box_track_20", shift=0)
    (file, *_) = (root / "bdd100k/labels/box_track_20/val").glob("*.json")
    file.write_text('[{"name": "a.jpg", "labels": [{"id": 1, "poly2d": []}]}]')
    with pytest.raises(UserError, match=r"is not a label file of BDD100K tracking .*box2d") as caught:
        list(frames.videos("bdd100k", 2, 2, 0))
    assert "\n" not in str(caught.value)


def fair1m(root: Path, name: str = "Boeing737", part: str = "part1/images", labels: str = "part1/labelXml") -> None:
    points = ((8, 8), (56, 8), (56, 24), (8, 24), (8, 8)), ((40, 4), (60, 14), (40, 24), (20, 14), (40, 4))
    objects = "".join(
        f"<object><possibleresult><name>{kind}</name></possibleresult><points>"
        + "".join(f"<point>{x:.6f},{y:.6f}</point>" for x, y in corners)
        + "</points></object>"
        for kind, corners in zip((name, "Bridge"), points, strict=True)
    )
    for split in ("train", "validation"):
        write(root / "fair1m" / split / part / "7.tif", np.zeros((64, 64, 3), np.uint8))
        file = root / "fair1m" / split / labels / "7.xml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"<annotation><objects>{objects}</objects></annotation>")


@pytest.mark.parametrize(
    "places", [("part1/images", "part1/labelXml"), ("images", "labelXmls"), ("part2/images-1", "part2/labelXml")]
)
def test_fair1m_draws_its_oriented_boxes_small_ones_on_top(root: Path, places: tuple[str, str]) -> None:
    fair1m(root, "boeing 737", *places)
    few = frames.few_shot("fair1m", 1, 1, 0)
    assert few.test.shape == (1, 1024, 1024, 3)
    labels = datasets.load("fair1m", size=56).masks["semantic"][0]  # a crop without a margin to speak of
    assert set(np.unique(labels).tolist()) == {0, 1, 37}
    shown = few.test_maps[0]
    assert (few.classes[shown[512 - 250, 512]], few.classes[shown[1000, 20]]) == ("Bridge", "nothing")
    assert len(few.classes) == 38


def test_fair1m_names_a_kind_that_it_does_not_have(root: Path) -> None:
    fair1m(root, "Zeppelin")
    with pytest.raises(UserError, match=r"7.xml names the kind 'zeppelin', which is none of the 37 of FAIR1M"):
        datasets.load("fair1m", size=32)
    (file, *_) = (root / "fair1m/validation").rglob("*.xml")
    file.write_text("<annotation>")
    with pytest.raises(UserError, match="is not a label file of FAIR1M"):
        datasets.load("fair1m", size=32)
    file.unlink()
    with pytest.raises(MissingFile, match="is the copy of FAIR1M complete"):
        datasets.load("fair1m", size=32)


@pytest.mark.parametrize("name", ["camvid", "cityscapes", "ade20k", "fair1m", "davis", "bdd100k"])
def test_what_is_absent_is_named_with_its_source(root: Path, name: str) -> None:
    with pytest.raises(MissingFile, match=f"{name}: .* is missing; get it from ") as caught:
        frames.few_shot(name, 2, 2, 0) if name not in ("davis", "bdd100k") else list(frames.videos(name, 2, 2, 0))
    assert "\n" not in str(caught.value)


def test_camvid_has_no_third_split(root: Path) -> None:
    nested(root)
    with pytest.raises(UserError, match="camvid has no split 'val'; it has test, train"):
        datasets.load("camvid", size=32, split="val")
