"""One file of the web: it arrives whole or not at all, goes on where it broke off, and is the right one."""

import hashlib
import os
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis import fetch, paths
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.remote import Remote
from web_server import Web, serve

CONTENT = np.random.default_rng(0).bytes(5000)
OTHER = np.random.default_rng(1).bytes(5000)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


pytestmark = pytest.mark.usefixtures("real")


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as running:
        running.files["/a.pth"] = CONTENT
        yield running


def remote(web: Web, digest: str = SHA256, path: str = "/a.pth") -> Remote:
    return Remote("hub-file:a", paths.data_root() / "weights" / "a.pth", web.root + path, digest)


def left(real: Path) -> dict[str, bytes]:
    return {path.relative_to(real).as_posix(): path.read_bytes() for path in real.rglob("*") if path.is_file()}


def cut(web: Web, file: Remote, at: int = 3000) -> None:
    """A fetch whose connection breaks."""
    web.cut[file.url.removeprefix(web.root)] = at
    with pytest.raises(UserError, match="broke off after"):
        fetch.fetch(file)
    web.cut.clear()
    web.asked.clear()


@pytest.mark.parametrize("digest", [SHA256, SHA256[:15], f"md5:{hashlib.md5(CONTENT).hexdigest()}"])
def test_a_file_arrives_whole_with_nothing_beside_it(web: Web, real: Path, digest: str) -> None:
    assert fetch.size(remote(web, digest)) == len(CONTENT)
    assert fetch.fetch(remote(web, digest)) == real / "weights" / "a.pth"
    assert left(real) == {"weights/a.pth": CONTENT}


def test_a_redirect_is_followed_and_a_file_behind_it_resumed(web: Web, real: Path) -> None:
    web.redirects = {"/old": "/older", "/older": f"{web.root}/a.pth"}
    web.cut["/a.pth"] = 3000
    with pytest.raises(UserError, match="/old broke off after"):
        fetch.fetch(remote(web, path="/old"))
    web.cut.clear()
    fetch.fetch(remote(web, path="/old"))
    assert left(real) == {"weights/a.pth": CONTENT}
    assert web.asked[-1] == ("/a.pth", "bytes=2999-")


def test_what_broke_off_is_no_file_and_goes_on_from_there(web: Web, real: Path) -> None:
    web.cut["/a.pth"] = 3000
    with pytest.raises(UserError, match=r"a\.pth broke off after 3,000 of 5,000 bytes; the same command goes on from there$"):
        fetch.fetch(remote(web))
    assert not remote(web).target.exists()
    assert list(left(real).values()) == [CONTENT[:3000]]
    web.cut["/a.pth"] = 4000
    with pytest.raises(UserError, match="after 4,000 of"):
        fetch.fetch(remote(web))
    web.cut.clear()
    fetch.fetch(remote(web))
    assert left(real) == {"weights/a.pth": CONTENT}
    assert [part for _, part in web.asked] == ["", "bytes=2999-", "bytes=3999-"]


def test_a_file_that_ends_early_without_a_stated_length_is_caught_by_its_digest(web: Web, real: Path) -> None:
    web.sized, web.cut = False, {"/a.pth": 3000}
    with pytest.raises(UserError, match="is not the official file: its SHA256 is"):
        fetch.fetch(remote(web))
    assert left(real) == {}
    web.cut.clear()
    assert fetch.size(remote(web)) is None
    fetch.fetch(remote(web))
    assert left(real) == {"weights/a.pth": CONTENT}


def test_a_server_that_knows_no_parts_sends_the_file_again(web: Web, real: Path) -> None:
    cut(web, remote(web))
    web.ranges = False
    fetch.fetch(remote(web))
    assert left(real) == {"weights/a.pth": CONTENT}


@pytest.mark.parametrize("new", [OTHER, OTHER[:2000], OTHER + OTHER], ids=["as long", "shorter", "longer"])
@pytest.mark.parametrize("stated", [True, False])
def test_parts_of_two_versions_never_come_together(web: Web, real: Path, new: bytes, stated: bool) -> None:
    cut(web, remote(web))
    web.files["/a.pth"] = new
    digest = f"sha256:{hashlib.sha256(new).hexdigest()}"
    fetch.fetch(remote(web, digest if stated else ""))
    assert left(real).pop("weights/a.pth") == new
    assert not [name for name in left(real) if name.endswith(".partial")]


