"""One process at a time: a lock that the system releases however the process ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import UserError


@contextmanager
def only_one(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock file `path` within.

    Raises:
        UserError: another process holds it (the message is `busy`), or its disk has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(busy) from None
        except OSError as error:
            reason = f"{path} cannot be locked ({error.strerror})"
            raise UserError(f"{reason}: set ANALYSIS_BUILD to a folder on a local disk") from None
        yield
