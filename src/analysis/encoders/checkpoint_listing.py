"""Every encoder that can be named: what it is, on what terms, and whether its file is here. No torch, no network."""

from dataclasses import dataclass
from pathlib import Path

from analysis import paths
from analysis.encoders import files
from analysis.encoders.checkpoints import NOT_STATED, checkpoints
from analysis.encoders.facts import facts
from analysis.results import read_json

OURS = "this project's"


@dataclass(frozen=True)
class Model:
    """One line of `analysis models`.

    Attributes:
        name: what to write for an encoder; capitals stand for a choice of the user.
        title: for figures.
        architecture: the network.
        licence: of the weights.
        published: accuracy its publisher states; for the zoo, that of a linear probe on its own data.
        source: where the file comes from.
        file: where it is looked for; empty where the name does not say.
        present: whether it is there.
    """

    name: str
    title: str
    architecture: str
    licence: str
    published: str = NOT_STATED
    source: str = OURS
    file: str = ""
    present: bool = False


def models() -> list[Model]:
    """The zoo, the published checkpoints, the weights under the data root and in timm's cache, and the open names."""
    return [*_zoo(), *_published(), *_stored(), *_timm(), Model("file:PATH", "one's own", "as its card says", "the user's")]


def lines() -> list[str]:
    """`models` as a table for the eye."""
    rows = [("encoder", "network", "licence", "top-1, %", "here")]
    rows += [(m.name, m.architecture, m.licence, m.published, "yes" if m.present else "no" if m.file else "") for m in models()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _zoo() -> list[Model]:
    rows = []
    for card in sorted(paths.ZOO.glob("*.json")):
        name, network = f"zoo:{card.stem}", read_json(card)["architecture"]
        known, file = facts(name), files.local(card)[0]
        probe = NOT_STATED if known.probe is None else f"{100 * known.probe.accuracy:.1f} linear on {known.probe.data}"
        rows.append(Model(name, known.title, _network(network), OURS, probe, OURS, str(file), file.is_file()))
    return rows


def _network(architecture: dict[str, object]) -> str:
    names = {"resnet": "small ResNet", "vit": f"small ViT, patch {architecture.get('patch')}"}
    return names.get(str(architecture["family"]), str(architecture["family"]))


def _published() -> list[Model]:
    rows = []
    for kind, row in checkpoints().items():
        path = files.hub(kind)[1]
        rows.append(
            Model(
                name=f"hub-file:{kind}",
                title=row.title,
                architecture=row.architecture,
                licence=row.licence,
                published=row.published,
                source=row.url,
                file=str(path),
                present=path.is_file(),
            )
        )
    return rows


def _stored() -> list[Model]:
    """ViT-Tiny, and each Conv4 that is there; where there is none, one line for all."""
    conv4 = sorted(files.conv4("x").parent.glob("*.safetensors")) or [files.conv4("NAME")]
    tiny = files.vit_tiny()
    terms, source = "Apache-2.0", "https://huggingface.co/timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    known = facts("vit-tiny").title
    return [
        Model("vit-tiny", known, "vit_tiny_patch16_224", terms, source=source, file=str(tiny), present=tiny.is_file()),
        *(
            Model(f"conv4:{path.stem}", "Conv4", "Conv4", "MIT", NOT_STATED, NOT_STATED, str(path), path.is_file())
            for path in conv4
        ),
    ]


def _timm() -> list[Model]:
    """The timm models in the local Hugging Face cache or under the data root, and the open name."""
    from huggingface_hub import constants  # a moment, and nobody else needs it

    found = sorted(Path(constants.HF_HUB_CACHE).glob("models--timm--*/snapshots/*/model.safetensors"))
    names = {path.stem: path for path in sorted(files.timm_stored("x").parent.glob("*.safetensors"))}
    names |= {path.parents[2].name.removeprefix("models--timm--"): path for path in found}
    hub = "https://huggingface.co/timm"
    here = [
        Model(
            f"timm:{name}", facts(f"timm:{name}").title, name, NOT_STATED, source=f"{hub}/{name}", file=str(path), present=True
        )
        for name, path in names.items()
    ]
    return [*here, Model("timm:MODEL.WEIGHTS", "any model of timm", "as named", "as on its page", source=hub)]