def test_a_fetch_killed_before_its_last_step_asks_for_one_byte(web: Web, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch.fetch(remote(web))
    assert not remote(web).target.exists()
    fetch.fetch(remote(web))
    assert web.asked[-1] == ("/a.pth", "bytes=4999-")
    assert left(real) == {"weights/a.pth": CONTENT}


def test_a_wrong_file_is_not_kept_and_takes_nothing_good_away(web: Web, real: Path) -> None:
    target = fetch.fetch(remote(web))
    web.files["/a.pth"] = OTHER
    with pytest.raises(UserError, match=f"a.pth is not the official file: its SHA256 is .*, not {SHA256[7:]}"):
        fetch.fetch(remote(web))
    assert left(real) == {"weights/a.pth": target.read_bytes()} == {"weights/a.pth": CONTENT}
    web.files["/a.pth"] = CONTENT
    fetch.fetch(remote(web))
    assert web.asked[-1] == ("/a.pth", "")


def test_a_digest_that_nobody_states_is_recorded_said_and_kept_to(
    web: Web, real: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Remote("hub-file:b", real / "weights" / "b c.pth", f"{web.root}/b.pth")
    web.files["/b.pth"] = OTHER
    target, _ = fetch.fetch(remote(web, "")), fetch.fetch(other)
    assert f"a.pth: no digest is published; its SHA-256 {SHA256[7:]} is recorded in {real / 'SHA256SUMS'}" in caplog.messages
    assert (real / "SHA256SUMS").read_text().splitlines()[0] == f"{SHA256[7:]}  weights/a.pth"
    if shutil.which("sha256sum"):
        assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=real, check=False).returncode == 0
    before = left(real)
    web.files["/a.pth"] = OTHER
    with pytest.raises(UserError, match=r"is not that of the first time, in .*SHA256SUMS: its SHA256 is"):
        fetch.fetch(remote(web, ""))
    assert left(real) == before
    web.files["/a.pth"] = CONTENT
    assert fetch.fetch(remote(web, "")) == target


def test_a_page_for_people_is_not_taken_for_the_file(web: Web, real: Path) -> None:
    web.pages.add("/a.pth")
    for ask in (fetch.size, fetch.fetch):
        with pytest.raises(UserError, match=r"a\.pth is a page for people: get a\.pth there by hand and put it at .*weights"):
            ask(remote(web))
    assert left(real) == {}


def test_a_file_that_is_not_there_is_one_line(web: Web, real: Path) -> None:
    for ask in (fetch.size, fetch.fetch):
        with pytest.raises(UserError, match=r"/gone\.pth cannot be fetched \(HTTP Error 404: Not Found\)$"):
            ask(remote(web, path="/gone.pth"))
    assert left(real) == {}


def test_a_server_that_breaks_off_before_it_answers_is_one_line() -> None:
    def hang_up() -> None:
        while True:
            connection, _ = listening.accept()
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/a.pth"
        with pytest.raises(UserError, match="cannot be fetched"):
            fetch.size(Remote("a", paths.data_root() / "a.pth", url))


def test_two_processes_do_not_write_one_file(web: Web, build: Path) -> None:
    with (
        only_one(paths.build() / "locks" / "fetch", ""),
        pytest.raises(UserError, match="files are being fetched already"),
    ):
        fetch.fetch(remote(web))


def test_a_page_of_google_drive_leads_to_its_file(web: Web, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, true = [], urllib.request.urlopen

    def open_here(request: urllib.request.Request, **options: float) -> object:
        opened.append(request.full_url)
        return true(f"{web.root}/a.pth", **options)

    monkeypatch.setattr(fetch, "_reach", lambda url: opened.append(url))
    monkeypatch.setattr(urllib.request, "urlopen", open_here)
    fetch.fetch(Remote("a", real / "a.pth", "https://drive.google.com/file/d/1dJn6G-Yk_w/view", SHA256))
    assert opened == ["https://drive.usercontent.google.com/download?id=1dJn6G-Yk_w&export=download&confirm=t"] * 2


def test_a_name_look_up_that_never_answers_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: forever.wait() and [])
    monkeypatch.setattr(fetch, "PATIENCE", 0.05)
    with pytest.raises(fetch.UnreachableError, match=r"127\.0\.0\.1 cannot be reached"):
        fetch.size(remote(web))
    forever.set()
