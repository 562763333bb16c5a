"""How many processes there are, and that none outlives the one that started it, however that one ended."""

import ctypes
import os
import signal
import sys
import threading
import time
from functools import cache

_LOOK = 1.0  # seconds between two looks at the parent
_PDEATHSIG = 1  # of linux/prctl.h


def workers() -> int:
    """How many pieces of work may go on at a time: `ANALYSIS_WORKERS`, or the cores this process may use."""
    asked = os.environ.get("ANALYSIS_WORKERS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked.isdigit() and int(asked) else cores


@cache
def end_with_parent() -> None:
    """End this process within two seconds after its parent: for workers, which would wait for work for minutes."""
    parent = os.getppid()
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def tied() -> None:
    """Where Linux allows it, have this process killed with the thread that started it: a `preexec_fn` for foreign programs."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
