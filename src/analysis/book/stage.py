"""From runs to Sphinx sources: one folder with every page, written or generated, and the table of contents."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analysis import paths
from analysis.book import appendix, checkpoints, colophon, measures, speed, verdicts
from analysis.params import study_model
from analysis.plan import Entry
from analysis.provenance import read_manifest
from analysis.results import Results, read_json, write_json, write_text

TITLES = {"default": "In the controlled world", "real": "On real photographs", "paper": "With the papers' networks"}


@dataclass(frozen=True)
class Page:
    """A run that has become a page of the book."""

    entry: Entry
    results: Results
    manifest: dict[str, Any]
    heading: str

    @property
    def key(self) -> str:
        """Its place within the study."""
        return self.entry.page or self.entry.name

    @property
    def title(self) -> str:
        """Its title in the table of contents."""
        return TITLES.get(self.key, self.key)

    @property
    def document(self) -> str:
        """Its source, without ending, from the root of the book."""
        return f"studies/{self.entry.study}/{self.key}/{self.entry.study}"


def assemble(entries: Iterable[Entry]) -> Path:
    """Stage the book of these runs in `build/book` and return that folder.

    A run that has not been executed has no page; of several runs for one page the last is shown.
    """
    stage = paths.build() / "book"
    shutil.rmtree(stage, ignore_errors=True)
    shutil.copytree(paths.BOOK, stage)
    pages = list({(entry.study, entry.page or entry.name): _page(entry) for entry in entries if _has_run(entry)}.values())
    for page in pages:
        _stage_run(page, stage)
    generated = {
        **verdicts.write(pages),
        **measures.write(),
        **checkpoints.write(),
        **speed.write(pages),
        **appendix.write(pages),
        **colophon.write(),
    }
    for name, text in generated.items():
        write_text(stage / name, text)
    _write_toc(stage, pages)
    return stage


def _has_run(entry: Entry) -> bool:
    return (entry.folder / "manifest.json").exists()


def _page(entry: Entry) -> Page:
    notebook = read_json(entry.folder / "notebook.ipynb")
    lines = (line for cell in notebook["cells"] if cell["cell_type"] == "markdown" for line in _text(cell).splitlines())
    heading = next((line[2:].strip() for line in lines if line.startswith("# ")), entry.study)
    return Page(entry, Results.load(entry.folder / "results.json"), read_manifest(entry.folder) or {}, heading)


def _stage_run(page: Page, stage: Path) -> None:
    target = stage / f"{page.document}.ipynb"
    target.parent.mkdir(parents=True)
    if (figures := page.entry.folder / "figures").exists():
        shutil.copytree(figures, target.parent / "figures", ignore=shutil.ignore_patterns("*.pdf"))
    notebook = read_json(page.entry.folder / "notebook.ipynb")
    write_json(target, {**notebook, "cells": _cells(notebook, page), "metadata": _without_papermill(notebook)})


def _cells(notebook: dict[str, Any], page: Page) -> list[dict[str, Any]]:
    """The cells of the page: code folded away, the parameters and the provenance at the foot."""
    cells = []
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        if "injected-parameters" in tags:
            continue  # shown at the foot; the cell itself holds a path of this machine
        if cell["cell_type"] == "code":
            tags = [*tags, "remove-cell" if {"parameters", "remove-cell"} & set(tags) else "hide-input"]
        cells.append({**cell, "metadata": {**_without_papermill(cell), "tags": tags}})
    foot = appendix.rerun(page.entry, page.results) + colophon.cite(study_model(page.entry.study).paper)
    foot += appendix.fold_manifest(page.manifest)
    _name_setting(cells, page)
    return [*cells, {"cell_type": "markdown", "id": "foot", "metadata": {}, "source": foot}]


def _name_setting(cells: list[dict[str, Any]], page: Page) -> None:
    """Two pages of a study share their notebook, and so its heading: add what sets this one apart."""
    for cell in cells:
        if cell["cell_type"] == "markdown" and f"# {page.heading}" in _text(cell).splitlines():
            link = " " if page.heading.endswith(("?", ".", "!")) else ": "
            setting = page.title if link == " " else page.title[0].lower() + page.title[1:]
            cell["source"] = _text(cell).replace(f"# {page.heading}", f"# {page.heading}{link}{setting}", 1)
            return


def _without_papermill(part: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part["metadata"].items() if key not in ("papermill", "execution")}


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _write_toc(stage: Path, pages: list[Page]) -> None:
    """Put instruments and studies after the first part of `book/_toc.yml`, the generated API pages under their index."""
    toc = yaml.safe_load((stage / "_toc.yml").read_text(encoding="utf-8"))
    parts: dict[str, dict[str, Any]] = {"The instruments": {}, "The studies": {}}
    for page in pages:
        study = page.entry.study
        part = parts["The instruments" if study in verdicts.INSTRUMENTS else "The studies"]
        chapter = part.setdefault(study, {"file": f"studies/{study}/index", "title": verdicts.title(study), "sections": []})
        chapter["sections"].append({"file": page.document, "title": page.title})
    toc["parts"][1:1] = [{"caption": caption, "chapters": list(part.values())} for caption, part in parts.items() if part]
    for chapter in (chapter for part in toc["parts"] for chapter in part["chapters"]):
        if chapter["file"] == "api/index":
            chapter["sections"] = [{"file": f"api/{name}"} for name in appendix.public_modules()]
    write_text(stage / "_toc.yml", yaml.safe_dump(toc, sort_keys=False))
