"""What a run leaves behind: `results.json`, `manifest.json` and figures, written whole or not at all."""

import json
import math
import os
import tempfile
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from analysis import rules
from analysis.digests import value_digest
from analysis.errors import MissingFile, UserError
from analysis.paths import REFERENCE

Row = dict[str, Any]


@dataclass
class Results:
    """Everything a page shows, as plain values.

    Attributes:
        tables: name -> rows; every row of a table has the same keys.
        scalars: name -> a number quoted in prose.
        claims: the verdicts.
        figures: file, alt text and caption of each figure.
        answer: the last sentence of the page.
    """

    study: str
    name: str
    preset: str
    parameters: dict[str, Any]
    tables: dict[str, list[Row]] = field(default_factory=dict)
    scalars: dict[str, float] = field(default_factory=dict)
    claims: list[rules.Finding] = field(default_factory=list)
    figures: list[dict[str, str]] = field(default_factory=list)
    answer: str = ""

    def save(self, run_dir: Path) -> Path:
        """Write `results.json` into `run_dir`."""
        return write_json(run_dir / "results.json", self)

    @classmethod
    def load(cls, path: Path) -> "Results":
        """Read what `save` wrote (or the `results` part of a reference file); a damaged file is a `UserError` that names it."""
        content = read_json(path)
        try:
            content = content.get("results", content)
            tables = {name: unpacked(table) for name, table in content["tables"].items()}
            return cls(**{**content, "tables": tables, "claims": [rules.load(claim) for claim in content["claims"]]})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"{path} is damaged ({type(error).__name__}: {error}): make it again, or restore it") from None


def packed(rows: list[Row]) -> Any:
    """Rows as columns and values, where every row has the same keys; otherwise as they are.

    >>> packed([{"n": 1, "value": 0.5}, {"n": 2, "value": 0.7}])
    {'columns': ['n', 'value'], 'rows': [[1, 0.5], [2, 0.7]]}
    """
    columns = list(rows[0]) if rows else []
    if not columns or any(list(row) != columns for row in rows):
        return rows
    return {"columns": columns, "rows": [list(row.values()) for row in rows]}


def unpacked(table: Any) -> list[Row]:
    """The rows that `packed` was given."""
    if isinstance(table, list):
        return table
    return [dict(zip(table["columns"], values, strict=True)) for values in table["rows"]]


def reference_file(study: str, preset: str) -> Path:
    """Where the stored numbers of (study, preset) are."""
    return REFERENCE / preset / f"{study}.json"


def load_stored(study: str, preset: str) -> Results:
    """The stored results of (study, preset); `MissingFile` where nothing has been stored."""
    path = reference_file(study, preset)
    if not path.exists():
        raise MissingFile(f"no stored results for {study} with preset {preset!r}: {path} is absent; use source=measured")
    return Results.load(path)


def write_json(path: Path, content: Any) -> Path:
    """Write JSON atomically: sorted nothing, floats in full, NaN and infinity as null."""
    return write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """JSON in lines: what holds other lists or dicts has a line for each, anything else is one line.

    >>> print(json_text({"name": "zoo", "curve": [[1, 0.5], [2, 0.25]]}), end="")
    {
     "name": "zoo",
     "curve": [
      [1,0.5],
      [2,0.25]
     ]
    }
    """
    return "\n".join(_lines(plain(content), "")) + "\n"


def _lines(value: Any, name: str) -> list[str]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if not any(isinstance(item, dict | list) for item in inner):
        return [name + json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))]
    names = [f"{json.dumps(key, ensure_ascii=False)}: " for key in value] if isinstance(value, dict) else [""] * len(inner)
    first, last = "{}" if isinstance(value, dict) else "[]"
    parts = [_lines(item, head) for item, head in zip(inner, names, strict=True)]
    body = [" " + line for part in parts[:-1] for line in (*part[:-1], part[-1] + ",")] + [" " + line for line in parts[-1]]
    return [name + first, *body, last]


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all (temporary file, then rename)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:  # names that are no UTF-8
            file.write(text)
        os.chmod(temporary, 0o644)  # mkstemp's files are for their owner alone; a book is for everybody
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def read_json(path: Path) -> Any:
    """Read a JSON file; a broken one is a `UserError` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {error}") from None


def sealed(entries: dict[str, Any]) -> dict[str, Any]:
    """Entries of a JSON file with a `checksum` of all others, by which `intact` knows a file that was damaged or edited."""
    content = plain({key: value for key, value in entries.items() if key != "checksum"})
    return {**content, "checksum": value_digest(json.dumps(content))}


def intact(entries: dict[str, Any]) -> bool:
    """Whether entries are what `sealed` made of them; those without a checksum are taken as they are.

    >>> intact(sealed({"rate": 0.1})), intact({**sealed({"rate": 0.1}), "rate": 0.2}), intact({"rate": 0.2})
    (True, False, True)
    """
    return "checksum" not in entries or sealed(entries)["checksum"] == entries["checksum"]


def plain(value: Any) -> Any:
    """The same value in plain JSON types."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value
