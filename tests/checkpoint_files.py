"""Files laid out as their publishers lay them out: names and shapes of every weight, written from the authors' code."""

import argparse
import re
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]
WIDTHS = {
    "small": (384, 12, 6),
    "base": (768, 12, 12),
    "large": (1024, 24, 16),
    "huge": (1280, 32, 16),
    "giant": (1536, 40, 24),
}


def batch_norm(name: str, width: int, affine: bool = True) -> Shapes:
    parts = [*(("weight", "bias") if affine else ()), "running_mean", "running_var"]
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def resnet(depths: tuple[int, ...] = (3, 4, 6, 3), widen: int = 1) -> Shapes:
    """A bottleneck ResNet as torchvision names it, without `fc`."""
    width = before = 64 * widen
    shapes: Shapes = {"conv1.weight": (width, 3, 7, 7)} | batch_norm("bn1", width)
    for i, depth in enumerate(depths):
        planes = width * 2**i
        for j in range(depth):
            at = f"layer{i + 1}.{j}."
            convs = {"1": (planes, before, 1, 1), "2": (planes, planes, 3, 3), "3": (4 * planes, planes, 1, 1)}
            for number, shape in convs.items():
                shapes |= {f"{at}conv{number}.weight": shape} | batch_norm(f"{at}bn{number}", shape[0])
            if j == 0:
                shapes |= {f"{at}downsample.0.weight": (4 * planes, before, 1, 1)} | batch_norm(f"{at}downsample.1", 4 * planes)
            before = 4 * planes
    return shapes


def vit(size: str, patch: int, places: int, depth: int | None = None, class_token: bool = True) -> Shapes:
    """A plain ViT as timm has named it from the start; `places` counts the position codes."""
    width, blocks, _ = WIDTHS[size]
    shapes: Shapes = {"cls_token": (1, 1, width)} if class_token else {}
    shapes |= {"pos_embed": (1, places, width), "patch_embed.proj.weight": (width, 3, patch, patch)}
    shapes |= {"patch_embed.proj.bias": (width,), "norm.weight": (width,), "norm.bias": (width,)}
    for i in range(depth or blocks):
        at = f"blocks.{i}."
        shapes |= {f"{at}{norm}.{part}": (width,) for norm in ("norm1", "norm2") for part in ("weight", "bias")}
        shapes |= linear(f"{at}attn.qkv", width, 3 * width) | linear(f"{at}attn.proj", width, width)
        shapes |= linear(f"{at}mlp.fc1", width, 4 * width) | linear(f"{at}mlp.fc2", 4 * width, width)
    return shapes


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + key: shape for key, shape in shapes.items()}


# --- ResNets: backbone and width of the widest heads -> the content of the file -----------------------------------------


def swav(net: Shapes, wide: int) -> dict[str, Any]:
    head = linear("0", 2048, 2048) | batch_norm("1", 2048) | linear("3", 2048, 128)
    return under("module.", net | under("projection_head.", head) | {"prototypes.weight": (3000, 128)})


def moco_v2(net: Shapes, wide: int) -> dict[str, Any]:
    both = net | linear("fc.0", 2048, 2048) | linear("fc.2", 2048, 128)
    copies = under("encoder_q.", both) | under("encoder_k.", both) | {"queue": (128, 65536), "queue_ptr": (1,)}
    return {"epoch": 800, "arch": "resnet50", "state_dict": under("module.", copies), "optimizer": {"state": {}}}


def moco_v3(net: Shapes, wide: int) -> dict[str, Any]:
    both = net | linear("fc.0", 2048, 4096, False) | batch_norm("fc.1", 4096) | linear("fc.3", 4096, 256, False)
    return _moco_v3(both | batch_norm("fc.4", 256, False))


def _moco_v3(both: Shapes) -> dict[str, Any]:
    predictor = (
        linear("0", 256, 4096, False) | batch_norm("1", 4096) | linear("3", 4096, 256, False) | batch_norm("4", 256, False)
    )
    copies = under("base_encoder.", both) | under("momentum_encoder.", both) | under("predictor.", predictor)
    return {"epoch": 300, "arch": "x", "state_dict": under("module.", copies), "optimizer": {}, "scaler": {"scale": 1.0}}


