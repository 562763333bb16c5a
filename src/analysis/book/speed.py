"""What the page of speed says: the stored table of `make bench`, and how long each study takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis import paths
from analysis.params import STUDIES
from analysis.prose import Column, table
from analysis.results import read_json, reference_file

if TYPE_CHECKING:
    from analysis.book.stage import Page

FILE = paths.DATA / "speed.json"  # written by `make bench`
_COLUMNS: dict[str, Column] = {
    "what": "What",
    "peer": "Beside",
    "ours": ("Ours, s", ".3g"),
    "theirs": ("Theirs, s", ".3g"),
    "ratio": ("Ratio", ".2f"),
    "limit": ("Limit", ".3g"),
    "kept": "Kept",
    "difference": ("Difference", ".0e"),
}
_RATES: dict[str, Column] = {"rate": ("Images per second", ",.0f"), "million": ("A million images, h", ".1f")}


def write(pages: Sequence[Page]) -> dict[str, str]:
    """The generated parts of `book/speed.md`: file name -> text."""
    return {"_generated/speed.md": _benchmarks(), "_generated/durations.md": _durations(pages)}


def _benchmarks() -> str:
    if not FILE.exists():
        return "No table has been stored yet: `make bench` makes it.\n"
    stored = read_json(FILE)
    machine, git = stored["machine"], stored["git"]
    commit = f", at commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}" if git["commit"] else ""
    versions = ", ".join(f"{name} {version}" for name, version in stored["packages"].items())
    made = (
        f"Measured on {stored['date']}{commit}, on {machine['processor']} ({machine['cores']} cores, {machine['system']}, "
        f"load {machine['load']} at the beginning), with {versions}.\n"
    )
    return "\n".join([made, *(f"### {title}\n\n{_rows(rows)}" for title, rows in stored["benchmarks"].items())])


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """One benchmark; rates where images are counted."""
    shown = [{**row, "kept": "yes" if row["ratio"] <= row["limit"] else "**no**"} for row in rows]
    for row in shown:
        if row["images"]:
            row["rate"], row["million"] = row["images"] / row["ours"], row["ours"] / row["images"] * 1e6 / 3600
    return table(shown, _COLUMNS | (_RATES if any(row["images"] for row in rows) else {})).markdown


def _durations(pages: Sequence[Page]) -> str:
    """Seconds of each study by your own run where there is one, else by the published one."""
    own = {page.entry.study: page.manifest for page in pages if page.key == "default" and _was_measured(page)}
    rows: list[dict[str, Any]] = []
    for study in STUDIES:
        path = reference_file(study, "default")
        manifest = own.get(study) or (read_json(path)["manifest"] if path.exists() else None)
        if manifest:
            machine = manifest["machine"]
            source = "own run" if study in own else "published"
            rows.append({"study": study, "seconds": manifest["duration_s"], "cores": machine["cores"], "source": source})
    if not rows:
        return "No study has been run yet.\n"
    total = sum(row["seconds"] for row in rows)
    shown = [{**row, "share": row["seconds"] / total} for row in rows] + [{"study": "**all**", "seconds": total, "share": 1.0}]
    heads: dict[str, Column] = {
        "study": "Study",
        "seconds": ("Seconds", ",.0f"),
        "share": ("Share", ".0%"),
        "cores": ("Cores", "d"),
        "source": "By",
    }
    return table(shown, heads).markdown


def _was_measured(page: Page) -> bool:
    return page.results.parameters.get("source") != "stored"
