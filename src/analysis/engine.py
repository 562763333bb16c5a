"""Snakemake runs what is stale: in parallel here, or wherever its executor sends it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from analysis import paths, plan
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.processes import tied


def execute(runs_file: Path | None = None, real: bool = False, cores: int = 2, extra: list[str] | None = None) -> None:
    """Run every stale entry of a runs file (default: `data/runs.yaml`).

    `extra` goes to Snakemake as it is, e.g. `["--executor", "slurm", "--jobs", "20"]`.

    Raises:
        UserError: a run failed, and what it said has been printed; or another sweep or book is at work.
    """
    state = paths.build() / "snakemake"
    config = [*([f"runs={runs_file}"] if runs_file else []), *(["real=1"] if real else [])]
    command = [
        # -P: a package of our name in the user's folder is not ours
        *(sys.executable, "-P", "-m", "snakemake", "--snakefile", str(paths.ROOT / "Snakefile"), "--directory", str(state)),
        # Snakemake's own lock outlives a kill; ours does not
        *("--cores", str(cores), "--keep-going", "--nolock", "--rerun-incomplete", "--rerun-triggers", "mtime"),
        *("--quiet", "progress", "rules", "host"),
        *(["--config", *config] if config else []),
        *(["--prioritize", *first] if (first := long_ones(plan.entries(runs_file, real))) else []),
        *(extra or []),
    ]
    environment = {**os.environ, "XDG_CACHE_HOME": str(paths.build() / "cache" / "snakemake")}
    with only_one(
        paths.build() / "locks" / "sweep", "another `analysis book` or `analysis sweep` is at work here: wait for it"
    ):
        state.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, check=False, env=environment, preexec_fn=tied())
    if done.returncode:
        raise UserError(f"a run failed; the last good ones are kept (logs: {paths.build() / 'logs'})")


def long_ones(entries: Sequence[plan.Entry]) -> list[str]:
    """Stamps of the runs that take longer than the mean of those known: they begin first, so that no core waits for one."""
    known = [(entry.seconds, str(entry.stamp)) for entry in entries if entry.seconds]
    return [stamp for seconds, stamp in known if seconds * len(known) > sum(each for each, _ in known)]
