"""Weight files read with every key accounted for: nothing is skipped in silence, nothing stays random."""

import hashlib
import pickle
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
_UNREADABLE = (OSError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError)


def read_safetensors(path: Path) -> State:
    """The tensors of a .safetensors file; an unreadable file is a `UserError`."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable safetensors file ({_first_line(error)}): copy it again") from None


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
        UserError: the file is unreadable or holds no dictionary.
    """
    try:
        content = _load(path)
    except (*_UNREADABLE, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a readable checkpoint ({_first_line(error)}): copy it again") from None
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__}, not a dictionary of tensors")
    return content


def load_strict(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load `state` into `model`, both ways complete and shape by shape, as float32.

    Raises:
        UserError: a missing, an unexpected or a misshapen key, named.
    """
    wanted = model.state_dict()
    problems = [
        *_listed("missing", [key for key in wanted if key not in state]),
        *_listed("unexpected", [key for key in state if key not in wanted]),
        *_listed(
            "wrong shape",
            [
                f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
                for key in wanted
                if key in state and state[key].shape != wanted[key].shape
            ],
        ),
    ]
    if problems:
        raise UserError(f"{source} does not fit {type(model).__name__}: " + "; ".join(problems))
    model.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in state.items()})


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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:120]
