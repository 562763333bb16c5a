"""What the book asks of Sphinx beyond its configuration. Loaded by name from `_config.yml`."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms import SphinxTransform

_SECTION = re.compile(r"^(Args|Attributes|Example|Examples|Note|Raises|References|Returns|Yields):$")
_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)


class ThemedFigures(SphinxTransform):
    """Beside every `NAME.svg` that has a `NAME-dark.svg`, show that one in the dark theme."""

    default_priority = 200  # before Sphinx collects the images of a page

    def apply(self, **_: Any) -> None:
        """Add the dark image after the light one."""
        folder = Path(self.env.doc2path(self.env.docname)).parent
        for image in list(self.document.findall(nodes.image)):
            dark = re.sub(r"\.svg$", "-dark.svg", image["uri"])
            if dark != image["uri"] and (folder / dark).exists():
                twin = image.deepcopy()
                twin["uri"] = dark
                image["classes"].append("light-figure")
                twin["classes"].append("dark-figure")
                image.parent.insert(image.parent.index(image) + 1, twin)


def plain_docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn a docstring written for people (`code` in backticks, indented equations) into reStructuredText.

    Runs before napoleon reads the sections. Outside of code, characters that have a meaning in reStructuredText
    are plain; a block that is indented deeper than the text above it is set as it stands.
    """
    start = next((row for row, line in enumerate(lines) if _SECTION.match(line)), len(lines))
    text, blocks = [], False
    for line in lines[:start]:
        indented = line.startswith(" ") and bool(line.strip())
        if indented and not blocks:
            text += ["", "::", ""]
        elif blocks and line.strip() and not indented:
            text.append("")
        blocks = indented or (blocks and not line.strip())
        text.append(line if indented else _escape(line))
    lines[:] = [*text, *(line if _SECTION.match(line) else _escape(line) for line in lines[start:])]


def _escape(line: str) -> str:
    pieces = _CODE.split(line)
    for index, piece in enumerate(pieces):
        if index % 2:
            pieces[index] = f"``{piece.strip('`')}``"
        else:
            pieces[index] = re.sub(r"([*|\\])|(?<=\w)(_)(?!\w)", r"\\\1\2", piece)
    return "".join(pieces)


def without_library_files(app: Sphinx, config: Config) -> None:
    """Jupyter Book puts every script under `_static` on every page; MathJax loads its own parts, search its scorer."""
    config.html_js_files = [file for file in config.html_js_files if not str(file).startswith(("mathjax/", "scorer"))]
    scorer = Path(app.srcdir) / "_static" / "scorer.js"
    config.html_search_scorer = str(scorer) if scorer.exists() else ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything."""
    app.add_transform(ThemedFigures)
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)
    app.connect("config-inited", without_library_files, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
