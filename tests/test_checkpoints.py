"""Published checkpoints: every key of every layout accounted for, the right copy read, the right numbers out."""

import argparse
import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VisionTransformer as TorchvisionViT
from torchvision.models.resnet import Bottleneck, ResNet

from analysis import encoders, paths
from analysis.encoders import checkpoints as registry
from analysis.encoders import hub_files
from analysis.encoders.base import Encoder
from analysis.encoders.checkpoint_layouts import head, sorted_out
from analysis.encoders.checkpoints import Checkpoint, PositionCode, checkpoints
from analysis.encoders.facts import facts
from analysis.encoders.positions import bicubic, geometric, sine
from analysis.encoders.transform import RAW
from analysis.encoders.weights import read_torch
from analysis.errors import MissingFile, UserError
from analysis.params import resolve
from analysis.studies.local_vit import tokens
from checkpoint_files import content, drawn, meta, torchvision_vit

KINDS = checkpoints()
PAPER: Any = resolve("local_vit", "paper", {})
STORES = json.loads(Path(__file__).with_name("authors_outputs.json").read_text())["stores"]
COLUMNS = (
    "architecture",
    "options",
    "containers",
    "prefix",
    "renames",
    "rewrite",
    "head",
    "projector",
    "head_renames",
    "ignored",
)


def layout(row: Checkpoint, *but: str) -> str:
    """What of a row decides how its file is read: files that differ in epochs or publisher only have the same keys."""
    return repr([getattr(row, column) for column in COLUMNS if column not in but])


