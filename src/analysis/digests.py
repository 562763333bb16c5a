"""Digests by content, of values, arrays, files and the library's own code: what has the same digest is the same."""

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from analysis import paths

_BYTES = 16
# Modules that reach a result only through the parameter values, which are inputs themselves.
_BY_VALUE = re.compile(r"analysis\.(params(\..*)?|studies\.\w+\.params)")


def value_digest(*parts: Any) -> str:
    """blake2b of values, 16 bytes, hex: numbers, text, paths, arrays, dataclasses, and lists and dicts of these.

    The type, and of an array the shape and dtype, belong to a value, and no two lists of values run together:

    >>> value_digest("ab", "c") == value_digest("a", "bc") or value_digest(1) == value_digest("1")
    False
    """
    digest = hashlib.blake2b(digest_size=_BYTES)
    for part in parts:
        content = _content(part)
        digest.update(f"{type(part).__name__} {memoryview(content).nbytes}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _content(part: Any) -> Any:
    if isinstance(part, np.ndarray):
        rows = np.ascontiguousarray(part)
        pixels = hashlib.blake2b(rows.view(np.uint8).data if rows.size else b"", digest_size=_BYTES).hexdigest()
        return f"{part.dtype.str} {part.shape} {pixels}".encode()
    if isinstance(part, bytes):
        return part
    if is_dataclass(part) and not isinstance(part, type):
        return value_digest(asdict(part)).encode()
    if isinstance(part, (list, tuple)):
        return " ".join(value_digest(item) for item in part).encode()
    if isinstance(part, dict):
        return " ".join(value_digest(key, part[key]) for key in sorted(part)).encode()
    if isinstance(part, Path):
        return str(part).encode("utf-8", "surrogateescape")
    return json.dumps(part.item() if isinstance(part, np.generic) else part).encode()


def file_digest(path: Path) -> str:
    """blake2b of a file's content, 16 bytes, hex; `absent` where there is no such file."""
    return _content_digest(str(path), *_stat(path)) if path.exists() else "absent"


def joint_digest(files: Iterable[Path]) -> str:
    """One digest of the content of several files and of their places relative to the folder they share.

    A file that moves within that folder (an image that gets another label) changes the digest; moving the folder does not.
    """
    files = sorted(files)
    shared = os.path.commonpath([path.parent for path in files]) if files else ""
    lines = (f"{path.relative_to(shared).as_posix()} {file_digest(path)}\n" for path in files)
    return value_digest("".join(lines).encode("utf-8", "surrogateescape"))


def stamp(path: Path) -> list[Any]:
    """Size, time of the last change (ns) and digest of a file."""
    return [*_stat(path), file_digest(path)]


def same_file(path: Path, known: list[Any], check: bool = False) -> bool:
    """Whether a file is still the one of that `stamp`: by size and time; by content if the time differs, or to `check`."""
    if not path.is_file() or len(known) != 3 or path.stat().st_size != known[0]:
        return False
    if check:
        return _read_digest(str(path)) == known[2]
    return path.stat().st_mtime_ns == known[1] or file_digest(path) == known[2]


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@cache
def _content_digest(path: str, size: int, mtime: int) -> str:
    return _read_digest(path)


def _read_digest(path: str) -> str:
    with open(path, "rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()


def code_digests(source: Path) -> dict[str, str]:
    """The library modules that `source` imports, directly or through each other: name -> digest of their content."""
    return {name: file_digest(path) for name, path in sorted(imported_modules(source).items())}


def imported_modules(source: Path) -> dict[str, Path]:
    """The library modules that `source` imports, directly or through each other: name -> file.

    Read from the import statements (those inside functions too), so nothing is executed.
    """
    found: dict[str, Path] = {}
    queue = [source]
    while queue:
        for name in _imports(queue.pop()):
            path = _module_file(name)
            if path is not None and name not in found and not _BY_VALUE.fullmatch(name):
                found[name] = path
                queue.append(path)
    return found


def _module_file(name: str) -> Path | None:
    base = paths.SOURCE.parent.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.exists():
            return path
    return None


def _imports(path: Path) -> tuple[str, ...]:
    return _imports_of(path, paths.SOURCE.parent, *_stat(path))


@cache
def _imports_of(path: Path, root: Path, size: int, mtime: int) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                up = path.parent.joinpath(*[".."] * (node.level - 1)).resolve()
                module = ".".join([*up.relative_to(root).parts, *([module] if module else [])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for parts in (name.split(".") for name in names if name.split(".")[0] == "analysis"):
            found += (".".join(parts[: i + 1]) for i in range(len(parts)))
    return tuple(dict.fromkeys(found))
