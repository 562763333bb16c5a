"""Weight files read with every key accounted for: nothing is skipped in silence, nothing stays random."""

import hashlib
import pickle
import textwrap
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from analysis.errors import UserError

State = dict[str, Tensor]


def read_safetensors(path: Path) -> State:
    """The tensors of a .safetensors file; an unreadable file is a `UserError`."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({_reason(error)}): copy it again") from None


class _Inert(dict[Any, Any]):
    """What stands in a checkpoint for an object that is no tensor: it takes whatever it is given, and does nothing."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def __call__(self, *_: object, **__: object) -> "_Inert":
        return _Inert()

    def __setstate__(self, _: object) -> None:
        pass

    def append(self, _: object) -> None:
        """Take no element; the lists and sets of other libraries call this, or `extend` or `add`."""

    extend = add = append


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors, their storages and ordered dictionaries; everything else becomes `_Inert`, and no code of it runs."""

    def find_class(self, module: str, name: str) -> Any:
        """The class of a tensor or its storage, or an ordered dictionary; `_Inert` for any other name."""
        storage = module == "torch" and name.endswith("Storage")
        return super().find_class(module, name) if storage or (module, name) in _PLAIN else _Inert


_PLAIN = {
    ("collections", "OrderedDict"),
    *(("torch._utils", f"_rebuild_{what}") for what in ("tensor", "tensor_v2", "parameter")),
}


class _TensorPickle:
    """What `torch.load` asks of a pickle module."""

    Unpickler = _TensorUnpickler

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        """The object pickled in `file`, with `_Inert` for whatever is no tensor."""
        return _TensorUnpickler(file, **options).load()


def _damaged(path: Path) -> str | None:
    """The first record of a zip archive, as torch writes since 2020, whose checksum is wrong; torch itself does not look."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:  # training settings of some library beside the weights
        return torch.load(path, map_location="cpu", weights_only=False, pickle_module=_TensorPickle)


def read_torch(path: Path) -> Mapping[str, Any]:
    """The dictionary in a .pth, .ckpt or .torch file; no code in it is run.

    Many checkpoints hold settings and optimisers as objects of the library that trained them. Those are not built: in their
    place stand empty dictionaries.

    Raises:
        UserError: the file is unreadable, a checksum in it is wrong, or it holds no dictionary.
    """
    try:
        damaged = _damaged(path)
        content = None if damaged else _load(path)
    except Exception as error:  # a damaged pickle is a damaged program: it may raise anything
        raise UserError(f"{path} is not a readable checkpoint ({_reason(error)}): copy it again") from None
    if damaged:
        raise UserError(f"{path} is damaged ({damaged} does not have its checksum): copy it again")
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors")
    return content


def load_strict(model: nn.Module, state: Mapping[str, Tensor], source: str, *, infinite: tuple[str, ...] = ()) -> None:
    """Load `state` into `model`, both ways complete and shape by shape, as float32.

    Only keys that start with one of `infinite` may hold infinity.

    A model on the meta device holds no numbers: only keys, shapes and types are compared then.

    Raises:
        UserError: a missing, an unexpected or a misshapen key; one of another type (integers where floats should be), sparse,
            or with values that are not finite; named.
    """
    wanted = model.state_dict()
    shared = [key for key in wanted if key in state]
    shapes = {key: f"{tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}" for key in shared}
    types = {key: _type_problem(state[key], wanted[key]) for key in shared}
    problems = [
        *_listed("missing", [key for key in wanted if key not in state]),
        *_listed("unexpected", [key for key in state if key not in wanted]),
        *_listed("wrong shape", [f"{key} {shapes[key]}" for key in shared if state[key].shape != wanted[key].shape]),
        *_listed("wrong type", [f"{key} {types[key]}" for key in shared if types[key]]),
    ]
    if problems:
        raise UserError(f"{source} does not fit {type(model).__name__}: " + "; ".join(problems))
    if all(value.is_meta for value in wanted.values()):
        return
    values = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    finite = {key: ~value.isnan() if key.startswith(infinite) else value.isfinite() for key, value in values.items()}
    if damaged := [key for key, given in finite.items() if not given.all()]:
        raise UserError(f"{source} is damaged: " + "; ".join(_listed("values that are not finite in", damaged)))
    model.load_state_dict(values)


def _type_problem(value: Tensor, wanted: Tensor) -> str:
    """Why a stored tensor cannot stand for one of the model's; "" if it can."""
    if value.layout is not torch.strided or (value.is_meta and not wanted.is_meta):
        return f"is {'without values' if value.is_meta else 'sparse'}"
    kind, stored = wanted.is_floating_point(), str(value.dtype).removeprefix("torch.")
    whole = stored.startswith(("int", "uint"))
    if value.is_floating_point() if kind else whole:
        return ""
    return f"{stored} instead of {'floats' if kind else 'integers'}"


def under(state: Mapping[str, Tensor], prefix: str) -> State:
    """The entries whose key starts with `prefix`, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def without(state: Mapping[str, Tensor], ignored: Iterable[str]) -> State:
    """`state` without the heads named in `ignored` (key prefixes): the only way a key is left unused."""
    return {key: value for key, value in state.items() if not key.startswith(tuple(ignored))}


def state_digest(state: Mapping[str, Tensor]) -> bytes:
    """blake2b over names, shapes, types and bytes of all the tensors."""
    digest = hashlib.blake2b(digest_size=16)
    for key, tensor in sorted(state.items()):
        digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype};".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.digest()


def _listed(what: str, keys: list[str], limit: int = 3) -> list[str]:
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return [f"{what} {', '.join(keys[:limit])}{more}"] if keys else []


def _reason(error: Exception) -> str:
    """The first sentence of an error's text, whole words only."""
    sentence = str(error).strip().partition("\n")[0].partition(". ")[0]
    return textwrap.shorten(sentence, 120, placeholder=" ...") or type(error).__name__
