"""`make bench`: every benchmark, printed row by row, then stored with the machine, the date and the versions."""

import datetime
import importlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import bench
from analysis.book import speed
from analysis.provenance import git_state
from analysis.reference import compact
from analysis.results import write_text
from bench.turns import Row

NAMES = ["startup", "similarity", "extraction", "scenes", "qscore", "bagssl", "neighbours", "rcdm", "training"]
PACKAGES = ("numpy", "torch", "timm", "lightly", "lightning", "scikit-learn")


def title(name: str) -> str:
    """What a benchmark is about: the first line of its file."""
    return (importlib.import_module(f"bench.{name}").__doc__ or "").splitlines()[0].rstrip(".")


def measured(name: str, smoke: bool = False) -> Iterator[Row]:
    """The rows of one benchmark; `smoke` takes sizes at which nothing is measured and everything is called."""
    rows: Iterator[Row] = importlib.import_module(f"bench.{name}").rows(smoke)
    return rows


def main(names: list[str]) -> None:
    """Print the rows of the benchmarks named; store the table if none is."""
    made = {"date": datetime.date.today().isoformat(), "git": git_state(), "machine": machine(), "packages": packages()}
    table: dict[str, list[Row]] = {}
    for name in names or NAMES:
        print(f"\n{title(name)}")
        for row in measured(name):
            table.setdefault(title(name), []).append(row)
            verdict = "ok  " if row.ratio <= row.limit else "SLOW"
            print(f"{verdict} {row.ratio:7.3f} of {row.limit:<5g} {row.ours:9.4f} s  {row.what}, beside {row.peer}", flush=True)
    if not names:
        print(f"\nstored {write_text(speed.FILE, compact({**made, 'benchmarks': table}))}")


def machine() -> dict[str, str | int | float]:
    """Processor, cores, system, and how busy it is."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    return {
        "processor": model,
        "cores": os.cpu_count() or 0,
        "system": platform.platform(terse=True),
        "load": round(os.getloadavg()[0], 1),
    }


def packages() -> dict[str, str]:
    """Versions, those of the peers that are installed for the purpose too."""
    pinned = (Path(bench.__file__).parent / "peers.txt").read_text().split()
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        **dict(line.split("==") for line in pinned),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
