"""What the measure pages say in numbers: declared invariances, the score of unrelated features, known defects measured."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from analysis.errors import UserError
from analysis.prose import Column, table
from analysis.similarity import MEASURES, Measure, defects, invariance_table

CHANGES = {
    "translation": "Shift",
    "scaling": "Scaling",
    "permutation": "Permutation of columns",
    "orthogonal": "Rotation",
    "invertible": "Invertible linear map",
    "symmetric": "Exchange of sides",
}
# Measure -> the defects shown on its page.
DEFECTS: dict[str, tuple[Callable[[], list[defects.Defect]], ...]] = {
    "linear_cka": (defects.dimension_bias,),
    "debiased_cka": (
        *(defects.uncentred_float32, defects.epsilon_under_root, defects.clamped_at_zero),
        *(defects.masked_diagonal, defects.repeated_images),
    ),
    "minibatch_cka": (defects.batches,),
    "rbf_cka": (defects.median_conventions,),
    "squared_cca": (defects.qr_of_deficient_features,),
    "svcca": (defects.directions_by_length,),
    "pwcca": (defects.projected_without_whitening,),
}
_SIZES = ((200, 10), (200, 50), (200, 90), (1000, 50), (1000, 400))  # n images, p columns on either side


def write() -> dict[str, str]:
    """The generated parts of `book/measures`: file name -> text."""
    declared = {name: _bold(row) for name, row in zip(MEASURES, invariance_table(), strict=True)}
    linked = [{**row, "measure": f"[{row['measure']}](/measures/{name}.md)"} for name, row in declared.items()]
    files = {
        "_generated/invariances.md": "{.scores}\n" + table(linked, {"measure": "", **CHANGES}).markdown,
        "_generated/unrelated.md": _unrelated(),
    }
    for name, row in declared.items():
        files[f"_generated/{name}.md"] = _properties(row)
        files[f"_generated/{name}_defects.md"] = _defects(name)
    return files


def _bold(row: dict[str, str]) -> dict[str, str]:
    """A `no` must not be overlooked."""
    return {key: f"**{value}**" if key in CHANGES and value != "yes" else value for key, value in row.items()}


def _properties(row: dict[str, str]) -> str:
    facts = f"**Range** {row['range']}, {row['direction']}.  \n**Source** {row['reference']}.\n\n"
    return facts + "Does the value stay the same under these changes?\n\n" + table([row], CHANGES).markdown


def _unrelated() -> str:
    """Every measure on independent Gaussian features of several sizes, one fixed draw each."""
    scores: dict[str, dict[str, Any]] = {name: {"measure": m.title} for name, m in MEASURES.items()}
    for n, p in _SIZES:
        x, y = np.random.default_rng(0).standard_normal((2, n, p))
        for name, measure in MEASURES.items():
            scores[name][f"{n}-{p}"] = _score(measure, x, y)
    heads = {f"{n}-{p}": (f"n = {n:,}, p = {p}", ".2f") for n, p in _SIZES}
    return "{.scores}\n" + table(scores.values(), {"measure": "Measure", **heads}).markdown


def _score(measure: Measure, x: np.ndarray, y: np.ndarray) -> float | None:
    try:
        return float(measure.function(x, y))
    except UserError:
        return None  # refused: the score would be decided by n and p alone


def _defects(name: str) -> str:
    """Each known defect of a measure: what goes wrong, and the number it gives beside the right one."""
    parts = []
    for measured in DEFECTS.get(name, ()):
        rows = [{**vars(row), "correct": _value(row.correct), "defective": _value(row.defective)} for row in measured()]
        columns: dict[str, Column] = {
            "defect": "Defect",
            "features": "Features",
            "correct": ("Correct", "s"),
            "defective": ("With the defect", "s"),
        }
        if any(row["seen_in"] for row in rows):
            columns["seen_in"] = "Seen in"
        parts.append(f"{(measured.__doc__ or '').strip()}\n\n{{.defects}}\n{table(rows, columns).markdown}")
    return "\n".join(parts) or "No defect is measured here.\n"


def _value(value: float) -> str:
    if math.isnan(value):
        return "not a number"
    return "infinite" if math.isinf(value) else f"{value:.4f}"
