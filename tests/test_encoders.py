"""Encoders by name: what is checked before any work, and what every encoder promises."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms as reference

from analysis import encoders, paths
from analysis.encoders.backbones import Stages, resolve_device, wrap
from analysis.encoders.base import Encoder
from analysis.encoders.transform import IMAGENET, RAW, Transform
from analysis.errors import MissingFile, UserError

DINOV2 = "timm:vit_small_patch14_dinov2.lvd142m"


def photos(n: int, size: int, seed: int = 0) -> np.ndarray:
    """Smooth random pictures: noise would make every resampling look alike."""
    small = np.random.default_rng(seed).integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in small])


def tiny(seed: int = 0, **options: object) -> Encoder:
    """A two-stage convnet with 3x3 kernels: places of its maps see known pixels."""
    torch.manual_seed(seed)
    block = lambda a, b: torch.nn.Sequential(torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2))  # noqa: E731
    head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return Encoder("tiny", Stages({"a": block(3, 8), "b": block(8, 16)}, head, dim=16), RAW, size=16, **options)  # type: ignore[arg-type]


def tiny_vit(**options: object) -> Encoder:
    """A timm transformer with CLS and register tokens on a 4 x 4 grid."""
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    sizes = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 2, "num_classes": 0, "reg_tokens": 2}
    return Encoder("vit", wrap(VisionTransformer(**{**sizes, **options})), IMAGENET, size=32)  # type: ignore[arg-type]


# --- names and files -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet", "zoo", "zoo:", "vit-tiny:x", "", "conv5:random_init", "Timm:x"])
def test_a_name_of_no_family_lists_the_families(name: str) -> None:
    with pytest.raises(UserError, match="an encoder is one of zoo:NAME") as error:
        encoders.check(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["hub-file:swav=x.pth", "hub-file:=x", "hub-file:mae_vitb16=", "hub-file:dino"])
def test_a_hub_file_of_no_kind_or_of_no_path_says_where_the_kinds_are(name: str) -> None:
    with pytest.raises(UserError, match=r"write hub-file:KIND or hub-file:KIND=PATH; .* `analysis models` lists them"):
        encoders.check(name)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("zoo:nobody", "nobody.safetensors"),
        ("file:/nowhere/x.safetensors", "/nowhere/x.safetensors"),
        ("conv4:nobody", "DATA_ROOT"),
        ("vit-tiny", "DATA_ROOT"),
        (DINOV2, "hf download timm/vit_small_patch14_dinov2.lvd142m .* hub-file:dinov2_vits14=PATH"),
        ("timm:vit_base_patch16_224.mae", "hub-file:mae_vitb16=PATH"),
        ("hub-file:swav_rn50=/nowhere/s.pth.tar", "https://dl.fbaipublicfiles.com/deepcluster/swav_800ep_pretrain.pth.tar"),
    ],
)
def test_an_absent_file_is_one_line_that_names_it(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingFile, match=says) as error:
        encoders.check(name)
    assert "\n" not in str(error.value)
    assert not encoders.weight_files(name)[0].exists()


def test_a_timm_name_without_its_weights_lists_them() -> None:
    with pytest.raises(UserError, match=r"its weights are .*vit_base_patch16_224\.mae"):
        encoders.check("timm:vit_base_patch16_224")


def test_a_model_timm_does_not_have_is_said_to_be_unknown() -> None:
    with pytest.raises(UserError, match="timm has no model 'vit_colossal'"):
        encoders.check("timm:vit_colossal.mae")


def test_a_misspelt_conv4_name_gets_its_neighbours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    folder = tmp_path / "weights" / "conv4"
    folder.mkdir(parents=True)
    for name in ["random_init", "umtra", *(f"sup_{i}" for i in range(12))]:
        (folder / f"{name}.safetensors").touch()
    with pytest.raises(MissingFile, match="the nearest are random_init"):
        encoders.check("conv4:random_int")


def test_a_relative_hub_file_is_also_found_under_the_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    stored = tmp_path / "weights" / "official.pth"
    stored.parent.mkdir()
    stored.touch()
    assert encoders.weight_files("hub-file:mae_vitb16=official.pth")[0] == stored
    monkeypatch.chdir(tmp_path)
    (tmp_path / "official.pth").touch()
    assert encoders.weight_files("hub-file:mae_vitb16=official.pth")[0] == tmp_path / "official.pth"


def test_check_imports_no_torch_and_opens_no_connection(tmp_path: Path) -> None:
    script = f"""
