"""The kernel that executes notebooks: this very environment, quiet, and never alive without the process that started it.

`python -m analysis.kernel PARENT ...` is an IPython kernel tied to the process PARENT.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.processes import tie
from analysis.results import write_json

KERNEL = "analysis"


@contextmanager
def own_kernel(work: Path) -> Iterator[None]:
    """Within, Jupyter knows a kernel named `KERNEL`, whatever kernels the user has; its specification lies in `work`.

    Its log is quiet: ipykernel warns at each start that its connection is not encrypted, which is so by design on one machine.
    """
    # -P: a package of our name in the folder of the notebook is not ours
    start = [sys.executable, "-P", "-m", "analysis.kernel", str(os.getpid())]
    command = [*start, "-f", "{connection_file}", "--log-level=ERROR"]
    spec = {"argv": command, "display_name": "Python 3", "language": "python"}
    write_json(work / "jupyter" / "kernels" / KERNEL / "kernel.json", spec)
    before = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(work / "jupyter")
    try:
        yield
    finally:
        if before is None:
            del os.environ["JUPYTER_PATH"]
        else:
            os.environ["JUPYTER_PATH"] = before


def main() -> None:
    """Tie this process to its parent, then be the kernel.

    Jupyter interrupts a kernel before it stops it; one that has not yet put down its last message reports that as an error.
    """
    tie(int(sys.argv.pop(1)))
    from ipykernel.kernelapp import IPKernelApp

    app = IPKernelApp.instance()
    app.initialize()
    app.log.addFilter(lambda record: "KeyboardInterrupt caught" not in record.getMessage())
    app.start()


if __name__ == "__main__":
    main()