LAYOUTS = list({layout(row): kind for kind, row in reversed(KINDS.items())}.values())
MAPPINGS = list({layout(row, "architecture", "projector"): kind for kind, row in reversed(KINDS.items())}.values())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of one block per stage, one block in all for transformers."""
    shallow = {name: ((1, 1, 1, 1), widen) for name, (_, widen) in hub_files.RESNETS.items()}
    monkeypatch.setattr(hub_files, "RESNETS", shallow)
    monkeypatch.setattr(timm, "create_model", partial(timm.create_model, depth=1))


def read(kind: str, file: Mapping[str, Any], **changes: Any) -> tuple[Any, Any]:
    return hub_files.networks(replace(KINDS[kind], **changes), file, "x.pth")


def features(backbone: Any, x: Tensor, layer: str = "embed") -> Tensor:
    with torch.inference_mode():
        return backbone.eval().forward_layers(x, (layer,))[layer].vector


# --- the registry ----------------------------------------------------------------------------------------------------


def test_every_method_of_the_studies_has_a_checkpoint() -> None:
    methods = {"DINOv2", "MAE", "SwAV", "DINO", "SimCLR", "MoCo v2", "MoCo v3", "BYOL", "SimSiam", "VICReg", "Barlow Twins"}
    assert methods | {"iBOT", "SimMIM", "Scale-MAE", "Supervised"} <= {row.method for row in KINDS.values()}
    assert {row.architecture for row in KINDS.values() if row.method == "DINO"} >= {"resnet50", "vit_small_patch16_224.dino"}


def test_every_row_says_where_from_and_on_what_terms() -> None:
    for kind, row in KINDS.items():
        assert row.page.startswith("https://github.com/"), kind
        assert re.search(r"CC BY-NC 4\.0|MIT|Apache-2\.0|not stated", row.licence), kind


def test_every_row_resizes_and_normalises_as_its_authors_do() -> None:
    bicubic = {kind for kind, row in KINDS.items() if row.interpolation == "bicubic"}
    own = {row.method for row in KINDS.values() if row.kind in bicubic}
    assert own == {"DINO", "DINOv2", "iBOT", "MAE", "Scale-MAE"}
    assert bicubic == {kind for kind, row in KINDS.items() if row.method in own and not kind.endswith("_lightly")}
    assert {kind for kind, row in KINDS.items() if row.std != (0.229, 0.224, 0.225)} == {
        *("swav_rn50", "swav_rn50_400ep", "swav_rn50_200ep", "swav_rn50_100ep")
    }
    assert KINDS["swav_rn50"].std == (0.228, 0.224, 0.225)
    assert {row.mean for row in KINDS.values()} == {(0.485, 0.456, 0.406)}


ROW = {"method": "M", "architecture": "resnet50", "page": "https://github.com/x", "licence": "MIT", "trap": "None."}
URL = "https://example.org/a.pth"


def registry_of(document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Checkpoint]:
    path = tmp_path / "checkpoints.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    monkeypatch.setattr(paths, "CHECKPOINTS", path)
    monkeypatch.setattr(registry, "_document", registry._document.__wrapped__)
    return registry.checkpoints.__wrapped__()


def test_columns_of_a_file_come_before_those_of_its_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"m_rn50": {"url": URL, "licence": "Apache-2.0"}, "m_rn50_b": {"url": URL}}
    rows = registry_of({"groups": [ROW | {"files": files}]}, tmp_path, monkeypatch)
    assert [(row.kind, row.licence) for row in rows.values()] == [("m_rn50", "Apache-2.0"), ("m_rn50_b", "MIT")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"url": "http://x"}, r"m_rn50\.url: .*match"),
        ({"url": None}, r"m_rn50\.url: "),
        ({"published": "about 70"}, r"m_rn50\.published: "),
        ({"digest": "sha256:xyz"}, r"m_rn50\.digest: "),
        ({"interpolation": "nearest"}, r"m_rn50\.interpolation: .*bilinear"),
        ({"std": [0.2, 0.2]}, r"m_rn50\.std"),
        ({"std": [58.0, 57.0, 57.0]}, r"m_rn50\.std\.0: .*less than 1"),
        ({"position_code": {"rule": "linear"}}, r"m_rn50\.position_code\.rule"),
        ({"position_code": {"ofset": 0.1}}, r"m_rn50\.position_code\.ofset"),
        ({"colour": "red"}, r"m_rn50.*colour"),
        ({"projector": "128"}, "head and projector go together"),
        ({"head": "h.", "projector": "128 tanh"}, r"m_rn50\.projector: "),
        ({"renames": [["(", "x"]]}, "is no regular expression"),
        ({"containers": []}, r"m_rn50\.containers: "),
        ({"trap": None}, r"m_rn50\.trap: "),
    ],
)
def test_a_wrong_row_is_one_line_that_names_it_and_its_column(
    change: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {key: value for key, value in ({"url": URL} | change).items() if value is not None}
    group = {key: value for key, value in ROW.items() if key not in change}
    with pytest.raises(UserError, match=says) as error:
        registry_of({"groups": [group | {"files": {"m_rn50": columns}}]}, tmp_path, monkeypatch)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "holds no `groups:`"),
        ("- 1", "holds no `groups:`"),
        ("groups: 3", "needs `groups:`, a list, with `files:` in each"),
        ("groups: [{files: 3}]", "needs `groups:`, a list, with `files:` in each"),
        ("groups: [", "cannot read .*checkpoints.yaml: "),
        ({"groups": [ROW | {"files": {"m_rn50": {"url": URL}}}] * 2}, "m_rn50 is there twice"),
        ({"groups": [ROW | {"files": {"M": {"url": URL}}}]}, r"M\.kind: "),
        ({"groups": [ROW | {"files": {7: None}}]}, r"7\."),
    ],
)
def test_a_wrong_registry_is_one_line(document: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=says) as error:
        registry_of(document, tmp_path, monkeypatch)
    assert "\n" not in str(error.value)


def test_two_files_of_one_name_are_looked_for_in_different_places() -> None:
    places = [registry.place(kind) for kind in KINDS]
    assert len(set(places)) == len(places)
    assert registry.place("swav_rn50") == "swav_800ep_pretrain.pth.tar"
    assert registry.place("vicreg_rn50") == "vicreg_rn50/resnet50.pth"
    assert registry.place("byol_rn50_lightly") == "byol_rn50_lightly/epoch=99-step=500400.ckpt"


def test_titles_and_supervision_of_a_checkpoint_are_known_by_its_name() -> None:
    assert facts("hub-file:mocov3_vits16=x.pth").title == "MoCo v3 ViT-S/16"
    assert facts("hub-file:swav_rn50_400ep").title == "SwAV RN50 400ep"
    assert facts("hub-file:vicreg_rn200x2").title == "VICReg RN200x2"
    assert {facts(f"hub-file:{kind}").supervision for kind in KINDS if not kind.startswith("supervised")} == {"self"}
    assert facts("hub-file:supervised_rn50").supervision == "labels"


def test_every_transformer_is_one_timm_has() -> None:
    architectures = {row.architecture for row in KINDS.values()} - set(hub_files.RESNETS)
    assert [name for name in architectures if not timm.is_model(name)] == []
    tagged = {row.architecture: row.url for row in KINDS.values() if "." in row.architecture and not row.kind.endswith("_full")}
    assert [name for name, url in tagged.items() if timm.get_pretrained_cfg(name).url != url] == []  # type: ignore[union-attr]


# --- every key --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_file_of_the_published_layout_fills_its_network(kind: str) -> None:
    with torch.device("meta"):
        backbone, projector = read(kind, content(kind, meta))
        assert (projector is not None) == bool(KINDS[kind].projector)
        if projector is not None:
            assert projector(torch.empty(2, backbone.dim)).shape[1] in (128, 256, 2048, 8192)


def test_kinds_of_one_layout_have_one_layout_in_the_tests_too() -> None:
    shapes: dict[str, str] = {}
    for kind, row in KINDS.items():
        keys = repr(content(kind, lambda key, shape: torch.empty((0, *shape), device="meta"), depth=1))
        assert shapes.setdefault(layout(row), keys) == keys, kind


SOME_KEY = re.compile(r"bn2\.running_var|norm2\.bias|ln_2\.bias")


def weights_of(row: Checkpoint, file: dict[str, Any]) -> tuple[dict[str, Tensor], str]:
    """The dictionary that holds the backbone, and one key of it."""
    inside = file
    for name in row.containers[0].split(".") if row.containers[0].split(".")[0] in file else ():
        inside = inside.get(name, inside)
    prefix = row.prefix.removeprefix("trunk.")
    inside = inside.get("trunk", inside)
    return inside, next(key for key in inside if key.removeprefix("module.").startswith(prefix) and SOME_KEY.search(key))


def lose(row: Checkpoint, file: dict[str, Any]) -> str:
    inside, key = weights_of(row, file)
    del inside[key]
    return r"missing [\w.]+\.(bn2\.running_var|norm2\.bias)$"


def reshape(row: Checkpoint, file: dict[str, Any]) -> str:
    inside, key = weights_of(row, file)
    inside[key] = torch.empty(7, device="meta")
    return r"wrong shape [\w.]+\.(bn2\.running_var|norm2\.bias) \(7,\) instead of \(\d+,\)$"


def add(row: Checkpoint, file: dict[str, Any]) -> str:
    inside, key = weights_of(row, file)
    inside[f"{'module.' if key.startswith('module.') else ''}surprise.weight"] = torch.empty(1, device="meta")
    return r"surprise\.weight"


def add_to_the_backbone(row: Checkpoint, file: dict[str, Any]) -> str:
    inside, key = weights_of(row, file)
    inside[SOME_KEY.sub("surprise.weight", key)] = torch.empty(1, device="meta")
    return r"unexpected [\w.]+\.surprise\.weight$"


def wrap(row: Checkpoint, file: dict[str, Any]) -> str:
    inside = dict(file)
    file.clear()
    file["somewhere"] = inside
    return r"holds no .* \(it holds somewhere\)|somewhere\."


def spoil(row: Checkpoint, file: dict[str, Any]) -> str:
    inside, key = weights_of(row, file)
    inside[key] = 3  # type: ignore[assignment]
    return r"is a int, not a tensor, where the weights should be$"


@pytest.mark.parametrize("fault", [lose, reshape, add, add_to_the_backbone, wrap, spoil])
def test_a_file_that_does_not_fit_is_one_line_that_names_the_key(fault: Callable[..., str], small: None) -> None:
    for kind in MAPPINGS:
        file = content(kind, meta, depth=1)
        says = fault(KINDS[kind], file)
        with torch.device("meta"), pytest.raises(UserError, match=says) as error:
            read(kind, file)
        assert "\n" not in str(error.value), kind


def test_a_file_without_its_head_is_refused(small: None) -> None:
    for kind in (kind for kind in MAPPINGS if KINDS[kind].head):
        row, file = KINDS[kind], content(kind, meta, depth=1)
        inside = file
        for name in row.containers[0].split(".") if row.containers[0].split(".")[0] in file else ():
            inside = inside.get(name, inside)
        for key in [key for key in inside if key.removeprefix("module.").startswith(row.head)]:
            del inside[key]
        if "heads" in inside:
            inside["heads"].clear()
        with torch.device("meta"), pytest.raises(UserError, match=r"the projection head in x\.pth .*missing 0\.weight"):
            read(kind, file)


def test_two_keys_that_become_one_are_refused(small: None) -> None:
    file = content("supervised_vitb16", meta, depth=1)
    file["encoder.layers.encoder_layer_0.mlp.0.bias"] = torch.empty(3072, device="meta")
    with torch.device("meta"), pytest.raises(UserError, match=r"has blocks\.0\.mlp\.fc1\.bias under two names"):
        read("supervised_vitb16", file)


@pytest.mark.parametrize(
    ("given", "asked"), [("simsiam_rn50", "mocov2_rn50"), ("dino_vits16", "dino_vitb16"), ("mae_vitb16", "swav_rn50")]
)
def test_the_file_of_another_checkpoint_is_refused(given: str, asked: str, small: None) -> None:
    with torch.device("meta"), pytest.raises(UserError):
        read(asked, content(given, meta, depth=1))


# --- the right numbers: ResNets ---------------------------------------------------------------------------------------

# kind -> where the evaluated copy lies, its prefix, the prefix of its head, the head: L linear, B batch norm, R ReLU, G GELU.
RESNETS = {
    "swav_rn50_vissl": (
        *("classy_state_dict.base_model.model", "trunk._feature_blocks."),
        *("heads.0.projection_head.", "L0 B1 R L3"),
    ),
    "mocov3_rn50": ("state_dict", "module.base_encoder.", "module.base_encoder.fc.", "L0 B1 R L3 B4"),
    "mocov3_rn50_mmpretrain_800ep": ("state_dict", "backbone.", "neck.", "Lfc0 Bbn0 R Lfc1 Bbn1"),
    "simsiam_rn50": ("state_dict", "module.encoder.", "module.encoder.fc.", "L0 B1 R L3 B4 R L6 B7"),
    "simsiam_rn50_mmpretrain_200ep": ("state_dict", "backbone.", "neck.", "Lfc0 Bbn0 R Lfc1 Bbn1 R Lfc2 Bbn2"),
    "simclr_rn50_mmpretrain_800ep": ("state_dict", "backbone.", "neck.", "Lfc0 Bbn0 R Lfc1 Bbn1"),
    "byol_rn50_mmpretrain": ("state_dict", "backbone.", "neck.", "Lfc0 Bbn0 R Lfc1"),
    "barlow_rn50_vissl": (
        *("classy_state_dict.base_model.model", "trunk._feature_blocks.", "heads."),
        "L0.clf.0 B0.clf.1 R L1.clf.0 B1.clf.1 R L2.clf.0",
    ),
    "barlow_rn50_mmpretrain": ("state_dict", "backbone.", "neck.", "Lfc0 Bbn0 R Lfc1 Bbn1 R Lfc2"),
    "supervised_rn50": ("", "", "", ""),
    "dino_rn50_lightly": ("state_dict", "backbone.", "", ""),
}  # fmt: skip


def flat(state: Mapping[str, Any]) -> dict[str, Tensor]:
    parts = {f"{key}.{k}": v for key, value in state.items() if isinstance(value, dict) for k, v in value.items()}
    return {key: value for key, value in state.items() if isinstance(value, Tensor)} | parts


def head_by_hand(state: Mapping[str, Tensor], steps: str, x: Tensor) -> Tensor:
    for step in steps.split():
        part = lambda name, at=step[1:]: state.get(f"{at}.{name}")  # noqa: E731
        if step[0] == "L":
            x = F.linear(x, state[f"{step[1:]}.weight"], part("bias"))
        elif step[0] == "B":
            x = F.batch_norm(x, part("running_mean"), part("running_var"), part("weight"), part("bias"))  # type: ignore[arg-type]
        else:
            x = F.relu(x) if step[0] == "R" else F.gelu(x)
    return x


@pytest.mark.parametrize("kind", RESNETS)
def test_a_resnet_gives_what_the_authors_network_gives(kind: str, small: None) -> None:
    container, prefix, head_prefix, steps = RESNETS[kind]
    file = content(kind, drawn, depth=1, wide=32)
    backbone, projector = read(kind, file, projector=KINDS[kind].projector.replace("8192", "32"))
    state: Any = file
    for name in container.split(".") if container else ():
        state = state[name]
    state = flat(state)
    model = ResNet(Bottleneck, [1, 1, 1, 1])
    model.fc = nn.Identity()  # type: ignore[assignment]
    model.load_state_dict({key: state[prefix + key] for key in model.state_dict()})
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = model.eval()(x)
        torch.testing.assert_close(features(backbone, x), expected)
        assert (projector is not None) == bool(steps)
        if projector is not None:
            by_hand = head_by_hand(
                {k[len(head_prefix) :]: v for k, v in state.items() if k.startswith(head_prefix)}, steps, expected
            )
            torch.testing.assert_close(projector.eval()(expected), by_hand)
            assert by_hand.std(0).max() > 1e-3  # images differ: equal constants would prove nothing


def test_every_head_that_is_kept_is_compared_with_the_authors_or_with_one_by_hand() -> None:
    head = lambda kind: layout(KINDS[kind], "architecture", "options")  # noqa: E731
    kept = {head(kind) for kind, row in KINDS.items() if row.projector}
    by_hand = {head(kind) for kind, (*_, steps) in RESNETS.items() if steps}
    theirs = {head(store["kind"]) for store in STORES.values() if "projector" in store["runs"].get("224", {})}
    assert kept == by_hand | theirs
    assert not by_hand & theirs


def test_a_wide_resnet_is_wide_throughout(small: None) -> None:
    """The stem of VICReg pads by 1 and then by 2: the function of torchvision's padding of 3."""
    backbone, _ = read("vicreg_rn50x2", file := content("vicreg_rn50x2", drawn, depth=1))
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    stem = F.conv2d(F.pad(x, (1, 1, 1, 1)), file["conv1.weight"], stride=2, padding=2)
    norm = [file[f"bn1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
    expected = F.max_pool2d(F.batch_norm(stem, *norm).relu(), 3, 2, 1).mean((2, 3))
    torch.testing.assert_close(features(backbone, x, "stem"), expected)
    assert features(backbone, x).shape == (1, 4096)
    assert features(backbone, x, "layer1").shape == (1, 512)


def test_a_head_is_built_as_described() -> None:
    assert repr(head("3- bn relu 2 bn0", 4)) == repr(
        nn.Sequential(
            nn.Linear(4, 3, bias=False), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2), nn.BatchNorm1d(2, affine=False)
        )
    )


# --- the right numbers: transformers ----------------------------------------------------------------------------------


def image(size: int = 224) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", ["dinov2_vitg14", "dinov2_vitg14_reg"])
def test_the_giant_dinov2_is_converted_as_timm_converts_it(kind: str) -> None:
    from timm.models.vision_transformer import checkpoint_filter_fn

    file = content(kind, lambda key, shape: torch.tensor(float(len(key) + shape[0])).expand(shape), depth=1)
    with torch.device("meta"):
        model = timm.create_model(KINDS[kind].architecture, pretrained=False, depth=1)
    expected = checkpoint_filter_fn(dict(file), model)  # type: ignore[arg-type]
    found, _ = sorted_out(KINDS[kind], file, "x.pth")
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].view(value.shape)[..., :64], value[..., :64])


