"""Parameters -> papermill -> one folder, whole or not at all."""

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from analysis import datasets, encoders, paths, provenance, publish
from analysis.encoders.facts import facts
from analysis.errors import MissingFile, UserError
from analysis.kernel import KERNEL, own_kernel
from analysis.locks import only_one
from analysis.params import StudyParams, resolve
from analysis.plan import valid_name
from analysis.results import plain


def run(study: str, preset: str = "default", overrides: dict[str, Any] | None = None, name: str | None = None) -> Path:
    """Execute one study and publish its folder `build/runs/STUDY/NAME`.

    Everything that can be known is checked before a kernel starts. The folder is made in `build/working` and takes its place
    in one step; a run that fails leaves the last good one untouched and its partial notebook in `build/failed/STUDY/NAME`.

    Raises:
        UserError: a wrong parameter, a missing file, a failing cell, or the same run already going on.
        OSError: the disk is full or cannot be written.
    """
    overrides = absolute(overrides or {})
    params = resolve(study, preset, overrides)
    name = valid_name(name or default_name(preset, overrides))
    preflight(study, preset, params)
    final, work, failed = (paths.build() / kind / study / name for kind in ("runs", "working", "failed"))
    busy = f"{study} ({name}) is already running; wait for it or use another --name"
    with only_one(paths.build() / "locks" / study / name, busy):
        publish.recover(work, final)
        shutil.rmtree(work, ignore_errors=True)  # left by a killed run
        made = work / name  # the notebook sees its final name
        made.mkdir(parents=True)
        try:
            _execute(study, {**plain(params.model_dump()), "preset": preset, "run_dir": str(made)}, made, failed)
            provenance.seal(made)
            publish.folder(made, final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(failed, ignore_errors=True)
    return final


def default_name(preset: str, overrides: dict[str, Any]) -> str:
    """The preset, and a digest of whatever differs from it: the same parameters give the same folder."""
    if not overrides:
        return preset
    text = json.dumps(plain(overrides), sort_keys=True)
    return f"{preset}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


def absolute(overrides: dict[str, Any]) -> dict[str, Any]:
    """Relative `folder:`, `file:` and `hub-file:` paths made absolute: the kernel stands elsewhere than the user."""

    def fix(value: Any) -> Any:
        """`value`, or each item of a list, with the path in it made absolute where something is there."""
        if isinstance(value, (list, tuple)):
            return [fix(item) for item in value]
        if isinstance(value, str) and value.startswith("python:"):
            path, function = encoders.own.place(value.removeprefix("python:"))
            return f"python:{path}:{function}"
        if isinstance(value, str) and "," not in value and (match := re.match(r"(folder:|file:|hub-file:[^=]+=)(.+)", value)):
            here = paths.user_path(match[2])
            return match[1] + str(here) if here.exists() else value
        return value

    return {key: fix(value) for key, value in overrides.items()}


def preflight(study: str, preset: str, params: StudyParams) -> None:
    """Check that every data set, encoder and file a run needs is there, in well under three seconds."""
    if params.source == "stored":
        from analysis.results import load_stored

        load_stored(study, preset)
        return
    if params.device == "cuda":
        from analysis.encoders.backbones import resolve_device

        resolve_device("cuda")
    for name in params.reads["datasets"]:
        datasets.check(name)
        datasets.require(name, *params.needs.get(name, ()), least=params.least.get(name))
    for name in params.reads["encoders"]:
        encoders.check(name)
        facts(name)
    for name in params.reads["files"]:
        check_file(study, preset, name)
    params.preflight()


def check_file(study: str, preset: str, name: str) -> None:
    """Make sure that a file below `data/` is there; raises `MissingFile`."""
    if not (paths.DATA / name).exists():
        raise MissingFile(
            f"{study} ({preset}) needs {paths.DATA / name}, which is not there and does not come with this project"
        )


def to_notebook(source: Path, target: Path) -> None:
    """Convert py:percent to ipynb with cell ids that do not change from one conversion to the next."""
    import jupytext

    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
    jupytext.write(notebook, target)


def _execute(study: str, values: dict[str, Any], folder: Path, failed: Path) -> None:
    import papermill

    source, target = folder.parent / "source.ipynb", folder / "notebook.ipynb"
    to_notebook(paths.NOTEBOOKS / f"{study}.py", source)
    run = f"{study} ({folder.name})"
    try:
        with own_kernel(folder.parent):
            papermill.execute_notebook(source, target, values, kernel_name=KERNEL, cwd=folder, progress_bar=_show_progress())
    except papermill.PapermillExecutionError as error:
        reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}".splitlines()[0]
        raise UserError(f"{run} failed in {reason}; see {_keep_failed(folder, failed)}") from None
    except RuntimeError as error:  # a kernel that dies, or never comes up
        why = f"the kernel died: {str(error).splitlines()[0]} (out of memory?)"
        raise UserError(f"{run}: {why}; see {_keep_failed(folder, failed)}") from None
    if not (folder / "manifest.json").exists():
        raise UserError(f"{run} ended without saving its results: its last cell must call `save()`")


def _keep_failed(folder: Path, failed: Path) -> Path:
    shutil.rmtree(failed, ignore_errors=True)
    failed.parent.mkdir(parents=True, exist_ok=True)
    os.replace(folder, failed)
    return failed / "notebook.ipynb"


def _show_progress() -> dict[str, Any] | bool:
    return not os.environ.get("CI") and os.isatty(2)
