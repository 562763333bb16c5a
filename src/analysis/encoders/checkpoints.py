"""The published checkpoints that can be read here: source, terms, layout of the keys, known traps. No torch.

A figure, a licence or a digest is given only where its publisher states it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal
from urllib.parse import unquote

SIZE = 224  # px, every one of them
NORMALISATION = "ImageNet"  # mean and standard deviation, every one of them
NOT_STATED = "not stated"
FAIR = "https://dl.fbaipublicfiles.com"
GITHUB = "https://github.com"
CC_BY_NC = "CC BY-NC 4.0"
Renames = tuple[tuple[str, str], ...]  # (regular expression, replacement), applied to a key one after the other

# Named in the studies' sources, and not read here.
NOT_READ = {
    "BYOL, the authors' own": "written for JAX; a conversion has to reproduce the padding of TensorFlow",
    "solo-learn, ResNet-18": "no longer published, as its README says since 2026",
    "BEiT, ViT-B/16": "published for another library, under its names; no claim of this book is about it",
    "SEER": "other networks (RegNet) trained on other images: no substitute for a ResNet-50 on ImageNet",
}


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One published file.

    Attributes:
        kind: its name here, METHOD_NETWORK and then what tells it from its siblings.
        method: as its authors write it.
        architecture: `resnet50`, `resnet50x2`, `resnet200x2`, or a model of timm; with its tag where timm has the same weights.
        url: where the file is published.
        page: where its licence and its figure are stated.
        licence: of the weights, or of the repository where nothing is said of the weights.
        published: top-1 on ImageNet, %, and how it was reached; `not stated` where the sources do not say.
        name: of the file, where the address does not end in it.
        digest: first digits of the digest its publisher gives, `md5:...` or `sha256:...`.
        containers: where in the file the weights lie: alternatives, dots between dictionaries, empty for the top.
        prefix: of the backbone's keys (`module.` of distributed training is taken away before).
        renames: of the backbone's keys, to those of the network here.
        rewrite: a change that a renaming cannot express, see `checkpoint_layouts`.
        head: prefix of the keys of the projection head that is kept.
        projector: its layers, as `checkpoint_layouts.head` reads them.
        head_renames: of its keys.
        ignored: prefixes of the keys left aside: other heads, momentum copies, queues.
        options: of the network, beyond its name.
        supervision: `self` or `labels`.
        trap: what is easily got wrong with this file, one sentence.
    """

    kind: str
    method: str
    architecture: str
    url: str
    page: str
    licence: str
    published: str = NOT_STATED
    name: str = ""
    digest: str = ""
    containers: tuple[str, ...] = ("",)
    prefix: str = ""
    renames: Renames = ()
    rewrite: Literal["", "registers", "scale_mae"] = ""
    head: str = ""
    projector: str = ""
    head_renames: Renames = ()
    ignored: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    supervision: Literal["self", "labels"] = "self"
    trap: str

    @property
    def file(self) -> str:
        """The official name of the file."""
        return self.name or unquote(self.url.rsplit("/", 1)[-1])

    @property
    def network(self) -> str:
        """The architecture for people: `RN50`, `RN50x2`, `ViT-B/16`."""
        word = self.kind.split("_")[1]
        return f"ViT-{word[3].upper()}/{word[4:]}" if word.startswith("vit") else word.replace("rn", "RN")

    @property
    def title(self) -> str:
        """Method, network and what tells the file from its siblings, for figures."""
        return " ".join([self.method, self.network, *self.kind.split("_")[2:]])


def family(files: Mapping[str, tuple[str, ...]], **common: Any) -> list[Checkpoint]:
    """The checkpoints of one layout: `files` is kind -> (url, published, digest), the last two as far as they are known."""
    rows = []
    for kind, known in files.items():
        columns: dict[str, Any] = dict(zip(("url", "published", "digest"), known, strict=False))
        rows.append(Checkpoint(kind=kind, **columns, **common))
    return rows


@cache
def checkpoints() -> dict[str, Checkpoint]:
    """All of them by kind, those of one method together."""
    from analysis.encoders import checkpoint_libraries, checkpoint_resnets, checkpoint_transformers

    rows = [*checkpoint_transformers.ROWS, *checkpoint_resnets.ROWS, *checkpoint_libraries.ROWS]
    return {row.kind: row for row in sorted(rows, key=lambda row: row.method.casefold())}


def place(kind: str) -> str:
    """Where under `weights` of the data root a file is looked for: by its own name, or in a folder of its kind.

    The folder is for names that more than one file bears (`resnet50.pth`): they could be taken for one another.
    """
    file = checkpoints()[kind].file
    return file if Counter(row.file for row in checkpoints().values())[file] == 1 else f"{kind}/{file}"
