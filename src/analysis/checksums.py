"""Whether a fetched file is the right one: by the digest its publisher states, else by the one it had the first time."""

import hashlib
from pathlib import Path

from analysis import paths
from analysis.errors import UserError
from analysis.progress import say_once
from analysis.remote import Remote
from analysis.results import write_text


def recorded() -> Path:
    """The SHA-256 of files of which no digest is published, as `sha256sum -c` reads it."""
    return paths.data_root() / "SHA256SUMS"


def verify(file: Remote, path: Path) -> None:
    """Compare what has come, at `path`, with the digest of `file`; where none is known, this one is recorded and said.

    Raises:
        UserError: it is another file; it is removed.
    """
    known = file.digest or _read().get(_name(file), "")
    kind, _, digits = (known or "sha256:").partition(":")
    with open(path, "rb") as content:
        digest = hashlib.file_digest(content, kind).hexdigest()
    if not digest.startswith(digits):
        path.unlink()
        what = "the official file" if file.digest else f"that of the first time, in {recorded()}"
        raise UserError(f"{file.url} is not {what}: its {kind.upper()} is {digest}, not {digits}")
    if not known:
        lines = {**_read(), _name(file): f"sha256:{digest}"}
        write_text(recorded(), "".join(f"{value.removeprefix('sha256:')}  {name}\n" for name, value in sorted(lines.items())))
        say_once(f"{file.target.name}: no digest is published; its SHA-256 {digest} is recorded in {recorded()}")


def _read() -> dict[str, str]:
    """Name -> digest."""
    lines = recorded().read_text(encoding="utf-8").splitlines() if recorded().exists() else []
    return {name: f"sha256:{digest}" for digest, _, name in (line.partition("  ") for line in lines)}


def _name(file: Remote) -> str:
    root = paths.data_root()
    return file.target.relative_to(root).as_posix() if file.target.is_relative_to(root) else str(file.target)
