"""One progress bar: rate and time left on a terminal, silent elsewhere and in CI; and lines that are said once."""

import logging
import os
from collections.abc import Iterable
from functools import cache
from typing import Any

from tqdm import tqdm


def track(items: Iterable[Any] | None, description: str, total: int | None = None, unit: str = "it") -> Any:
    """Iterate over `items` with a bar; with `items=None` return the bar, to be moved with `update`."""
    silent = True if os.environ.get("CI") else None  # None: tqdm shows the bar only on a terminal
    return tqdm(items, desc=description, total=total, unit=unit, disable=silent, leave=False)


@cache
def say_once(line: str) -> None:
    """A line for the user that is no error; the same line is not said twice by one process."""
    logging.getLogger("analysis").warning(line)
