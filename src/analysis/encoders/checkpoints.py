"""The published checkpoints that can be read here, as listed in `data/checkpoints.yaml`. No torch."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import unquote

import yaml
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from analysis import paths
from analysis.errors import UserError

SIZE = 224  # px, every one of them
NOT_STATED = "not stated"
IMAGENET_STD = (0.229, 0.224, 0.225)

Text = Annotated[str, Field(min_length=1)]
Address = Annotated[str, Field(pattern=r"^https://\S+$")]
Renames = tuple[tuple[str, str], ...]  # (regular expression, replacement), applied to a key one after the other
Share = Annotated[float, Field(gt=0, lt=1)]
Channels = tuple[Share, Share, Share]
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_STRICT)
class PositionCode:
    """How a transformer gets its position code for a grid of another size, as its authors do it; from the stored one, once.

    Attributes:
        rule: `bicubic`: the stored code is resampled; `sine`: a fresh sine-cosine code is computed for the grid and the ground
            resolution (Scale-MAE); `geometric`: a table of relative positions is resampled at distances that grow
            geometrically (SimMIM).
        offset: of `bicubic`, in places: DINO, iBOT and DINOv2 scale by (new side + 0.1) / old side.
        antialias, align_corners: of `bicubic`.
    """

    rule: Literal["bicubic", "sine", "geometric"] = "bicubic"
    offset: Annotated[float, Field(ge=0, lt=1)] = 0.0
    antialias: bool = False
    align_corners: bool = False


@dataclass(frozen=True, kw_only=True, config=_STRICT)
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
        interpolation: how its authors resize images when they evaluate the frozen network, or, where they never do, in
            training.
        mean, std: their normalisation, of pixels in [0, 1]; by default ImageNet's.
        position_code: of a transformer, at other sizes than that of training.
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

    kind: Annotated[str, Field(pattern=r"^[a-z0-9]+_(rn|vit)\w+$")]
    method: Text
    architecture: Text
    url: Address
    page: Address
    licence: Text
    published: Annotated[str, Field(pattern=r"^(not stated|\d\d\.\d( linear| fine-tuned)?)$")] = NOT_STATED
    name: str = ""
    digest: Annotated[str, Field(pattern=r"^((md5|sha256):[0-9a-f]{6,64})?$")] = ""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    mean: Channels = (0.485, 0.456, 0.406)
    std: Channels = IMAGENET_STD
    position_code: PositionCode = PositionCode()
    containers: Annotated[tuple[str, ...], Field(min_length=1)] = ("",)
    prefix: str = ""
    renames: Renames = ()
    rewrite: Literal["", "registers"] = ""
    head: str = ""
    projector: Annotated[str, Field(pattern=r"^((\d+-?|bn0?|relu|gelu)( |$))*$")] = ""
    head_renames: Renames = ()
    ignored: tuple[Text, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    supervision: Literal["self", "labels"] = "self"
    trap: Annotated[str, Field(pattern=r"\.$")]

    def __post_init__(self) -> None:
        if bool(self.head) != bool(self.projector):
            raise ValueError("head and projector go together")
        for pattern, _ in (*self.renames, *self.head_renames):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression ({error})") from None

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


@cache
def checkpoints() -> dict[str, Checkpoint]:
    """All of them by kind, those of one method together.

    Raises:
        UserError: `data/checkpoints.yaml` cannot be read, or a row of it is wrong (named, with its column).
    """
    rows: dict[str, Checkpoint] = {}
    groups = _document().get("groups")
    for group in groups if isinstance(groups, list) else [None]:
        if not isinstance(group, dict) or not isinstance(group.get("files"), dict):
            raise UserError(f"{paths.CHECKPOINTS} needs `groups:`, a list, with `files:` in each")
        common = {column: value for column, value in group.items() if column != "files"}
        for kind, own in group["files"].items():
            if kind in rows:
                raise UserError(f"{paths.CHECKPOINTS}: {kind} is there twice")
            rows[kind] = _row({"kind": kind, **common, **(own if isinstance(own, dict) else {"url": own})})
    return dict(sorted(rows.items(), key=lambda item: item[1].method.casefold()))


def not_read() -> dict[str, str]:
    """Checkpoints named in the studies' sources and not read here: name -> reason."""
    return dict(_document()["not_read"])


def place(kind: str) -> str:
    """Where under `weights` of the data root a file is looked for: by its own name, or in a folder of its kind.

    The folder is for names that more than one file bears (`resnet50.pth`): they could be taken for one another.
    """
    file = checkpoints()[kind].file
    return file if Counter(row.file for row in checkpoints().values())[file] == 1 else f"{kind}/{file}"


@cache
def _document() -> dict[str, Any]:
    try:
        content = yaml.load(paths.CHECKPOINTS.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {paths.CHECKPOINTS}: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise UserError(f"{paths.CHECKPOINTS} holds no `groups:`")
    return content


def _row(columns: dict[str, Any]) -> Checkpoint:
    try:
        return Checkpoint(**columns)
    except (ValidationError, TypeError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, [columns["kind"], *first["loc"]]))
        raise UserError(f"{paths.CHECKPOINTS}: {where}: {first['msg']}") from None