import socket, sys
def refuse(*a, **k): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from analysis import encoders
for name in ("{DINOV2}", "vit-tiny", "zoo:nobody", "conv4:nobody", "hub-file:swav_rn50=x", "hub-file:mae_vitl16"):
    try: encoders.check(name)
    except encoders.files.MissingFile as error: print(error)
assert not {{"torch", "timm", "torchvision"}} & set(sys.modules), "heavy import"
"""
    environment = {"PYTHONPATH": str(paths.SOURCE.parent), "DATA_ROOT": str(tmp_path), "HF_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


@pytest.mark.parametrize("device", ["gpu", "cuda:7", ""])
def test_an_unknown_device_lists_the_known_ones(device: str) -> None:
    with pytest.raises(UserError, match="there is auto, cpu, cuda"):
        resolve_device(device)


def test_cuda_without_a_gpu_is_refused_and_auto_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no usable GPU"):
        resolve_device("cuda")
    assert resolve_device("auto") == torch.device("cpu")


# --- preprocessing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [(64, 224), (96, 32), (48, 48), (50, 84)])
def test_the_transform_is_torchvisions_on_pillow_images(before: int, after: int) -> None:
    images = photos(3, before)
    steps = [
        reference.Resize((after, after), reference.InterpolationMode.BICUBIC),
        reference.ToTensor(),
        reference.Normalize(*IMAGENET),
    ]
    expected = torch.stack([reference.Compose(steps)(Image.fromarray(image)) for image in images])
    found = Transform(after, *IMAGENET)(images)
    torch.testing.assert_close(found, expected)


def test_the_transform_leaves_its_input_alone_and_takes_read_only_arrays() -> None:
    images = photos(2, 16)
    before = images.copy()
    images.flags.writeable = False
    Transform(16, *RAW)(images)
    assert (images == before).all()


@pytest.mark.parametrize("shape", [(2, 8, 9, 3), (8, 8, 3), (2, 3, 8, 8), (2, 8, 8, 1)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images must be"):
        Transform(8, *RAW)(np.zeros(shape, dtype=np.uint8))


def test_float_images_are_refused() -> None:
    with pytest.raises(ValueError, match="uint8"):
        Transform(8, *RAW)(np.zeros((1, 8, 8, 3)))


# --- layers, patches, heads ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", [tiny(), tiny_vit()], ids=["convnet", "transformer"])
def test_all_layers_in_one_pass_are_each_layer_alone(encoder: Encoder) -> None:
    images = photos(5, 20)
    together = encoder.pooled(images, encoder.layers)
    assert tuple(together) == encoder.layers
    for layer in encoder.layers:
        alone = encoder.pooled(images, (layer,))[layer]
        assert alone.shape[0] == 5
        assert alone.dtype == torch.float32
        torch.testing.assert_close(alone, together[layer])
    torch.testing.assert_close(encoder.embed(images), together["embed"])
    assert together["embed"].shape == (5, encoder.dim)


@pytest.mark.parametrize("encoder", [tiny(), tiny_vit()], ids=["convnet", "transformer"])
def test_an_unknown_layer_lists_the_layers(encoder: Encoder) -> None:
    with pytest.raises(UserError, match=f"no layer 'logits'; it has {', '.join(encoder.layers)}"):
        encoder.pooled(photos(1, 8), ("embed", "logits"))


@pytest.mark.parametrize("encoder", [tiny(), tiny_vit()], ids=["convnet", "transformer"])
def test_results_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    images = photos(7, 20)
    for layer, rows in encoder.pooled(images, encoder.layers, batch_size=3).items():
        torch.testing.assert_close(rows, encoder.pooled(images, (layer,))[layer], rtol=1e-5, atol=1e-6)


def test_results_can_be_trained_on() -> None:
    features = tiny().embed(photos(4, 16))
    weight = torch.zeros(16, 1, requires_grad=True)
    (features @ weight).sum().backward()
    assert weight.grad is not None


def test_the_standard_embedding_of_a_transformer_is_timms_own() -> None:
    encoder = tiny_vit()
    images = photos(3, 32)
    model = encoder.backbone.model
    with torch.inference_mode():
        tokens = model.forward_features(encoder.transform(images))
        torch.testing.assert_close(encoder.embed(images), model(encoder.transform(images)))
    torch.testing.assert_close(encoder.embed(images), tokens[:, 0])
    torch.testing.assert_close(
        encoder.pooled(images, ["patch_mean"])["patch_mean"], tokens[:, 3:].mean(1)
    )  # 1 CLS, 2 registers
    torch.testing.assert_close(encoder.patches(images), tokens[:, 3:].reshape(3, 4, 4, -1))


def test_blocks_of_a_transformer_are_pooled_by_the_class_token_after_the_block() -> None:
    encoder = tiny_vit()
    images = photos(2, 32)
    seen = []
    handle = encoder.backbone.model.blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    found = encoder.pooled(images, ["block2"])["block2"]
    handle.remove()
    torch.testing.assert_close(found, seen[0][:, 0].clone())


def test_blocks_of_a_transformer_without_class_token_are_pooled_by_the_mean_over_patches() -> None:
    encoder = tiny_vit(class_token=False, reg_tokens=0, global_pool="avg", fc_norm=False)
    images = photos(2, 32)
    torch.testing.assert_close(encoder.pooled(images, ["block1"])["block1"], encoder.patches(images, "block1").mean((1, 2)))
    torch.testing.assert_close(encoder.embed(images), encoder.pooled(images, ["patch_mean"])["patch_mean"])


def test_blocks_of_a_transformer_that_averages_its_patches_are_averaged_too_though_it_has_a_class_token() -> None:
    encoder = tiny_vit(global_pool="avg", fc_norm=False)
    images = photos(2, 32)
    torch.testing.assert_close(encoder.pooled(images, ["block1"])["block1"], encoder.patches(images, "block1").mean((1, 2)))


def test_a_transformer_read_before_its_end_gives_the_mean_over_normed_patches_there_and_all_its_blocks() -> None:
    whole = tiny_vit()
    encoder = Encoder("vit", wrap(whole.backbone.model, output=2), IMAGENET, size=32)
    images = photos(2, 32)
    grid = whole.backbone.model.norm(whole.patches(images, "block2")).detach()
    found = encoder.pooled(images, encoder.layers)
    assert encoder.layers == whole.layers
    for layer in ("embed", "patch_mean"):
        torch.testing.assert_close(found[layer], grid.mean((1, 2)))
        torch.testing.assert_close(encoder.pooled(images, [layer])[layer], found[layer])
    torch.testing.assert_close(encoder.patches(images), grid)
    torch.testing.assert_close(found["block3"], whole.pooled(images, ["block3"])["block3"])
    assert encoder.digest != whole.digest


def test_patches_of_a_transformer_are_in_raster_order() -> None:
    encoder = tiny_vit(depth=1)
    model = encoder.backbone.model
    for part in (model.blocks[0].attn.proj, model.blocks[0].mlp.fc2):  # block 1 becomes the identity: each token its patch
        torch.nn.init.zeros_(part.weight)
        torch.nn.init.zeros_(part.bias)
    dark = np.zeros((1, 32, 32, 3), dtype=np.uint8)
    for row, column in [(0, 0), (0, 3), (2, 1)]:
        lit = dark.copy()
        lit[0, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
        changed = (encoder.patches(lit, "block1") != encoder.patches(dark, "block1")).any(-1)[0]
        assert changed.nonzero().tolist() == [[row, column]]


def test_patches_of_a_convnet_change_only_where_they_see_the_changed_pixel() -> None:
    encoder = tiny()
    image = photos(1, 16)
    lit = image.copy()
    lit[0, 5, 12] ^= 255
    changed = (encoder.patches(lit, "a") != encoder.patches(image, "a")).any(-1)[0]
    assert changed.shape == (8, 8)
    rows, columns = changed.nonzero().T
    assert set(rows.tolist()) <= {2, 3}  # pixels 4-6 of a 3x3 kernel, pooled by 2
    assert set(columns.tolist()) <= {5, 6}
    assert changed.any()


def test_a_projector_is_applied_to_the_embedding() -> None:
    projector = torch.nn.Linear(16, 4)
    encoder = tiny(projector=projector)
    images = photos(3, 16)
    assert encoder.has_projector
    torch.testing.assert_close(encoder.project(images), projector(encoder.embed(images)).detach())


def test_an_encoder_without_projector_says_so() -> None:
    assert not tiny().has_projector
    with pytest.raises(UserError, match="has no projector"):
        tiny().project(photos(1, 16))


def test_the_side_of_a_transformers_input_is_a_multiple_of_its_patch() -> None:
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(img_size=28, patch_size=14, embed_dim=24, depth=1, num_heads=2, num_classes=0)
    with pytest.raises(UserError, match="a multiple of 14 px, not 32: use 28 or 42"):
        Encoder("vit", wrap(model), IMAGENET, size=32)


def test_another_input_size_resamples_the_position_embedding() -> None:
    from timm.layers import resample_abs_pos_embed
    from timm.models.vision_transformer import VisionTransformer

    model = VisionTransformer(img_size=56, patch_size=14, embed_dim=24, depth=1, num_heads=2, num_classes=0)
    expected = resample_abs_pos_embed(model.pos_embed.detach().clone(), [2, 2], [4, 4], num_prefix_tokens=1)
    encoder = Encoder("vit", wrap(model), IMAGENET, size=28)
    torch.testing.assert_close(encoder.backbone.model.pos_embed.detach(), expected)
    assert model.pos_embed.shape == (1, 17, 24)  # the network that was given stays as it was
    assert encoder.patches(photos(1, 28)).shape == (1, 2, 2, 24)


def test_a_timm_convnet_has_its_stages_and_its_own_embedding() -> None:
    import timm

    model = timm.create_model("resnet10t", pretrained=False, num_classes=7)
    encoder = Encoder("r", wrap(model), IMAGENET, size=32)
    images = photos(2, 32)
    assert encoder.layers == ("act1", "layer1", "layer2", "layer3", "layer4", "embed")
    with torch.inference_mode():
        expected = model.forward_head(model.forward_features(encoder.transform(images)), pre_logits=True)
    torch.testing.assert_close(encoder.embed(images), expected)
    assert encoder.embed(images).shape == (2, encoder.dim)
    assert encoder.patches(images, "layer2").shape == (2, 4, 4, 128)


def test_a_network_that_cannot_be_read_layer_by_layer_is_refused() -> None:
    import timm

    model = timm.create_model("swin_tiny_patch4_window7_224", pretrained=False, depths=(1, 1, 1, 1))
    with pytest.raises(UserError, match="SwinTransformer networks cannot be read layer by layer"):
        wrap(model)


# --- digest ----------------------------------------------------------------------------------------------------------


def test_the_digest_is_that_of_weights_architecture_and_preprocessing() -> None:
    digest = tiny().digest
    assert digest == tiny().digest
    assert digest != tiny(seed=1).digest
    assert digest != tiny(projector=torch.nn.Linear(16, 4)).digest
    torch.manual_seed(0)
    assert Encoder("tiny", tiny().backbone, IMAGENET, size=16).digest != digest
    assert Encoder("tiny", tiny().backbone, RAW, size=32).digest != digest
    other = tiny()
    other.backbone.stages["a"][1] = torch.nn.GELU()  # same weights, another function
    assert other.digest != digest


def test_the_digest_changes_with_the_code_that_runs_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tiny().digest
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "backbones.py" else b""))
    assert tiny().digest != before


def test_the_card_format_is_what_json_gives_back(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"weights")
    for card, says in [("{", "not a readable card"), (json.dumps({"size": 64}), "lacks architecture, mean, std, digest")]:
        path.with_suffix(".json").write_text(card)
        with pytest.raises(UserError, match=says):
            encoders.check(f"file:{path}")
