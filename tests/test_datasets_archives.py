"""Archives of data sets: where they are found, that they unpack whole or not at all, and how they are fetched."""

import gzip
import hashlib
import http.server
import io
import socket
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from analysis import datasets
from analysis.datasets import archives, fetch
from analysis.datasets.archives import Part, unpack
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


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server for the folder it returns, and a data set `dtd` that is fetched from it."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "web").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(tmp_path / "web"))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        content = pack(tmp_path / "web" / "dtd.tar.gz", {"dtd/labels/test1.txt": b"", "dtd/images/x": b""}).read_bytes()
        url, md5 = f"http://127.0.0.1:{running.server_port}/dtd.tar.gz", hashlib.md5(content).hexdigest()
        part = replace(datasets.SOURCES["dtd"].parts[0], url=url, md5=md5)
        monkeypatch.setitem(datasets.SOURCES, "dtd", replace(datasets.SOURCES["dtd"], parts=(part,)))
        yield part
        running.shutdown()


def offer(monkeypatch, part: Part) -> None:
    monkeypatch.setitem(datasets.SOURCES, "dtd", replace(datasets.SOURCES["dtd"], parts=(part,)))


def test_a_fetched_file_is_found_and_not_fetched_twice(server, real):
    assert datasets.download("dtd") == [real / "dtd" / "dtd-r1.0.1.tar.gz"]
    datasets.check("dtd")
    assert datasets.download("dtd") == []


@pytest.mark.parametrize(("change", "reason"), [({"md5": "0" * 32}, "MD5"), ({"url": "/gone.tar.gz"}, "404")])
def test_a_file_that_is_not_the_official_one_is_not_kept(server, real, monkeypatch, change, reason):
    if "url" in change:
        change = {"url": server.url.replace("/dtd.tar.gz", change["url"])}
    offer(monkeypatch, replace(server, **change))
    with pytest.raises(UserError, match=reason):
        datasets.download("dtd")
    assert [path for path in real.rglob("*") if path.is_file()] == []


def test_a_name_look_up_that_never_answers_is_given_up(monkeypatch, server):
    forever = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: forever.wait() and [])
    monkeypatch.setattr(fetch, "PATIENCE", 0.05)
    with pytest.raises(UserError, match=r"127.0.0.1 cannot be reached"):
        datasets.download("dtd")
    forever.set()


def test_no_network_is_one_clear_line(monkeypatch, server):
    def refuse(*args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(UserError, match=r"cannot be reached.*is there a network"):
        datasets.download("dtd")
    assert fetch.PATIENCE < 3


def test_what_has_no_official_address_says_where_to_get_it():
    with pytest.raises(UserError, match=r"eth80 cannot be fetched; get eth80-cropped256.tgz from"):
        datasets.download("eth80")
    with pytest.raises(UserError, match="is not fetched from anywhere"):
        datasets.download("scenes:objects")


def test_every_official_address_has_a_digest():
    parts = [part for source in datasets.SOURCES.values() for part in source.parts if part.url]
    assert parts
    assert all(len(part.md5) == 32 and part.url.endswith(part.target.split("/")[-1]) for part in parts)
