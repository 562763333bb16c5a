"""What a study notebook sees: its parameters, its folder, its results."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from analysis import figures, provenance
from analysis.figures import FigureRef
from analysis.params import StudyParams, resolve, study_model
from analysis.paths import runs
from analysis.prose import Prose, say
from analysis.results import Results, load_stored, plain

LEFT_OUT = "*The pictures are left out: this page is drawn from stored numbers, and the images may not be copied into it.*"

NOTHING_DRAWN = "*This run has no numbers for this figure.*"


class Notebook:
    """One execution of a study: open it in the first cell, save it in the last."""

    params: Any  # the study's own `StudyParams`

    def __init__(self, study: str, params: StudyParams, preset: str, run_dir: Path) -> None:
        self.study, self.params, self.preset, self.run_dir = study, params, preset, run_dir
        self._started, self._clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        self._fingerprint, self._commit = provenance.fingerprint(study, preset, params), provenance.git_state()
        self.results = Results(study, run_dir.name, preset, plain(params.model_dump()))
        if params.source == "stored":
            stored = load_stored(study, preset)
            self.results.tables, self.results.scalars, self.results.claims = stored.tables, stored.scalars, stored.claims

    @property
    def stored(self) -> bool:
        """The numbers come from data/reference; no image is at hand."""
        return self.params.source == "stored"

    def show(self, drawn: tuple[Figure, str], name: str, reading: str) -> FigureRef:
        """Save a figure in the run's folder and enter it in the results; its caption is its finding, then how to read it."""
        fig, finding = drawn
        shown = figures.save(fig, self.run_dir, name, finding, f"{finding} {reading}")
        self.results.figures.append({"file": shown.file, "alt": shown.alt, "caption": shown.caption})
        return shown

    def figure(self, draw: Callable[..., tuple[Figure, str]], reading: str, *given: Any, table: str = "") -> FigureRef | Prose:
        """As `show`, of `draw(results, *given)`, whose name it takes; words where the run has no rows in `table`."""
        if table and not self.results.tables.get(table):
            return say(NOTHING_DRAWN)
        return self.show(draw(self.results, *given), draw.__name__.replace("_", "-"), reading)

    def picture(self, draw: Callable[..., tuple[Figure, str]], name: str, reading: str, *given: Any) -> FigureRef | Prose:
        """As `show`, of `draw(*given)`, which needs images; words where numbers are stored and no image is at hand."""
        return say(LEFT_OUT) if self.stored else self.show(draw(*given), name, reading)

    def save(self) -> dict[str, Any]:
        """Write `results.json`, then `manifest.json`; returns the manifest."""
        self.results.save(self.run_dir)
        seconds = time.monotonic() - self._clock
        made = self._fingerprint, self._commit, self._started, seconds
        content = provenance.manifest(self.study, self.results.name, self.preset, *made)
        provenance.write_manifest(self.run_dir, content)
        return content


def open_notebook(study: str, values: dict[str, Any]) -> Notebook:
    """Start a study from the notebook's own names.

    `values` (the notebook's `globals()`) holds `preset`, `run_dir` and the study's parameters; None means the preset's
    value. So `analysis run`, plain papermill and a reader in Jupyter all go the same way.
    """
    preset = values.get("preset") or "default"
    given = {name: values[name] for name in study_model(study).model_fields if values.get(name) is not None}
    run_dir = Path(values.get("run_dir") or runs() / study / "interactive")
    run_dir.mkdir(parents=True, exist_ok=True)
    return Notebook(study, resolve(study, preset, given), preset, run_dir)