def simsiam(net: Shapes, wide: int) -> dict[str, Any]:
    encoder = net | linear("fc.0", 2048, 2048, False) | batch_norm("fc.1", 2048) | linear("fc.3", 2048, 2048, False)
    encoder |= batch_norm("fc.4", 2048) | linear("fc.6", 2048, 2048) | batch_norm("fc.7", 2048, False)
    predictor = linear("0", 2048, 512, False) | batch_norm("1", 512) | linear("3", 512, 2048)
    return {"state_dict": under("module.encoder.", encoder) | under("module.predictor.", predictor), "optimizer": {}}


def bare(net: Shapes, wide: int) -> dict[str, Any]:
    return dict(net)


def vicreg(net: Shapes, wide: int) -> dict[str, Any]:
    head = linear("0", 2048, wide) | batch_norm("1", wide) | linear("3", wide, wide) | batch_norm("4", wide)
    head |= linear("6", wide, wide, False)
    return {"epoch": 1000, "model": under("module.", under("backbone.", net) | under("projector.", head)), "optimizer": {}}


def _barlow_head(wide: int) -> Shapes:
    head = linear("0", 2048, wide, False) | batch_norm("1", wide) | linear("3", wide, wide, False) | batch_norm("4", wide)
    return head | linear("6", wide, wide, False)


def barlow(net: Shapes, wide: int) -> dict[str, Any]:
    model = under("backbone.", net) | under("projector.", _barlow_head(wide)) | batch_norm("bn", wide, False)
    return {"epoch": 1000, "model": under("module.", model), "optimizer": {"param_groups": [{"weight_decay_filter": barlow}]}}


def _vissl(net: Shapes, heads: Shapes) -> dict[str, Any]:
    model = {"trunk": under("_feature_blocks.", net), "heads": heads}
    state = {"base_model": {"model": model, "meters": [argparse.Namespace()]}, "train_phase_idx": 999}
    return {"phase_idx": 999, "classy_state_dict": state, "config": argparse.Namespace(seed=0)}


def simclr_vissl(net: Shapes, wide: int) -> dict[str, Any]:
    return _vissl(net, linear("0.clf.0", 2048, 2048) | linear("1.clf.0", 2048, 128))


def barlow_vissl(net: Shapes, wide: int) -> dict[str, Any]:
    names = {"0": "0.clf.0", "1": "0.clf.1", "3": "1.clf.0", "4": "1.clf.1", "6": "2.clf.0"}
    return _vissl(net, {re.sub(r"^\d", lambda m: names[m[0]], key): shape for key, shape in _barlow_head(wide).items()})


def swav_vissl(net: Shapes, wide: int) -> dict[str, Any]:
    head = linear("0", 2048, 2048) | batch_norm("1", 2048) | linear("3", 2048, 128)
    return _vissl(net, under("0.projection_head.", head) | {"0.prototypes0.weight": (3000, 128)})


def _openmmlab(net: Shapes, neck: Shapes, extra: Shapes, copy: str = "") -> dict[str, Any]:
    state = under("backbone.", net) | under("neck.", neck) | under("head.", extra)
    if copy:
        state |= {f"{copy}.steps": ()} | under(f"{copy}.module.0.", net) | under(f"{copy}.module.1.", neck)
    return {"meta": {"dataset_meta": argparse.Namespace()}, "state_dict": state}


def simclr_openmmlab(net: Shapes, wide: int) -> dict[str, Any]:
    neck = linear("fc0", 2048, 2048, False) | batch_norm("bn0", 2048) | linear("fc1", 2048, 128, False) | batch_norm("bn1", 128)
    return _openmmlab(net, neck, {})


def byol_openmmlab(net: Shapes, wide: int) -> dict[str, Any]:
    neck = linear("fc0", 2048, 4096) | batch_norm("bn0", 4096) | linear("fc1", 4096, 256, False)
    predictor = linear("fc0", 256, 4096) | batch_norm("bn0", 4096) | linear("fc1", 4096, 256, False)
    return _openmmlab(net, neck, under("predictor.", predictor), "target_net")


def simsiam_openmmlab(net: Shapes, wide: int) -> dict[str, Any]:
    neck = linear("fc0", 2048, 2048, False) | batch_norm("bn0", 2048) | linear("fc1", 2048, 2048, False)
    neck |= batch_norm("bn1", 2048) | linear("fc2", 2048, 2048, False) | batch_norm("bn2", 2048, False)
    predictor = linear("fc0", 2048, 512, False) | batch_norm("bn0", 512) | linear("fc1", 512, 2048)
    return _openmmlab(net, neck, under("predictor.", predictor))


