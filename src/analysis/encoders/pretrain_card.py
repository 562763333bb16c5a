"""What is written when a training ends: half-precision weights, and a card that says how good they are."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from analysis.encoders import local
from analysis.encoders.methods import Method
from analysis.encoders.pretrain_data import SIZE, scenes
from analysis.encoders.transform import HALF

NEIGHBOURS = 20


def write(folder: Path, name: str, method: Method, facts: dict[str, Any], probes: tuple[int, int]) -> Path:
    """Write `name`.safetensors and its card into `folder`; the probes are of the file as written."""
    folder.mkdir(parents=True, exist_ok=True)
    backbone, projector = method.shipped()
    parts = {"backbone": backbone} | ({"projector": projector} if projector is not None else {})
    state = {
        f"{part}.{key}": value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        for part, module in parts.items()
        for key, value in module.state_dict().items()
    }
    weights = folder / f"{name}.safetensors"
    _replace(weights, save(state))
    entries = {
        "name": name,
        "method": facts["method"],
        "architecture": method.architecture(),
        "size": SIZE,
        "mean": HALF[0],
        "std": HALF[1],
        "digest": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "parameters": {part: sum(p.numel() for p in module.parameters()) for part, module in parts.items()},
        "recipe": facts,
    }
    card = weights.with_suffix(".json")
    _replace(card, _text(entries))
    _replace(card, _text(entries | {"probes": probe(weights, *probes)}))
    return weights


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    os.replace(fresh, path)


def _text(entries: dict[str, Any]) -> bytes:
    return (json.dumps(entries, indent=1) + "\n").encode()


def probe(weights: Path, n_train: int, n_test: int) -> dict[str, Any]:
    """Accuracy of kNN and of a linear probe on `embed`, fitted on Scenes `objects`, split train, and tested on split test."""
    encoder = local.load(weights.stem, weights, torch.device("cpu"))
    (train, labels), (test, truth) = scenes(n_train, "train"), scenes(n_test, "test")
    x, y = (encoder.embed(images).numpy() for images in (train, test))
    scores = {"knn": knn(x, labels, y, truth), "linear": linear(x, labels, y, truth)}
    return {"data": "scenes:objects", "n_train": n_train, "n_test": n_test, "k": NEIGHBOURS} | {
        key: {"accuracy": round(share, 4), "standard_error": round(float(np.sqrt(share * (1 - share) / n_test)), 4)}
        for key, share in scores.items()
    }


def knn(x: np.ndarray, labels: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    """Accuracy of k nearest neighbours by cosine, each voting exp(similarity / 0.07) (Wu et al. 2018)."""
    unit_x, unit_y = (z / np.linalg.norm(z, axis=1, keepdims=True).clip(1e-12) for z in (x, y))
    similar = unit_y @ unit_x.T
    near = np.argpartition(-similar, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    votes = np.zeros((len(y), int(labels.max()) + 1))
    rows = np.repeat(np.arange(len(y)), NEIGHBOURS)
    np.add.at(votes, (rows, labels[near].ravel()), np.exp(np.take_along_axis(similar, near, 1) / 0.07).ravel())
    return float((votes.argmax(1) == truth).mean())


def linear(x: np.ndarray, labels: np.ndarray, y: np.ndarray, truth: np.ndarray) -> float:
    """Accuracy of a logistic regression on standardised features."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300)).fit(x, labels)
    return float(fitted.score(y, truth))
