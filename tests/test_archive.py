"""The archive of a deposit."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from analysis import archive, paths
from analysis.errors import UserError


@pytest.fixture
def project(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project of two files, with a book of one page."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "README.md").write_text("words\n")
    (root / "run").write_text("#!/bin/sh\n")
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    (build / "html").mkdir(parents=True)
    (build / "html" / "index.html").write_text("a book")
    monkeypatch.setattr(paths, "ROOT", root)
    return root


def test_it_holds_source_and_book_and_every_checksum_is_right(project: Path) -> None:
    with tarfile.open(archive.write()) as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    sums = dict(line.split("  ")[::-1] for line in content.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    assert set(content) == {"source/README.md", "source/run", "book/index.html"}


def test_the_same_commit_and_book_give_the_same_bytes(project: Path) -> None:
    first = archive.write().read_bytes()
    (project / "README.md").touch()
    assert archive.write().read_bytes() == first


def test_what_is_not_committed_or_not_built_is_refused(project: Path) -> None:
    (project / "README.md").write_text("other words\n")
    with pytest.raises(UserError, match="commit your changes"):
        archive.write()
    shutil.rmtree(paths.build() / "html")
    with pytest.raises(UserError, match="no book"):
        archive.write()
