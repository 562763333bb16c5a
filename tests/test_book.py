"""The built book: whole, self-contained, readable, and the same each time."""

import filecmp
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

import fake_run
from analysis import ledger, paths
from analysis.book import assemble, build, html, measures, pdf
from analysis.errors import UserError
from analysis.ledger import LEDGER
from analysis.plan import Entry
from analysis.similarity import MEASURES
from analysis.verdict_prose import DECIDED, plain

ENTRIES = [Entry(study="masking_cka", name="default"), Entry(study="masking_cka", name="photos", preset="real", page="real")]
DEFAULT = "studies/masking_cka/default/masking_cka.html"


class Page(HTMLParser):
    """What the tests ask of an HTML file: ids, links, loaded files, images, and the words of the article."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.images: list[dict[str, str]] = []
        self.text: list[str] = []
        self._inside: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids.add(found.get("id", ""))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "href" in found:
            self.loads.append(found["href"])
        if "src" in found:
            self.loads.append(found["src"])
        if tag == "img":
            self.images.append(found)
        if tag in ("article", "pre", "script", "style"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside == ["article"]:
            self.text.append(data)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The HTML of two runs of the small notebook, with every page of the library."""
    with fake_run.book(tmp_path_factory.mktemp("build"), ENTRIES, library=True) as folder:
        yield folder


@pytest.fixture(scope="module")
def pages(book: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(book.rglob("*.html"))}


def _outside(address: str) -> bool:
    return bool(urlsplit(address).scheme or urlsplit(address).netloc)


def test_the_book_has_every_part_it_promises(book: Path) -> None:
    promised = [
        "index",
        "intro",
        "how_to_read",
        "rerun",
        "claims",
        "architecture",
        "add_a_study",
        "provenance",
        "references",
        "api/index",
        "measures/index",
        "checkpoints",
    ]
    for name in [*promised, *(f"measures/{measure}" for measure in MEASURES), "studies/masking_cka/index"]:
        assert (book / f"{name}.html").is_file(), name
    assert (book / DEFAULT).is_file()
    assert (book / "studies/masking_cka/real/masking_cka.html").is_file()


def test_every_link_inside_the_book_leads_somewhere(book: Path, pages: dict[Path, Page]) -> None:
    lost = []
    for path, page in pages.items():
        for link in filter(lambda link: not _outside(link), [*page.links, *page.loads]):
            place, _, anchor = link.partition("#")
            target = (path.parent / unquote(place.split("?")[0])).resolve() if place else path
            exists = target.is_file() and (not anchor or target.suffix != ".html" or unquote(anchor) in pages[target].ids)
            if not exists and anchor not in ("", "main-content"):
                lost.append(f"{path.relative_to(book)}: {link}")
    assert not lost


def test_no_page_loads_anything_from_outside(book: Path, pages: dict[Path, Page]) -> None:
    assert not {load for page in pages.values() for load in page.loads if _outside(load) and not load.startswith("data:")}
    styles = "\n".join(path.read_text(encoding="utf-8") for path in book.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)]*", styles)
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in [*book.rglob("*.js"), *pages])
    named = set(re.findall(r"[\"'`]https?://([^/\"'`]+)", re.sub(r"<a [^>]*>", "", scripts)))
    assert named <= {"www.w3.org"}  # names of XML vocabularies, never fetched


def test_every_image_says_what_it_shows(pages: dict[Path, Page]) -> None:
    images = [image for page in pages.values() for image in page.images]
    assert any("occlusion" in image["src"] for image in images)
    assert [image for image in images if len(image.get("alt", "").split()) < 5] == []


def test_a_figure_has_a_file_for_each_theme_and_its_caption(book: Path, pages: dict[Path, Page]) -> None:
    page = pages[book / DEFAULT]
    light, dark = (image for image in page.images if image.get("class") == "figure-image")
    assert dark["src"].removesuffix("-dark.svg") == light["src"].removesuffix(".svg")
    assert {light["src"], dark["src"]} <= set(page.links)  # without scripts a figure opens as a file
    assert light["loading"] == dark["loading"] == "lazy"
    assert "Similarity to the complete image;" in "".join(page.text)


