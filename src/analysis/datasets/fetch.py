"""Fetching an official archive, on request only: within three seconds it is clear whether it can be reached."""

import hashlib
import os
import queue
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

from analysis import paths
from analysis.datasets.archives import Part
from analysis.datasets.source import Source
from analysis.errors import UserError
from analysis.progress import track

PATIENCE = 2.5  # seconds for name look-up and connection
STALL = 30.0  # seconds without a byte
BLOCK = 1 << 20


def fetch(source: Source) -> list[Path]:
    """Fetch the parts of `source` that are absent into the data root; returns what was fetched.

    Raises:
        UserError: the set has no official address, it cannot be reached, breaks off, or has the wrong digest.
    """
    missing = [part for part in source.parts if part.find() is None]
    for part in missing:
        if not part.url:
            name = part.target
            raise UserError(
                f"{source.name} cannot be fetched; get {name} from {source.source} and put it into {paths.data_root()}"
            )
    return [_fetch(part, paths.data_root() / part.target) for part in missing]


def _fetch(part: Part, target: Path) -> Path:
    partial = target.with_name(target.name + ".partial")
    _reach(part.url)
    target.parent.mkdir(parents=True, exist_ok=True)
    request = urllib.request.Request(part.url, headers={"User-Agent": "analysis"})
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(request, timeout=STALL) as answer, open(partial, "wb") as file:
            total = int(answer.headers.get("Content-Length") or 0)
            with track(None, f"fetch {target.name}", total=total or None, unit="B") as bar:
                while block := answer.read(BLOCK):
                    file.write(block)
                    digest.update(block)
                    bar.update(len(block))
            if file.tell() < total:
                raise UserError(f"{part.url} broke off after {file.tell():,} of {total:,} bytes; try again")
        if digest.hexdigest() != part.md5:
            raise UserError(f"{part.url} is not the official file: its MD5 is {digest.hexdigest()}, not {part.md5}")
        os.replace(partial, target)
    except OSError as error:
        raise UserError(f"{part.url} cannot be fetched ({error})") from None
    finally:
        partial.unlink(missing_ok=True)
    return target


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
        raise UserError(f"{urlsplit(url).hostname} cannot be reached ({error}); is there a network?")
