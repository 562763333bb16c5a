"""The adapters against small copies of the official layouts, and against torchvision where it knows the set."""

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from PIL import Image

from analysis import datasets
from analysis.datasets.flowers import unlike_ground
from analysis.errors import MissingFile, UserError

SIDE = 48
SIZE = 42  # a crop of a 48 px square that neither enlarges nor shrinks: files and loaded pixels agree one to one
MARGIN = (SIDE - SIZE) // 2


@pytest.fixture(autouse=True)
def real(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))
    return tmp_path / "real"


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array.astype(np.uint8)).save(path, **options)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def photo(seed, side=SIDE):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3))


def cropped(array):
    return array[MARGIN : MARGIN + SIZE, MARGIN : MARGIN + SIZE]


def square(x0=10, y0=14, x1=30, y1=40, side=SIDE):
    mask = np.zeros((side, side), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def make_tiny(root):
    root = root / "tiny-imagenet-200"
    write(root / "wnids.txt", "n02\nn01\n")
    write(root / "words.txt", "n00\tentity\nn01\tgoldfish, Carassius auratus\nn02\tplane, carpenter's plane\n")
    for wnid in ("n01", "n02"):
        write(root / "train" / wnid / f"{wnid}_boxes.txt", f"{wnid}_0.JPEG\t0\t0\t63\t63\n{wnid}_1.JPEG\t5\t6\t20\t30\n")
        for index in range(2):
            save(root / "train" / wnid / "images" / f"{wnid}_{index}.JPEG", photo(index, 64))
    write(root / "val" / "val_annotations.txt", "val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t3\t3\t3\t3\n")
    save(root / "val" / "images" / "val_0.JPEG", photo(7, 64))
    save(root / "val" / "images" / "val_1.JPEG", photo(8, 64)[..., 0])  # some are grey


def test_tiny_imagenet_has_boxes_as_factor_and_as_coarse_foreground(real):
    make_tiny(real)
    data = datasets.load("tiny-imagenet", size=64)
    assert data.ids.tolist() == ["val/images/val_0", "val/images/val_1"]
    assert data.classes == ("goldfish", "plane")
    assert data.labels.tolist() == [1, 0]
    assert data.factors["box"].tolist() == [[0, 32, 45, 63], [3, 3, 4, 4]]
    assert np.array_equal(data.masks["foreground"][0], square(0, 32, 45, 63, 64))
    doubled = datasets.load("tiny-imagenet", size=128)
    assert np.array_equal(doubled.factors["box"], 2 * data.factors["box"])
    assert np.array_equal(doubled.masks["foreground"][0], square(0, 64, 90, 126, 128))
    train = datasets.load("tiny-imagenet", size=64, split="train")
    assert train.ids[1] == "train/n01/images/n01_1"
    assert train.labels.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("size", ["full", "320px", "160px"])
def test_imagenette_agrees_with_torchvision_and_a_class_without_images_shifts_no_label(real, size):
    oracle = pytest.importorskip("torchvision.datasets").Imagenette
    home = real / oracle._ARCHIVES[size][0].rsplit("/", 1)[-1].removesuffix(".tgz")
    wnids = sorted(oracle._WNID_TO_CLASS)
    for split in ("train", "val"):
        for number, wnid in enumerate(wnids):
            save(home / split / wnid / f"{wnid}_{number}.JPEG", photo(number))
    (home / "noisy_imagenette.csv").write_text("path\n")  # as in the official archives
    for split, theirs in (("train", "train"), ("test", "val")):
        data = datasets.load("imagenette", size=SIZE, split=split)
        other = oracle(real, split=theirs, size=size)
        expected = {str(Path(path).relative_to(home).with_suffix("")): label for path, label in other._samples}
        assert dict(zip(data.ids.tolist(), data.labels.tolist(), strict=True)) == expected
        assert [names[0] for names in other.classes] == list(data.classes)
    next((home / "val" / wnids[3]).iterdir()).unlink()
    test = datasets.load("imagenette", size=SIZE)
    assert test.labels.tolist() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert len(test.classes) == 10


def test_imagenette_is_fetched_from_where_torchvision_fetches_it():
    oracle = pytest.importorskip("torchvision.datasets").Imagenette
    (part,) = datasets.SOURCES["imagenette"].parts
    assert (part.url, part.digest.removeprefix("md5:")) in oracle._ARCHIVES.values()


def make_coco(root, official):
    """Two photographs: a cat (17) before the sky (187) with a corner of nothing, and the sky alone."""
    home, ids = root / "coco", np.full((SIDE, SIDE), 187)
    alone = ids.copy()
    ids[square()] = 17
    ids[:4, :4] = 0
    rows = []
    for stem, values in (("000000000139", ids), ("000000000285", alone)):
        if not official:
            save(home / "val2017" / "images" / f"{stem}.jpg", photo(1))
            save(home / "val2017" / "labels" / f"{stem}.png", values)
            continue
        segment = {17: 70_000, 187: 300, 0: 0}  # numbers of three bytes, of two, and of none
        numbers = np.vectorize(segment.get)(values)
        colours = np.stack([numbers % 256, numbers // 256 % 256, numbers // 65_536], axis=-1)
        save(home / "val2017" / f"{stem}.jpg", photo(1))
        save(home / "annotations" / "panoptic_val2017" / f"{stem}.png", colours)
        info = [{"id": segment[category], "category_id": category} for category in (17, 187)]
        rows.append({"file_name": f"{stem}.png", "segments_info": info})
    if official:
        write(home / "annotations" / "panoptic_val2017.json", json.dumps({"annotations": rows}))
    return ids


@pytest.mark.parametrize("official", [False, True])
def test_coco_has_things_as_foreground_and_classes_in_the_order_of_their_ids(real, official):
    ids = make_coco(real, official)
    data = datasets.load("coco", size=SIZE)
    assert data.ids.tolist() == ["000000000139", "000000000285"]
    assert len(data.classes) == len(set(data.classes)) == 133
    cat, sky = data.classes.index("cat"), data.classes.index("sky-other-merged")
    assert (cat, sky) == (15, 119)
    assert np.array_equal(data.masks["foreground"][0], cropped(ids == 17))
    assert not data.masks["foreground"][1].any()
    assert np.array_equal(data.masks["semantic"][0], cropped(np.select([ids == 17, ids == 187], [cat, sky], 255)))


def test_a_list_of_coco_that_is_none_is_named(real):
    make_coco(real, official=True)
    write(real / "coco" / "annotations" / "panoptic_val2017.json", '{"images": []}')
    with pytest.raises(UserError, match=r"panoptic_val2017\.json is not a file of COCO's panoptic labels"):
        datasets.load("coco", size=SIZE)


def make_eth80(root, official):
    for category in ("apple", "cup"):
        for number in (1, 10):
            for view in ("000-000", "066-117"):
                stem = f"{category}{number}-{view}"
                if official:
                    places = (f"eth80-cropped256/{category}{number}/{stem}.png",)
                    places += (f"eth80-cropped256/{category}{number}/maps/{stem}-map.png",)
                else:
                    folder = f"{category}/{category}{number:02d}"
                    places = (f"eth80/images/{folder}/{stem}.jpg", f"eth80/masks/{folder}/{stem}.png")
                save(root / places[0], photo(number))
                save(root / places[1], square(x0=number) * 255)


@pytest.mark.parametrize("official", [False, True])
def test_eth80_has_instances_views_and_masks_in_both_layouts(real, official):
    make_eth80(real, official)
    data = datasets.load("eth80", size=SIZE)
    assert len(data) == 8
    assert data.ids[:3].tolist() == [
        "apple/apple01/apple1-000-000",
        "apple/apple01/apple1-066-117",
        "apple/apple10/apple10-000-000",
    ]
    assert data.classes == ("apple", "cup")
    assert data.labels.tolist() == [0] * 4 + [1] * 4
    assert data.factors["instance"].tolist() == [1, 1, 10, 10] * 2
    assert data.clusters[::2].tolist() == data.clusters[1::2].tolist()  # two views of each object
    assert data.clusters[::2].tolist() == ["apple/apple01", "apple/apple10", "cup/cup01", "cup/cup10"]
    assert data.factors["polar"].tolist() == [0, 66] * 4
    assert data.factors["azimuth"].tolist() == [0, 117] * 4
    assert np.array_equal(data.masks["foreground"][2], cropped(square(x0=10)))


@pytest.mark.parametrize("official", [False, True])
def test_clothing_co_parsing_has_one_class_and_every_label_above_zero_is_the_person(real, official):
    labels = square() * 41 + square(15, 20, 25, 30) * 13  # 54 where they overlap
    home = real / ("clothing-co-parsing-master" if official else "ccp")
    for stem in ("0005", "0010"):
        save(home / "photos" / f"{stem}.jpg", photo(1))
    if official:
        (home / "annotations" / "pixel-level").mkdir(parents=True)
        scipy.io.savemat(home / "annotations" / "pixel-level" / "0005.mat", {"groundtruth": labels.astype(np.uint8)})
    else:
        save(home / "labels" / "0005.png", labels)
    data = datasets.load("ccp", size=SIZE)
    assert data.ids.tolist() == ["0005"]  # 0010 has no map
    assert data.classes == ("person",)
    assert np.array_equal(data.masks["semantic"][0], cropped(labels))
    assert np.array_equal(data.masks["foreground"], data.masks["semantic"] > 0)


@pytest.mark.parametrize("colour", [False, True])
def test_grabcut_pixels_that_are_undecided_are_border_and_neither_side(real, colour):
    trimap = square() * 255
    trimap[14:16, 10:30] = 128
    save(real / "grabcut" / "images" / "a.jpg", photo(0))
    save(real / "grabcut" / "masks" / "a.png", np.repeat(trimap[..., None], 3, 2) if colour else trimap)
    data = datasets.load("grabcut", size=SIZE)
    assert np.array_equal(data.masks["foreground"][0], cropped(trimap == 255))
    assert np.array_equal(data.masks["border"][0], cropped(trimap == 128))


def make_pets(root):
    root = root / "oxford-iiit-pet"
    rows = {"test": ["Abyssinian_2 1 1 1", "great_dane_7 2 2 1"], "trainval": ["Abyssinian_1 1 1 1", "great_dane_10 2 2 1"]}
    trimap = 2 - square()
    trimap[12:14, 10:30] = 3
    for name, lines in rows.items():
        write(root / "annotations" / f"{name}.txt", "\n".join(lines) + "\n")
        for line in lines:
            stem = line.split()[0]
            save(root / "images" / f"{stem}.jpg", photo(len(stem)))
            save(root / "annotations" / "trimaps" / f"{stem}.png", trimap)
            write(root / "annotations" / "trimaps" / f"._{stem}.png", "resource fork, as in the official archive")
    return trimap


def test_pets_agree_with_torchvision_and_have_trimaps(real):
    oracle = pytest.importorskip("torchvision.datasets").OxfordIIITPet
    trimap = make_pets(real)
    for split, theirs in (("test", "test"), ("train", "trainval")):
        data = datasets.load("pets", size=SIZE, split=split)
        other = oracle(real, split=theirs, target_types="category")
        assert sorted(zip(data.ids.tolist(), data.labels.tolist(), strict=True)) == sorted(
            (path.stem, label) for path, label in zip(other._images, other._labels, strict=True)
        )
        assert [name.title() for name in data.classes] == other.classes
        assert np.array_equal(data.masks["foreground"][0], cropped(trimap == 1))
        assert np.array_equal(data.masks["border"][0], cropped(trimap == 3))
        assert data.clusters.tolist() == data.ids.tolist()  # each photograph stands for itself


def segmented(image, mask, ground=(0, 0, 254)):
    return np.where(mask[..., None], image, ground)


def make_flowers(root):
    root = root / "flowers-102"
    for number in range(1, 7):
        save(root / "jpg" / f"image_{number:05d}.jpg", photo(number))
        image = np.clip(photo(number) // 4 + 128, 0, 255)
        save(root / "segmim" / f"segmim_{number:05d}.jpg", segmented(image, square()), quality=95, subsampling=0)
    scipy.io.savemat(root / "imagelabels.mat", {"labels": np.array([77, 77, 3, 3, 102, 1])})
    scipy.io.savemat(root / "setid.mat", {"trnid": np.array([1, 3]), "valid": np.array([5]), "tstid": np.array([6, 2, 4])})


def test_flowers_agree_with_torchvision_and_read_the_ground_from_the_image(real, monkeypatch):
    oracle = pytest.importorskip("torchvision.datasets").Flowers102
    make_flowers(real)
    monkeypatch.setattr(oracle, "_check_integrity", lambda self: True)
    for split in ("train", "test"):
        data = datasets.load("flowers", size=SIZE, split=split)
        other = oracle(real, split=split)
        assert sorted(zip(data.ids.tolist(), data.labels.tolist(), strict=True)) == sorted(
            (path.stem, label) for path, label in zip(other._image_files, other._labels, strict=True)
        )
        differ = data.masks["foreground"] != cropped(square())
        assert differ.mean() < 0.01
    assert datasets.load("flowers", size=8, split="val").labels.tolist() == [101]


@pytest.mark.parametrize("ground", [(0, 0, 254), (255, 255, 255), (0, 200, 0)])
def test_the_flat_ground_is_found_whatever_its_colour(ground):
    image = np.full((SIDE, SIDE, 3), 90) + photo(3) // 8
    assert np.array_equal(unlike_ground(segmented(image, square(), ground).astype(np.uint8)), square())


def test_a_flower_that_touches_the_edge_does_not_hide_the_ground():
    touching = square(0, 0, SIDE, 40)
    image = np.full((SIDE, SIDE, 3), 90) + photo(3) // 8
    assert np.array_equal(unlike_ground(segmented(image, touching).astype(np.uint8)), touching)


def test_without_a_flat_ground_everything_is_foreground():
    assert unlike_ground(photo(5).astype(np.uint8)).all()


@pytest.mark.parametrize("inside", [False, True])
def test_cub_follows_the_official_lists_and_takes_pixels_that_half_of_the_annotators_agree_on(real, inside):
    root = real / "CUB_200_2011"
    segmentations = (root if inside else real) / "segmentations"
    stems = ["001.Black_footed_Albatross/a_1", "002.Laysan_Albatross/b_2", "002.Laysan_Albatross/c_3"]
    write(root / "images.txt", "".join(f"{n} {stem}.jpg\n" for n, stem in enumerate(stems, 1)))
    write(root / "image_class_labels.txt", "1 1\n2 2\n3 2\n")
    write(root / "train_test_split.txt", "1 0\n2 1\n3 0\n")
    write(root / "classes.txt", "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n")
    agreed = square() * 102 + square(12, 16, 28, 38) * 102  # two of five, and four of five annotators
    for stem in stems:
        save(root / "images" / f"{stem}.jpg", photo(1))
        save(segmentations / f"{stem}.png", agreed)
    data = datasets.load("cub", size=SIZE)
    assert data.ids.tolist() == [stems[0], stems[2]]
    assert data.labels.tolist() == [0, 1]
    assert data.classes == ("Black footed Albatross", "Laysan Albatross")
    assert np.array_equal(data.masks["foreground"][1], cropped(square(12, 16, 28, 38)))
    assert datasets.load("cub", size=SIZE, split="train").ids.tolist() == [stems[1]]


@pytest.mark.parametrize("home", ["dtd", "dtd/dtd"])
def test_dtd_agrees_with_torchvision_and_has_no_masks(real, home):
    oracle = pytest.importorskip("torchvision.datasets").DTD
    for split, numbers in (("train", (1,)), ("val", (2,)), ("test", (3, 4))):
        names = [f"{kind}/{kind}_{number:04d}.jpg" for kind in ("zigzagged", "banded") for number in numbers]
        write(real / home / "labels" / f"{split}1.txt", "\n".join(names) + "\n")
        for name in names:
            save(real / home / "images" / name, photo(len(name)))
    data = datasets.load("dtd", size=SIZE)
    assert data.ids.tolist() == [
        "banded/banded_0003",
        "banded/banded_0004",
        "zigzagged/zigzagged_0003",
        "zigzagged/zigzagged_0004",
    ]
    assert data.masks == {}
    if home == "dtd/dtd":
        other = oracle(real, split="test")
        found = {
            str(path.relative_to(other._images_folder).with_suffix("")): label
            for path, label in zip(other._image_files, other._labels, strict=True)
        }
        assert dict(zip(data.ids.tolist(), data.labels.tolist(), strict=True)) == found


def test_an_image_that_a_list_names_and_the_copy_lacks_is_named(real):
    make_pets(real)
    missing = real / "oxford-iiit-pet" / "images" / "great_dane_7.jpg"
    missing.unlink()
    with pytest.raises(MissingFile, match=r"great_dane_7\.jpg"):
        datasets.load("pets", size=SIZE)


def test_images_keep_their_pixels_when_the_crop_does_not_resize(real):
    save(real / "grabcut" / "images" / "a.png", photo(0))
    save(real / "grabcut" / "masks" / "a.png", square() * 255)
    assert np.array_equal(datasets.load("grabcut", size=SIZE).images[0], cropped(photo(0)))