def test_numbers_in_prose_are_the_values_of_the_run(book: Path, pages: dict[Path, Page]) -> None:
    assert "the similarity is 0.812 [0.78, 0.84]." in "".join(pages[book / DEFAULT].text)
    for path, page in pages.items():
        if "api" not in path.parts:  # signatures say None, and mean it
            assert not re.findall(r"\bnan\b|\bNone\b|\bglue\b|\{\w*:[^}]*\}", "".join(page.text)), path


def test_code_is_one_click_away_and_noise_is_gone(book: Path) -> None:
    text = (book / DEFAULT).read_text(encoding="utf-8")
    assert text.count('<details class="admonition hide above-input">') == 5
    assert "a progress bar" not in re.sub(r"<details class=.*?</details>", "", text, flags=re.DOTALL)


def test_a_notebook_is_downloaded_without_its_outputs_and_the_theme_without_what_no_page_asks_for(book: Path) -> None:
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in book.glob("_sources/**/*.ipynb")]
    cells = [cell for notebook in notebooks for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert all(cell["source"] for cell in cells)
    assert not any(cell["outputs"] for cell in cells)
    assert {path.suffix for path in (book / "_static").rglob("*")} & {".map", ".ttf"} == set()
    assert list(book.glob("_static/vendor/fontawesome/*/webfonts/*.woff2"))


def test_no_path_of_this_machine_is_printed(book: Path) -> None:
    printed = [path for path in book.rglob("*") if path.suffix in (".html", ".js", ".ipynb", ".md", ".txt")]
    assert not [path for path in printed if str(paths.build()) in path.read_text(encoding="utf-8")]


def test_every_claim_stands_on_the_claims_page_with_its_verdict(book: Path, pages: dict[Path, Page]) -> None:
    text = " ".join("".join(pages[book / "claims.html"].text).split()).translate({ord("’"): "'"})
    assert [claim.id for claim in LEDGER if claim.statement not in text] == []
    assert [row["id"] for row in ledger.rows() if row["controls"]["negative"] not in text] == []
    assert "0.412 [0.362, 0.462], bound 0.05" in text
    assert "controls 0.020 [−0.010, 0.040] and 0.900 [0.800, 1.000]" in text
    assert "no encoder has learnt" in text
    assert text.count("not run") == 3 * len(LEDGER) - 4  # two claims in each of two runs


def test_the_front_page_shows_every_claim_with_its_verdicts_each_a_link_to_its_page(
    pages: dict[Path, Page], book: Path
) -> None:
    text = " ".join("".join(pages[book / "intro.html"].text).split()).translate({ord("’"): "'"})
    assert [claim.id for claim in LEDGER if claim.statement not in text] == []
    links = pages[book / "intro.html"].links
    for page in ("default", "real"):
        assert sum(link.startswith(f"studies/masking_cka/{page}/masking_cka.html") for link in links) >= 2, links
    assert text.count("not run") == 2 * len(LEDGER) - 4 + 1  # and once to say what the mark means


def test_the_front_page_says_what_was_found_in_plain_words(pages: dict[Path, Page], book: Path) -> None:
    text = " ".join("".join(pages[book / "intro.html"].text).split())
    found = fake_run.results(ENTRIES[0], 1.0).claims
    told = [
        plain(finding, claim) for finding in found for claim in LEDGER if claim.id == finding.id and finding.verdict in DECIDED
    ]
    assert told
    assert [words for words in told if " ".join(words.split()) not in text] == []


def test_the_foot_of_a_page_tells_how_it_was_made(book: Path, pages: dict[Path, Page]) -> None:
    page = (book / "studies/masking_cka/real/masking_cka.html").read_text(encoding="utf-8")
    assert "--preset<span" in page or "--preset real" in re.sub(r"<[^>]+>", "", page)
    text = "".join(pages[book / DEFAULT].text)
    assert "analysis.paths" in text
    assert "cd" * 16 in text


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    with fake_run.book(tmp_path, ENTRIES) as book:
        first = book.rename(book.with_name("first"))
        build(ENTRIES)
        names = sorted(str(path.relative_to(first)) for path in first.rglob("*") if path.is_file())
        assert names == sorted(str(path.relative_to(book)) for path in book.rglob("*") if path.is_file())
        assert filecmp.cmpfiles(first, book, names, shallow=False)[1:] == ([], [])


def test_a_book_that_is_whole_and_of_today_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_work(*_: object, **__: object) -> Path:
        raise UserError("Sphinx is at work")

    with fake_run.book(tmp_path, ENTRIES) as book, monkeypatch.context() as patch:
        patch.setattr(html, "sphinx", at_work)
        assert build(ENTRIES) == book / "index.html"
        with html.kept_whole(book):
            (book / pdf.NAME).write_bytes(b"printed")
        assert build(ENTRIES) == book / "index.html"  # and the PDF is still there
        assert (book / pdf.NAME).exists()
        page = book / "intro.html"
        whole = page.read_text(encoding="utf-8")
        for damaged in (whole[:-1], whole.replace("claims", "clams", 1)):
            page.write_text(damaged, encoding="utf-8")
            with html.kept_whole(book):
                (book / pdf.NAME).write_bytes(b"printed again")
            with pytest.raises(UserError, match="at work"):
                build(ENTRIES)
        page.write_text(whole, encoding="utf-8")
        (book / pdf.NAME).write_bytes(b"printed")
        assert build(ENTRIES) == book / "index.html"
        record = book.with_name("html.json")
        known = record.read_text(encoding="utf-8")
        for damaged in ("", known[:-4], "[1]", "{}"):
            record.write_text(damaged, encoding="utf-8")
            with pytest.raises(UserError, match="at work"):
                build(ENTRIES)
        record.write_text(known, encoding="utf-8")
        with pytest.raises(UserError, match="at work"):
            build(ENTRIES[:1])  # another book
        patch.setattr(html, "version", lambda name: "0")
        with pytest.raises(UserError, match="at work"):
            build(ENTRIES)
        patch.undo()


def test_a_warning_stops_the_build_and_keeps_the_last_good_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "book"
    source.mkdir()
    (source / "intro.md").write_text("# A book\n\n[nowhere](missing.md)\n")
    (source / "more.md").write_text("# More\n")
    (source / "references.bib").touch()
    (source / "_static").mkdir()
    (source / "_static" / "mark.svg").write_text((paths.BOOK / "_static/mark.svg").read_text())
    (source / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "intro", "parts": [{"chapters": [{"file": "more"}]}]})
    )
    monkeypatch.setattr(paths, "BOOK", source)
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(measures, "write", dict)
    good = tmp_path / "build" / "html" / "index.html"
    good.parent.mkdir(parents=True)
    good.write_text("the last good book")
    with pytest.raises(UserError, match=r"missing\.md"):
        build([])
    assert good.read_text() == "the last good book"


