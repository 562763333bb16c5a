"""The numbers that were published, and how far a new run is from them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from analysis.errors import UserError
from analysis.paths import REFERENCE
from analysis.plan import Entry
from analysis.provenance import altered, read_manifest
from analysis.results import Results, Row, json_text, packed, plain, reference_file, write_text

DIGITS = 5  # significant ones that are stored: tolerances are far wider


@dataclass(frozen=True)
class Drift:
    """The largest difference of one column of one table from the reference.

    Attributes:
        largest: max |run - reference| over the rows both have; NaN counts as equal to NaN only.
        tolerance: what `data/reference/tolerances.yaml` allows.
        problem: rows that only one side has, or other reasons why the two cannot be compared.
    """

    run: str
    table: str
    column: str
    rows: int
    largest: float
    tolerance: float
    problem: str = ""

    @property
    def within(self) -> bool:
        """The drift is allowed."""
        return not self.problem and self.largest <= self.tolerance

    def line(self) -> str:
        """One line for people."""
        state = "ok   " if self.within else "DRIFT"
        detail = self.problem or f"{self.largest:.2e} (allowed {self.tolerance:g}) over {self.rows} rows"
        return f"{state} {self.run} {self.table}.{self.column}: {detail}"


def compare_runs(entries: Iterable[Entry]) -> list[Drift]:
    """Drift of every run that was measured and has a reference.

    Raises:
        UserError: a run was edited, or a file is damaged.
    """
    return [drift for entry in _measured(entries) if _reference(entry).exists() for drift in _compare(entry)]


def store_runs(entries: Iterable[Entry]) -> list[Path]:
    """Make the present measured runs the reference: numbers and manifest, no image.

    Raises:
        UserError: a run is stale, or was made from no commit: its numbers would not be those of this code.
    """
    written = []
    for entry in _measured(entries):
        if reasons := entry.why_stale():
            raise UserError(f"{entry.study}/{entry.name} is stale ({reasons[0]}); run it first")
        manifest = read_manifest(entry.folder) or {}
        if manifest.get("git", {}).get("dirty"):
            raise UserError(f"{entry.study}/{entry.name} was run with uncommitted changes; commit them and run it again")
        results = Results.load(entry.folder / "results.json")
        results.figures = []
        tables = {name: packed(rows) for name, rows in results.tables.items()}
        content = {"results": {**plain(results), "tables": tables}, "manifest": manifest}
        written.append(write_text(_reference(entry), compact(content)))
    return written


def compact(content: Any) -> str:
    """JSON with a dense line per row of a table, floats of few significant digits: where a number changes, one line does."""
    return json_text(_rounded(plain(content)))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def _measured(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry.parameters.get("source") != "stored" and read_manifest(entry.folder) is not None:
            yield entry


def _reference(entry: Entry) -> Path:
    return reference_file(entry.study, entry.preset)


def _compare(entry: Entry) -> Iterator[Drift]:
    if reasons := altered(entry.folder, read_manifest(entry.folder) or {}, check=True):
        raise UserError(f"{entry.folder}: {reasons[0]}: its numbers are not those of a run; run it again")
    stored, tables = (Results.load(path).tables for path in (_reference(entry), entry.folder / "results.json"))
    allowed = _tolerances()
    run = f"{entry.study}/{entry.name}"
    for name, rows in stored.items():
        columns = _numeric(rows)
        old, new = _by_key(rows, columns), _by_key(tables.get(name, []), columns)
        if old.keys() != new.keys():
            yield Drift(run, name, "*", len(old), 0, 0, f"{len(old.keys() ^ new.keys())} rows are on one side only")
            continue
        for column in columns:
            gaps = [_gap(old[key].get(column), new[key].get(column)) for key in old]
            yield Drift(run, name, column, len(gaps), max(gaps, default=0.0), allowed.get(column, allowed["default"]))


def _tolerances() -> dict[str, float]:
    """Column -> largest drift that is allowed; `default` is that of all others."""
    path = REFERENCE / "tolerances.yaml"
    try:
        return {"default": 0.0} | {str(name): float(value) for name, value in yaml.safe_load(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"cannot read {path}: {reason}; it takes one `column: number` a line, and `default`") from None


def _numeric(rows: list[Row]) -> list[str]:
    """Columns that hold measured numbers: fractional somewhere. Whole numbers and text identify a row."""
    return sorted({key for row in rows for key, value in row.items() if isinstance(value, float) and key != "fraction"})


def _by_key(rows: list[Row], columns: list[str]) -> dict[tuple[Any, ...], Row]:
    names = sorted({key for row in rows for key in row} - set(columns) - {"state", "note"})
    return {tuple(str(_rounded(row.get(name))) for name in names): row for row in rows}


def _gap(old: float | None, new: float | None) -> float:
    if old is None or new is None:
        return 0.0 if old is new else float("inf")
    return abs(old - new)
