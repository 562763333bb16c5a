"""Words and tables whose numbers come from results: a number in the text is a value, never typed."""

import math
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

from analysis.stats import Estimate

NOTHING = "–"
INTERVAL = "interval"  # the format of a value with its interval
Column = str | tuple[str, str]  # heading, or (heading, format)


class Shown(Protocol):
    """What a cell shows: words, a table or a figure."""

    @property
    def markdown(self) -> str:
        """As the book takes it."""


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
    return Prose(_Filled().format(template, **numbers))


class _Filled(string.Formatter):
    """What `str.format` does, with words escaped and numbers signed as in print."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        """One field, filled in."""
        if isinstance(value, str):
            return super().format_field(escaped(value), format_spec)
        return signed(str(super().format_field(value, format_spec)))


def folded(title: str, *parts: Shown) -> Prose:
    """Details, words and figures, that open on a click."""
    body = "\n\n".join(part.markdown for part in parts)
    return Prose(f"::::{{dropdown}} {title}\n\n{body}\n::::\n")


_VERBATIM = re.compile(r"(`+[^`]*`+|\$[^$]*\$)")  # code and formulas, in which nothing is markup anyway


def escaped(text: str) -> str:
    """Markdown in which a `<` of a user's (in the name of a folder, say) begins no HTML; the book's own line breaks stay.

    >>> escaped("<img src=x> in `a<b`")
    '&lt;img src=x> in `a<b`'
    """
    parts = _VERBATIM.split(text)
    return "".join(part if odd % 2 else re.sub(r"<(?!br>)", "&lt;", part) for odd, part in enumerate(parts))


def table(rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Column]) -> Prose:
    """A Markdown table of `rows`.

    Args:
        rows: mappings; a missing value, None or NaN is shown as a dash.
        columns: key -> heading, or (heading, format such as `.2f`), in the order shown. Formatted columns align right. The
            format `INTERVAL` shows the value with its interval, which is under `KEY_low` and `KEY_high`, or `low` and `high`
            for the key `value`.

    >>> rows = [{"title": "MAE", "value": 0.5, "low": 0.4, "high": 0.6}]
    >>> print(table(rows, {"title": "Encoder", "value": ("Gain", INTERVAL)}).markdown.replace(chr(160), " "))
    | Encoder | Gain |
    | :--- | ---: |
    | MAE | 0.500 [0.400, 0.600] |
    <BLANKLINE>
    """
    heads = {key: (column, "") if isinstance(column, str) else column for key, column in columns.items()}
    lines = [
        _line(head for head, _ in heads.values()),
        _line("---:" if form else ":---" for _, form in heads.values()),
        *(_line(_cell(row, key, form) for key, (_, form) in heads.items()) for row in rows),
    ]
    return Prose("\n".join(lines) + "\n")


def _cell(row: Mapping[str, Any], key: str, form: str) -> str:
    if form != INTERVAL or row.get(key) is None:
        return cell(row.get(key), "" if form == INTERVAL else form)
    start = "" if key == "value" else f"{key}_"
    low, high = (row.get(f"{start}{end}") for end in ("low", "high"))
    shown = show(Estimate(row[key], *(float("nan") if end is None else end for end in (low, high))))
    return shown.replace("\u00a0[", " [")  # in a wide table the interval may stand below its value


def cell(value: Any, form: str = "") -> str:
    """One value as text: formatted, on one line, a dash where there is nothing."""
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return NOTHING
    text = re.sub(r"^-(?=[0.,]*%?$)", "", format(value, form)).replace("-", "−") if form else str(value)
    return escaped(re.sub(r"[^\S\u00a0]+", " ", text).strip()).replace("|", "\\|")


def signed(text: str) -> str:
    """Words with a minus sign before numbers that a format wrote with a hyphen, and no sign before zeros.

    >>> signed("From -0.02 to +0.30, rows 1-3 of 2026-12-01; 1e-05 [-0.010, 0] and -0.00.")
    'From −0.02 to +0.30, rows 1-3 of 2026-12-01; 1e-05 [−0.010, 0] and 0.00.'
    """
    text = re.sub(r"(?<![\w.,-])[-+](?=0(\.0+)?(?!\.?\d))", "", text)
    return re.sub(r"(?<![\w.,-])-(?=\d)", "−", text)


def number(value: float | None) -> str:
    """A number with three digits after the point, or three in all where it is large; a dash for none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return signed(f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}")


def show(estimate: Estimate) -> str:
    """An estimate with its interval, if it has one; it does not wrap."""
    if math.isnan(estimate.low) and math.isfinite(estimate.value):
        return f"{number(estimate.value)} (no interval)".replace(" ", "\u00a0")
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]".replace(" ", "\u00a0")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