def barlow_openmmlab(net: Shapes, wide: int) -> dict[str, Any]:
    names = {"0": "fc0", "1": "bn0", "3": "fc1", "4": "bn1", "6": "fc2"}
    neck = {re.sub(r"^\d", lambda m: names[m[0]], key): shape for key, shape in _barlow_head(wide).items()}
    return _openmmlab(net, neck, batch_norm("bn", wide, False))


def moco_v3_openmmlab(net: Shapes, wide: int) -> dict[str, Any]:
    neck = linear("fc0", 2048, 4096, False) | batch_norm("bn0", 4096) | linear("fc1", 4096, 256, False)
    neck |= batch_norm("bn1", 256, False)
    predictor = linear("fc0", 256, 4096, False) | batch_norm("bn0", 4096) | linear("fc1", 4096, 256, False)
    return _openmmlab(net, neck, under("predictor.", predictor), "momentum_encoder")


def lightly(net: Shapes, wide: int) -> dict[str, Any]:
    state = under("backbone.", net) | linear("online_classifier.linear", 2048, 1000)
    for copy in ("student_", "teacher_", "query_", "key_"):
        state |= under(f"{copy}backbone.", net) | linear(f"{copy}projection_head.layers.0", 2048, 2048)
    state |= linear("projection_head.layers.0", 2048, 2048) | linear("prediction_head.layers.0", 256, 256)
    state |= {"prototypes.heads.0.weight": (3000, 128), "criterion.center": (1, 1, 65536), "queues.0.bank": (128, 3840)}
    return {"state_dict": state, "hyper_parameters": argparse.Namespace(), "pytorch-lightning_version": "2.0.2"}


def dino_resnet(net: Shapes, wide: int) -> dict[str, Any]:
    head = linear("mlp.0", 2048, 4096) | batch_norm("mlp.1", 4096) | linear("mlp.3", 4096, 256)
    both = under("module.backbone.", net) | under("module.head.", head | {"last_layer.weight": (60000, 256)})
    return {"student": both, "teacher": dict(both), "optimizer": {}, "epoch": 800, "args": argparse.Namespace()}


def torchvision_resnet(net: Shapes, wide: int) -> dict[str, Any]:
    return net | linear("fc", 2048, 1000)


RESNET_FILES: dict[str, Callable[[Shapes, int], dict[str, Any]]] = {
    r"swav_rn50(_\d+ep)?": swav,
    r"swav_rn50_vissl": swav_vissl,
    r"mocov2_rn50(_200ep)?": moco_v2,
    r"mocov3_rn50(_\d+ep)?": moco_v3,
    r"mocov3_rn50_mmpretrain_\d+ep": moco_v3_openmmlab,
    r"simsiam_rn50(_bs256)?": simsiam,
    r"simsiam_rn50_mmpretrain_\d+ep": simsiam_openmmlab,
    r"vicreg_rn\d+(x2)?|barlow_rn50|dino_rn50": bare,
    r"vicreg_rn50_full": vicreg,
    r"barlow_rn50_full": barlow,
    r"barlow_rn50_vissl(_300ep)?": barlow_vissl,
    r"barlow_rn50_mmpretrain": barlow_openmmlab,
    r"simclr_rn50(_\d+ep)?": simclr_vissl,
    r"simclr_rn50_mmpretrain_\d+ep": simclr_openmmlab,
    r"byol_rn50_mmpretrain": byol_openmmlab,
    r"\w+_rn50_lightly": lightly,
    r"dino_rn50_full": dino_resnet,
    r"supervised_rn50": torchvision_resnet,
}

# --- transformers: depth (None: as published) -> the content of the file -------------------------------------------------


