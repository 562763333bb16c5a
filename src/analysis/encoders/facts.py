"""What is known of an encoder by its name alone: title, input size, and what it was trained with. No torch."""

from dataclasses import dataclass
from typing import Literal

from analysis import paths
from analysis.encoders import files
from analysis.encoders.checkpoints import SIZE, checkpoints
from analysis.results import read_json

Supervision = Literal["self", "labels", "none"]
_CONV4 = {
    "protoclr": ("ProtoCLR", "self"),
    "umtra": ("UMTRA", "self"),
    "sup": ("Conv4 supervised", "labels"),
    "random": ("Conv4 untrained", "none"),
}
_SELF_SUPERVISED = ("dino", "mae", "ibot", "swav", "simclr", "moco", "byol", "simmim", "beit", "clip_self", "eva")
_TITLES = {
    "dinov2": "DINOv2",
    "dino": "DINO",
    "scale-mae": "Scale-MAE",
    "mae": "MAE",
    "swav": "SwAV",
    "simclr": "SimCLR",
    "moco": "MoCo v2",
    "byol": "BYOL",
    "simsiam": "SimSiam",
    "vicreg": "VICReg",
    "barlow-twins": "Barlow Twins",
    "tcr": "TCR",
    "simmim": "SimMIM",
    "ibot": "iBOT",
}


_CROPS = {"patch": ", patches", "patch16": ", patches of 16 px", "patch-disjoint": ", disjoint patches"}


@dataclass(frozen=True)
class Facts:
    """Attributes:
    title: short, for figures.
    size: side of the input, px.
    supervision: `self`, `labels` or `none` (untrained); claims about self-supervised models speak of the first only.
    probe: accuracy of a linear probe on Scenes, `objects`, as measured when it was trained; None where nobody measured it.
    """

    title: str
    size: int
    supervision: Supervision
    probe: float | None = None


def facts(name: str) -> Facts:
    """The facts of an encoder whose `check` has passed."""
    family, _, rest = name.partition(":")
    if family in ("zoo", "file"):
        path = files.zoo(rest)[0] if family == "zoo" else paths.user_path(rest)
        card = read_json(path.with_suffix(".json"))
        probes = card.get("probes", {})
        probe = probes.get("linear", {}).get("accuracy") if probes.get("data") == "scenes:objects" else None
        return Facts(_zoo_title(card["name"]), int(card["size"]), _by_method(str(card["method"])), probe)
    if family == "conv4":
        title, supervision = _CONV4[rest.split("_")[0]]
        return Facts(title if _is_main(rest) else rest, 84, supervision)  # type: ignore[arg-type]
    if family == "vit-tiny":
        return Facts("ViT-Tiny supervised", 224, "labels")
    if family == "hub-file":
        row = checkpoints()[rest.partition("=")[0]]
        return Facts(row.title, SIZE, row.supervision)
    return Facts(_title(rest), 224, "self" if any(word in rest for word in _SELF_SUPERVISED) else "labels")


def _zoo_title(name: str) -> str:
    """`simclr-patch` -> `SimCLR, patches`, `dino-vit-tiny-imagenet` -> `DINO ViT (photographs)`; other names as they are."""
    method, photographs = name.removesuffix("-tiny-imagenet"), name.endswith("-tiny-imagenet")
    start, dash, crop = method.partition("-patch")
    method, crops = (start, _CROPS[f"patch{crop}"]) if f"patch{crop}" in _CROPS and dash else (method, "")
    stem, transformer = method.removesuffix("-vit"), method.endswith("-vit")
    return _TITLES.get(stem, stem) + " ViT" * transformer + crops + " (photographs)" * photographs


def _by_method(method: str) -> Supervision:
    return "none" if "untrained" in method else "labels" if "supervised" in method else "self"


def _is_main(name: str) -> bool:
    """Whether a Conv4 file is the one its method is known by, and not an ablation."""
    return name in (
        *("protoclr_miniimagenet_3query_50bs", "umtra_miniimagenet_1query_5bs", "sup_Conv4_baseline_aug", "random_init"),
    )


def _title(kind: str) -> str:
    family = next((title for word, title in _TITLES.items() if word in kind), "")
    size = next((f" {letter}" for word, letter in _SIZES.items() if word in kind), "")
    return f"{family}{size}" if family else kind.split(".")[0]


_SIZES = {"small": "S", "vits": "S", "base": "B", "vitb": "B", "rn50": "RN50", "large": "L", "vitl": "L"}
