"""What a run depends on, by content: parameters, notebook, exactly the library modules it imports, data, weights."""

import ast
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis import datasets, encoders, paths
from analysis.digests import file_digest, joint_digest
from analysis.params import StudyParams
from analysis.results import plain, read_json, reference_file, write_json

# Modules that reach a run only through the parameter values, which are part of the fingerprint themselves.
_BY_VALUE = re.compile(r"analysis\.(params(\..*)?|studies\.\w+\.params)")
_PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "matplotlib", "papermill", "jupytext")


def fingerprint(study: str, preset: str, params: StudyParams) -> dict[str, Any]:
    """Everything a run of `study` depends on, as digests: the same fingerprint means the same result."""
    notebook = paths.NOTEBOOKS / f"{study}.py"
    stored = params.source == "stored"
    names = {kind: () if stored else read for kind, read in params.reads.items()}
    return {
        "parameters": plain(params.model_dump()),
        "notebook": file_digest(notebook),
        "modules": {name: file_digest(path) for name, path in sorted(imported_modules(notebook).items())},
        "data": {name: joint_digest(datasets.source_files(name)) for name in names["datasets"]},
        "weights": {name: joint_digest(encoders.weight_files(name)) for name in names["encoders"]},
        "files": {name: file_digest(paths.DATA / name) for name in names["files"]},
        "reference": {preset: file_digest(reference_file(study, preset))} if stored else {},
    }


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


def imported_modules(source: Path) -> dict[str, Path]:
    """The library modules that `source` imports, directly or through each other: name -> file.

    Read from the import statements (those inside functions too), so nothing is executed.
    """
    found: dict[str, Path] = {}
    queue = [source]
    while queue:
        for name in _imports(queue.pop()):
            path = _module_file(name)
            if path is not None and name not in found and not _BY_VALUE.fullmatch(name):
                found[name] = path
                queue.append(path)
    return found


def _module_file(name: str) -> Path | None:
    base = paths.SOURCE.parent.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.exists():
            return path
    return None


def _imports(path: Path) -> Iterable[str]:
    package = path.parent
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                up = package.joinpath(*[".."] * (node.level - 1)).resolve()
                module = ".".join([*up.relative_to(paths.SOURCE.parent).parts, *([module] if module else [])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "analysis":
                parts = name.split(".")
                yield from (".".join(parts[: i + 1]) for i in range(len(parts)))


def manifest(study: str, name: str, preset: str, print_: dict[str, Any], started: str, seconds: float) -> dict[str, Any]:
    """Where, when and from what a run was made. `print_` is the fingerprint taken when it started."""
    return {
        "study": study,
        "name": name,
        "preset": preset,
        "seed": print_["parameters"].get("seed"),
        "started": started,
        "duration_s": round(seconds, 1),
        "peak_memory_mb": _peak_memory_mb(),
        "git": git_state(),
        "machine": {"system": platform.platform(terse=True), "cores": os.cpu_count(), "threads": _threads()},
        "packages": {"python": platform.python_version(), **{p: importlib.metadata.version(p) for p in _PACKAGES}},
        "fingerprint": print_,
    }


def git_state() -> dict[str, Any]:
    """Commit and dirty flag of the project; None where it is not a git checkout."""
    commit = _git("rev-parse", "HEAD")
    return {"commit": commit, "dirty": bool(_git("status", "--porcelain")) if commit else None}


def _git(*words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(paths.ROOT), *words], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
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
    """The manifest of a run, or None where there is no finished run."""
    path = run_dir / "manifest.json"
    return read_json(path) if path.exists() else None


def write_manifest(run_dir: Path, content: dict[str, Any]) -> Path:
    """Write `manifest.json`: the last file of a run, so that its presence means the run is complete."""
    return write_json(run_dir / "manifest.json", content)
