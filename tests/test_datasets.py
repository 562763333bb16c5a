"""Laws of the data sets: geometry, subsets, ids, image files of every kind, folders of one's own, names."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.datasets.geometry import plan
from analysis.datasets.pictures import read_map, read_rgb
from analysis.datasets.source import choose
from analysis.errors import MissingFile, UserError

SHAPES = [(64, 64), (300, 200), (201, 333), (40, 25), (37, 512)]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.fixture(autouse=True)
def _own_roots(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))


@pytest.fixture
def photos(tmp_path):
    """Three classes of five, four and one images of different sizes, with masks: a bright disc on a dark ground."""
    root = tmp_path / "photos"
    for kind, count in (("ant", 5), ("bee", 4), ("cat", 1)):
        for index in range(count):
            width, height = SHAPES[index]
            y, x = np.mgrid[:height, :width]
            disc = (x - 0.6 * width) ** 2 + (y - 0.45 * height) ** 2 < (0.3 * min(width, height)) ** 2
            for folder, array in (("images", np.where(disc[..., None], (250, 240, 230), (5, 10, 15))), ("masks", disc * 255)):
                (root / folder / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array.astype(np.uint8)).save(root / folder / kind / f"{index}.png")
    return root


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 84, 224])
def test_images_are_resized_and_cropped_exactly_as_torchvision_does(shape, size):
    transforms = pytest.importorskip("torchvision.transforms")
    bicubic = transforms.InterpolationMode.BICUBIC
    recipe = transforms.Compose([transforms.Resize(round(size * 256 / 224), bicubic), transforms.CenterCrop(size)])
    image = picture(*shape)
    assert np.array_equal(plan(*shape, size, straight=False).image(image), np.asarray(recipe(image)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 84, 224])
def test_masks_take_the_value_pillow_calls_nearest_under_the_same_resize_and_crop(shape, size):
    geometry = plan(*shape, size, straight=False)
    rows, columns = np.mgrid[: shape[1], : shape[0]].astype(np.int32)
    for axis, places in ((0, columns), (1, rows)):
        left, top = geometry.corner
        nearest = Image.fromarray(places).resize(geometry.scaled, Image.Resampling.NEAREST)
        expected = np.asarray(nearest.crop((left, top, left + size, top + size)))
        centre = (np.arange(size) + geometry.corner[axis] + 0.5) * shape[axis] / geometry.scaled[axis]
        between = np.abs(centre - centre.round()) < 1e-9  # there Pillow rounds either way
        clear = np.broadcast_to(~between if axis == 0 else ~between[:, None], (size, size))
        assert np.array_equal(geometry.mask(places)[clear], expected[clear])
        assert np.abs(geometry.mask(places) - expected).max() <= 1


def test_a_box_follows_the_pixels_it_encloses():
    mask = np.zeros((200, 300), dtype=np.uint8)
    mask[60:140, 90:210] = 1
    geometry = plan(300, 200, 112, straight=False)
    rows, columns = np.nonzero(geometry.mask(mask))
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert np.abs(geometry.box((90, 60, 210, 140)) - edges).max() <= 0.5


def test_a_straight_source_keeps_its_margin():
    geometry = plan(64, 64, 96, straight=True)
    assert geometry.scaled == (96, 96)
    assert np.allclose(geometry.box((0, 0, 64, 64)), (0, 0, 96, 96))


@pytest.mark.parametrize("size", [24, 64, 150])
def test_image_and_mask_stay_registered_at_every_size(photos, size):
    data = datasets.load(f"folder:{photos}", size=size)
    bright = data.images.mean(axis=-1) > 125
    differ = (bright != data.masks["foreground"]).mean(axis=(1, 2))
    assert data.masks["foreground"].any(axis=(1, 2)).all()
    assert differ.max() < 0.04  # only along the outline, where bicubic mixes


def test_ids_labels_and_classes_do_not_depend_on_the_size(photos):
    small, large = (datasets.load(f"folder:{photos}", size=size) for size in (16, 48))
    assert small.ids.tolist() == large.ids.tolist() == sorted(large.ids.tolist())
    assert small.ids[0] == "ant/0"
    assert np.array_equal(small.labels, large.labels)
    assert small.classes == ("ant", "bee", "cat")


def test_a_subset_is_balanced_as_far_as_the_classes_reach():
    labels = np.repeat([0, 1, 2], [50, 30, 2])
    for n, counts in ((6, [2, 2, 2]), (12, [5, 5, 2]), (70, [38, 30, 2])):
        assert np.bincount(labels[choose(labels, n, seed=3)]).tolist() == counts
    assert set(np.bincount(labels[choose(labels, 5, seed=3)])) == {1, 2}


def test_a_subset_depends_on_the_seed_only_and_grows_with_n():
    labels = np.arange(200) % 7
    assert np.array_equal(choose(labels, 60, seed=1), choose(labels, 60, seed=1))
    assert not np.array_equal(choose(labels, 60, seed=1), choose(labels, 60, seed=2))
    assert np.array_equal(choose(labels, 40, seed=1), choose(labels, 60, seed=1)[:40])
    assert np.array_equal(np.sort(choose(labels, 999, seed=1)), np.arange(200))
    assert np.array_equal(choose(labels, None, seed=1), np.arange(200))


def test_every_beginning_of_photographs_is_balanced_as_it_is_of_scenes():
    labels = np.repeat([0, 1, 2, 3], [40, 30, 30, 5])
    drawn = labels[choose(labels, 300, seed=0)]
    for k in range(1, 20):
        counts = np.bincount(drawn[:k], minlength=4)
        assert counts.max() - counts.min() <= 1


def test_a_loaded_subset_is_the_same_rows_of_the_full_set(photos):
    full = datasets.load(f"folder:{photos}", size=32)
    part = datasets.load(f"folder:{photos}", size=32, n=5, seed=4)
    assert len(part) == 5
    assert part.labels.tolist() != sorted(part.labels.tolist()), "the first of them are of all classes"
    same = full.align(part.ids)
    assert np.array_equal(same.images, part.images)
    assert np.array_equal(same.masks["foreground"], part.masks["foreground"])


def test_only_the_chosen_files_are_decoded(photos):
    chosen = set(datasets.load(f"folder:{photos}", size=8, n=4).ids)
    for path in (photos / "images").rglob("*.png"):
        if path.relative_to(photos / "images").with_suffix("").as_posix() not in chosen:
            path.write_bytes(b"broken")
    assert set(datasets.load(f"folder:{photos}", size=8, n=4).ids) == chosen


def test_every_kind_of_image_file_becomes_the_same_rgb(tmp_path):
    grey = Image.fromarray(np.full((8, 8), 100, dtype=np.uint8))
    grey.convert("RGB").save(tmp_path / "rgb.png")
    grey.save(tmp_path / "grey.png")
    grey.convert("P").save(tmp_path / "palette.png")
    grey.convert("RGBA").save(tmp_path / "alpha.webp", lossless=True)
    grey.convert("RGB").convert("CMYK").save(tmp_path / "cmyk.tif")
    Image.fromarray(np.full((8, 8), 100 * 257, dtype=np.uint16)).save(tmp_path / "deep.png")
    for path in sorted(tmp_path.iterdir()):
        image = read_rgb(path)
        assert image.mode == "RGB", path
        assert np.abs(np.asarray(image).astype(int) - 100).max() <= 1, path


def test_transparent_pixels_are_laid_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (200, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (np.asarray(read_rgb(tmp_path / "clear.png")) == 255).all()


def test_exif_orientation_turns_the_image_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright = np.zeros((20, 40, 3), dtype=np.uint8)
    upright[:, :20] = 255
    Image.fromarray(np.rot90(upright)).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(np.asarray(read_rgb(tmp_path / "turned.png")), upright)


def test_a_label_map_keeps_its_palette_indices(tmp_path):
    indices = np.arange(16, dtype=np.uint8).reshape(4, 4)
    image = Image.fromarray(indices)
    image.putpalette(list(range(255, -1, -1)) * 3)
    image.save(tmp_path / "map.png")
    assert np.array_equal(read_map(tmp_path / "map.png"), indices)


def test_a_flat_folder_is_one_class_without_masks(tmp_path):
    for name in ("b.jpg", "a.PNG", "c.webp", ".hidden.png"):
        picture(20, 30).save(tmp_path / name, format={"b": "JPEG", "c": "WEBP"}.get(name[0], "PNG"))
    (tmp_path / "notes.txt").write_text("not an image")
    data = datasets.load(f"folder:{tmp_path}", size=16)
    assert data.ids.tolist() == ["a", "b", "c"]
    assert data.classes == ("all",)
    assert data.masks == {}


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
def test_a_mask_of_any_mode_is_foreground_where_it_is_not_black(tmp_path, mode):
    left = np.zeros((32, 32), dtype=np.uint8)
    left[:, :16] = 255
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    picture(32, 32).save(tmp_path / "images" / "x.png")
    mask = Image.fromarray(left)
    if mode == "RGBA":  # white paint on a transparent ground
        mask = Image.merge("RGBA", [Image.new("L", mask.size, 255)] * 3 + [mask])
    mask.convert(mode).save(tmp_path / "masks" / "x.png")
    found = datasets.load(f"folder:{tmp_path}", size=28).masks["foreground"][0]
    assert np.array_equal(found, np.arange(28) < np.full((28, 1), 14))


def test_the_ripples_of_a_jpeg_mask_are_not_foreground(tmp_path):
    disc = ((np.mgrid[:64, :64] - 32) ** 2).sum(axis=0) < 300
    for folder, values in (("images", disc), ("masks", disc)):
        (tmp_path / folder).mkdir()
        Image.fromarray(values.astype(np.uint8) * 255).save(tmp_path / folder / "x.jpg", quality=60)
    mask = datasets.load(f"folder:{tmp_path}", size=56).masks["foreground"][0]
    assert abs(mask.sum() - disc[4:60, 4:60].sum()) < 30


def test_loading_needs_no_torch():
    code = "import sys; from analysis import datasets; datasets.describe(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", ["imagenet", "scenes:", "scenes:nothing", "folder:", "eth80:x", ""])
def test_an_unknown_name_lists_the_known_ones(name):
    for call in (datasets.check, datasets.source_files, datasets.absent, lambda name: datasets.load(name, size=8)):
        with pytest.raises(UserError) as error:
            call(name)
        assert all(known in one_line(error) for known in ("scenes:objects", "tiny-imagenet", "dtd", "folder:PATH"))


@pytest.mark.parametrize("name", list(datasets.SOURCES))
def test_an_absent_data_set_says_what_is_missing_where_it_comes_from_and_where_it_goes(name, tmp_path):
    for call in (datasets.check, datasets.source_files, lambda name: datasets.load(name, size=8)):
        with pytest.raises(MissingFile) as error:
            call(name)
        text = one_line(error)
        assert text.startswith(f"{name}: ")
        assert datasets.SOURCES[name].parts[0].target in text
        assert datasets.SOURCES[name].source in text
        assert str(tmp_path / "real") in text
    assert not {card.name: card.present for card in datasets.describe()}[name]


def test_the_cards_name_everything_once_and_state_terms_and_source():
    cards = datasets.describe()
    names = [card.name for card in cards]
    assert len(set(names)) == len(names)
    assert set(datasets.SOURCES) < set(names)
    assert all(card.title and card.terms and card.source for card in cards)


@pytest.mark.parametrize("n", [0, -3])
def test_a_subset_of_nothing_is_refused(photos, n):
    with pytest.raises(UserError, match="at least 1"):
        datasets.load(f"folder:{photos}", size=8, n=n)


def test_scenes_are_made_by_the_registry_and_have_no_files():
    datasets.check("scenes:objects")
    assert datasets.source_files("scenes:objects") == []
    data = datasets.load("scenes:objects", size=32, n=6, seed=1)
    assert data.images.shape == (6, 32, 32, 3)


def test_a_folder_without_images_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").write_bytes(b"")
    for place, reason in (("empty", "no image in"), ("nowhere", "there is no"), ("file.png", "is a file")):
        with pytest.raises(UserError, match=reason) as error:
            datasets.check(f"folder:{tmp_path / place}")
        one_line(error)


def broken(root, path, content=b"GIF89a not really"):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


def _truncate(root):
    file = root / "images" / "ant" / "1.png"
    file.write_bytes(file.read_bytes()[:60])


def _twin(root):
    picture(9, 9).save(root / "images" / "ant" / "1.jpg")


def _loose(root):
    picture(9, 9).save(root / "images" / "loose.jpg")


def _no_mask(root):
    (root / "masks" / "ant" / "1.png").unlink()


def _small_mask(root):
    Image.new("L", (10, 10)).save(root / "masks" / "ant" / "1.png")


@pytest.mark.parametrize(
    ("fault", "names"),
    [
        (lambda root: broken(root, "images/ant/9.gif"), ["9.gif", "no mask"]),
        (lambda root: broken(root, "masks/ant/1.png"), ["masks/ant/1.png", "not a readable image"]),
        (_truncate, ["images/ant/1.png", "not a readable image"]),
        (_twin, ["ant/1", "more than one"]),
        (_loose, ["loose.jpg", "class folders"]),
        (_no_mask, ["ant/1.png", "no mask"]),
        (_small_mask, ["masks/ant/1.png", "10 x 10", "300 x 200"]),
    ],
)
def test_a_fault_in_a_folder_names_the_file(photos, fault, names):
    fault(photos)
    with pytest.raises(UserError) as error:
        datasets.load(f"folder:{photos}", size=16)
    assert all(name in one_line(error) for name in names)


def test_the_files_of_a_folder_are_its_images_and_masks(photos):
    files = datasets.source_files(f"folder:{photos}")
    assert len(files) == 20
    assert photos / "masks" / "cat" / "0.png" in files


def test_a_split_that_does_not_exist_lists_those_that_do(photos):
    with pytest.raises(UserError, match="no split 'trial'; it has train, val, test, all"):
        datasets.load(f"folder:{photos}", size=8, split="trial")


def test_clusters_go_with_their_images_and_are_the_ids_unless_given(photos):
    data = datasets.load(f"folder:{photos}", size=8)
    assert data.clusters.tolist() == data.ids.tolist()
    named = replace(data, clusters=data.labels.astype(str))
    rows = np.array([7, 2, 9])
    assert named.select(rows).clusters.tolist() == ["1", "0", "2"]
    assert named.select(named.labels == 1).clusters.tolist() == ["1"] * 4
    assert named.align(named.ids[rows]).clusters.tolist() == ["1", "0", "2"]
    with pytest.raises(ValueError, match="10 images, 3 clusters"):
        replace(data, clusters=data.clusters[:3])


def test_the_frames_of_a_video_are_one_cluster_and_every_other_scene_is_its_own():
    frames = datasets.load("scenes:video?frames=3", size=16, n=7)
    assert frames.clusters.tolist() == [f"video/test/0/{video:06d}" for video in (0, 0, 0, 1, 1, 1, 2)]
    for kind in ("objects", "pairs", "multi"):
        scenes = datasets.load(f"scenes:{kind}", size=16, n=3)
        assert scenes.clusters.tolist() == scenes.ids.tolist()
