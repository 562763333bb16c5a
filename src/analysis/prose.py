"""Words and tables whose numbers come from results: a number in the text is a value, never typed."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

NOTHING = "–"
Column = str | tuple[str, str]  # heading, or (heading, format)


@dataclass(frozen=True)
class Prose:
    """Markdown that shows itself as the last value of a cell, in Jupyter and in the book."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return self.markdown


def say(template: str, **numbers: Any) -> Prose:
    """`template` with its fields filled in, e.g. `say("CKA is {cka:.2f}.", cka=0.5132)`.

    Markdown of the book is understood: `$x$`, links, citations (with doubled braces: `{{cite:p}}`).

    Raises:
        ValueError: a number is None, NaN or infinite: a page must not print it.
        KeyError: the template names a number that is not given.
    """
    for name, value in numbers.items():
        if value is None or (isinstance(value, Real) and not math.isfinite(value)):
            raise ValueError(f"the number {name!r} of {template[:60]!r} is {value}: say what that means instead")
    return Prose(template.format(**numbers))


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Column]) -> Prose:
    """A Markdown table of `rows`.

    Args:
        rows: mappings; a missing value, None or NaN is shown as a dash.
        columns: key -> heading, or (heading, format such as `.2f`), in the order shown. Formatted columns align right.
    """
    heads = {key: (column, "") if isinstance(column, str) else column for key, column in columns.items()}
    lines = [
        _line(head for head, _ in heads.values()),
        _line("---:" if form else ":---" for _, form in heads.values()),
        *(_line(cell(row.get(key), form) for key, (_, form) in heads.items()) for row in rows),
    ]
    return Prose("\n".join(lines) + "\n")


def cell(value: Any, form: str = "") -> str:
    """One value as text: formatted, on one line, a dash where there is nothing."""
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return NOTHING
    text = re.sub(r"^-(?=[0.,]*%?$)", "", format(value, form)).replace("-", "−") if form else str(value)
    return " ".join(text.split()).replace("|", "\\|")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
