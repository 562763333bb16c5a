"""How an encoder can have been trained: every method by its key, with what the claims of the studies ask of it. No torch."""

from dataclasses import dataclass
from typing import Literal, get_args

Objective = Literal[
    "joint-embedding", "self-distillation", "clustering", "masked-image-modelling", "supervised", "none", "not stated"
]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
ALIGNING: tuple[Objective, ...] = ("joint-embedding", "self-distillation", "clustering")
SELF_SUPERVISED: tuple[Objective, ...] = (*ALIGNING, "masked-image-modelling")


@dataclass(frozen=True)
class Method:
    """One way to train an encoder.

    Attributes:
        title: as its authors write it, for tables and figures.
        objective: what the loss asks for. `joint-embedding`, `self-distillation` and `clustering` align two views of an image.
        paper: its key in the bibliography; "" where there is none.
    """

    title: str
    objective: Objective
    paper: str = ""


METHODS: dict[str, Method] = {
    "simclr": Method("SimCLR", "joint-embedding", "chen2020simclr"),
    "moco": Method("MoCo v2", "joint-embedding", "chen2020moco"),
    "moco-v3": Method("MoCo v3", "joint-embedding"),
    "byol": Method("BYOL", "joint-embedding", "grill2020"),
    "simsiam": Method("SimSiam", "joint-embedding", "chen2021"),
    "vicreg": Method("VICReg", "joint-embedding", "bardes2022"),
    "barlow-twins": Method("Barlow Twins", "joint-embedding", "zbontar2021"),
    "tcr": Method("TCR", "joint-embedding", "chen2023"),
    "i-jepa": Method("I-JEPA", "joint-embedding"),
    "protoclr": Method("ProtoCLR", "joint-embedding"),
    "umtra": Method("UMTRA", "joint-embedding"),
    "swav": Method("SwAV", "clustering", "caron2020"),
    "dino": Method("DINO", "self-distillation", "caron2021"),
    "ibot": Method("iBOT", "self-distillation", "zhou2022"),
    "dinov2": Method("DINOv2", "self-distillation", "oquab2024"),
    "mae": Method("MAE", "masked-image-modelling", "he2022"),
    "simmim": Method("SimMIM", "masked-image-modelling", "xie2022"),
    "scale-mae": Method("Scale-MAE", "masked-image-modelling", "reed2023"),
    "beit": Method("BEiT", "masked-image-modelling"),
    "supervised": Method("supervised", "supervised"),
    "untrained": Method("untrained", "none"),
}
UNKNOWN = Method("", "not stated")  # of a published network of which only the name is known

# The word by which the tag of a timm model names its method; a fine-tuned one is supervised, whatever came before.
TIMM_TAGS = {"dino": "dino", "lvd142m": "dinov2", "lvd1689m": "dinov2", "mae": "mae", "ijepa": "i-jepa"}
TIMM_LABELS = ("in1k", "in12k", "in21k", "in22k", "augreg", "ft", "supervised")


def of_recipe(name: str) -> str:
    """The method of a recipe of the zoo, which a card names with its variant: `dino-vit` -> `dino`, `tcr-patch16` -> `tcr`."""
    return name.partition("-patch")[0].removesuffix("-vit")


def of_timm(model: str) -> str:
    """The method of `MODEL.WEIGHTS` by the words of its tag; "" where the tag names none that is known."""
    words = model.partition(".")[2].split("_")
    if "ft" not in words:
        named = [TIMM_TAGS[word] for word in words if word in TIMM_TAGS]
        if named:
            return named[0]
    return "supervised" if any(word in TIMM_LABELS for word in words) else ""


def of_title(title: str) -> str:
    """The method whose authors write it so, as a registry names it; "" where none does."""
    return next((key for key, method in METHODS.items() if method.title.casefold() == title.casefold()), "")