def dino_vit(size: str, patch: int, depth: int | None) -> dict[str, Any]:
    return dict(vit(size, patch, 1 + (224 // patch) ** 2, depth))


def with_heads(size: str, patch: int, out: int, depth: int | None) -> dict[str, Any]:
    net, width = dino_vit(size, patch, depth), WIDTHS[size][0]
    head = linear("mlp.0", width, 2048) | linear("mlp.2", 2048, 2048) | linear("mlp.4", 2048, 256)
    head |= {"last_layer.weight_g": (out, 1), "last_layer.weight_v": (out, 256)}
    both = under("backbone.", net) | under("head.", head)
    student = under("module.", both | {"backbone.masked_embed": (1, width)})
    return {"student": student, "teacher": both, "optimizer": {}, "epoch": 300, "args": argparse.Namespace(arch="x")}


def ibot_teacher(size: str, depth: int | None) -> dict[str, Any]:
    return {"state_dict": dino_vit(size, 16, depth)}


def moco_v3_vit(size: str, depth: int | None) -> dict[str, Any]:
    net, width = vit(size, 16, 197, depth), WIDTHS[size][0]
    head = linear("head.0", width, 4096, False) | batch_norm("head.1", 4096) | linear("head.3", 4096, 4096, False)
    head |= batch_norm("head.4", 4096) | linear("head.6", 4096, 256, False) | batch_norm("head.7", 256, False)
    return _moco_v3(net | head)


def dinov2(letter: str, registers: bool, depth: int | None) -> dict[str, Any]:
    size = {"s": "small", "b": "base", "l": "large", "g": "giant"}[letter]
    net: dict[str, Any] = vit(size, 14, 1370, depth)
    width = WIDTHS[size][0]
    for i in range(depth or WIDTHS[size][1]):
        net |= {f"blocks.{i}.{scale}.gamma": (width,) for scale in ("ls1", "ls2")}
        if size == "giant":  # SwiGLU
            net = {key: shape for key, shape in net.items() if not key.startswith(f"blocks.{i}.mlp.")}
            net |= linear(f"blocks.{i}.mlp.w12", width, 8192) | linear(f"blocks.{i}.mlp.w3", 4096, width)
    return net | {"mask_token": (1, width)} | ({"register_tokens": (1, 4, width)} if registers else {})


def simmim(depth: int | None) -> dict[str, Any]:
    net: Shapes = {key: shape for key, shape in vit("base", 16, 197, depth).items() if key != "pos_embed"}
    for i in range(depth or 12):
        del net[f"blocks.{i}.attn.qkv.bias"]
        net |= {f"blocks.{i}.{part}": (768,) for part in ("gamma_1", "gamma_2", "attn.q_bias", "attn.v_bias")}
    net |= {"rel_pos_bias.relative_position_bias_table": (732, 12), "rel_pos_bias.relative_position_index": (197, 197)}
    decoder = {"decoder.0.weight": (768, 768, 1, 1), "decoder.0.bias": (768,)}
    model = under("encoder.", net | {"mask_token": (1, 1, 768)}) | decoder
    return {"model": model, "optimizer": {}, "lr_scheduler": {}, "epoch": 799, "config": argparse.Namespace()}


def scale_mae(depth: int | None) -> dict[str, Any]:
    net = vit("large", 16, 197, depth) | linear("decoder_embed", 1024, 512) | {"decoder_pos_embed": (1, 197, 512)}
    net |= {
        "mask_token": (1, 1, 512),
        "mask_token_decoder": (1, 1, 512),
        "decoder_norm.weight": (512,),
        "decoder_norm.bias": (512,),
    }
    net |= under("decoder_blocks.0.", linear("attn.qkv", 512, 1536)) | {"fpn.fpn1.0.weight": (512, 512, 2, 2)}
    net |= {"fcn_high.proj.weight": (512, 512, 1, 1), "fcn_low.proj.weight": (512, 512, 1, 1)}
    return {"model": net, "args": argparse.Namespace(), "epoch": 799, "scaler": {}}


def mae(size: str, patch: int, depth: int | None) -> dict[str, Any]:
    return {"model": dino_vit(size, patch, depth)}


def ijepa(depth: int | None) -> dict[str, Any]:
    encoder = under("module.", vit("huge", 14, 256, depth, class_token=False))
    predictor = under("module.", linear("predictor_embed", 1280, 384))
    return {"encoder": encoder, "predictor": predictor, "target_encoder": dict(encoder), "opt": {}, "epoch": 300, "lr": 0.001}


def torchvision_vit(depth: int | None, mlp: tuple[str, str] = ("linear_1", "linear_2")) -> dict[str, Any]:
    net: dict[str, Any] = {"class_token": (1, 1, 768), "conv_proj.weight": (768, 3, 16, 16), "conv_proj.bias": (768,)}
    net |= {"encoder.pos_embedding": (1, 197, 768), "encoder.ln.weight": (768,), "encoder.ln.bias": (768,)}
    for i in range(depth or 12):
        at = f"encoder.layers.encoder_layer_{i}."
        net |= {f"{at}{norm}.{part}": (768,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
        net |= {f"{at}self_attention.in_proj_weight": (2304, 768), f"{at}self_attention.in_proj_bias": (2304,)}
        net |= linear(f"{at}self_attention.out_proj", 768, 768)
        net |= linear(f"{at}mlp.{mlp[0]}", 768, 3072) | linear(f"{at}mlp.{mlp[1]}", 3072, 768)
    return net | linear("heads.head", 768, 1000)


def _vit_files() -> dict[str, Callable[[int | None], dict[str, Any]]]:
    files: dict[str, Callable[[int | None], dict[str, Any]]] = {
        "mae_vitb16": partial(mae, "base", 16),
        "mae_vitl16": partial(mae, "large", 16),
        "mae_vith14": partial(mae, "huge", 14),
        "simmim_vitb16": simmim,
        "scalemae_vitl16": scale_mae,
        "ijepa_vith14": ijepa,
        "supervised_vitb16": torchvision_vit,
    }
    for size in ("small", "base"):
        letter = size[0]
        for patch in (8, 16):
            files[f"dino_vit{letter}{patch}"] = partial(dino_vit, size, patch)
            files[f"dino_vit{letter}{patch}_full"] = partial(with_heads, size, patch, 65536)
        files[f"ibot_vit{letter}16"] = partial(ibot_teacher, size)
        files[f"ibot_vit{letter}16_full"] = partial(with_heads, size, 16, 8192)
        files[f"mocov3_vit{letter}16"] = partial(moco_v3_vit, size)
    for letter in "sblg":
        files[f"dinov2_vit{letter}14"] = partial(dinov2, letter, False)
        files[f"dinov2_vit{letter}14_reg"] = partial(dinov2, letter, True)
    return files


VIT_FILES = _vit_files()


def content(
    kind: str, new: Callable[[str, tuple[int, ...]], Tensor], depth: int | None = None, wide: int = 8192
) -> dict[str, Any]:
    """The file of that kind with tensors from `new(path, shape)`; `depth` shortens it, `wide` is the 8192 of its heads."""
    if kind in VIT_FILES:
        return _filled(VIT_FILES[kind](depth), new)
    (layout,) = [make for pattern, make in RESNET_FILES.items() if re.fullmatch(pattern, kind)]
    deep = (3, 24, 36, 3) if "rn200" in kind else (3, 4, 6, 3)
    net = resnet((depth,) * 4 if depth else deep, 2 if "x2" in kind else 1)
    return _filled(layout(net, wide), new)


def _filled(shapes: Mapping[str, Any], new: Callable[[str, tuple[int, ...]], Tensor], at: str = "") -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for key, value in shapes.items():
        if isinstance(value, Mapping):
            filled[key] = _filled(value, new, f"{at}{key}.")
        else:
            filled[key] = new(at + key, value) if isinstance(value, tuple) else value
    return filled


def meta(key: str, shape: tuple[int, ...]) -> Tensor:
    """No memory, no numbers: keys and shapes are all there is."""
    return torch.empty(shape, device="meta", dtype=torch.int64 if "num_batches" in key or "index" in key else torch.float32)


def drawn(key: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers that differ from key to key and let signals through: scales near 1, matrices of unit gain, variances positive.

    They are cut from one pool of random numbers: drawing them anew would take most of the tests' time.
    """
    if "num_batches" in key or "index" in key:
        return torch.zeros(shape, dtype=torch.int64)
    size = torch.Size(shape).numel()
    start = zlib.crc32(f"{key}{shape}".encode()) % 10_007
    pool = POOL[start:]
    values = pool.repeat(-(-size // len(pool)))[:size] if size > len(pool) else pool[:size]
    values = values.view(shape)
    if len(shape) > 1 and shape[0] > 1:
        return values * (2 / (size / shape[0])) ** 0.5
    return 1 + 0.2 * values if re.search(r"(weight|gamma\w*|_var)$", key) else 0.2 * values


POOL = torch.randn(1 << 20, generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
