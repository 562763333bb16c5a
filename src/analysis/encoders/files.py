"""Which files an encoder name needs, found without importing torch and without touching the network."""

import difflib
import hashlib
import importlib.util
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis import paths, publish
from analysis.encoders.checkpoints import checkpoints, place
from analysis.errors import MissingFile, UserError
from analysis.remote import Remote
from analysis.results import intact

VIT_TINY = "vit_tiny_patch16_224.augreg_in21k_ft_in1k"


def named(family: str, rest: str) -> Path:
    """Where the weights of `zoo:REST` or `file:REST` lie, with their card beside them."""
    return paths.ZOO / f"{rest}.safetensors" if family == "zoo" else paths.user_path(rest)


def local(path: Path) -> list[Path]:
    """The weights of an encoder in this project's format, and its card beside `path`.

    One network probed on two sets of images has two cards and one file of weights: the second card names the first (`weights`).
    """
    card = path.with_suffix(".json")
    try:
        shared = json.loads(card.read_text(encoding="utf-8")).get("weights")
    except (ValueError, AttributeError, OSError):  # `verified_card` says so
        shared = None
    return [path.with_name(f"{Path(shared).name}.safetensors") if isinstance(shared, str) else path, card]


def conv4(name: str) -> Path:
    """The file of a Conv4 encoder under the data root."""
    return paths.data_root() / "weights" / "conv4" / f"{name}.safetensors"


def vit_tiny() -> Path:
    """The file of the supervised ViT-Tiny under the data root."""
    return paths.data_root() / "weights" / "vit_tiny_patch16_224.augreg.safetensors"


def timm(name: str) -> Path:
    """The weights of a timm model: in the local Hugging Face cache, else under the data root."""
    from huggingface_hub import constants, try_to_load_from_cache

    found = try_to_load_from_cache(f"timm/{name}", "model.safetensors", cache_dir=constants.HF_HUB_CACHE)
    return Path(found) if isinstance(found, str) else timm_stored(name)


def timm_stored(name: str) -> Path:
    """Where under the data root the weights of a timm model lie."""
    return paths.data_root() / "weights" / "timm" / f"{name}.safetensors"


def hub(argument: str) -> tuple[str, Path]:
    """`KIND` or `KIND=PATH` taken apart; without a PATH the file is that of the official name in `weights` of the data root.

    A relative PATH is looked for where the user stands, then in `weights` of the data root.
    """
    kind, separator, text = argument.partition("=")
    if kind not in checkpoints() or (separator and not text):
        hint = f"write hub-file:KIND or hub-file:KIND=PATH{_choice(kind, checkpoints())}; `analysis models` lists them"
        raise UserError(f"encoder 'hub-file:{argument}': {hint}")
    stored = paths.data_root() / "weights" / (text or place(kind))
    here = paths.user_path(text) if text else stored
    return kind, stored if stored.exists() and not here.exists() else here


def hub_remote(name: str, argument: str) -> Remote:
    """The published checkpoint."""
    kind, path = hub(argument)
    return Remote(name, path, checkpoints()[kind].url, checkpoints()[kind].digest)


def timm_remote(name: str, model: str, target: Path) -> Remote:
    """The weights of a timm model."""
    from huggingface_hub import hf_hub_url

    return Remote(name, target, hf_hub_url(f"timm/{model}", "model.safetensors"))


def check_local(name: str, path: Path) -> None:
    """The weights and their card are there and belong together."""
    publish.finish(path.parent, path.stem)
    absent = [file for file in local(path) if not file.exists()]
    if absent:
        known = sorted(card.stem for card in path.parent.glob("*.json") if local(card.with_suffix(".safetensors"))[0].exists())
        raise MissingFile(f"encoder {name!r}: there is no {absent[0]}{_choice(path.stem, known)}")
    verified_card(path)


