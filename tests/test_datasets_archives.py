"""Archives of data sets: where they are found, and that they unpack whole or not at all."""

import gzip
import io
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.datasets import archives
from analysis.datasets.archives import unpack
from analysis.errors import UserError


@pytest.fixture(autouse=True)
def real(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))
    (tmp_path / "real").mkdir()
    return tmp_path / "real"


def png(value: int = 0, side: int = 12) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


GRABCUT = {f"grabcut/{kind}/{stem}.png": png(255) for kind in ("images", "masks") for stem in ("a", "b")}


def pack(path, files):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as bundle:
            for name, content in files.items():
                bundle.writestr(name, content)
    else:
        with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as bundle:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                bundle.addfile(info, io.BytesIO(content))
    return path


def left_behind(tmp_path):
    return [path for path in (tmp_path / "build" / "cache" / "unpacked").iterdir() if path.is_dir()]


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tgz"])
def test_every_kind_of_archive_unpacks_to_its_files(tmp_path, suffix):
    folder = unpack(pack(tmp_path / f"x.{suffix}", GRABCUT))
    assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")} == GRABCUT


def test_archive_and_folder_load_alike_and_the_archive_is_named_as_the_file(real):
    for name, content in GRABCUT.items():
        (real / name).parent.mkdir(parents=True, exist_ok=True)
        (real / name).write_bytes(content)
    from_folder = datasets.load("grabcut", size=8)
    assert datasets.source_files("grabcut") == sorted(real / name for name in GRABCUT)
    archive = pack(real / "grabcut-bsds.zip", GRABCUT)
    assert datasets.source_files("grabcut") == [archive]
    from_archive = datasets.load("grabcut", size=8)
    assert np.array_equal(from_folder.images, from_archive.images)
    assert from_folder.ids.tolist() == from_archive.ids.tolist() == ["a", "b"]


def test_an_archive_is_unpacked_once_and_again_when_its_content_changes(real, monkeypatch):
    calls = []
    extract = archives._extract
    monkeypatch.setattr(archives, "_extract", lambda *args: (calls.append(args), extract(*args)))
    pack(real / "grabcut.zip", GRABCUT)
    assert len(datasets.load("grabcut", size=8)) == len(datasets.load("grabcut", size=8)) == 2
    assert len(calls) == 1
    pack(real / "grabcut.zip", GRABCUT | {"grabcut/images/c.png": png(1), "grabcut/masks/c.png": png(128)})
    assert len(datasets.load("grabcut", size=8)) == 3
    assert len(calls) == 2


def test_what_a_killed_process_left_is_not_taken_for_the_data_set(tmp_path):
    archive = pack(tmp_path / "x.zip", GRABCUT)
    folder = unpack(archive)
    next(folder.rglob("*.png")).unlink()
    (folder / "half").write_bytes(b"half a file")
    folder.rename(f"{folder}.partial")
    assert unpack(archive) == folder
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == set(GRABCUT)
    assert left_behind(tmp_path) == [folder]


def test_an_interrupted_process_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(archive, folder):
        (folder / "grabcut").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(archives, "_extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(pack(tmp_path / "x.zip", GRABCUT))
    assert left_behind(tmp_path) == []


def test_processes_that_unpack_at_the_same_time_get_the_same_whole_folder(tmp_path):
    archive = pack(tmp_path / "x.tgz", {f"x/{index}": b"." for index in range(300)})
    found = []
    threads = [threading.Thread(target=lambda: found.append(len(list((unpack(archive) / "x").iterdir())))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [300] * 4


@pytest.mark.parametrize("suffix", ["zip", "tgz"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "not one at all", "empty"])
def test_a_corrupt_archive_is_one_clear_line_and_leaves_nothing(real, tmp_path, suffix, damage):
    noise = np.random.default_rng(0)
    files = {f"eth80-cropped256/apple1/{index}.png": noise.bytes(500) for index in range(20)}
    archive = pack(real / ("eth80.zip" if suffix == "zip" else "eth80-cropped256.tgz"), files)
    good = archive.read_bytes()
    middle = len(good) // 2
    flipped = good[:middle] + bytes(255 - byte for byte in good[middle : middle + 50]) + good[middle + 50 :]
    bad = {"cut": good[:middle], "flipped": flipped, "not one at all": b"<html>not found</html>", "empty": b""}
    archive.write_bytes(bad[damage])
    with pytest.raises(UserError, match="is corrupt") as error:
        datasets.load("eth80", size=8)
    assert str(archive) in str(error.value)
    assert "\n" not in str(error.value)
    assert left_behind(tmp_path) == []


def test_a_damage_that_only_the_checksum_at_the_very_end_shows_is_found(tmp_path):
    content = pack(tmp_path / "x.tar", {"x/a.txt": b"as it was written"}).read_bytes() + bytes(1 << 18)
    (tmp_path / "x.tgz").write_bytes(gzip.compress(content, compresslevel=0).replace(b"as it was", b"as it is "))
    with pytest.raises(UserError, match="is corrupt"):
        unpack(tmp_path / "x.tgz")


@pytest.mark.parametrize("suffix", ["zip", "tgz"])
@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "grabcut/../../../outside.txt"])
def test_a_member_that_points_outside_is_refused(real, tmp_path, suffix, name):
    archive = pack(tmp_path / f"evil.{suffix}", {"grabcut/images/a.png": b"", name: b"evil"})
    with pytest.raises(UserError, match="is not safe to unpack"):
        unpack(archive)
    assert not list(tmp_path.rglob("outside*"))


def test_links_in_an_archive_are_not_made(tmp_path):
    with tarfile.open(tmp_path / "links.tar", "w") as bundle:
        for kind, name in ((tarfile.SYMTYPE, "soft"), (tarfile.LNKTYPE, "hard")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            bundle.addfile(info)
        bundle.addfile(tarfile.TarInfo("plain"))
    assert [path.name for path in unpack(tmp_path / "links.tar").iterdir()] == ["plain"]


def test_an_archive_with_another_layout_says_what_was_looked_for(real):
    archive = pack(real / "grabcut.zip", {"data_GT/a.png": png()})
    with pytest.raises(UserError, match="no grabcut/images in it") as error:
        datasets.load("grabcut", size=8)
    assert str(archive) in str(error.value)
