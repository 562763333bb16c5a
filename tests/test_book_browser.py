"""The book in a real browser, from a disk and without a network: what readers see, hear, press and print."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import fake_run
from analysis import paths
from analysis.book import pdf
from analysis.errors import UserError
from analysis.plan import Entry
from analysis.prose import INTERVAL, table
from browser import PHONE, Tab, tab

RUN = "studies/masking_cka/default/masking_cka.html"
ENTRIES = [Entry(study="masking_cka", name="default")]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if not any(shutil.which(name) for name in pdf.BROWSERS):
        pytest.skip("no Chromium is installed: apt install chromium")
    with fake_run.book(tmp_path_factory.mktemp("build"), ENTRIES) as folder:
        yield folder


@pytest.fixture(scope="module")
def browser(book: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("profile")) as page:
        yield page


def pages(book: Path) -> list[Path]:
    """What readers see: neither templates of the theme nor the page that only leads to the first one."""
    found = [page for page in sorted(book.rglob("*.html")) if "_static" not in page.parts]
    return [page for page in found if 'http-equiv="Refresh"' not in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize(("theme", "rules"), [("light", ()), ("dark", ("color-contrast",))])
def test_every_page_is_clean_for_assistive_technology_and_silent_and_asks_nobody(
    book: Path, browser: Tab, theme: str, rules: tuple[str, ...]
) -> None:
    """Of the two themes colours alone differ."""
    wrong = []
    for page in pages(book):
        browser.open(page.as_uri(), theme=theme)
        outside = [address for address in browser.requests if not address.startswith(("file:", "data:"))]
        wrong += [(page.name, complaint) for complaint in [*browser.complaints, *outside, *browser.axe(*rules)]]
    assert wrong == []


def test_axe_sees_what_is_wrong(book: Path, browser: Tab) -> None:
    browser.open((book / "intro.html").as_uri())
    browser.run(
        "document.querySelector('article').insertAdjacentHTML('beforeend', '<img src=\"_static/mark.svg\"><button></button>')"
    )
    assert {line.split()[0] for line in browser.axe()} >= {"image-alt", "button-name"}


def test_no_page_scrolls_sideways_on_a_phone(book: Path, browser: Tab) -> None:
    wide = []
    for page in pages(book):
        browser.open(page.as_uri(), size=PHONE)
        if (width := browser.run("document.documentElement.scrollWidth")) > PHONE[0]:
            wide.append((page.name, width))
    assert wide == []


@pytest.mark.parametrize(("theme", "other"), [("light", "occlusion-dark.svg"), ("dark", "occlusion.svg")])
def test_only_the_figures_of_the_theme_in_use_are_loaded(book: Path, browser: Tab, theme: str, other: str) -> None:
    browser.open((book / RUN).as_uri(), theme=theme)
    browser.run("document.querySelector('figure').scrollIntoView()")
    browser.wait(f"[...document.querySelectorAll('.{theme}-figure img')].every(image => image.complete && image.naturalWidth)")
    loaded = {Path(urlsplit(address).path).name for address in browser.requests}
    assert {"occlusion.svg", "occlusion-dark.svg"} - loaded == {other}


@pytest.mark.parametrize("size", [(1280, 900), PHONE])
def test_a_figure_opens_large_by_keyboard_and_gives_the_focus_back(book: Path, browser: Tab, size: tuple[int, int]) -> None:
    browser.open((book / RUN).as_uri(), size=size)
    browser.run("document.querySelector('a.light-figure').focus()")
    small = browser.run("document.querySelector('a.light-figure img').getBoundingClientRect().width")
    browser.press("Enter")
    browser.wait("document.querySelector('dialog[open] img')?.complete")
    assert browser.run("document.querySelector('dialog img').getBoundingClientRect().width") > 1.2 * small
    assert browser.run("document.querySelector('dialog').contains(document.activeElement)")
    assert browser.axe() == []
    browser.press("Escape")
    browser.wait("!document.querySelector('dialog')")
    assert browser.run("document.activeElement.matches('a.light-figure')")


def test_a_figure_opens_by_a_click_and_closes_by_its_button(book: Path, browser: Tab) -> None:
    browser.open((book / RUN).as_uri(), size=PHONE)
    browser.run("document.querySelector('a.light-figure img').click()")
    browser.run("document.querySelector('dialog[open] .figure-close').click()")
    browser.wait("!document.querySelector('dialog')")


def test_search_shows_pages_with_excerpts_before_the_library(book: Path, browser: Tab) -> None:
    browser.open((book / "search.html").as_uri() + "?q=figure")
    browser.wait("document.querySelector('#search-results .search-summary')?.textContent.includes('finished')")
    browser.wait("document.querySelectorAll('#search-results li p.context').length > 1")
    places = browser.run("[...document.querySelectorAll('#search-results li a')].map(link => link.getAttribute('href'))")
    in_library = [place.startswith("api/") for place in places]
    assert True in in_library
    assert False in in_library
    assert in_library == sorted(in_library)
    assert browser.complaints == []


def test_tables_of_verdicts_show_every_column_on_a_small_desktop(book: Path, browser: Tab) -> None:
    cut = (
        "[...document.querySelectorAll('.pst-scrollable-table-container')].filter(box => box.scrollWidth > box.clientWidth + 1)"
    )
    for page in (book / "intro.html", book / "claims.html", book / RUN):
        browser.open(page.as_uri(), size=(1280, 900))
        browser.run("document.querySelectorAll('details').forEach(part => part.open = true)")
        tables = browser.run(f"{cut}.map(box => box.querySelector('table').className)")
        assert not any("verdicts" in names or "claims" in names for names in tables), page.name


def test_in_a_narrow_fold_an_interval_stands_below_its_value_and_stays_whole(book: Path, browser: Tab) -> None:
    browser.open((book / RUN).as_uri(), size=(1280, 900))
    rows = [{"value": 0.5, "low": 0.4, "high": 0.6}]
    text = table(rows, {"value": ("Gain", INTERVAL)}).markdown.splitlines()[-1].strip("| ")
    cell = f"<td class='text-right' style='display: block; width: 8em'>{text}</td>"
    folded = f"<details open><table class='table'><tr>{cell}</tr></table></details>"
    browser.run(f'document.querySelector(".bd-article").insertAdjacentHTML("beforeend", {json.dumps(folded)})')
    lines = "Math.round(cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight) - 0.4)"
    assert browser.run(f"(cell => {lines})(document.querySelector('.bd-article > details:last-child td'))") == 2


def test_pages_and_site_are_light(book: Path, browser: Tab) -> None:
    browser.open((book / RUN).as_uri())
    browser.run("document.querySelectorAll('.light-figure img').forEach(image => image.loading = 'eager')")
    files = {Path(unquote(urlsplit(address).path)) for address in browser.requests if address.startswith("file:")}
    assert sum(file.stat().st_size for file in files) < 3e6
    assert sum(file.stat().st_size for file in book.rglob("*") if file.is_file()) < 35e6


def test_the_book_prints_as_one_pdf_with_contents_and_without_the_library(book: Path) -> None:
    printed = pdf.print_book(ENTRIES)
    assert printed == book / pdf.NAME
    content = printed.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") > 10
    assert b"/Outlines" in content
    assert (book / "intro.html").read_text(encoding="utf-8").count(f'href="{pdf.NAME}"') == 1
    pdf._link(book / "intro.html")
    assert (book / "intro.html").read_text(encoding="utf-8").count(f'href="{pdf.NAME}"') == 1  # however often it is printed


def test_without_a_browser_the_pdf_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match=r"^the PDF needs Chromium[^\n]*$"):
        pdf.print_book([])


def test_the_contents_of_the_pdf_are_the_headings_of_two_levels() -> None:
    page = '<section id="a">\n<h1>One <em>big</em><a class="headerlink" href="#a"></a></h1><section id="b"><h3>no<a '
    page += 'class="headerlink"></a></h3></section><section class="x" id="c">\n<h2>Two<a class="headerlink"></a></h2></section>'
    assert pdf.contents(page).count("<li") == 2
    assert '<a href="#a">One big</a>' in pdf.contents(page)


def test_the_vendored_axe_keeps_its_licence() -> None:
    assert "Mozilla Public License" in (paths.ROOT / "tests/vendor/axe-core/LICENSE").read_text(encoding="utf-8")