def verified_card(path: Path) -> dict[str, Any]:
    """The card beside `path`, once it is known to be whole and to describe its weights.

    Raises:
        UserError: the card is unreadable, changed since it was written, or lacks an entry, or the SHA-256 of the weights is
            not its `digest`.
    """
    weights, card_path = local(path)
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        lacking = [key for key in ("architecture", "size", "mean", "std", "digest") if key not in card]
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{card_path} is not a readable card ({error})") from None
    if lacking:
        raise UserError(f"{card_path} lacks {', '.join(lacking)}")
    if not intact(card):
        raise UserError(f"{card_path} was damaged or edited since it was written (its checksum differs): restore it")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != card["digest"]:
        raise UserError(f"{weights} is damaged or not the file its card describes (SHA-256 differs): restore both files")
    return card


def check_conv4(name: str, stem: str) -> None:
    """The Conv4 file is there."""
    path = conv4(stem)
    if not path.exists():
        known = sorted(file.stem for file in path.parent.glob("*.safetensors"))
        hint = "" if known else "; set DATA_ROOT to the folder that holds weights/conv4"
        raise MissingFile(f"encoder {name!r}: there is no {path}{_choice(stem, known)}{hint}")


def check_vit_tiny() -> None:
    """The ViT-Tiny file is there."""
    if not vit_tiny().exists():
        source = f"model.safetensors of huggingface.co/timm/{VIT_TINY}"
        raise MissingFile(
            f"encoder 'vit-tiny': there is no {vit_tiny()}: put {source} there (`analysis download vit-tiny` does that), "
            "or set DATA_ROOT"
        )


def check_timm_name(name: str) -> None:
    """timm knows the model and its weights."""
    tags = _timm_tags(name.partition(".")[0])
    if name not in tags:
        close = f"; its weights are {', '.join(tags)}" if tags else f"; timm has no model {name.partition('.')[0]!r}"
        raise UserError(f"encoder 'timm:{name}': write timm:MODEL.WEIGHTS, e.g. timm:vit_small_patch14_dinov2.lvd142m{close}")


def check_timm(name: str) -> None:
    """timm knows the model, and its weights are here."""
    check_timm_name(name)
    path = timm(name)
    if not path.exists():
        kinds = [kind for kind, row in checkpoints().items() if row.architecture == name]
        other = f", or give the official file as hub-file:{kinds[0]}=PATH" if kinds else ""
        raise MissingFile(
            f"encoder 'timm:{name}': its weights are neither in the Hugging Face cache nor at {path}: fetch them once with "
            f"`analysis download timm:{name}` or `hf download timm/{name} model.safetensors`{other}"
        )


def check_hub(name: str, argument: str) -> None:
    """The published checkpoint is there."""
    kind, path = hub(argument)
    if not path.is_file():
        row, folder = checkpoints()[kind], paths.data_root() / "weights"
        raise MissingFile(
            f"encoder {name!r}: there is no file {path}: get {row.file} from {row.url} (licence: {row.licence}) and put it at "
            f"{folder / place(kind)} (`analysis download hub-file:{kind}` does that), or set DATA_ROOT"
        )


def _timm_tags(model: str) -> list[str]:
    """`MODEL.WEIGHTS` names timm declares for a model, read from its source: importing timm costs seconds."""
    spec = importlib.util.find_spec("timm")
    folder = Path(spec.submodule_search_locations[0]) / "models" if spec and spec.submodule_search_locations else Path()
    pattern = re.compile(rf"""['"]({re.escape(model)}\.[\w-]+)['"]\s*:""")
    return sorted({tag for file in folder.glob("*.py") for tag in pattern.findall(file.read_text(encoding="utf-8"))})


def _choice(name: str, known: Iterable[str], limit: int = 12) -> str:
    names = list(known)
    if len(names) > limit:
        names = difflib.get_close_matches(name, names, n=3, cutoff=0.3) or names[:limit]
        return f"; the nearest are {', '.join(names)}"
    return f"; there is {', '.join(names)}" if names else ""
