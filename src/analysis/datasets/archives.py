"""Finding the parts of a data set under the data root, and unpacking archives once, safely, into the cache."""

import fcntl
import logging
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from analysis import paths, publish
from analysis.digests import file_digest
from analysis.errors import UserError
from analysis.progress import track
from analysis.results import read_json, write_json

_LARGEST = 100  # bytes that may come out of each byte of an archive
Member = tuple[str, IO[bytes]]


@dataclass(frozen=True)
class Part:
    """One archive, folder or file of a data set; places are relative to the data root.

    Attributes:
        folders: where the unpacked folder (or the plain file) may lie; in an archive it is looked for
            by its whole name and by the last part of it.
        archives: the names an archive may have; the first one is where a download goes.
        marker: what has to be inside the folder for it to count.
        url: where the official file can be fetched, "" if only by hand.
        digest: of the official file, `md5:...` or `sha256:...`; "" if unknown.
    """

    folders: tuple[str, ...]
    archives: tuple[str, ...] = ()
    marker: str = "."
    url: str = ""
    digest: str = ""

    @property
    def target(self) -> str:
        """The official name of this part: the archive, or the plain file."""
        return (self.archives or self.folders)[0]

    def find(self) -> Path | None:
        """The archive, else the unpacked folder or plain file; the archive comes first since one digest pins its content."""
        root = paths.data_root()
        archives = (root / name for name in self.archives)
        folders = (root / name for name in self.folders)
        return next((path for path in archives if path.is_file()), None) or next(
            (path for path in folders if (path / self.marker).exists()), None
        )

    def open(self, found: Path) -> Path:
        """The folder (or plain file) at `found`, unpacked first if it is an archive.

        Raises:
            UserError: the archive is corrupt, unsafe, or does not have the official layout.
        """
        if not (self.archives and found.is_file()):
            return found
        unpacked = unpack(found)
        for name in (*self.folders, *(Path(folder).name for folder in self.folders)):
            if (unpacked / name / self.marker).exists():
                return unpacked / name
        name = Path(self.folders[0]).name
        expected = name if self.marker == "." else f"{name}/{self.marker}"
        raise UserError(f"{found} does not have the official layout: there is no {expected} in it")


def unpack(archive: Path) -> Path:
    """The folder `archive` (zip, tar, tar.gz) is unpacked in, unpacking it if that has not been done.

    The folder is named by the digest of the content and appears complete or not at all; of several processes one
    unpacks and the others wait.

    Raises:
        UserError: the archive is corrupt, or a member would be written outside the folder.
    """
    cache = paths.cache() / "unpacked"
    cache.mkdir(parents=True, exist_ok=True)
    digest = file_digest(archive)
    folder, partial = cache / digest, cache / f"{digest}.partial"
    with open(cache / f"{digest}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _untouched(folder):
            shutil.rmtree(partial, ignore_errors=True)  # left over from a killed process
            try:
                _extract(archive, partial)
                write_json(folder.with_suffix(".json"), _listing(partial))
                publish.folder(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def _listing(folder: Path) -> dict[str, list[int]]:
    """Size and time of every file of an unpacked archive."""
    stats = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}


def _untouched(folder: Path) -> bool:
    """Whether an archive has been unpacked and nothing in it was changed since; else one line says so."""
    if not folder.exists():
        return False
    try:
        same = read_json(folder.with_suffix(".json")) == _listing(folder)
    except UserError:
        same = False
    if not same:
        logging.getLogger(__name__).warning("%s was changed after it had been unpacked: it is unpacked again", folder)
    return same


def _extract(archive: Path, folder: Path) -> None:
    made: set[Path] = set()
    left = _LARGEST * max(archive.stat().st_size, 2**20)
    try:
        for name, content in track(_members(archive), f"unpack {archive.name}", unit="file"):
            target = Path(os.path.normpath(folder / name))
            if not target.is_relative_to(folder):
                raise UserError(f"{archive} is not safe to unpack: {name!r} points outside of it")
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            with open(target, "wb") as file:
                while chunk := content.read(2**20):
                    left -= len(chunk)
                    if left < 0:
                        raise UserError(f"{archive} unpacks to more than {_LARGEST} times its size: no data set does that")
                    file.write(chunk)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise UserError(f"{archive} is corrupt ({error}); fetch it again") from None
    except OSError as error:  # gzip reports a bad file as an OSError without a number, a full disk has one
        reason = f"is corrupt ({error}); fetch it again" if error.errno is None else f"cannot be unpacked ({error})"
        raise UserError(f"{archive} {reason}") from None


def _members(archive: Path) -> Iterator[Member]:
    """The regular files of an archive; links and devices are left out, no data set needs one."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as bundle:
            for info in bundle.infolist():
                if not info.is_dir():
                    with bundle.open(info) as content:
                        yield info.filename, content
        return
    with tarfile.open(archive, "r:" if archive.suffix == ".tar" else "r:gz") as stream:
        for member in stream:
            file = stream.extractfile(member) if member.isreg() else None
            if file is not None:
                yield member.name, file
        # a tar ends before its gzip does, and the checksum comes last
        while stream.fileobj and stream.fileobj.read(1 << 20):
            pass
