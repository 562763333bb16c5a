"""What a run depends on, by content: parameters, notebook, exactly the library modules it imports, data, weights."""

import importlib.metadata
import json
import logging
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from analysis import datasets, encoders, paths
from analysis.digests import code_digests, file_digest, joint_digest, same_file, stamp
from analysis.errors import UserError
from analysis.params import StudyParams
from analysis.results import plain, read_json, reference_file, write_json

_log = logging.getLogger(__name__)
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "matplotlib", "papermill", "jupytext")


def fingerprint(study: str, preset: str, params: StudyParams) -> dict[str, Any]:
    """Everything a run of `study` depends on, as digests: the same fingerprint means the same result."""
    notebook = paths.NOTEBOOKS / f"{study}.py"
    stored = params.source == "stored"
    names = {kind: () if stored else read for kind, read in params.reads.items()}
    return {
        "parameters": plain(params.model_dump()),
        "notebook": file_digest(notebook),
        "modules": code_digests(notebook),
        "data": {name: data_digest(name) for name in names["datasets"]},
        "weights": {name: weights_digest(name) for name in names["encoders"]},
        "files": {name: file_digest(paths.DATA / name) for name in names["files"]},
        "reference": {preset: file_digest(reference_file(study, preset))} if stored else {},
    }


def data_digest(dataset: str) -> str:
    """Of the files of a data set, and where they lie in it; of Scenes, their code. Raises what `datasets.source_files` does."""
    scenes = (paths.SOURCE / "datasets" / "scenes").glob("*.py") if dataset.startswith("scenes:") else ()
    return joint_digest([*scenes, *datasets.source_files(dataset)])


def weights_digest(encoder: str) -> str:
    """Of the files of an encoder. Raises what `encoders.weight_files` does."""
    return joint_digest(encoders.weight_files(encoder))


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why a run is stale: one short phrase per difference between two fingerprints."""
    reasons = []
    for kind in new:
        before, after = old.get(kind), new[kind]
        if before == after:
            continue
        if not isinstance(after, dict) or not isinstance(before, dict):
            reasons.append(f"{kind} changed")
            continue
        for key in sorted({*before, *after}):
            if before.get(key) != after.get(key):
                reasons.append(_phrase(kind, key, before, after))
    return reasons


def _phrase(kind: str, key: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    if kind == "parameters":
        return f"parameter {key}: {json.dumps(before.get(key))} -> {json.dumps(after.get(key))}"
    what = {"modules": "module", "weights": "weights", "data": "data"}.get(kind, kind)
    return f"{what} {key} " + ("is new" if key not in before else "is gone" if key not in after else "changed")


def manifest(
    study: str, name: str, preset: str, print_: dict[str, Any], commit: dict[str, Any], started: str, seconds: float
) -> dict[str, Any]:
    """Where, when and from what a run was made. `print_`, the fingerprint, and `commit`, the git state, are of its start."""
    return {
        "study": study,
        "name": name,
        "preset": preset,
        "seed": print_["parameters"].get("seed"),
        "started": started,
        "duration_s": round(seconds, 1),
        "peak_memory_mb": _peak_memory_mb(),
        "git": commit,
        "machine": {"system": platform.platform(terse=True), "cores": os.cpu_count(), "threads": _threads()},
        "packages": {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in _PACKAGES}},
        "fingerprint": print_,
    }


def git_state() -> dict[str, Any]:
    """Commit of the project and whether more than published numbers has changed since; None where it is no git checkout."""
    top = git("rev-parse", "--show-toplevel")
    commit = git("rev-parse", "HEAD") if top and Path(top).resolve() == paths.ROOT else None
    return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--", ".", ":!data/reference")) if commit else None}


def git(*words: str) -> str | None:
    """What git says of the project's folder, whatever repository the environment names."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(paths.ROOT), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=environment)
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return done.stdout.strip()


def _threads() -> int:
    torch = sys.modules.get("torch")
    return int(torch.get_num_threads()) if torch else int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1))


def _peak_memory_mb() -> int:
    import resource  # Unix only, like the rest of the tool chain

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def read_manifest(run_dir: Path) -> dict[str, Any] | None:
    """The manifest of a run, or None where there is no finished run; a damaged one counts as none, with a line that says so."""
    path = run_dir / "manifest.json"
    if not path.exists():
        return None
    try:
        content = read_json(path)
    except UserError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("fingerprint", {}), dict):
        _log.warning("%s is damaged: the run counts as absent", path)
        return None
    return content


def seal(run_dir: Path) -> None:
    """Add to the manifest what every other file of the finished run is: size, time and digest."""
    path = run_dir / "manifest.json"
    files = sorted(file for file in run_dir.rglob("*") if file.is_file() and file != path)
    write_manifest(run_dir, {**read_json(path), "files": {file.relative_to(run_dir).as_posix(): stamp(file) for file in files}})


def altered(run_dir: Path, manifest: dict[str, Any], check: bool = False) -> list[str]:
    """Which files are not those that the run left: one short phrase each. See `digests.same_file` for `check`."""
    listed = manifest.get("files", {})
    return [
        f"{name} {'was edited' if (run_dir / name).exists() else 'is missing'}"
        for name, known in listed.items()
        if not same_file(run_dir / name, known, check)
    ]


def write_manifest(run_dir: Path, content: dict[str, Any]) -> Path:
    """Write `manifest.json`: the last file of a run, so that its presence means the run is complete."""
    return write_json(run_dir / "manifest.json", content)
