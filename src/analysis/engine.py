"""Snakemake runs what is stale: in parallel here, or wherever its executor sends it."""

import subprocess
import sys
from pathlib import Path

from analysis import paths
from analysis.errors import UserError


def execute(runs_file: Path | None = None, real: bool = False, cores: int = 2, extra: list[str] | None = None) -> None:
    """Run every stale entry of a runs file (default: `data/runs.yaml`).

    `extra` goes to Snakemake as it is, e.g. `["--executor", "slurm", "--jobs", "20"]`.

    Raises:
        UserError: a run failed; what it said has been printed.
    """
    config = [*([f"runs={runs_file}"] if runs_file else []), *(["real=1"] if real else [])]
    command = [
        *(sys.executable, "-m", "snakemake", "--snakefile", str(paths.ROOT / "Snakefile"), "--directory", str(_state())),
        # a killed run must not stand in the way of the next one; `analysis.run` has a lock of its own per run
        *("--cores", str(cores), "--keep-going", "--nolock", "--rerun-incomplete", "--rerun-triggers", "mtime"),
        *("--quiet", "progress", "rules", "host"),
        *(["--config", *config] if config else []),
        *(extra or []),
    ]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise UserError(f"a run failed; the last good ones are kept (logs: {paths.build() / 'logs'})")


def _state() -> Path:
    folder = paths.build() / "snakemake"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