@pytest.mark.parametrize("names", [("linear_1", "linear_2"), ("0", "3")], ids=["older names", "newer names"])
def test_the_supervised_transformer_is_torchvisions(names: tuple[str, str], small: None) -> None:
    file = {key: drawn(key, shape) for key, shape in torchvision_vit(1, names).items()}
    model = TorchvisionViT(224, 16, 1, 12, 768, 3072).eval()
    model.load_state_dict(
        {re.sub(r"linear_([12])", lambda m: str(3 * int(m[1]) - 3), key): value for key, value in file.items()}
    )
    model.heads = nn.Identity()  # type: ignore[assignment]
    with torch.inference_mode():
        torch.testing.assert_close(features(read("supervised_vitb16", file)[0], image()), model(image()), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PAPER.encoders)
def test_every_transformer_of_the_local_probes_gives_the_grid_of_its_preset(name: str, small: None) -> None:
    kind, side = name.removeprefix("hub-file:"), PAPER.grid
    backbone, _ = read(kind, content(kind, drawn, depth=1))
    encoder = tokens.with_grid(Encoder(name, backbone, RAW, size=224), side)
    images = np.random.default_rng(0).integers(0, 256, (1, 250, 500, 3), dtype=np.uint8)
    grid = tokens.tokens(encoder, images, tiles=(1, 2))
    assert grid.shape == (1, side, 2 * side, backbone.dim)
    last = tokens.layer_tokens(encoder, images, tokens.layers(encoder), tiles=(1, 2))["block1"]
    assert last.shape == grid.shape  # the only block, before the final norm


