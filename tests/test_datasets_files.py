"""Files as users have them: depths and types of pixels, broken metadata, links, hidden files, splits of one's own folders."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.datasets.pictures import list_files, not_black, read_map, read_rgb
from analysis.digests import joint_digest
from analysis.errors import UserError
from analysis.progress import say_once

GREY = np.array([[0, 51], [102, 255]])


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


def paint(path, colour=(10, 20, 30), side=16):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (side, side), colour).save(path)
    return path


@pytest.mark.parametrize(
    "values",
    [
        (GREY / 255).astype(np.float32),
        GREY.astype(np.float32),
        (GREY * 257).astype(np.float32),
        GREY.astype(np.int32),
        (GREY * 257).astype(np.int32),
        GREY.astype(np.uint16),
        (GREY * 257).astype(np.uint16),
        (GREY * 257).astype(">u2"),
    ],
    ids=lambda values: f"{values.dtype}-{values.max():g}",
)
def test_scientific_images_of_every_type_and_range_show_the_same_picture(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "x.tif")
    assert np.array_equal(np.asarray(read_rgb(tmp_path / "x.tif"))[..., 0], GREY)


def test_an_image_of_zeros_and_ones_is_black_and_white_where_its_type_is_a_fraction(tmp_path):
    Image.fromarray(np.array([[0, 1]], np.float32)).save(tmp_path / "x.tif")
    assert np.asarray(read_rgb(tmp_path / "x.tif"))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.array([[-40.0, 60.0]], np.float32), "-40 to 60"),
        (np.array([[0, 70_000]], np.int32), "0 to 70000"),
        (np.array([[0, np.nan]], np.float32), "nan"),
        (np.array([[0, np.inf]], np.float32), "inf"),
    ],
)
def test_values_without_a_known_scale_are_refused_by_name(tmp_path, values, says):
    Image.fromarray(values).save(tmp_path / "scan.tif")
    with pytest.raises(UserError) as error:
        read_rgb(tmp_path / "scan.tif")
    assert all(part in one_line(error) for part in ("scan.tif", says, "scale it"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("ids", [(1, 2, 3), (5, 200), (1, 255), (3, 300, 40_000)])
def test_whatever_is_not_black_is_foreground_in_a_mask_of_any_depth(tmp_path, dtype, ids):
    values = np.zeros((4, 8))
    values[1, 1 : 1 + len(ids)] = ids
    if values.max() > 255 and dtype == np.uint8:
        pytest.skip("does not fit into a byte")
    Image.fromarray(values.astype(dtype)).save(tmp_path / "x.tif")
    assert np.array_equal(not_black(tmp_path / "x.tif"), values > 0)
    assert np.array_equal(read_map(tmp_path / "x.tif"), values)


def test_the_ids_of_a_lossless_webp_count_and_those_of_a_jpeg_are_refused(tmp_path):
    ids = np.zeros((32, 32, 3), np.uint8)
    ids[8:24, 8:24] = 40
    Image.fromarray(ids).save(tmp_path / "x.webp", lossless=True)
    assert np.array_equal(not_black(tmp_path / "x.webp"), ids[..., 0] > 0)
    for name, options in (("x.jpg", {}), ("y.webp", {"quality": 80})):
        Image.fromarray(ids).save(tmp_path / name, **options)
        with pytest.raises(UserError, match="save masks as PNG") as error:
            not_black(tmp_path / name)
        assert name in one_line(error)


def test_label_maps_of_different_depths_in_one_set_keep_their_labels(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    for name, dtype, label in (("a", np.uint8, 7), ("b", np.uint16, 300)):
        paint(tmp_path / "camvid" / "train" / "images" / f"{name}.png")
        (tmp_path / "camvid" / "train" / "labels").mkdir(exist_ok=True)
        Image.fromarray(np.full((16, 16), label, dtype)).save(tmp_path / "camvid" / "train" / "labels" / f"{name}.png")
    assert datasets.load("camvid", size=8, split="train").masks["semantic"][:, 0, 0].tolist() == [7, 300]


def test_a_map_of_fractions_is_no_label_map(tmp_path):
    Image.fromarray(np.array([[0.5, 1.0]], np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(UserError, match="not all whole numbers"):
        read_map(tmp_path / "x.tif")


def _exif(*entries: bytes) -> bytes:
    """EXIF data of big-endian entries of 12 bytes, with the rational -1/3 behind them."""
    head = b"Exif\0\0MM\0*\0\0\0\x08" + len(entries).to_bytes(2, "big") + b"".join(entries) + bytes(4)
    return head + (-1).to_bytes(4, "big", signed=True) + (3).to_bytes(4, "big")


def _entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
    return tag.to_bytes(2, "big") + kind.to_bytes(2, "big") + count.to_bytes(4, "big") + value


BEHIND = (8 + 2 + 12 * 2 + 4).to_bytes(4, "big")
TURNED = _entry(0x0112, 3, 1, b"\0\x06\0\0")


@pytest.mark.parametrize(
    ("entries", "turned"),
    [
        ((TURNED, _entry(0x011A, 10, 1, BEHIND)), True),  # a resolution that is a negative rational
        ((TURNED, _entry(0x0131, 5, 1, BEHIND)), True),  # the name of a program as a rational
        ((_entry(0x0112, 10, 1, BEHIND), _entry(0x0131, 2, 4, b"abc\0")), False),  # an orientation that is none
        ((_entry(0x0112, 2, 4, b"abc\0"), _entry(0x0131, 2, 4, b"abc\0")), False),
        ((_entry(0x0112, 3, 1, b"\0\x63\0\0"), _entry(0x0131, 2, 4, b"abc\0")), False),
    ],
)
def test_odd_metadata_do_not_keep_an_image_from_being_read_and_turned(tmp_path, entries, turned):
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, :8] = 255
    Image.fromarray(image).save(tmp_path / "x.jpg", exif=_exif(*entries), quality=95)
    found = np.asarray(read_rgb(tmp_path / "x.jpg"))
    assert np.abs(found.astype(int) - (np.rot90(image, -1) if turned else image)).max() < 32


def test_a_linked_class_folder_counts_and_a_link_that_leads_back_ends(tmp_path):
    paint(tmp_path / "set" / "cat" / "1.png")
    paint(tmp_path / "elsewhere" / "2.png")
    paint(tmp_path / "3.png")
    (tmp_path / "set" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "cat" / "linked.png").symlink_to(tmp_path / "3.png")
    (tmp_path / "set" / "cat" / "back").symlink_to(tmp_path / "set")
    data = datasets.load(f"folder:{tmp_path / 'set'}", size=8)
    assert data.ids.tolist() == ["cat/1", "cat/linked", "dog/2"]
    assert data.classes == ("cat", "dog")
    assert len(datasets.source_files(f"folder:{tmp_path / 'set'}")) == 3


def test_an_archive_beside_links_is_found_through_a_linked_data_root(tmp_path, monkeypatch):
    paint(tmp_path / "store" / "grabcut" / "images" / "a.png")
    paint(tmp_path / "store" / "grabcut" / "masks" / "a.png")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "grabcut").symlink_to(tmp_path / "store" / "grabcut")
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    assert len(datasets.load("grabcut", size=8)) == 1
    assert len(datasets.source_files("grabcut")) == 2


@pytest.mark.parametrize("late", [".DS_Store", "._1.png", "Thumbs.db", "desktop.ini", ".cache/x.png", "__MACOSX/1.png"])
def test_what_a_file_manager_leaves_behind_changes_nothing(tmp_path, monkeypatch, late):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    for part in ("images", "masks"):
        paint(tmp_path / "grabcut" / part / "1.png")
    names = ("grabcut", f"folder:{tmp_path / 'grabcut'}")
    before = [joint_digest(datasets.source_files(name)) for name in names]
    (tmp_path / "grabcut" / "images" / late).parent.mkdir(exist_ok=True)
    (tmp_path / "grabcut" / "images" / late).write_bytes(b"left behind")
    assert [joint_digest(datasets.source_files(name)) for name in names] == before
    assert [datasets.load(name, size=8).ids.tolist() for name in names] == [["1"], ["1"]]


def test_a_digest_changes_when_an_image_moves_to_another_class_and_not_when_all_move_together(tmp_path):
    for name in ("a/1", "a/2", "b/3"):
        paint(tmp_path / "set" / f"{name}.png", (len(name), ord(name[0]), ord(name[-1])))
    digests = [joint_digest(list_files(tmp_path / "set"))]
    (tmp_path / "set").rename(tmp_path / "other")
    digests.append(joint_digest(list_files(tmp_path / "other")))
    (tmp_path / "other" / "a" / "2.png").rename(tmp_path / "other" / "b" / "2.png")
    digests.append(joint_digest(list_files(tmp_path / "other")))
    assert digests[0] == digests[1] != digests[2]


def test_formats_that_are_not_read_are_named_in_one_line_and_once(tmp_path, caplog):
    say_once.cache_clear()
    paint(tmp_path / "set" / "a.png")
    for name in ("b.heic", "c.cr2"):
        (tmp_path / "set" / name).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        for _ in "12":
            assert datasets.load(f"folder:{tmp_path / 'set'}", size=8).ids.tolist() == ["a"]
    (said,) = caplog.messages
    assert "2 files are not read as images and left out, the first is b.heic" in said


def test_a_folder_of_masks_without_a_readable_mask_is_refused(tmp_path):
    paint(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.npy").write_bytes(b"")
    with pytest.raises(UserError, match="holds no masks in a format that is read"):
        datasets.load(f"folder:{tmp_path}", size=8)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_class_folder_that_cannot_be_read_is_refused_and_not_left_out(tmp_path):
    paint(tmp_path / "a" / "1.png")
    paint(tmp_path / "b" / "2.png")
    (tmp_path / "b").chmod(0)
    try:
        with pytest.raises(UserError, match="cannot be read"):
            datasets.load(f"folder:{tmp_path}", size=8)
    finally:
        (tmp_path / "b").chmod(0o755)


def test_file_names_that_are_not_utf8_become_ids_that_can_be_written(tmp_path):
    latin = os.fsdecode("Müller".encode("latin-1"))
    paint(tmp_path / latin / "1.png")
    paint(tmp_path / "Weiß" / "2.png")
    data = datasets.load(f"folder:{tmp_path}", size=8)
    assert data.ids.tolist() == ["Müller/1", "Weiß/2"]
    assert "".join(data.classes).encode()


@pytest.fixture
def halves(tmp_path):
    """A folder with its own halves; no owl is among the images for validation."""
    for half, counts in (("train", {"cat": 6, "dog": 3, "owl": 2}), ("val", {"cat": 2, "dog": 2})):
        for kind, count in counts.items():
            for number in range(count):
                paint(tmp_path / half / kind / f"{half}{number}.png")
    return tmp_path


@pytest.mark.parametrize("name", ["val", "test"])
def test_halves_of_ones_own_are_taken_and_a_class_without_validation_images_shifts_no_label(halves, name):
    (halves / "val").rename(halves / name)
    train, *others = (datasets.load(f"folder:{halves}", size=8, split=split) for split in ("train", "val", "test"))
    assert train.classes == ("cat", "dog", "owl")
    assert np.bincount(train.labels).tolist() == [6, 3, 2]
    for other in others:
        assert other.classes == train.classes
        assert other.labels.tolist() == [0, 0, 1, 1]
    paint(halves / "train" / "ant" / "1.png")  # one class more, in front of all others
    assert datasets.load(f"folder:{halves}", size=8).labels.tolist() == [1, 1, 2, 2]


def test_a_class_that_the_training_images_lack_is_refused(halves):
    paint(halves / "val" / "bee" / "1.png")
    with pytest.raises(UserError, match="the class 'bee', which the training images do not have"):
        datasets.load(f"folder:{halves}", size=8)
    assert len(datasets.load(f"folder:{halves}", size=8, split="train")) == 11


def test_folders_called_train_beside_other_classes_are_classes(halves):
    paint(halves / "bus" / "1.png")
    assert datasets.load(f"folder:{halves}", size=8).classes == ("bus", "train", "val")


@pytest.mark.parametrize("layout", ["{half}/images/{kind}", "images/{half}/{kind}"])
def test_masks_go_with_the_halves(tmp_path, layout):
    for half in ("train", "val"):
        for kind in ("cat", "dog"):
            place = layout.format(half=half, kind=kind)
            paint(tmp_path / place / f"{half}.png")
            paint(tmp_path / place.replace("images", "masks") / f"{half}.png", (9, 9, 9) if half == "val" else (0, 0, 0))
    for split, share in (("train", 0), ("val", 1)):
        data = datasets.load(f"folder:{tmp_path}", size=8, split=split)
        assert data.ids.tolist() == [f"cat/{split}", f"dog/{split}"]
        assert data.masks["foreground"].mean() == share
    assert len(datasets.source_files(f"folder:{tmp_path}")) == 8


def test_a_folder_without_halves_keeps_every_fifth_image_of_each_class_for_validation(tmp_path):
    for kind, count in (("ant", 12), ("bee", 5), ("cat", 2)):
        for number in range(count):
            paint(tmp_path / kind / f"{number:02d}.png")
    parts = {split: datasets.load(f"folder:{tmp_path}", size=8, split=split) for split in ("train", "val", "test", None)}
    assert np.bincount(parts["val"].labels, minlength=3).tolist() == [2, 1, 0]
    assert {*parts["train"].ids} | {*parts["val"].ids} == {*parts[None].ids}
    assert not {*parts["train"].ids} & {*parts["val"].ids}
    assert parts["test"].ids.tolist() == parts["val"].ids.tolist()
    assert len(parts[None]) == 19
    assert len({part.classes for part in parts.values()}) == 1


def test_too_few_images_for_a_validation_half_are_refused_in_one_line(tmp_path):
    paint(tmp_path / "a" / "1.png")
    with pytest.raises(UserError, match="no class has 5 images"):
        datasets.load(f"folder:{tmp_path}", size=8, split="val")
