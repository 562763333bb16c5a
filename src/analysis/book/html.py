"""From staged pages to HTML. Warnings are errors; the last good book stays until the new one is whole."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from analysis import paths, publish
from analysis.book.finish import finish
from analysis.book.stage import assemble
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.plan import Entry
from analysis.processes import tied

BUSY = "another `analysis book` is at work here: wait for it"


def build(entries: Iterable[Entry]) -> Path:
    """Build the book of these runs and return its first page, `build/html/index.html`.

    Raises:
        UserError: Sphinx warned or failed; the message holds the warnings, the last good book is untouched.
    """
    with only_one(paths.build() / "locks" / "html", BUSY):
        return _build(assemble(entries))


def _build(stage: Path) -> Path:
    work, final = paths.build() / "book-html", paths.build() / "html"
    publish.recover(work, final)
    built = sphinx(stage, work, "--warningiserror", "--nitpick")
    finish(built)
    os.rename(built, work / "html")
    publish.folder(work / "html", final)
    shutil.rmtree(work, ignore_errors=True)
    return final / "index.html"


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
