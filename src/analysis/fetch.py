"""Fetching a file of the web, on request only: what broke off goes on later, and a file is there whole or not at all."""

import glob
import http.client
import os
import queue
import re
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from analysis import checksums, paths
from analysis.digests import value_digest
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.progress import track
from analysis.remote import Remote

PATIENCE = 2.5  # seconds for name look-up and connection
STALL = 30.0  # seconds without a byte
BLOCK = 1 << 20
_DRIVE = re.compile(r"https://drive\.google\.com/file/d/([\w-]+)/view")


class UnreachableError(UserError):
    """The host of a file does not answer: no network, or a wrong name."""


def size(file: Remote) -> int | None:
    """Bytes of `file`, None if its server does not say; nothing of it is transferred.

    Raises:
        UnreachableError: within three seconds, if its host cannot be reached.
        UserError: the server does not have it, or has a page for people in its place.
    """
    with _ask(file) as answer:
        return _total(answer)


def fetch(file: Remote) -> Path:
    """Fetch `file` to its target, going on where an earlier call broke off; returns the target.

    The digest is compared with the stated one. Where none is stated, the SHA-256 is written into `SHA256SUMS` of the data root
    (`sha256sum -c` reads it) and said, and a later fetch has to give the same file.

    Raises:
        UserError: as `size`; or it breaks off (what has come is kept), it has another digest, or a fetch is going on already.
    """
    with only_one(paths.build() / "locks" / "fetch", "files are being fetched already; wait for that to end"):
        file.target.parent.mkdir(parents=True, exist_ok=True)
        partial = _transfer(file)
        checksums.verify(file, partial)
        os.replace(partial, file.target)
    return file.target


def _transfer(file: Remote) -> Path:
    """The whole file under a name that says of which version it is: parts of two versions never come together."""
    begun = [Path(name) for name in glob.glob(f"{glob.escape(str(file.target))}.*.partial")]
    start = max(begun[0].stat().st_size - 1, 0) if begun else 0  # the last byte once more: no server refuses an empty rest
    answer = _ask(file, start)
    if answer.status == 206 and not (_partial(file, answer) == begun[0] and _first(answer) == start):
        answer.close()
        answer = _ask(file)
    with answer:
        start, total, partial = start if answer.status == 206 else 0, _total(answer), _partial(file, answer)
        for other in {*begun} - {partial}:
            other.unlink()
        with open(partial, "r+b" if start else "wb") as content:
            content.seek(start)
            with track(None, f"fetch {file.target.name}", total=total, unit="B") as bar:
                bar.update(start)
                while block := _read(answer, file, content.tell(), total):
                    content.write(block)
                    bar.update(len(block))
            if total is not None and content.tell() != total:
                raise _broken_off(file, content.tell(), total)
    return partial


def _read(answer: http.client.HTTPResponse, file: Remote, at: int, total: int | None) -> bytes:
    try:
        return answer.read(BLOCK)
    except (OSError, http.client.HTTPException):
        raise _broken_off(file, at, total) from None


def _broken_off(file: Remote, at: int, total: int | None) -> UserError:
    of = f" of {total:,}" if total is not None else ""
    return UserError(f"{file.url} broke off after {at:,}{of} bytes; the same command goes on from there")


def _ask(file: Remote, start: int = 0) -> http.client.HTTPResponse:
    """The answer to a request for `file`, from the byte `start` on where the server can do that, with its content unread."""
    drive = _DRIVE.fullmatch(file.url)  # its page for people holds the address of the file
    url = f"https://drive.usercontent.google.com/download?id={drive[1]}&export=download&confirm=t" if drive else file.url
    _reach(url)
    headers = {"User-Agent": "analysis", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=STALL)
    except (OSError, http.client.HTTPException) as error:
        if start and isinstance(error, HTTPError) and error.code == 416:  # the file has become shorter
            return _ask(file)
        raise UserError(f"{file.url} cannot be fetched ({error})") from None
    if answer.headers.get_content_type() == "text/html":
        answer.close()
        raise UserError(f"{file.url} is a page for people: get {file.target.name} there by hand and put it at {file.target}")
    return answer


def _total(answer: http.client.HTTPResponse) -> int | None:
    """Bytes of the whole file, of which the answer may hold the end only."""
    whole = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length", "")
    return int(whole) if whole.isdigit() else None


def _first(answer: http.client.HTTPResponse) -> int:
    """The first byte that a partial answer holds."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if found else -1


def _partial(file: Remote, answer: http.client.HTTPResponse) -> Path:
    version = value_digest(*(answer.headers.get(name, "") for name in ("ETag", "Last-Modified")), _total(answer))
    return file.target.with_name(f"{file.target.name}.{version[:8]}.partial")


def _reach(url: str) -> None:
    """Connect to the host of `url` (or to the proxy) once; a name look-up has no time limit of its own, hence the thread."""
    place = urlsplit(url)
    proxy = urllib.request.getproxies().get(place.scheme)
    if proxy and not urllib.request.proxy_bypass(place.hostname or ""):
        place = urlsplit(proxy)
    port = place.port or (443 if place.scheme == "https" else 80)
    answers: queue.Queue[Exception | None] = queue.Queue()

    def attempt() -> None:
        """Connect, and leave the error or None in `answers`."""
        try:
            socket.create_connection((place.hostname or "", port), timeout=PATIENCE).close()
            answers.put(None)
        except OSError as error:
            answers.put(error)

    threading.Thread(target=attempt, daemon=True).start()
    try:
        error = answers.get(timeout=PATIENCE)
    except queue.Empty:
        error = URLError("no answer")
    if error is not None:
        raise UnreachableError(f"{urlsplit(url).hostname} cannot be reached ({error}); is there a network?")
