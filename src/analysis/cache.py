"""The one cache: whatever is slow to compute is kept under the digest of all it depends on, and checked when it is read.

A key covers the inputs that are named, the function that computes with every library module it imports, and the versions
of the packages that do the arithmetic. So nothing here is ever stale; all of it may be deleted at any time.
"""

import contextlib
import hashlib
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from analysis import paths
from analysis.digests import code_digests, file_digest, value_digest
from analysis.results import plain

Arrays = dict[str, np.ndarray]
_CHECK = 16  # bytes of the checksum at the end of an entry
_PACKAGES = ("torch", "torchvision", "timm", "lightly", "diffusers", "numpy", "scipy", "scikit-learn", "pillow")
_log = logging.getLogger(__name__)


def arrays(kind: str, compute: Callable[[], Mapping[str, np.ndarray]], *inputs: Any) -> Arrays:
    """`compute()`, a few named arrays, or what it gave when everything it depends on was the same.

    Args:
        kind: folder of the entry, for people.
        compute: a function of the library, or a `partial` of one, whose arguments are inputs too. The module that defines
            it and all that this imports belong to the key.
        inputs: all else that varies, as `value_digest` takes it: parameters, images, digests of data and weights.
    """
    return _kept(entry(kind, compute, *inputs), lambda: dict(compute()))


def record(kind: str, compute: Callable[[], Any], *inputs: Any) -> Any:
    """As `arrays`, for plain values: numbers, text, lists, dicts."""
    found = _kept(
        entry(kind, compute, *inputs),
        lambda: {"json": np.frombuffer(json.dumps(plain(compute())).encode(), np.uint8)},
    )
    return json.loads(found["json"].tobytes())


def _kept(path: Path, compute: Callable[[], Arrays]) -> Arrays:
    found = read(path)
    if found is None:
        found = compute()
        write(path, found)
    return found


def entry(kind: str, compute: Callable[..., Any], *inputs: Any) -> Path:
    """Where the result of `compute` for these inputs is kept, if it is."""
    if isinstance(compute, partial):
        inputs, compute = (compute.args, compute.keywords, *inputs), compute.func
    return paths.cache() / kind / f"{value_digest(compute.__qualname__, _code(compute.__module__), inputs)}.npz"


@cache
def _code(module: str) -> str:
    """The code as this process runs it: taken once, so that a file that is edited later does not lend its name to old code."""
    source = Path(str(sys.modules[module].__file__))
    return value_digest(file_digest(source), code_digests(source), [version(package) for package in _PACKAGES])


def read(path: Path) -> Arrays | None:
    """The arrays of an entry; None where there is none, or it is damaged (which is said in one line)."""
    if not path.exists():
        return None
    try:
        content = np.memmap(path, mode="r").data
        if content[-_CHECK:] != _checksum(path, content[:-_CHECK]):
            raise ValueError("checksum")
        with np.load(path, allow_pickle=False) as found:
            return dict(found)
    except Exception:  # whatever numpy and zip say of damaged files
        _log.warning("%s is damaged: it is computed again", path)
        return None


def write(path: Path, found: Mapping[str, np.ndarray]) -> None:
    """Keep arrays: complete or not at all; a full disk costs the cache (one line), not the result."""
    temporary = path.with_name(f"{path.stem}.{os.getpid()}.tmp")
    content = io.BytesIO()
    np.savez(content, **found)  # type: ignore[arg-type]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content.getbuffer())
            file.write(_checksum(path, content.getbuffer()))
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        _log.warning("nothing is kept in %s (%s)", path.parent, error.strerror or error)


def _checksum(path: Path, content: memoryview) -> bytes:
    """Of content and name: an entry that was copied over another one is damaged as well."""
    return hashlib.blake2b(content, digest_size=_CHECK, key=path.stem.encode()).digest()