def test_the_position_code_at_resolution_one_is_that_of_mae() -> None:
    from lightly.models import utils

    code = nn.Parameter(torch.zeros(1, 197, 1024), requires_grad=False)
    utils.initialize_positional_embedding(code, strategy="sincos", num_prefix_tokens=1)
    torch.testing.assert_close(sine(14, 1024, 1.0), code.data, rtol=1e-5, atol=1e-5)


def test_twice_the_resolution_is_every_second_place() -> None:
    coarse, fine = (sine(side, 64, g)[0, 1:].unflatten(0, (side, side)) for side, g in ((7, 2.0), (14, 1.0)))
    torch.testing.assert_close(coarse, fine[::2, ::2])
    assert (fine[0, :, :32] != fine[0, :1, :32]).any()  # the first half codes columns
    assert (fine[:, 0, :32] == fine[:1, 0, :32]).all()


def test_torchvisions_transformer_is_resampled_as_torchvision_does(small: None) -> None:
    from torchvision.models.vision_transformer import interpolate_embeddings

    code = drawn("encoder.pos_embedding", (1, 197, 768))
    expected = interpolate_embeddings(128, 16, OrderedDict({"encoder.pos_embedding": code}))["encoder.pos_embedding"]
    backbone, _ = read("supervised_vitb16", {key: drawn(key, shape) for key, shape in torchvision_vit(1).items()})
    torch.testing.assert_close(backbone.at_size(128).model.pos_embed.detach(), expected)


