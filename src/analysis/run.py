"""Parameters -> papermill -> one folder, whole or not at all."""

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from analysis import datasets, encoders, paths
from analysis.errors import MissingFile, UserError
from analysis.params import StudyParams, resolve
from analysis.results import plain

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def run(study: str, preset: str = "default", overrides: dict[str, Any] | None = None, name: str | None = None) -> Path:
    """Execute one study and publish its folder `build/runs/STUDY/NAME`.

    Everything is checked before a kernel starts. The folder appears complete, by renaming; a run that fails leaves the
    last good one untouched and its partial notebook in `NAME.failed`.

    Raises:
        UserError: a wrong parameter, a missing file, a failing cell, a full disk, or the same run already going on.
    """
    overrides = absolute(overrides or {})
    params = resolve(study, preset, overrides)
    name = name or default_name(preset, overrides)
    if not _NAME.fullmatch(name):
        raise UserError(f"run name {name!r}: use up to 64 letters, digits, dots, dashes and underscores")
    preflight(study, preset, params)
    final = paths.runs() / study / name
    with _only_one(final), _full_disk(final):
        _sweep_up(final)
        temporary = final.parent / f".{name}.{os.getpid()}" / name  # the notebook sees its final name
        temporary.mkdir(parents=True)
        _execute(study, {**plain(params.model_dump()), "preset": preset, "run_dir": str(temporary)}, temporary, final)
        _publish(temporary, final)
        shutil.rmtree(final.with_name(name + ".failed"), ignore_errors=True)
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
    for name in params.reads["datasets"]:
        datasets.check(name)
    for name in params.reads["encoders"]:
        encoders.check(name)
    for name in params.reads["files"]:
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


def _execute(study: str, values: dict[str, Any], folder: Path, final: Path) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError

    source, target = folder.parent / "source.ipynb", folder / "notebook.ipynb"
    to_notebook(paths.NOTEBOOKS / f"{study}.py", source)
    try:
        papermill.execute_notebook(
            source, target, values, kernel_name="python3", cwd=folder, progress_bar=_show_progress(), stdout_file=None
        )
    except papermill.PapermillExecutionError as error:
        reason = f"cell {error.exec_count}: {error.ename}: {error.evalue}".splitlines()[0]
        raise UserError(f"{study} ({final.name}) failed in {reason}; see {_keep_failed(folder, final)}") from None
    except DeadKernelError:
        raise UserError(
            f"{study} ({final.name}): the kernel died (out of memory?); see {_keep_failed(folder, final)}"
        ) from None
    if not (folder / "manifest.json").exists():
        raise UserError(f"{study} ({final.name}) ended without saving its results: its last cell must call `save()`")


def _keep_failed(folder: Path, final: Path) -> Path:
    failed = final.with_name(final.name + ".failed")
    shutil.rmtree(failed, ignore_errors=True)
    os.replace(folder, failed)
    shutil.rmtree(folder.parent, ignore_errors=True)
    return failed / "notebook.ipynb"


def _show_progress() -> dict[str, Any] | bool:
    return not os.environ.get("CI") and os.isatty(2)


def _publish(temporary: Path, final: Path) -> None:
    old = final.with_name(f".{final.name}.old")
    if final.exists():
        os.replace(final, old)
    os.replace(temporary, final)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(temporary.parent, ignore_errors=True)


def _sweep_up(final: Path) -> None:
    """Remove what a killed run left behind; bring back the good run if it was killed between two renames."""
    old = final.with_name(f".{final.name}.old")
    if old.exists() and not final.exists():
        os.replace(old, final)
    for left in final.parent.glob(f".{final.name}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _only_one(final: Path) -> Iterator[None]:
    """Hold a lock for this run; the system releases it even if the process is killed."""
    locks = paths.build() / "locks" / final.parent.name
    locks.mkdir(parents=True, exist_ok=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    with open(locks / final.name, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{final.parent.name} ({final.name}) is already running; wait for it or use another --name"
            ) from None
        yield


@contextmanager
def _full_disk(final: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _sweep_up(final)
        raise UserError(
            f"the disk of {paths.build()} is full: free some space and run again; the last good run is kept"
        ) from None
