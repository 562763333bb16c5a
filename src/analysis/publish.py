"""What has been made takes its place in one step: a reader finds the old or the new, whole, and never nothing."""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from analysis.errors import UserError

_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
_HERE = -100  # AT_FDCWD


def folder(made: Path, final: Path) -> None:
    """Put the folder `made` at `final`, in place of the folder there, which is deleted. Both are on one disk."""
    final.parent.mkdir(parents=True, exist_ok=True)
    if not final.exists():
        os.rename(made, final)
        return
    if not _exchanged(made, final):  # a disk that cannot: two steps, and `recover` after a kill between them
        os.rename(final, _aside(made.parent))
        os.rename(made, final)
    for old in (made, _aside(made.parent)):
        shutil.rmtree(old, ignore_errors=True)


def recover(work: Path, final: Path) -> None:
    """Bring back what `folder` had set aside in `work` when it was killed between two steps."""
    if _aside(work).exists() and not final.exists():
        os.rename(_aside(work), final)


def _aside(work: Path) -> Path:
    return work / ".previous"


def _exchanged(one: Path, two: Path) -> bool:
    libc, names = ctypes.CDLL(None, use_errno=True), (os.fsencode(one), os.fsencode(two))
    with suppress(AttributeError):  # a C library without the call
        if sys.platform == "darwin":
            return libc.renamex_np(*names, _EXCHANGE) == 0
        if libc.renameat2(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
            return True
        if (number := ctypes.get_errno()) not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise OSError(number, os.strerror(number), str(two))
    return False


def check_place(place: Path) -> None:
    """Make sure, without making anything, that files can be made in a folder, whether it is there or not.

    Raises:
        UserError: something that is no folder, or cannot be written, is in the way.
    """
    there = next(path for path in (place, *place.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"{there} is no folder that can be written: name another with --out")


@contextmanager
def files(place: Path, name: str) -> Iterator[Path]:
    """A folder for a few files `name`.*, that all take their place in `place` when the block ends well.

    They are renamed one by one, after one rename that settles it: `finish` does what a kill in between left undone.
    """
    finish(place, name)
    making, settled = place / f".{name}.making", place / f".{name}.settled"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    try:
        yield making
        os.rename(making, settled)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    finish(place, name)


def finish(place: Path, name: str) -> None:
    """Put files in their place that `files` had settled when it was killed; whoever reads them calls this first."""
    settled = place / f".{name}.settled"
    if settled.exists():
        for path in list(settled.iterdir()):
            with suppress(FileNotFoundError):  # another reader was faster
                os.replace(path, place / path.name)
        shutil.rmtree(settled, ignore_errors=True)
