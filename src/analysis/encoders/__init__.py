"""Encoders by name: `check` and `weight_files` are instant, `load` builds the network.

| name | what |
|---|---|
| `zoo:NAME` | a small encoder trained by this project, `data/zoo` |
| `file:PATH` | the same format anywhere: PATH.safetensors with PATH.json beside it |
| `conv4:NAME` | `DATA_ROOT/weights/conv4/NAME.safetensors` |
| `vit-tiny` | `DATA_ROOT/weights/vit_tiny_patch16_224.augreg.safetensors` |
| `timm:MODEL.WEIGHTS` | a timm model whose weights are in the local Hugging Face cache |
| `hub-file:KIND` | a published checkpoint under its official name in `DATA_ROOT/weights`; KIND as in `checkpoints` |
| `hub-file:KIND=PATH` | the same from a file anywhere |
| `python:FILE:FUNCTION` | a network of one's own, see `own` |

Nothing here uses the network.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis import paths
from analysis.encoders import files, own
from analysis.errors import MissingFile, UserError
from analysis.remote import Remote

if TYPE_CHECKING:
    from analysis.encoders.base import Encoder

FORMS = (
    "zoo:NAME",
    "file:PATH",
    "conv4:NAME",
    "vit-tiny",
    "timm:MODEL.WEIGHTS",
    "hub-file:KIND[=PATH]",
    "python:FILE:FUNCTION",
)


def weight_files(name: str) -> list[Path]:
    """The files whose content determines the encoder, present or not.

    Raises:
        UserError: no encoder can have this name.
    """
    family, rest = _split(name)
    if family in ("zoo", "file"):
        return files.local(files.named(family, rest))
    if family == "hub-file":
        return [files.hub(rest)[1], paths.CHECKPOINTS]
    if family == "python":
        return own.files(rest)
    return [files.conv4(rest) if family == "conv4" else files.timm(rest) if family == "timm" else files.vit_tiny()]


def check(name: str) -> None:
    """Make sure, in a moment and without torch, that `load(name)` will find its files.

    Raises:
        UserError: no encoder can have this name, or its file does not match its card.
        MissingFile: a file is absent; the line names it, its source and where to put it.
    """
    family, rest = _split(name)
    if family in ("zoo", "file"):
        files.check_local(name, files.named(family, rest))
    elif family == "conv4":
        files.check_conv4(name, rest)
    elif family == "timm":
        files.check_timm(rest)
    elif family == "hub-file":
        files.check_hub(name, rest)
    elif family == "python":
        own.check(rest)
    else:
        files.check_vit_tiny()


def absent(name: str) -> list[Remote]:
    """The published files of the encoder that are absent.

    Raises:
        UserError, MissingFile: as `check`, where there is no file that a machine could fetch.
    """
    family, rest = _split(name)
    try:
        check(name)
    except MissingFile:
        if family == "hub-file":
            return [files.hub_remote(name, rest)]
        if family == "timm":
            return [files.timm_remote(name, rest, files.timm(rest))]
        if family == "vit-tiny":
            return [files.timm_remote(name, files.VIT_TINY, files.vit_tiny())]
        raise
    return []


def load(name: str, device: str = "cpu") -> "Encoder":
    """The encoder of that name on `auto`, `cpu` or `cuda`, every weight accounted for.

    Raises:
        UserError: as `check`; or the file is corrupt, or a key does not fit (named).
    """
    check(name)
    from analysis.encoders.backbones import resolve_device

    family, rest = _split(name)
    place = resolve_device(device)
    if family in ("zoo", "file"):
        from analysis.encoders import local

        return local.load(name, files.named(family, rest), place)
    if family == "conv4":
        from analysis.encoders import conv4

        return conv4.load(name, rest, place)
    if family == "hub-file":
        from analysis.encoders import hub_files

        return hub_files.load(name, rest, place)
    if family == "python":
        return own.load(name, rest, place)
    from analysis.encoders import timm_models

    return timm_models.load(name, rest, place) if family == "timm" else timm_models.load_vit_tiny(name, place)


def untrained(name: str, device: str = "cpu") -> "Encoder":
    """The network of a published encoder with random weights, without its file; of any other name what `load` gives.

    Raises:
        UserError: as `load`, or no published encoder has this name.
    """
    from analysis.encoders.backbones import resolve_device

    family, rest = _split(name)
    if family == "hub-file":
        from analysis.encoders import hub_files

        return hub_files.untrained(name, rest, resolve_device(device))
    if family == "timm":
        from analysis.encoders import timm_models

        files.check_timm_name(rest)
        return timm_models.untrained(name, rest, resolve_device(device))
    return load(name, device)


def _split(name: str) -> tuple[str, str]:
    family, _, rest = name.partition(":")
    forms = {form.partition(":")[0]: form for form in FORMS}
    if family not in forms or (":" in forms[family]) != bool(rest):
        raise UserError(f"unknown encoder {name!r}: an encoder is one of {', '.join(FORMS)}")
    return family, rest