@pytest.mark.parametrize("code", [PositionCode(), PositionCode(offset=0.1), PositionCode(antialias=True)])
def test_a_code_that_is_the_same_everywhere_stays_so(code: PositionCode) -> None:
    places = torch.tensor([0.3, -1.0]).expand(1, 49, 2)
    for side in (3, 7, 12):
        torch.testing.assert_close(bicubic(places, side, code), torch.tensor([0.3, -1.0]).expand(1, side**2, 2))


def test_a_table_of_relative_positions_keeps_its_centre_its_symmetry_and_the_class_tokens_rows() -> None:
    """Of a function of the distance, the new table reads it where the geometric progression puts each distance."""
    distance = torch.arange(-13, 14.0)
    table = torch.cat(
        [(-distance[:, None].abs() / 5 - distance.abs() / 3).flatten()[:, None], torch.tensor([[7.0], [8.0], [9.0]])]
    )
    for side in (8, 14, 20):
        new = geometric(table, side)
        assert new.shape == ((2 * side - 1) ** 2 + 3, 1)
        assert new[-3:].flatten().tolist() == [7.0, 8.0, 9.0]
        grid = new[:-3].view(2 * side - 1, -1)
        torch.testing.assert_close(grid, grid.flip(0))
        torch.testing.assert_close(grid, grid.flip(1))
        assert grid[side - 1, side - 1] == grid.max()
        assert grid[0, 0] == grid.min()
    torch.testing.assert_close(geometric(table, 20)[0], table[0], rtol=1e-3, atol=1e-3)  # the largest distances coincide


