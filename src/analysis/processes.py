"""How many processes there are, and that none outlives the one that started it, however that one ended."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

PARENT = "ANALYSIS_PARENT"  # names, in the environment of a command of ours, the process with which it ends
_LOOK = 0.3  # seconds between two looks at the parent
_PDEATHSIG = 1  # of linux/prctl.h


def workers() -> int:
    """How many pieces of work may go on at a time: `ANALYSIS_WORKERS`, or the cores this process may use."""
    asked = os.environ.get("ANALYSIS_WORKERS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(asked) if asked.isdigit() and int(asked) else cores


@cache
def end_with_parent(parent: int) -> None:
    """End this process within half a second after `parent`, the process that started it; at once if that has ended already.

    For workers, which would wait for work for minutes, and may have been started by a thread that ends before its process.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="parent").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


@contextmanager
def announced() -> Iterator[None]:
    """Within, every command of ours that this process starts ends with it, from its first moment on."""
    os.environ[PARENT] = str(os.getpid())
    try:
        yield
    finally:
        del os.environ[PARENT]


def tied() -> Callable[[], None]:
    """A `preexec_fn` for a foreign program that this thread starts: see `tie`."""
    return partial(tie, os.getpid())


def tie(parent: int) -> None:
    """Where Linux allows it, have this process killed with the thread of `parent` that started it, even if that is past."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before it could be tied to
            os._exit(1)
