"""The runs of the book, and which of them are stale and why."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis import paths, provenance
from analysis.errors import UserError
from analysis.params import Preset, resolve
from analysis.results import read_json, reference_file, write_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def valid_name(name: str) -> str:
    """`name`, if it can be the folder of a run.

    Raises:
        UserError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UserError(f"run name {name!r}: use up to 64 letters, digits, dots, dashes and underscores")
    return name


class Entry(BaseModel):
    """One line of `data/runs.yaml`: a run, and so a page.

    Attributes:
        page: the page it fills (default: its name); of several entries with one page, the last that has run is shown.
        needs: `DATA_ROOT` marks a run that only `--real` asks for, since it needs data that cannot be shipped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    name: str
    preset: Preset = "default"
    parameters: dict[str, Any] = Field(default_factory=dict)
    page: str = ""
    needs: str = ""

    @property
    def folder(self) -> Path:
        """Where the run is published."""
        return paths.runs() / self.study / self.name

    def fingerprint(self) -> dict[str, Any]:
        """What the run depends on now."""
        return provenance.fingerprint(self.study, self.preset, resolve(self.study, self.preset, self.parameters))

    @property
    def stamp(self) -> Path:
        """The file that says that the run is fresh."""
        return paths.build() / "plans" / self.study / f"{self.name}.done"

    @property
    def seconds(self) -> float:
        """How long the published run of this study and preset took; 0 where there is none, or where its numbers are drawn."""
        if self.parameters.get("source") == "stored":
            return 0.0
        try:
            return float(read_json(reference_file(self.study, self.preset))["manifest"]["duration_s"])
        except (UserError, KeyError, TypeError, ValueError):
            return 0.0

    def why_stale(self, check: bool = False) -> list[str]:
        """Reasons to run again; [] when the run is fresh. `check` reads every file it left, whatever its time says."""
        manifest = provenance.read_manifest(self.folder)
        if manifest is None:
            return ["never ran"]
        try:
            changed = provenance.changes(manifest.get("fingerprint", {}), self.fingerprint())
            return [*changed, *provenance.altered(self.folder, manifest, check)]
        except UserError as error:  # data or weights that were there when it ran are gone
            return [str(error)]


@dataclass(frozen=True)
class Planned:
    """An entry, its plan file (what Snakemake's rule reads) and its stamp (what the rule writes)."""

    entry: Entry
    plan: Path

    @property
    def stamp(self) -> Path:
        """Of the entry."""
        return self.entry.stamp


def entries(path: Path | None = None, real: bool = False) -> list[Entry]:
    """The runs in a runs file; those that need data of the user's only with `real`."""
    path = path or paths.RUNS_FILE
    try:
        listed = yaml.safe_load(path.read_text(encoding="utf-8"))["runs"]
        found = [Entry(**line) for line in listed]
    except (OSError, yaml.YAMLError, UnicodeError, KeyError, TypeError, ValidationError) as error:
        raise UserError(
            f"cannot read {path}: {str(error).splitlines()[0]}; it takes `runs:` and a list of study, name, preset"
        ) from None
    for entry in found:
        for name in (entry.name, entry.page or entry.name):
            valid_name(name)
        resolve(entry.study, entry.preset, entry.parameters)
    return [entry for entry in found if real or not entry.needs]


def plan(chosen: list[Entry]) -> list[Planned]:
    """Write each entry's plan file if its content is new, and make its stamp say whether the run is fresh.

    Staleness is decided here, by content; Snakemake sees it as a missing stamp. A run folder is no output of a rule,
    since Snakemake deletes the outputs of a job before it starts, and the last good run must survive a bad one.
    """
    return [_plan_one(entry) for entry in chosen]


def _plan_one(entry: Entry) -> Planned:
    planned = Planned(entry, entry.stamp.with_suffix(".json"))
    content = entry.model_dump()
    if _read_plan(planned.plan) != content:
        write_json(planned.plan, content)
    if entry.why_stale():
        planned.stamp.unlink(missing_ok=True)
    else:
        planned.stamp.touch()
    return planned


def _read_plan(path: Path) -> Any:
    """The content of a plan file; None where there is none or it is damaged."""
    try:
        return read_json(path)
    except UserError:
        return None


def load_plan(path: Path) -> Entry:
    """The entry a plan file describes.

    Raises:
        UserError: the file is absent or damaged.
    """
    try:
        return Entry(**read_json(path))
    except (TypeError, ValidationError):
        raise UserError(f"{path} is damaged: `analysis book` and `analysis sweep` make it again") from None
