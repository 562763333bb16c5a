"""What is written when a training ends: half-precision weights, and a card that says how good they are."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from analysis import probing, publish
from analysis.encoders import local
from analysis.encoders.transform import HALF
from analysis.results import sealed, write_json
from analysis.stats import Estimate
from analysis.training.data import SIZE, factors, scenes, training_set, validation_set
from analysis.training.methods import Method


def write(
    folder: Path,
    name: str,
    method: Method,
    facts: dict[str, Any],
    probes: tuple[int, int],
    *,
    head: bool = True,
    made_of: str = "",
) -> Path:
    """Write `name`.safetensors, with its `head` or not, and its card into `folder`; the probes are of the file as written."""
    (backbone, projector), architecture = method.shipped(), method.shipped_architecture()
    if not head:
        projector, architecture = None, {key: value for key, value in architecture.items() if key != "projector"}
    parts = {"backbone": backbone} | ({"projector": projector} if projector is not None else {})
    state = {
        f"{part}.{key}": value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        for part, module in parts.items()
        for key, value in module.state_dict().items()
    }
    content = save(state)
    entries = {
        "name": name,
        "method": facts["method"],
        "architecture": architecture,
        "size": SIZE,
        "mean": HALF[0],
        "std": HALF[1],
        "digest": hashlib.sha256(content).hexdigest(),
        "made_of": made_of,
        "parameters": {part: sum(p.numel() for p in module.parameters()) for part, module in parts.items()},
        "recipe": facts,
    }
    with publish.files(folder, name) as making:
        weights = making / f"{name}.safetensors"
        weights.write_bytes(content)
        write_json(weights.with_suffix(".json"), entries)
        write_json(weights.with_suffix(".json"), sealed(entries | {"probes": probe(weights, facts["data"], *probes)}))
    return folder / weights.name


def probe(weights: Path, data: str, n_train: int, n_test: int) -> dict[str, Any]:
    """What the encoder as written knows of images it was not trained on.

    Scores of kNN and of a linear probe on `embed`, with intervals, its effective rank, and for Scenes how well each factor
    can be read. Probes are fitted on training images (`objects`, or those of `data`) and scored on test images; images of one
    class, such as those loose in a folder, give the rank alone.
    """
    encoder = local.load(weights.stem, weights, torch.device("cpu"))
    photographs = None if data == "scenes" else training_set(data, n_train)
    known = {} if photographs else factors(n_train, "train")
    x_images, labels = photographs or scenes(n_train, "train")
    y_images, truth = validation_set(data, n_test) if photographs else scenes(n_test, "test")
    x, y = (encoder.embed(images).numpy() for images in (x_images, y_images))
    found = factors(n_test, "test") if known else {}
    probes = {"knn": probing.knn, "linear": probing.linear} if len(np.unique(labels)) > 1 else {}
    return {
        "data": "scenes:objects" if data == "scenes" else data,
        "n_train": len(x),
        "n_test": len(y),
        "chance": round(1 / len(np.unique(labels)), 4),
        "k": probing.NEIGHBOURS,
        **{name: _rounded(probing.accuracy(said(x, labels, y) == truth)) for name, said in probes.items()},
        "rankme": round(probing.rankme(y), 1),
        "factors": {name: round(probing.decodability(x, known[name], y, found[name]), 3) for name in known},
    }


def _rounded(score: Estimate) -> dict[str, float]:
    return {"accuracy": round(score.value, 4), "low": round(score.low, 4), "high": round(score.high, 4)}
