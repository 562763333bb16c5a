"""From staged pages to HTML. Warnings are errors; the last good book stays until the new one is whole."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from analysis import paths, publish
from analysis.book.finish import finish
from analysis.book.stage import assemble
from analysis.digests import file_digest, joint_digest, value_digest
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.plan import Entry
from analysis.processes import tied
from analysis.results import read_json, write_json

PACKAGES = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme", "sphinxcontrib-bibtex")
BUSY = "another `analysis book` is at work here: wait for it"


def build(entries: Iterable[Entry]) -> Path:
    """Build the book of these runs and return its first page, `build/html/index.html`; where nothing has changed, at once.

    Raises:
        UserError: Sphinx warned or failed; the message holds the warnings, the last good book is untouched.
    """
    with only_one(paths.build() / "locks" / "html", BUSY):
        return _build(assemble(entries))


def _build(stage: Path) -> Path:
    work, final = paths.build() / "book-html", paths.build() / "html"
    publish.recover(work, final)
    made_of = _made_of(stage)
    if _recorded(final) == _sealed(made_of, final):
        return final / "index.html"
    built = sphinx(stage, work, "--warningiserror", "--nitpick")
    finish(built)
    os.rename(built, work / "html")
    publish.folder(work / "html", final)
    shutil.rmtree(work, ignore_errors=True)
    write_json(_record(final), _sealed(made_of, final))
    return final / "index.html"


@contextmanager
def kept_whole(final: Path) -> Iterator[None]:
    """What is put into the site within the block belongs to it; a site that was damaged before stays so, and is built again."""
    before = _recorded(final)
    whole = before == _sealed(before.get("made of", ""), final)
    yield
    if whole:
        write_json(_record(final), _sealed(before["made of"], final))


def _recorded(final: Path) -> dict[str, str]:
    """What is on record of the site; nothing where the record is damaged."""
    with suppress(UserError):
        found = read_json(_record(final))
        return found if isinstance(found, dict) else {}
    return {}


def _sealed(made_of: str, final: Path) -> dict[str, str]:
    return {"made of": made_of, "site": joint_digest(file for file in final.rglob("*") if file.is_file())}


def _record(final: Path) -> Path:
    return final.with_name("html.json")


def _made_of(stage: Path) -> str:
    """Digest of all that the pages depend on: staged sources, configuration, the library's own code, and Sphinx."""
    sources = (file for file in stage.rglob("*") if file.is_file())
    parts = [joint_digest(sources), joint_digest(paths.SOURCE.rglob("*.py")), file_digest(paths.ROOT / "_config.yml")]
    return value_digest(*parts, {name: version(name) for name in PACKAGES})


def sphinx(stage: Path, work: Path, *options: str, builder: str = "html") -> Path:
    """Build the staged pages below `work`, which is emptied first, and return the folder of the result.

    Raises:
        UserError: Sphinx failed; the message holds its complaints.
    """
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    command = [
        *(str(Path(sys.executable).with_name("jupyter-book")), "build", str(stage), "--path-output", str(work)),
        *("--config", str(paths.ROOT / "_config.yml"), "--toc", str(stage / "_toc.yml"), "--builder", builder),
        *("--keep-going", "--all", "--quiet", *options),
    ]
    # Sphinx sorts what it can; a fixed hash seed and date settle the rest, so that equal runs give equal bytes
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, preexec_fn=tied())
    if done.returncode:
        raise UserError(f"the book was not built:\n{_complaints(done.stdout + done.stderr)}")
    return work / "_build" / builder


def _complaints(log: str) -> str:
    """The lines of a build log that say what is wrong; the end of the log where no line does."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in log.splitlines()]
    found = list(
        dict.fromkeys(line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|[A-Z]\w*(Error|Exception)\b", line))
    )
    return "\n".join(found or lines[-20:])
