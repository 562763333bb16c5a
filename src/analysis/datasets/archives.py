"""Finding the parts of a data set under the data root, and unpacking archives once, safely, into the cache."""

import fcntl
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from analysis import paths
from analysis.digests import file_digest
from analysis.errors import UserError
from analysis.progress import track

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
        md5: digest of the official file, "" if unknown.
    """

    folders: tuple[str, ...]
    archives: tuple[str, ...] = ()
    marker: str = "."
    url: str = ""
    md5: str = ""

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
        if not folder.exists():
            shutil.rmtree(partial, ignore_errors=True)  # left over from a killed process
            try:
                _extract(archive, partial)
                os.rename(partial, folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    return folder


def _extract(archive: Path, folder: Path) -> None:
    made: set[Path] = set()
    try:
        for name, content in track(_members(archive), f"unpack {archive.name}", unit="file"):
            target = Path(os.path.normpath(folder / name))
            if not target.is_relative_to(folder):
                raise UserError(f"{archive} is not safe to unpack: {name!r} points outside of it")
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            with open(target, "wb") as file:
                shutil.copyfileobj(content, file)
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
