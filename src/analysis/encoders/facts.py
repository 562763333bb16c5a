"""What is known of an encoder by its name alone, before it is loaded: how it was trained, and what that taught it. No torch.

Who belongs to a claim is decided here, by facts from the encoder's card or from the registry of checkpoints; a title is for
the eye only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any, Literal

from analysis import paths
from analysis.encoders import files, methods, own
from analysis.encoders.checkpoints import SIZE, checkpoints
from analysis.encoders.methods import ALIGNING, METHODS, OBJECTIVES, SELF_SUPERVISED, Method, Objective
from analysis.errors import UserError
from analysis.results import read_json

Supervision = Literal["self", "labels", "none"]
_CROPS = {"patch": ", patches", "patch16": ", patches of 16 px", "patch-disjoint": ", disjoint patches"}
_CONV4 = {"protoclr": "protoclr", "umtra": "umtra", "sup": "supervised", "random": "untrained"}
_CONV4_MAIN = ("protoclr_miniimagenet_3query_50bs", "umtra_miniimagenet_1query_5bs", "sup_Conv4_baseline_aug", "random_init")
_SIZES = {"tiny": "Ti", "small": "S", "base": "B", "large": "L", "huge": "H", "giant": "g"}


@dataclass(frozen=True)
class Probe:
    """A linear probe as measured when the encoder was trained, on the data that it was trained on.

    Attributes:
        accuracy, low, high: on test images, with the 95 % interval over them.
        data: the data set, `scenes:objects` for an encoder trained on Scenes.
        chance: accuracy of a guess.
    """

    accuracy: float
    low: float
    high: float
    data: str
    chance: float


@dataclass(frozen=True)
class Facts:
    """Attributes:
    title: short, for figures.
    size: side of the input, px.
    method: its key in `methods.METHODS`; "" of a published network of which only the name is known.
    family: of the architecture: `resnet`, `vit`, `conv4`, or the first word that timm has for it.
    objective: what its loss asks for.
    data: what it was trained on, as the card or the registry names it; "" for nothing, and where nobody says.
    probe: None where nobody measured it.
    untrained: name of the untrained encoder of the same architecture (itself, if it is one); None where there is none.
    patch: side of the patches of one size it was trained on, as a share of that of the image; None where there are none.
    """

    title: str
    size: int
    method: str
    family: str
    objective: Objective
    data: str = ""
    probe: Probe | None = None
    untrained: str | None = None
    patch: float | None = None

    @property
    def supervision(self) -> Supervision:
        """`self`, `labels` (also where nobody states it) or `none` (untrained)."""
        return "self" if self.objective in SELF_SUPERVISED else "none" if self.objective == "none" else "labels"

    @property
    def aligning(self) -> bool:
        """Trained without labels to give two views of an image like representations."""
        return self.objective in ALIGNING


def facts(name: str) -> Facts:
    """The facts of an encoder whose `check` has passed.

    Raises:
        UserError: its card names a method that is not known and no `objective`.
    """
    kind, _, rest = name.partition(":")
    if kind in ("zoo", "file"):
        return _of_card(name, files.named(kind, rest))
    if kind == "conv4":
        return _of_conv4(rest)
    if kind == "vit-tiny":
        return Facts("ViT-Tiny supervised", 224, "supervised", "vit", "supervised", "imagenet-21k")
    if kind == "python":
        title, objective = own.place(rest)[0].stem, own.stated(rest, "OBJECTIVE", "not stated")
        if objective not in methods.OBJECTIVES:
            raise UserError(f"encoder {name!r}: OBJECTIVE is {objective!r}; it is one of {', '.join(methods.OBJECTIVES)}")
        return Facts(title, SIZE, title, "own", objective)
    if kind == "hub-file":
        row = checkpoints()[rest.partition("=")[0]]
        method = methods.of_title(row.method)
        return Facts(row.title, SIZE, method, _family(row.architecture), _method(method).objective)
    method = methods.of_timm(rest)
    return Facts(_timm_title(rest, method), 224, method, _family(rest), _method(method).objective)


def trained_by(names: Iterable[str], objectives: Sequence[Objective]) -> list[str]:
    """Those of the encoders whose loss is one of `objectives`, in their order."""
    return [name for name in names if facts(name).objective in objectives]


def self_supervised(names: Iterable[str]) -> list[str]:
    """Those of the encoders trained without labels, in their order."""
    return trained_by(names, SELF_SUPERVISED)


def untrained_copies(names: Iterable[str]) -> dict[str, str]:
    """Trained encoder -> the untrained one of the same architecture, where there is one."""
    known = {name: facts(name) for name in names}
    return {n: f.untrained for n, f in known.items() if f.untrained is not None and f.objective != "none"}


def probe_or_refuse(name: str) -> Probe:
    """The linear probe of an encoder on its own data.

    Raises:
        UserError: nobody measured it.
    """
    probe = facts(name).probe
    if probe is None:
        raise UserError(f"{name} has no linear probe on its own data on its card: train it anew with `analysis pretrain`")
    return probe


def above_untrained(name: str) -> bool | None:
    """Whether an encoder's probe lies above that of its untrained copy, on its own data; None where there is no copy.

    The lower end of the difference of two proportions (Newcombe 1998, method 10: unpaired, so cautious on shared images)
    must lie above 0.

    Raises:
        UserError: one of the two has no probe, or they are of different data.
    """
    copy = facts(name).untrained
    if copy is None:
        return None
    own, other = probe_or_refuse(name), probe_or_refuse(copy)
    if own.data != other.data:
        raise UserError(f"{name} was probed on {own.data}, its untrained copy {copy} on {other.data}: they cannot be compared")
    return own.accuracy - other.accuracy > hypot(own.accuracy - own.low, other.high - other.accuracy)


def not_learned(names: Iterable[str]) -> dict[str, str]:
    """Encoders of the zoo, or of a file, that are no evidence about their method -> why, to go on from "because".

    A network published elsewhere is taken at its publisher's word: nobody has its untrained copy.
    """
    found = {}
    for name in names:
        if name.startswith(("zoo:", "file:")) and facts(name).objective != "none" and above_untrained(name) is False:
            found[name] = f"{facts(name).title} is not above its untrained copy on its own data"
    return found


def _of_card(name: str, path: Path) -> Facts:
    card = read_json(path.with_suffix(".json"))
    recipe = str(card.get("method", ""))
    method = methods.of_recipe(recipe)
    if method not in METHODS and card.get("objective") not in OBJECTIVES:
        told = ", ".join(OBJECTIVES)
        raise UserError(f'{path.with_suffix(".json")}: unknown method {recipe!r}: add an entry "objective", one of {told}')
    objective = METHODS[method].objective if method in METHODS else card["objective"]
    data = str(card.get("recipe", {}).get("data", ""))
    return Facts(
        title=card_title(card),
        size=int(card["size"]),
        method=method,
        family=str(card["architecture"]["family"]),
        objective=objective,
        data="" if objective == "none" else data,
        probe=_probe(card),
        untrained=name if objective == "none" else _untrained(card),
        patch=_patch(card),
    )


def _patch(card: Mapping[str, Any]) -> float | None:
    low, high = card.get("recipe", {}).get("augmentation", {}).get("area", (0, 1))
    return float(low**0.5) if low == high < 1 else None


def _probe(card: Mapping[str, Any]) -> Probe | None:
    probes = card.get("probes", {})
    if "linear" not in probes:
        return None
    return Probe(**probes["linear"], data=probes["data"], chance=probes["chance"])


def _untrained(card: Mapping[str, Any]) -> str | None:
    """The untrained encoder of the zoo with the network of `card`, if possible probed on the same data."""
    fits = []
    for path in sorted(paths.ZOO.glob("*.json")):
        other = read_json(path)
        if METHODS.get(methods.of_recipe(str(other.get("method")))) == METHODS["untrained"] and network(other) == network(card):
            fits.append((other.get("probes", {}).get("data") != card.get("probes", {}).get("data"), f"zoo:{path.stem}"))
    return min(fits)[1] if fits else None


def network(card: Mapping[str, Any]) -> dict[str, Any]:
    """The network itself: what its head is and where it is read does not make another one."""
    return {key: value for key, value in card["architecture"].items() if key not in ("projector", "output")}


def card_title(card: Mapping[str, Any]) -> str:
    """`simclr-patch` -> `SimCLR, patches`, `dino-vit` -> `DINO ViT`, with `(photographs)` for what Scenes did not train.

    Another seed than 0 is named.
    """
    recipe, made = str(card["method"]), card.get("recipe", {})
    method = methods.of_recipe(recipe)
    stem, dash, crop = recipe.partition("-patch")
    crops = _CROPS.get(f"patch{crop}", f", patch{crop}") if dash else ""
    title = _method(method).title or stem
    seed = f", seed {made['seed']}" if made.get("seed") else ""
    photographs = " (photographs)" * (made.get("data", "") not in ("", "scenes"))
    return title + " ViT" * stem.endswith("-vit") + crops + seed + photographs


def _of_conv4(name: str) -> Facts:
    method = _CONV4[name.split("_")[0]]
    title = {"supervised": "Conv4 supervised", "untrained": "Conv4 untrained"}.get(method, METHODS[method].title)
    data = "" if method == "untrained" else "cub" if "cub" in name.split("_") else "miniimagenet"
    shown = title if name in _CONV4_MAIN else name
    return Facts(shown, 84, method, "conv4", METHODS[method].objective, data, None, "conv4:random_init")


def _method(key: str) -> Method:
    return METHODS.get(key, methods.UNKNOWN)


def _family(architecture: str) -> str:
    """`vit_small_patch16_224.dino` -> `vit`; `resnet50x2`, `wide_resnet50_2` -> `resnet`."""
    words = architecture.partition(".")[0].split("_")
    if any(word in ("vit", "deit", "deit3", "beit", "beitv2", "eva", "eva02") for word in words):
        return "vit"
    return "resnet" if any(word.startswith("resne") for word in words) else words[0]


def _timm_title(model: str, method: str) -> str:
    words = model.partition(".")[0].split("_")
    size = next((f" {letter}" for word, letter in _SIZES.items() if word in words), "")
    return f"{METHODS[method].title}{size}" if method not in ("", "supervised") else model.partition(".")[0]