def test_of_two_runs_for_one_page_the_last_that_ran_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path))
    monkeypatch.setattr(measures, "write", dict)
    monkeypatch.setattr(fake_run, "NotebookClient", _NoKernel)
    stored, real, absent = (
        Entry(study="masking_cka", name=name, preset="real", page="real") for name in ("stored", "new", "no")
    )
    fake_run.make(stored, sign=1.0)
    fake_run.make(real, sign=-1.0)
    stage = assemble([stored, real, absent])
    assert "−0.412" in (stage / "_generated/claims.md").read_text()
    sections = yaml.safe_load((stage / "_toc.yml").read_text())["parts"][1]["chapters"][0]["sections"]
    assert [section["file"] for section in sections] == ["studies/masking_cka/real/masking_cka"]


class _NoKernel:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def execute(self) -> None:
        pass


def test_a_staged_notebook_forgets_times_and_injected_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path))
    monkeypatch.setattr(measures, "write", dict)
    monkeypatch.setattr(fake_run, "NotebookClient", _NoKernel)
    fake_run.make(ENTRIES[0])
    staged = (assemble(ENTRIES) / DEFAULT).with_suffix(".ipynb").read_text()
    assert "papermill" not in json.loads(staged)["metadata"]
    assert str(tmp_path) not in staged


def test_the_measured_defects_are_those_of_the_library() -> None:
    generated = measures.write()
    assert set(measures.DEFECTS) <= set(MEASURES)
    for name, effects in measures.DEFECTS.items():
        text = generated[f"_generated/{name}_defects.md"]
        assert all(f"{abs(row.correct):.4f}" in text and row.defect in text for effect in effects for row in effect())
