"""Digests of files by content: what has the same digest has the same bytes."""

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path


def file_digest(path: Path) -> str:
    """blake2b of a file's content, 16 bytes, hex; `absent` where there is no such file."""
    return _content_digest(str(path), *_stat(path)) if path.exists() else "absent"


def joint_digest(files: Sequence[Path]) -> str:
    """One digest of the content of several files and of their places relative to the folder they share.

    A file that moves within that folder (an image that gets another label) changes the digest; moving the folder does not.
    """
    digest = hashlib.blake2b(digest_size=16)
    shared = os.path.commonpath([path.parent for path in files]) if files else ""
    for path in sorted(files):
        digest.update(f"{path.relative_to(shared).as_posix()} {file_digest(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@cache
def _content_digest(path: str, size: int, mtime: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
