"""Short trainings that chose rates, heads and views of the zoo, on images kept for validation.

Their table is data/tuning/zoo.json.

`python -m analysis.training.tuning scenes simclr vicreg` runs the variants of these methods anew and writes their rows. A
variant is kept where it leads by more than the spread of seeds, about .02 of the linear probe.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from analysis import paths
from analysis.results import read_json, write_json
from analysis.training.heads import projector
from analysis.training.methods import METHODS
from analysis.training.pretrain import fit
from analysis.training.recipe import PHOTOGRAPHS, RECIPE, Recipe, adapted

# Recipe, images and passes of the short trainings on each data set.
DATA = {"scenes": (RECIPE, 20_000, 3), "imagenette": (PHOTOGRAPHS, 9_469, 8)}
TABLE = paths.DATA / "tuning" / "zoo.json"
KEY = ("data", "method", "variant")


@dataclass(frozen=True)
class Variant:
    """What differs: fields of the recipe (`area` of its views), and attributes of the method."""

    label: str
    recipe: dict[str, Any] = field(default_factory=dict)
    method: dict[str, Any] = field(default_factory=dict)


SLOW, FAST = Variant("rate 1e-3", {"lr": 1e-3}), Variant("rate 2e-3", {"lr": 2e-3})
SMALL_VIEWS = Variant("rate 1e-3, two more views of 24 px", {"lr": 1e-3, "small_views": 2})


def _head(name: str, width: int, **more: Any) -> dict[str, Any]:
    return {"head": projector(name, hidden=width, out=width, **more)}


VARIANTS: dict[str, tuple[Variant, ...]] = {
    "simclr": (
        SLOW,
        FAST,
        Variant("rate 1e-3, crops of .3 to 1", {"lr": 1e-3, "area": (0.3, 1.0)}),
        Variant("rate 1e-3, views of 64 px", {"lr": 1e-3, "full": 64}),
        Variant("rate 1e-3, temperature .1", {"lr": 1e-3}, {"temperature": 0.1}),
        Variant("rate 1e-3, batch of 256", {"lr": 1e-3, "batch": 256}),
        Variant("rate 1e-3, wider head", {"lr": 1e-3}, {"head": projector("SimCLR", hidden=512, out=128)}),
    ),
    "vicreg": (
        SLOW,
        *(
            Variant(f"rate {lr:g}, head of 3 x {width}", {"lr": lr}, _head("VICReg", width, num_layers=3))
            for lr, width in ((1e-3, 512), (2e-3, 512), (1e-3, 1024))
        ),
    ),
    "barlow-twins": (
        SLOW,
        *(
            Variant(f"rate {lr:g}, head of 3 x {width}", {"lr": lr}, _head("BarlowTwins", width))
            for lr, width in ((1e-3, 512), (2e-3, 512), (1e-3, 1024))
        ),
    ),
    "moco": (SLOW, FAST, Variant("rate 1e-3, queue of 4,096", {"lr": 1e-3}, {"queue": 4096})),
    "byol": (SLOW, FAST),
    "simsiam": (SLOW, FAST),
    "swav": (SLOW, FAST, SMALL_VIEWS, Variant("rate 1e-3, 256 prototypes", {"lr": 1e-3}, {"prototypes": 256})),
    "dino": (SLOW, FAST, SMALL_VIEWS),
    "supervised": (SLOW, FAST),
}


def run(data: str, method: str, variant: Variant, seed: int = 0) -> dict[str, Any]:
    """One short training: its row of the table."""
    base, images, epochs = DATA[data]
    recipe, _ = adapted(method, replace(base, images=images, epochs=epochs, heads={}))
    kind = METHODS[method]
    METHODS[method] = kind.variant(**variant.method)
    try:
        module = fit(method, _changed(recipe, variant.recipe), f"tuning-{method}", data=data, seed=seed)
    finally:
        METHODS[method] = kind
    last = {key: round(value, 4) for key, value in module.probes[-1].items()}
    return {"data": data, "method": method, "variant": variant.label, "seed": seed, **last, "seconds": round(module.seconds)}


def _changed(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    rest = {key: value for key, value in changes.items() if key != "area"}
    views = replace(recipe.views, area=changes["area"]) if "area" in changes else recipe.views
    return replace(recipe, views=views, **rest)


def main(data: str, methods: Iterable[str]) -> None:
    """Run every variant of `methods` on `data`, each replacing its row of the table."""
    for method in methods:
        for variant in VARIANTS[method]:
            row = run(data, method, variant)
            rows = read_json(TABLE) if TABLE.exists() else []
            write_json(TABLE, [*(old for old in rows if any(old[key] != row[key] for key in KEY)), row])
            print(row, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], sys.argv[2:] or VARIANTS)
