"""From the keys of a published file to those of the network here, and nothing lost on the way."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from analysis.encoders.checkpoints import Checkpoint, Renames
from analysis.encoders.weights import State, under, without
from analysis.errors import UserError


def sorted_out(row: Checkpoint, content: Mapping[str, Any], source: str) -> tuple[State, State]:
    """The backbone's weights and the projection head's, under the names of the networks here.

    Every key of the weights goes into one of the two or begins with a prefix that the row leaves aside.

    Raises:
        UserError: no such container, a value that is no tensor, a key the row knows nothing of, or two keys that become one.
    """
    state = dict(_flat(_opened(row, content, source), source))
    if all(key.startswith("module.") for key in state):
        state = under(state, "module.")
    state = without(state, row.ignored)
    head = under(state, row.head) if row.head else {}
    backbone = without(state, (row.head,)) if row.head else state
    if strays := [key for key in backbone if not key.startswith(row.prefix)]:
        raise UserError(f"{source}: {row.kind} has its weights under {row.prefix}, what is {strays[0]!r}?")
    backbone = _renamed(under(backbone, row.prefix), row.renames, source)
    return _REWRITES[row.rewrite](backbone) if row.rewrite else backbone, _renamed(head, row.head_renames, source)


def head(layers: str) -> nn.Sequential:
    """A projection head from its description: `2048 4096- bn relu 256`.

    The first number is the width of its input; each further one is a linear layer to that width, without bias where a `-`
    follows; `bn` is a batch norm, `bn0` one without scale and shift, `relu` and `gelu` are what they are.
    """
    first, *rest = layers.split()
    width, modules = int(first), list[nn.Module]()
    for word in rest:
        if word[0].isdigit():
            modules.append(nn.Linear(width, int(word.rstrip("-")), bias=not word.endswith("-")))
            width = int(word.rstrip("-"))
        elif word in ("bn", "bn0"):
            modules.append(nn.BatchNorm1d(width, affine=word == "bn"))
        else:
            modules.append({"relu": nn.ReLU, "gelu": nn.GELU}[word]())
    return nn.Sequential(*modules)


def scale_positions(side: int, width: int, resolution: float) -> Tensor:
    """Scale-MAE's code of `side` x `side` places after zeros for the class token, (1, 1 + side^2, width).

    Reed et al. 2022 (arXiv 2212.14532): MAE's sine-cosine code at places x multiplied by the ground resolution g,

        sin(g x w_k), cos(g x w_k)  with  w_k = 10000^(-4k / width),  k = 0 ... width / 4 - 1.

    As in the authors' code the columns' numbers come before the rows', and in each half the sines before the cosines.
    """
    frequency = 10_000.0 ** -(torch.arange(width // 4) / (width / 4))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [resolution * place.flatten()[:, None] * frequency for place in (column, row)]
    code = torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], 1)
    return torch.cat([torch.zeros(1, width), code])[None]


def _opened(row: Checkpoint, content: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    """The dictionary of weights, wherever in the file it lies."""
    for container in row.containers:
        found: Any = content
        for name in container.split(".") if container else ():
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, Mapping):
            return found
    wanted, there = " nor ".join(map(repr, row.containers)), ", ".join(map(str, list(content)[:4]))
    raise UserError(f"{source} holds no {wanted} (it holds {there}): it is not the file of {row.kind}, {row.file}")


def _flat(weights: Mapping[str, Any], source: str, at: str = "") -> Iterator[tuple[str, Tensor]]:
    for key, value in weights.items():
        if isinstance(value, Mapping):
            yield from _flat(value, source, f"{at}{key}.")
        elif isinstance(value, Tensor):
            yield f"{at}{key}", value
        else:
            raise UserError(f"{source}: {at}{key} is a {type(value).__name__}, not a tensor, where the weights should be")


def _renamed(state: State, renames: Renames, source: str) -> State:
    renamed = State()
    for key, value in state.items():
        new = key
        for pattern, replacement in renames:
            new = re.sub(pattern, replacement, new)
        if new in renamed:
            raise UserError(f"{source} has {new} under two names, one of them {key}")
        renamed[new] = value
    return renamed


def _registers(state: State) -> State:
    """The class token's own place, first of DINOv2's position code, is added to the token: timm has none beside registers."""
    if {"pos_embed", "cls_token"} <= state.keys():  # where one is absent, the network will say so
        places = state["pos_embed"]
        state = state | {"cls_token": state["cls_token"] + places[:, :1], "pos_embed": places[:, 1:]}
    return state


def _scale_mae(state: State) -> State:
    """The code at resolution 1 in place of the stored one, if that has its shape."""
    stored = state.get("pos_embed")
    if stored is None or stored.ndim != 3:
        return state
    code = scale_positions(int((stored.shape[1] - 1) ** 0.5), stored.shape[2], resolution=1.0)
    return state | {"pos_embed": code if code.shape == stored.shape else stored}


_REWRITES = {"registers": _registers, "scale_mae": _scale_mae}
