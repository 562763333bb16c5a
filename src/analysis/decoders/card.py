"""Decoders on disk: half-precision averaged weights, and a card that says how they were made and how far they came."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from analysis import encoders, paths, publish
from analysis.decoders.conditions import condition
from analysis.decoders.network import Denoiser
from analysis.decoders.recipe import Shape
from analysis.encoders.weights import load_strict, read_safetensors
from analysis.errors import MissingFile, UserError
from analysis.results import intact, sealed, write_json

SINGLE = ("embed.mean", "embed.std")  # may lie outside the range of half precision


def folder() -> Path:
    """Where the decoders that come with this version lie."""
    return paths.DATA / "decoders"


def digest_of(encoder: str) -> str:
    """sha256 of the weights of an encoder. Raises what `encoders.weight_files` raises."""
    return hashlib.sha256(encoders.weight_files(encoder)[0].read_bytes()).hexdigest()


def write(place: Path, name: str, state: dict[str, Tensor], facts: dict[str, Any]) -> Path:
    """Write `name`.safetensors and its card into `place`, both or neither; returns the former."""
    kept = {key: value if key.startswith(SINGLE) else value.half() for key, value in state.items()}
    content = save({key: value.contiguous() for key, value in kept.items()})
    digest = hashlib.sha256(content).hexdigest()
    with publish.files(place, name) as making:
        (making / f"{name}.safetensors").write_bytes(content)
        entries = {"name": name, "digest": digest, "parameters": sum(v.numel() for v in state.values()), **facts}
        write_json(making / f"{name}.json", sealed(entries))
    return place / f"{name}.safetensors"


def facts(path: Path) -> dict[str, Any]:
    """The card at `path` (.json), with or without weights beside it.

    Raises:
        MissingFile: it is absent.
        UserError: it is not JSON, or does not have its own checksum.
    """
    if not path.exists():
        raise MissingFile(f"{path} is not there: it comes with this project; or train it with `analysis rcdm`")
    try:
        card = dict(json.loads(path.read_text(encoding="utf-8")))
        if not intact(card):
            raise ValueError("it does not have its own checksum")
    except (ValueError, TypeError) as error:
        raise _broken(path, error) from None
    return card


def _broken(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is not the card of a decoder ({error}): copy it again")


def history(card: dict[str, Any]) -> list[dict[str, Any]]:
    """One row per condition and point of a training at which ranks were measured: decoder, alone, condition, step, seen, mrr.

    Trainings that this one went on from come first, and are counted in. `seen`: training images whose turn it was, until
    then, to come with the condition; each comes equally often, and the share that is shown with none (dropout) is counted in.
    """
    rows, steps, seen = [], 0, dict.fromkeys(card["conditions"], 0.0)
    for part in (*card.get("earlier", []), card):
        each = part["images_seen"] / part["steps"] / len(part["conditions"])
        rows += [
            {
                **{"decoder": card["name"], "alone": len(card["conditions"]) == 1, "condition": name},
                **{"step": steps + point["step"], "seen": round(seen[name] + point["step"] * each), "mrr": mrr},
            }
            for point in part["curve"]
            for name, mrr in point.get("mrr", {}).items()
            if name in seen
        ]
        steps += part["steps"]
        seen |= {name: seen[name] + part["steps"] * each for name in part["conditions"] if name in seen}
    return rows


def read(path: Path) -> tuple[Denoiser, dict[str, Any]]:
    """The network in `path` (.safetensors) with its card, every weight accounted for.

    Raises:
        MissingFile: the weights or the card are absent.
        UserError: the card is broken, the weights are not those of the card, or a key does not fit (named).
    """
    publish.finish(path.parent, path.stem)
    if not path.exists():
        raise MissingFile(f"{path} is not there: it comes with this project; or train it with `analysis rcdm`")
    card = facts(path.with_suffix(".json"))
    try:
        entries: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in card["shape"].items()}
        shape = Shape(**entries)
        conditions = tuple(condition(name, card["suffix"]) for name in card["conditions"])
        widths, digest = tuple(card["widths"]), card["digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise _broken(path.with_suffix(".json"), error) from None
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise UserError(f"{path} does not have the digest of its card: copy both again")
    with torch.random.fork_rng():
        network = Denoiser(shape, conditions, widths)
    load_strict(network, read_safetensors(path), str(path), infinite=("embed.std",))  # of a dimension that never varied
    return network.eval(), card