@pytest.mark.parametrize("kind", ["dino_vits16", "dinov2_vits14", "dinov2_vits14_reg", "simmim_vitb16", "scalemae_vitl16"])
def test_another_size_leaves_the_shared_backbone_alone_and_is_made_from_the_stored_code(kind: str, small: None) -> None:
    backbone, _ = read(kind, content(kind, drawn, depth=1))
    first = Encoder("first", backbone, RAW, size=224)
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    before = first.embed(images)
    patch = tokens.patch_side(first)
    smaller = tokens.with_grid(first, 8)
    again = tokens.with_grid(tokens.with_grid(smaller, 3), 8)
    fresh = Encoder("fresh", read(kind, content(kind, drawn, depth=1))[0], RAW, size=8 * patch)
    for encoder in (smaller, again):
        assert torch.equal(encoder.embed(images), fresh.embed(images))
    assert torch.equal(first.embed(images), before)
    assert tokens.with_grid(smaller, 224 // patch).embed(images).equal(before)
    own = dict(first.backbone.named_parameters())
    shared = [name for name, weight in smaller.backbone.named_parameters() if weight is own[name]]
    assert len(shared) >= len(own) - 1


def test_another_size_keeps_the_projector_and_the_way_images_are_resized(small: None) -> None:
    backbone, projector = read("mocov3_vits16", content("mocov3_vits16", drawn, depth=1))
    encoder = Encoder("m", backbone, RAW, size=224, interpolation="bilinear", projector=projector)
    smaller = tokens.with_grid(encoder, 7)
    assert (smaller.size, smaller.has_projector, smaller.transform.interpolation) == (112, True, "bilinear")
    assert smaller.project(np.zeros((1, 112, 112, 3), np.uint8)).shape == (1, 256)


# --- files on disk ----------------------------------------------------------------------------------------------------


class Settings:
    """An object of a training library: its pickle asks for code to be run."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older format"])
def test_only_the_tensors_of_a_full_pickle_are_read_and_no_code_is_run(zipped: bool, tmp_path: Path) -> None:
    weights = {"a": torch.arange(3.0), "b": nn.Parameter(torch.ones(2, 2)[:, :1])}
    settings = {"lr": [Settings(tmp_path / "run")], "set": argparse.Namespace(x=1), "types": {torch.float16: np.float64(2)}}
    torch.save(
        {"state_dict": weights, "hyper_parameters": settings}, tmp_path / "x.ckpt", _use_new_zipfile_serialization=zipped
    )
    found = read_torch(tmp_path / "x.ckpt")["state_dict"]
    assert (found["a"] == weights["a"]).all()
    assert (found["b"] == weights["b"]).all()
    assert not (tmp_path / "run").exists()


def test_a_file_is_found_by_its_official_name_and_loads(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    stored = tmp_path / "weights" / "vicreg_rn50" / "resnet50.pth"
    stored.parent.mkdir(parents=True)
    torch.save(content("vicreg_rn50", drawn, depth=1), stored)
    encoder = encoders.load("hub-file:vicreg_rn50")
    assert encoders.weight_files("hub-file:vicreg_rn50") == [stored, paths.CHECKPOINTS]
    assert (encoder.size, encoder.dim, encoder.mean) == (224, 2048, (0.485, 0.456, 0.406))
    assert encoder.layers == ("stem", "layer1", "layer2", "layer3", "layer4", "embed")


def test_a_file_that_is_not_the_published_one_is_refused_by_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "m.pth.tar"
    path.write_bytes(b"another training")
    says = r"m\.pth\.tar is damaged or not the file of mocov2_rn50: its MD5 begins with [0-9a-f]{8}, .* with a04e12f8$"
    with pytest.raises(UserError, match=says):
        encoders.load(f"hub-file:mocov2_rn50={path}")


def test_an_absent_checkpoint_is_one_line_with_its_address_its_terms_and_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    for kind, row in KINDS.items():
        with pytest.raises(MissingFile) as error:
            encoders.check(f"hub-file:{kind}")
        line = str(error.value)
        assert "\n" not in line
        assert all(part in line for part in (row.url, row.file, row.licence, str(tmp_path / "weights" / registry.place(kind))))


def test_a_misspelt_kind_gets_its_neighbours() -> None:
    with pytest.raises(UserError, match=r"the nearest are mocov2_rn50, .*`analysis models` lists them$"):
        encoders.check("hub-file:mocov2_resnet50")


def test_the_page_has_every_file_with_its_address_its_terms_and_its_trap() -> None:
    from analysis.book.checkpoints import write

    page = write()["_generated/checkpoints.md"]
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert lines.keys() == KINDS.keys()
    for kind, row in KINDS.items():
        assert row.digest.partition(":")[2] in lines[kind]
        assert f"]({row.url}) | {row.published} | [{row.licence}]({row.page}) |" in lines[kind]
        assert re.search(rf"^- .*`{kind}`.*: weights .*{re.escape(row.trap)}$", page, re.MULTILINE), kind


# --- damage -------------------------------------------------------------------------------------------------------------


def test_the_file_of_a_sibling_names_the_siblings_kind(small: None, tmp_path: Path) -> None:
    pairs = [("dino_vits16_full", "dino_vits16"), ("dino_vits16", "dino_vits16_full"), ("dinov2_vits14_reg", "dinov2_vits14")]
    pairs += [("vicreg_rn50_full", "vicreg_rn50"), ("ibot_vits16_full", "ibot_vits16"), ("dino_vits16", "dino_vitb16")]
    path = tmp_path / "x.pth"
    for given, asked in pairs:
        torch.save(content(given, drawn, depth=1, wide=8192), path)
        with pytest.raises(UserError, match=f"as the file of {given}, not of {asked}: write hub-file:{given}=.*x.pth$"):
            encoders.load(f"hub-file:{asked}={path}")


def test_a_file_that_fits_no_sibling_keeps_its_own_line(small: None, tmp_path: Path) -> None:
    file = content("dino_vits16", drawn, depth=1)
    del file["norm.bias"]
    torch.save(file, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"missing norm\.bias$"):
        encoders.load(f"hub-file:dino_vits16={tmp_path / 'x.pth'}")
    file["norm.bias"] = torch.full((384,), torch.nan)  # right in shape: no other kind is proposed
    torch.save(file, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"is damaged: values that are not finite in norm\.bias$"):
        encoders.load(f"hub-file:dino_vits16={tmp_path / 'x.pth'}")


def test_images_are_resized_and_normalised_as_the_row_says(small: None, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(content("swav_rn50", drawn, depth=1), path)
    encoder = encoders.load(f"hub-file:swav_rn50={path}")
    assert (encoder.transform.interpolation, encoder.std) == ("bilinear", (0.228, 0.224, 0.225))
    images = np.random.default_rng(0).integers(0, 256, (1, 300, 300, 3), dtype=np.uint8)
    resized = np.asarray(Image.fromarray(images[0]).resize((224, 224), Image.Resampling.BILINEAR))
    assert (encoder.transform.pixels(images)[0].numpy() == resized).all()
