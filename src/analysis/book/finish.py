"""The last touch to the HTML of Sphinx and its theme: figures that load when needed, and names for what has none."""

import html
import json
import re
from functools import cache
from pathlib import Path

_FIGURE = re.compile(r'<img [^>]*?class="(light-figure|dark-figure)" src="([^"]+)"[^>]*>')
_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"')
_ARTICLE = re.compile(r'<article class="bd-article">(.*?)</article>', re.DOTALL)
_UNSAID = re.compile(
    r'<details class="admonition hide.*?</details>|<script.*?</script>|<a class="headerlink".*?</a>', re.DOTALL
)
_SIGNATURE = re.compile(r'<dl>\s*((?:<dd><em class="sig-param">.*?</dd>\s*)+)</dl>')

# What the theme leaves unnamed for people who listen to a page, or loads without need.
_REPAIRS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r'\s*<link rel="preload" as="font"[^>]*>', ""),
        (r'\s*<script src="[^"]*fontawesome[^"]*"></script>', ""),  # 1.5 MB; its style sheet shows the same signs
        (r'(dataset\.mode = .*? \|\| )""', r'\1"auto"'),
        (
            r"(dataset\.theme = ).*?;",
            r"\1/^(light|dark)$/.test(localStorage.getItem('mode')) ? localStorage.getItem('mode')"
            r" : matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';",
        ),
        (r'<summary aria-label="Toggle hidden content">', "<summary>"),
        (r'(<a class="[^"]*" href="[^"]*">)([^<]+)(</a><details[^>]*><summary)>', r'\1\2\3 aria-label="Pages below \2">'),
        (r'(<button class="btn search-button-field[^"]*") title="Search" aria-label="Search"', r"\1"),
        (r'<div class="bd-sidebar-primary', '<div role="complementary" aria-label="The book" class="bd-sidebar-primary'),
        (r"<th([^>]*)>\s*(?:<p>\s*</p>)?\s*</th>", r"<td\1></td>"),
        (r'(<div class="pst-scrollable-table-container")>', r'\1 role="group" aria-label="Table" tabindex="0">'),
        (r'role="doc-biblioentry"', 'role="listitem"'),
    )
)


# What the theme brings along and no page asks for: maps of its scripts, and signs as a script or in an old format.
_UNASKED = ("_static/**/*.map", "_static/vendor/fontawesome/*/js/*", "_static/vendor/fontawesome/*/webfonts/*.ttf")


def finish(folder: Path) -> None:
    """Rewrite every page of the site in `folder`, put the texts for search beside its scripts, drop what nobody asks for."""
    for path in [path for pattern in _UNASKED for path in folder.glob(pattern) if path.is_file()]:
        path.unlink()
    for path in sorted(folder.glob("_sources/**/*.ipynb")):
        path.write_text(without_outputs(path.read_text(encoding="utf-8")), encoding="utf-8")
    texts = {}
    for page in sorted(folder.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        page.write_text(finished(text, page.parent), encoding="utf-8")
        texts[page.relative_to(folder).as_posix()] = search_text(text)
    script = f"window.searchTexts = {json.dumps(texts, ensure_ascii=False, sort_keys=True)};\n"
    (folder / "_static" / "search-texts.js").write_text(script, encoding="utf-8")


def without_outputs(notebook: str) -> str:
    """A notebook to be downloaded and run: the page beside it shows its outputs, and they are most of its size."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def finished(page: str, folder: Path) -> str:
    """One page; `folder` is where its addresses start from."""
    for pattern, replacement in _REPAIRS:
        page = pattern.sub(replacement, page)
    page = _SIGNATURE.sub(lambda found: found[1].replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>"), page)
    return _FIGURE.sub(lambda found: _figure(found[0], found[1], found[2], folder), page)


def search_text(page: str) -> str:
    """The words of a page without its code, in the sections that search results point to."""
    article = _ARTICLE.search(page)
    without_code = _UNSAID.sub(" ", article[1] if article else "")
    parts = re.split(r'(<section id="[^"]+">|</section>)', without_code)
    words = (re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", part))) for part in parts[::2])
    return "".join(html.escape(text, quote=False) + tag for text, tag in zip(words, [*parts[1::2], ""], strict=True))


def _figure(image: str, theme: str, source: str, folder: Path) -> str:
    """An image that loads when it comes into sight, keeps its place until then, and opens large.

    A browser does not load a lazy image that is not displayed: only the file of the theme in use is fetched.
    """
    width, height = _size(folder / source)
    attributes = f'<img loading="lazy" decoding="async" width="{width}" height="{height}" '
    image = image.replace("<img ", attributes, 1).replace(f'class="{theme}"', 'class="figure-image"')
    return f'<a class="figure-link {theme}" href="{source}">{image}</a>'


@cache
def _size(svg: Path) -> tuple[int, int]:
    """Width and height of a figure in pixels of 1/96 inch."""
    found = _SIZE.search(svg.read_text(encoding="utf-8")[:2000])
    if not found:
        raise ValueError(f"{svg.name} does not say how large it is")
    return round(float(found[1]) * 4 / 3), round(float(found[2]) * 4 / 3)
