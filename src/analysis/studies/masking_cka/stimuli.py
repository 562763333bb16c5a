"""The images of a data set, what is removed from them, and which of the variants are compared."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis import datasets
from analysis.datasets.base import Dataset
from analysis.datasets.scenes.options import OPTIONS
from analysis.encoders.facts import facts
from analysis.results import Row
from analysis.studies.masking_cka import masks
from analysis.studies.masking_cka.masks import COMPLETE, CORNERS, Masks, corner
from analysis.studies.masking_cka.params import MaskingCka

PARTS = (("object", "background"), ("region", "rest"))
HEADLINE = ((COMPLETE, "object"), (COMPLETE, "background"), *PARTS)  # under every fill, and layer by layer
ARMS = {  # how object and background are told apart: the pair of variants
    "true": ("object", "background"),
    "cutout": ("object", "cutout"),
    "predicted": ("predicted_object", "predicted_background"),
}


@dataclass(frozen=True)
class Stimuli:
    """The images of a data set at one size, and what is removed from them.

    Attributes:
        complete: the images; `absent`: the same scenes without their object, where a world can show them.
        keep: variant -> keep mask, (n, h, w) or (h, w).
    """

    complete: Dataset
    absent: np.ndarray | None
    keep: Masks

    @property
    def masked(self) -> bool:
        """The data set says where its objects are."""
        return "object" in self.keep

    def variants(self, params: MaskingCka) -> Iterator[tuple[str, str, np.ndarray]]:
        """Every (fill, variant, images), one at a time; all fills for what `HEADLINE` compares, else the first."""
        yield "none", COMPLETE, self.complete.images
        if self.absent is not None:
            yield "none", "background", self.absent
        every = {variant for pair in HEADLINE for variant in pair}
        for variant, keep in self.keep.items():
            for fill in params.fills if variant in every else params.fills[:1]:
                yield fill, variant, masks.paint(self.complete.images, keep, fill)

    def pairs(self, params: MaskingCka) -> list[tuple[str, str, str]]:
        """The comparisons (fill, a, b) that are made."""
        first = params.fills[0]
        wanted = [(fill, a, b) for fill in params.fills for a, b in HEADLINE if self.masked]
        for a, b in ARMS.values():
            wanted += [(first, *pair) for pair in ((COMPLETE, a), (COMPLETE, b), (a, b)) if {a, b} <= {*self.keep}]
        squares = [name for fraction in params.fractions for name in masks.occlusion_masks(8, fraction) if name in self.keep]
        return list(dict.fromkeys([*wanted, *((first, COMPLETE, name) for name in squares)]))


def load_stimuli(name: str, params: MaskingCka) -> tuple[dict[int, Stimuli], Row]:
    """A data set at each encoder's input size, cut to the images whose object is neither missing nor everything."""
    sizes = sorted({facts(encoder).size for encoder in params.encoders})
    loaded = {size: datasets.load(name, size=size, n=params.n, seed=params.seed) for size in sizes}
    without = counterfactual(name)
    ids = masks.common_ids(loaded, params.min_coverage, params.max_coverage, box=without is None)
    sets = {size: dataset.align(ids) for size, dataset in loaded.items()}
    stimuli = {
        size: Stimuli(
            dataset,
            datasets.load(without, size=size, n=params.n, seed=params.seed).align(ids).images if without else None,
            keep_masks(dataset, params, box=without is None),
        )
        for size, dataset in sets.items()
    }
    largest, truth = sets[sizes[-1]], stimuli[sizes[-1]]
    row: Row = {"dataset": name, "loaded": len(loaded[sizes[-1]]), "kept": len(ids)}
    row |= {"clusters": len(np.unique(largest.clusters)), "classes": len(largest.classes), "masks": truth.masked}
    row |= {"background": "scene without its object" if without else "box removed" if truth.masked else None}
    row |= {"object_share": float(truth.keep["object"].mean()) if truth.masked else None}
    row |= {"predicted_iou": _predicted_iou(truth, box=without is None) if truth.masked else None}
    return stimuli, row


def counterfactual(name: str) -> str | None:
    """The name of the same scenes without their object; None where no world can show them."""
    kind, _, options = name.removeprefix("scenes:").partition("?")
    if not name.startswith("scenes:") or "without" not in OPTIONS[kind] or "without=" in options:
        return None
    return f"{name}{'&' if options else '?'}without=object"


def keep_masks(dataset: Dataset, params: MaskingCka, box: bool) -> Masks:
    """Keep masks of every variant but the complete image: around the true object, the predicted one, and squares."""
    keep: Masks = {}
    if "foreground" in dataset.masks:
        keep |= masks.object_masks(dataset, params.seed, box)
        predicted = masks.predicted_foreground(dataset.images)
        predicted = masks.bounding_boxes(predicted) if box else predicted
        keep |= {"predicted_object": predicted, "predicted_background": ~predicted}
    for fraction in params.fractions:
        squares = masks.occlusion_masks(dataset.size, fraction)
        corners = {corner(name, fraction) for name in CORNERS} if fraction != params.fraction else set()
        keep |= {name: square for name, square in squares.items() if name not in corners}
    return keep


def _predicted_iou(truth: Stimuli, box: bool) -> float:
    return float(np.nanmean(masks.intersection_over_union(truth.keep["object"], truth.keep["predicted_object"])))
