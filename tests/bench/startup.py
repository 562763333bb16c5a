"""The commands when there is nothing to do.

`book` finds every run fresh and the pages built; the runs are small notebooks with the fingerprints of today.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from tempfile import TemporaryDirectory
from unittest.mock import patch

import fake_run
from analysis import plan
from analysis.provenance import git_state, manifest, write_manifest
from bench.turns import REQUIRED, Row, contest

LIMITS = {"list": 3.0, "status": 5.0, "book": 60.0}  # s, wall clock


def rows(smoke: bool) -> Iterator[Row]:
    """Wall clock of each command in a process of its own."""
    with TemporaryDirectory() as folder, patch.dict(os.environ, ANALYSIS_BUILD=folder):
        _fresh_runs()
        if not smoke:
            _carried_out("book")  # the pages, which are then there
        for verb in ("list",) if smoke else LIMITS:
            yield from contest(
                f"`analysis {verb}`",
                lambda verb=verb: _carried_out(verb),
                {REQUIRED: LIMITS[verb]},
                turns=1 if smoke else 3,
                clock=time.perf_counter,
            )


def _carried_out(verb: str) -> None:
    subprocess.run([sys.executable, "-m", "analysis", verb], check=True, stdout=subprocess.DEVNULL)


def _fresh_runs() -> None:
    """Every run of the default book, by its fingerprint up to date; the notebooks are not executed."""
    with patch.object(fake_run, "NotebookClient"):
        for entry in plan.entries():
            fake_run.make(entry)
            made = entry.fingerprint(), git_state(), "2026-01-02T03:04:05+00:00", 1.0
            facts = manifest(entry.study, entry.name, entry.preset, *made)
            write_manifest(entry.folder, facts)
            assert not entry.why_stale(), f"{entry.study} would run"
