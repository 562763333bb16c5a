"""From staged pages to HTML. Warnings are errors; the last good book stays until the new one is whole."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from analysis import paths
from analysis.book.stage import assemble
from analysis.errors import UserError
from analysis.plan import Entry


def build(entries: Iterable[Entry]) -> Path:
    """Build the book of these runs and return its first page, `build/html/index.html`.

    Raises:
        UserError: Sphinx warned or failed; the message holds the warnings, the last good book is untouched.
    """
    stage = assemble(entries)
    work, final = paths.build() / "book-html", paths.build() / "html"
    shutil.rmtree(work, ignore_errors=True)
    command = [
        *(str(Path(sys.executable).with_name("jupyter-book")), "build", str(stage), "--path-output", str(work)),
        *("--config", str(paths.ROOT / "_config.yml"), "--toc", str(stage / "_toc.yml")),
        *("--warningiserror", "--nitpick", "--keep-going", "--all", "--quiet"),
    ]
    # Sphinx sorts what it can; a fixed hash seed and date settle the rest, so that equal runs give equal bytes
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": "0", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise UserError(f"the book was not built:\n{_complaints(done.stdout + done.stderr)}")
    shutil.rmtree(final, ignore_errors=True)
    os.replace(work / "_build" / "html", final)
    shutil.rmtree(work, ignore_errors=True)
    return final / "index.html"


def _complaints(log: str) -> str:
    """The lines of a build log that say what is wrong; the end of the log where no line does."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in log.splitlines()]
    found = list(dict.fromkeys(line for line in lines if re.search(r"WARNING|ERROR|CRITICAL|Exception", line)))
    return "\n".join(found or lines[-20:])
