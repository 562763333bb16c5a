"""What holds for every study: it runs at `smoke` by the command users type, and leaves a whole page behind."""

import ast
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import jupytext
import nbformat
import pytest

from analysis import paths
from analysis.notebook import open_notebook
from analysis.params import STUDIES, resolve
from analysis.results import Results, plain

Run = Callable[[str], Path]


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_run_is_where_the_command_says_and_complete(study: str, smoke_run: Run) -> None:
    folder = smoke_run(study)
    assert folder.parts[-3:] == ("runs", study, "smoke")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["fingerprint"]["parameters"] == plain(resolve(study, "smoke").model_dump())
    assert manifest["peak_memory_mb"] > 50


@pytest.mark.parametrize("file", sorted(paths.REFERENCE.glob("*/*.json")), ids=lambda file: f"{file.stem}-{file.parent.name}")
def test_published_numbers_have_their_answer_without_being_measured(file: Path, tmp_path: Path) -> None:
    study, preset = file.stem, file.parent.name
    notebook = open_notebook(study, {"preset": preset, "source": "stored", "run_dir": tmp_path / "run"})
    import_module(f"analysis.studies.{study}.study").compute(notebook)
    assert notebook.results.tables
    assert notebook.results.answer


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_every_figure_exists_in_both_themes_and_says_what_it_shows(study: str, smoke_run: Run) -> None:
    folder = smoke_run(study)
    figures = Results.load(folder / "results.json").figures
    assert figures
    for figure in figures:
        light = folder / figure["file"]
        assert light.exists()
        assert light.with_name(f"{light.stem}-dark.svg").exists()
        assert light.with_suffix(".pdf").exists()
        assert figure["alt"].endswith(".")


@pytest.mark.slow
@pytest.mark.parametrize("study", STUDIES)
def test_a_page_shows_every_verdict_that_its_results_hold(study: str, smoke_run: Run) -> None:
    folder = smoke_run(study)
    notebook = nbformat.read(folder / "notebook.ipynb", as_version=4)
    shown = [output.get("data", {}).get("text/markdown", "") for cell in notebook.cells for output in cell.get("outputs", ())]
    results = Results.load(folder / "results.json")
    assert results.answer
    page = "\n".join(shown)
    assert results.answer in shown or results.claims
    assert all(f"**{claim.id}.**" in page and claim.verdict in page for claim in results.claims)


@pytest.mark.parametrize("study", STUDIES)
def test_a_notebook_holds_calls_and_no_definitions(study: str) -> None:
    notebook = jupytext.read(paths.NOTEBOOKS / f"{study}.py")
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.AsyncFunctionDef)
    assert not [node for source in code for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]


@pytest.mark.parametrize("study", STUDIES)
def test_the_parameters_cell_names_every_parameter_and_no_other(study: str) -> None:
    notebook = jupytext.read(paths.NOTEBOOKS / f"{study}.py")
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    named = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
    assert named == {"preset", "run_dir", *STUDIES[study].model_fields}


def test_every_notebook_is_of_a_study_and_every_study_has_one() -> None:
    assert {path.stem for path in paths.NOTEBOOKS.glob("*.py")} == set(STUDIES)
