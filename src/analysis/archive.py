"""`make archive`: what a deposit needs in one file, the same bytes for the same commit and book."""

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
from pathlib import Path

from analysis import paths
from analysis.errors import UserError

NAME = "archive.tar.gz"


def write() -> Path:
    """`build/archive.tar.gz`: the committed source with the published numbers, the book, and `SHA256SUMS` of every file.

    Raises:
        UserError: this is no git checkout, something is not committed, or there is no book yet.
    """
    book = paths.build() / "html"
    if not (book / "index.html").exists():
        raise UserError("there is no book to archive: run `make book` first")
    if _git("status", "--porcelain"):
        raise UserError("an archive holds what is committed: commit your changes first")
    listed = _git("ls-files", "-z").decode().split("\0")[:-1]
    files = {f"source/{name}": paths.ROOT / name for name in listed}
    files |= {f"book/{path.relative_to(book).as_posix()}": path for path in book.rglob("*") if path.is_file()}
    content = {name: path.read_bytes() for name, path in sorted(files.items())}
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in content.items())
    content["SHA256SUMS"] = sums.encode()
    target = paths.build() / NAME
    with (
        target.open("wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755 if data.startswith(b"#!") else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return target


def _git(*words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(paths.ROOT), *words], capture_output=True, check=False)
    if done.returncode:
        raise UserError("an archive is made from a git checkout, and this is none")
    return done.stdout


if __name__ == "__main__":
    try:
        print(write())
    except UserError as error:
        sys.exit(f"analysis: {error}")
