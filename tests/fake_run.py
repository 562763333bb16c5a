"""A run folder with everything a run leaves behind, made in seconds: a small notebook that was really executed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pytest
from nbclient import NotebookClient

from analysis.book import appendix, build, measures
from analysis.kernel import KERNEL, own_kernel
from analysis.params import resolve
from analysis.plan import Entry
from analysis.provenance import git_state, manifest, write_manifest
from analysis.results import Results, plain, write_text
from analysis.rules import Finding, Judged
from analysis.stats import Estimate

ALT = "Both lines fall from one to zero as the occluded side grows, the dashed one sooner."

SETUP = """
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from matplotlib import pyplot as plt
from analysis.figures import MUTED, save, style
from analysis.prose import say, table
rows = [{"encoder": "zoo:dino", "cka": 0.8123}, {"encoder": "zoo:mae | untrained", "cka": None}]
"""
FIGURE = f"""
with style():
    fig, ax = plt.subplots()
    for label, power, line in (("centre", 1, "-"), ("elsewhere", 2, "--")):
        ax.plot([0, 0.25, 0.5, 0.75], [(1 - x) ** power for x in (0, 0.25, 0.5, 0.75)], line, marker="o", label=label)
    ax.set(xlabel="occluded side", ylabel="debiased CKA", title="Occlusion")
    ax.legend()
ref = save(fig, Path("."), "occlusion", {ALT!r}, "Similarity to the complete image; *dashed*, the control. $n$ is 48.")
ref
"""
SAY = 'say("For `zoo:dino` the similarity is **{cka:.3f}** [{low:.2f}, {high:.2f}].", cka=rows[0]["cka"], low=0.78, high=0.84)'
TABLE = 'table(rows, {"encoder": "Encoder", "cka": ("Debiased CKA", ".3f")})'
NOISE = 'import sys\nprint("a progress bar", file=sys.stderr)'


def make(entry: Entry, sign: float = 1.0) -> Path:
    """Execute the small notebook into `entry.folder` and write its results and manifest."""
    folder = entry.folder
    folder.mkdir(parents=True)
    nb = nbformat.v4.new_notebook(cells=_cells(folder))
    nb.metadata["papermill"] = {"output_path": str(folder), "duration": 1.25}
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with TemporaryDirectory() as place, own_kernel(Path(place)):
        NotebookClient(nb, timeout=120, kernel_name=KERNEL, resources={"metadata": {"path": str(folder)}}).execute()
    for number, cell in enumerate(nb.cells):
        cell["id"] = f"cell-{number}"
    write_text(folder / "notebook.ipynb", nbformat.writes(nb))
    results(entry, sign).save(folder)
    parts = {
        "parameters": plain(resolve(entry.study, entry.preset).model_dump()),
        "notebook": "ab" * 16,
        "modules": {"analysis.paths": "cd" * 16},
    }
    parts |= {"data": {"scenes:objects": "01" * 16}, "weights": {}, "reference": {}}
    made = parts, git_state(), "2026-01-02T03:04:05+00:00", 12.3
    write_manifest(folder, manifest(entry.study, entry.name, entry.preset, *made))
    return folder


def _cells(folder: Path) -> list[nbformat.NotebookNode]:
    code, text = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    return [
        text("# What remains when a part is removed\n\nIn [debiased CKA](#measure-debiased-cka) {cite:p}`cadet2023`."),
        code("preset = None", metadata={"tags": ["parameters"]}),
        code(f'run_dir = "{folder}"', metadata={"tags": ["injected-parameters"]}),
        code(SETUP),
        text("## Result\n\nWith $\\rho_i$ as before,\n\n$$\n\\frac{1}{r} \\sum_i \\rho_i .\n$$"),
        code(FIGURE),
        code(SAY),
        code(TABLE),
        code(NOISE),
    ]


def results(entry: Entry, sign: float) -> Results:
    results = Results(entry.study, entry.name, entry.preset, plain(resolve(entry.study, entry.preset).model_dump()))
    results.answer = "Removing the background changes less than removing the object."
    no, yes, own = Estimate(0.02, -0.01, 0.04), Estimate(0.9, 0.8, 1.0), sign * 0.4123
    judged = Judged("gap", "gap", 0.05, "supported", Estimate(own, own - 0.05, own + 0.05), no, yes, 0.45)
    results.claims = [
        Finding("M1", "supported", (judged,), "gap", 48),
        Finding("M3", "not testable here", reason="no encoder has learnt", n=48),
    ]
    return results


@contextmanager
def book(folder: Path, entries: Sequence[Entry], library: bool = False) -> Iterator[Path]:
    """The HTML of such runs in a build folder of its own, with the API pages of the whole library or of four modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANALYSIS_BUILD", str(folder))
        patch.setattr(measures, "write", cache(measures.write))  # a few seconds, and the book is built twice
        if not library:
            few = {name: [f"analysis.{name}"] for name in ("paths", "prose", "figures", "stats")}
            patch.setattr(appendix, "public_modules", lambda: few)
        for entry in entries:
            make(entry)
        yield build(entries).parent
