"""From the keys of a published file to those of the network here, and nothing lost on the way."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

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


def head(layers: str, width: int) -> nn.Sequential:
    """A projection head on inputs of that width, from its description: `4096- bn relu 256`.

    A number is a linear layer to that width, without bias where a `-` follows; `bn` is a batch norm, `bn0` one without scale
    and shift, `relu` and `gelu` are what they are.
    """
    modules = list[nn.Module]()
    for word in layers.split():
        if word[0].isdigit():
            modules.append(nn.Linear(width, int(word.rstrip("-")), bias=not word.endswith("-")))
            width = int(word.rstrip("-"))
        elif word in ("bn", "bn0"):
            modules.append(nn.BatchNorm1d(width, affine=word == "bn"))
        else:
            modules.append({"relu": nn.ReLU, "gelu": nn.GELU}[word]())
    return nn.Sequential(*modules)


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
    token, places = state.get("cls_token"), state.get("pos_embed")
    if token is None or places is None or (token.ndim, token.shape[-1:]) != (3, places.shape[-1:]) or places.ndim != 3:
        return state  # the network will say what is wrong
    return state | {"cls_token": token + places[:, :1], "pos_embed": places[:, 1:]}


_REWRITES = {"registers": _registers}
