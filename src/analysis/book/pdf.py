"""The whole book as one PDF: Sphinx puts every page into one, and a Chromium that is installed prints it."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from analysis import paths
from analysis.book.finish import finished
from analysis.book.html import BUSY, kept_whole, sphinx
from analysis.book.stage import assemble
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.plan import Entry
from analysis.processes import tied
from analysis.results import write_text

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NAME = "book.pdf"

_HEADING = re.compile(
    r'<section [^>]*id="([^"]+)">\s*(?:<span id="[^"]+"></span>\s*)*<h([12])>(.*?)<a class="headerlink"', re.DOTALL
)
_UNPRINTED = re.compile(r'<a class="figure-link dark-figure".*?</a>', re.DOTALL)


def chromium() -> str:
    """The browser's program.

    Raises:
        UserError: none is installed.
    """
    found = next((place for name in BROWSERS if (place := shutil.which(name))), None)
    if found is None:
        raise UserError("the PDF needs Chromium or Chrome and none is installed: apt install chromium")
    return found


def print_book(entries: Iterable[Entry]) -> Path:
    """Print the pages of these runs, without the pages of the library, to `build/html/book.pdf`, and return that file.

    Raises:
        UserError: no browser is installed, Sphinx failed, or the browser wrote nothing.
    """
    browser = chromium()
    with only_one(paths.build() / "locks" / "html", BUSY):
        stage = assemble(entries)
        _without_library(stage)
        work, final = paths.build() / "book-pdf", paths.build() / "html" / NAME
        page = sphinx(stage, work, builder="singlehtml") / "intro.html"
        page.write_text(printable(page.read_text(encoding="utf-8"), page.parent), encoding="utf-8")
        _print(browser, page, work / NAME)
        final.parent.mkdir(parents=True, exist_ok=True)
        with kept_whole(final.parent):
            (work / NAME).replace(final)
            _link(final.parent / "intro.html")
        shutil.rmtree(work)
    return final


def _link(front: Path) -> None:
    """Name the PDF on the front page, which until then speaks of none."""
    if front.exists() and f'href="{NAME}"' not in (page := front.read_text(encoding="utf-8")):
        link = f' · <a class="reference external" href="{NAME}">PDF</a></p>'
        write_text(front, re.sub(r"(<p>Version .*?)</p>", lambda found: found[1] + link, page, count=1, flags=re.DOTALL))


def printable(page: str, folder: Path) -> str:
    """The one page with a table of contents at its head, light figures only, and all of them loaded."""
    page = _UNPRINTED.sub("", finished(page, folder)).replace('loading="lazy" ', "")
    return re.sub(r'(<article class="bd-article">\s*)', lambda found: found[1] + contents(page), page, count=1)


def contents(page: str) -> str:
    """Links to every heading of the first two levels."""
    lines = (
        f'<li class="level-{level}"><a href="#{anchor}">{re.sub(r"<[^>]+>", "", title)}</a></li>'
        for anchor, level, title in _HEADING.findall(page)
    )
    return f'<nav class="print-contents" aria-label="Contents"><p>Contents</p><ul>{"".join(lines)}</ul></nav>'


def _without_library(stage: Path) -> None:
    """Leave out the hundreds of pages that are made from docstrings."""
    toc = yaml.safe_load((stage / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        part["chapters"] = [chapter for chapter in part["chapters"] if chapter["file"] != "api/index"]
    write_text(stage / "_toc.yml", yaml.safe_dump(toc, sort_keys=False))
    shutil.rmtree(stage / "api", ignore_errors=True)


def _print(browser: str, page: Path, target: Path) -> None:
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "--generate-pdf-document-outline"]
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *options, f"--user-data-dir={profile}", "--virtual-time-budget=60000", f"--print-to-pdf={target}"]
        command.append(page.as_uri())
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200, preexec_fn=tied())
    if not target.exists():
        raise UserError(f"the browser printed nothing: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
