"""Networks of one's own: any module in Python by `of_module`, and `python:FILE:FUNCTION` wherever an encoder is named.

FILE is a Python file or a module that can be imported; FUNCTION takes nothing and returns an `Encoder`:

    # mine.py
    import torch, timm
    from analysis.encoders.own import of_module

    WEIGHTS = ("mine.pt",)  # beside this file; a run is stale once one of them changes
    OBJECTIVE = "joint-embedding"  # one of methods.OBJECTIVES; claims about self-supervised networks need to know

    def load():
        model = timm.create_model("resnet18", num_classes=0)
        model.load_state_dict(torch.load("mine.pt", weights_only=True))
        return of_module(model, size=224)

then `analysis run masking_cka -p encoders=python:mine.py:load`.
"""

import ast
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import paths
from analysis.errors import MissingFile, UserError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from analysis.encoders.base import Encoder
    from analysis.encoders.transform import Channels


def of_module(
    module: "nn.Module",
    *,
    size: int,
    mean: "Channels | None" = None,
    std: "Channels | None" = None,
    layers: Sequence[str] = (),
    name: str = "own",
    device: str = "cpu",
) -> "Encoder":
    """Any network as an encoder that every function of this library takes.

    A timm transformer or convnet is read at all its layers. Of another module, which takes (n, 3, size, size) and returns
    vectors (n, d), tokens (n, t, d) or maps (n, c, h, w), `embed` is the output, averaged over tokens or places; `layers` are
    names of submodules (`module.named_modules()`) that are read in the same way.

    Args:
        size: side of the input, px.
        mean, std: normalisation per channel of pixels in [0, 1]; by default ImageNet's.

    Raises:
        UserError: no such layer, or an output that is none of these.
    """
    from analysis.encoders.backbones import resolve_device
    from analysis.encoders.base import Encoder
    from analysis.encoders.transform import IMAGENET

    normalisation = (mean or IMAGENET[0], std or IMAGENET[1])
    return Encoder(name, _backbone(module, layers, size), normalisation, size=size, device=resolve_device(device))


def place(argument: str) -> tuple[Path, str]:
    """The file and the function of `FILE:FUNCTION`, whether the file is there or not.

    Raises:
        UserError: not of this form, or no such module.
    """
    where, colon, function = argument.rpartition(":")
    if not colon or not function.isidentifier():
        raise UserError(f"encoder 'python:{argument}': write python:FILE.py:FUNCTION or python:MODULE:FUNCTION")
    if where.endswith(".py"):
        return paths.user_path(where), function
    here = paths.user_path(where.replace(".", "/") + ".py")
    if here.exists():
        return here, function
    try:
        spec = importlib.util.find_spec(where)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise UserError(f"encoder 'python:{argument}': there is no {here}, and no module {where!r} can be imported")
    return Path(spec.origin), function


def files(argument: str) -> list[Path]:
    """Those that the file names in `WEIGHTS`, beside it, and the file of the function itself; present or not."""
    path, _ = place(argument)
    return [*(path.parent / weight for weight in stated(argument, "WEIGHTS", ())), path]


def stated(argument: str, constant: str, default: Any) -> Any:
    """The value of a constant at the top of the file, found without executing anything.

    Raises:
        UserError: the file cannot be parsed, or the value is not written out.
    """
    path, _ = place(argument)
    for node in _parsed(path).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [constant]:
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                raise UserError(f"{path}: {constant} must be a value that is written out") from None
    return default


def check(argument: str) -> None:
    """The files are there and the function is defined; nothing is executed.

    Raises:
        UserError: the file cannot be parsed, or does not define the function.
        MissingFile: the file, or one of its `WEIGHTS`, is absent.
    """
    path, function = place(argument)
    for file in files(argument):
        if not file.exists():
            raise MissingFile(f"encoder 'python:{argument}': there is no {file}")
    names = {node.name for node in ast.walk(_parsed(path)) if isinstance(node, ast.FunctionDef)}
    if function not in names:
        raise UserError(f"encoder 'python:{argument}': {path} defines no function {function!r}")


def load(name: str, argument: str, device: "torch.device") -> "Encoder":
    """What the function returns, under the name it was asked for, on `device`.

    Raises:
        UserError: the function failed, or returned something else than an encoder.
    """
    from analysis.encoders.base import Encoder

    path, function = place(argument)
    try:
        encoder = _call(path, function)
    except Exception as error:
        raise UserError(f"encoder {name!r}: {type(error).__name__}: {error}") from error
    if not isinstance(encoder, Encoder):
        raise UserError(f"encoder {name!r}: {function} returned {type(encoder).__name__}; return of_module(...)")
    encoder.name, encoder.device = name, device
    encoder.backbone.to(device)
    return encoder


def _backbone(module: "nn.Module", layers: Sequence[str], size: int) -> Any:
    from analysis.encoders.backbones import Backbone, wrap
    from analysis.encoders.hooks import Hooked

    readable = isinstance(module, Backbone) or hasattr(module, "forward_intermediates")
    return wrap(module) if readable and not layers else Hooked(module, layers, size)


def _parsed(path: Path) -> ast.Module:
    if not path.exists():
        raise MissingFile(f"there is no {path}")
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{path} is not Python that can be read: {error}") from None


def _call(path: Path, function: str) -> Any:
    """Execute the file and the function, standing in its folder, so that they find what lies beside it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = Path.cwd()
    sys.path.insert(0, str(path.parent))
    os.chdir(path.parent)
    try:
        spec.loader.exec_module(module)
        return getattr(module, function)()
    finally:
        os.chdir(before)
        sys.path.remove(str(path.parent))
