"""The vision transformers of the studies (and DINO's ResNet-50), by the layout of their files; columns as in `checkpoints`."""

from functools import partial

from analysis.encoders.checkpoints import CC_BY_NC, FAIR, GITHUB, Checkpoint, family

DRIVE = "https://drive.google.com/file/d"
SMALL, BASE, LARGE = "vit_small_patch16_224", "vit_base_patch16_224", "vit_large_patch16_224"


def dino() -> list[Checkpoint]:
    """DINO: the backbone alone, or student and teacher with their heads."""
    files = {
        "dino_vits16": ("dino_deitsmall16_pretrain", "vit_small_patch16_224.dino", "77.0"),
        "dino_vits8": ("dino_deitsmall8_pretrain", "vit_small_patch8_224.dino", "79.7"),
        "dino_vitb16": ("dino_vitbase16_pretrain", "vit_base_patch16_224.dino", "78.2"),
        "dino_vitb8": ("dino_vitbase8_pretrain", "vit_base_patch8_224.dino", "80.1"),
        "dino_rn50": ("dino_resnet50_pretrain", "resnet50", "75.3"),
    }
    both = "Student and teacher have the same keys; the teacher is read."
    layers = "The authors' `get_intermediate_layers` ends every layer with the final norm; `block` layers here come before it."
    silent = "torch.hub loads it without complaint about keys that do not fit."
    rows = []
    for kind, (name, architecture, top1) in files.items():
        row = partial(
            family,
            method="DINO",
            page=f"{GITHUB}/facebookresearch/dino",
            licence="Apache-2.0",
            architecture=architecture,
        )
        full = partial(row, containers=("teacher.state_dict", "teacher"), prefix="backbone.", trap=both)
        convnet = architecture == "resnet50"
        rows += row({kind: (f"{FAIR}/dino/{name}/{name}.pth", f"{top1} linear")}, trap=silent if convnet else layers)
        complete = {f"{kind}_full": (f"{FAIR}/dino/{name}/{name}_full_checkpoint.pth", f"{top1} linear")}
        if convnet:
            rows += full(complete, head="head.mlp.", projector="2048 4096 bn gelu 256", ignored=("head.last_layer.",))
        else:
            rows += full(complete, ignored=("head.",))
    return rows


def dinov2() -> list[Checkpoint]:
    """DINOv2, without and with register tokens."""
    sizes = {
        "s": ("small", "81.1", "80.9"),
        "b": ("base", "84.5", "84.6"),
        "l": ("large", "86.3", "86.7"),
        "g": ("giant", "86.5", "87.1"),
    }
    row = partial(
        family,
        method="DINOv2",
        page=f"{GITHUB}/facebookresearch/dinov2",
        licence="Apache-2.0",
        ignored=("mask_token",),
        renames=((r"\.mlp\.w12\.", ".mlp.fc1."), (r"\.mlp\.w3\.", ".mlp.fc2."), (r"^register_tokens$", "reg_token")),
    )
    rows = []
    for letter, (size, top1, with_registers) in sizes.items():
        url = f"{FAIR}/dinov2/dinov2_vit{letter}14/dinov2_vit{letter}14"
        rows += row(
            {f"dinov2_vit{letter}14": (f"{url}_pretrain.pth", f"{top1} linear")},
            architecture=f"vit_{size}_patch14_dinov2.lvd142m",
            trap="At 224 px timm and torch.hub resample the position code differently, so their features differ a little.",
        )
        rows += row(
            {f"dinov2_vit{letter}14_reg": (f"{url}_reg4_pretrain.pth", f"{with_registers} linear")},
            architecture=f"vit_{size}_patch14_reg4_dinov2.lvd142m",
            rewrite="registers",
            trap="Published in October 2023, after the paper; it is not the network the studies compare.",
        )
    return rows


def moco_v3() -> list[Checkpoint]:
    """MoCo v3 with a transformer."""
    row = partial(
        family,
        method="MoCo v3",
        page=f"{GITHUB}/facebookresearch/moco-v3",
        licence=CC_BY_NC,
        containers=("state_dict",),
        prefix="base_encoder.",
        ignored=("momentum_encoder.", "predictor."),
        head="base_encoder.head.",
    )
    return [
        *row(
            {"mocov3_vits16": (f"{FAIR}/moco-v3/vit-s-300ep/vit-s-300ep.pth.tar", "73.2 linear")},
            architecture=SMALL,
            options={"num_heads": 12},
            projector="384 4096- bn relu 4096- bn relu 256- bn0",
            trap="12 attention heads, where DINO's and timm's ViT-S have 6: the shapes are the same, the features are not.",
        ),
        *row(
            {"mocov3_vitb16": (f"{FAIR}/moco-v3/vit-b-300ep/vit-b-300ep.pth.tar", "76.7 linear")},
            architecture=BASE,
            projector="768 4096- bn relu 4096- bn relu 256- bn0",
            trap="The projection head is called `head`, the name of timm's classifier.",
        ),
    ]


def ibot() -> list[Checkpoint]:
    """iBOT: the teacher's backbone, or student and teacher with their heads."""
    row = partial(family, method="iBOT", page=f"{GITHUB}/bytedance/ibot", licence="Apache-2.0")
    teacher = partial(
        row,
        name="checkpoint_teacher.pth",
        containers=("state_dict", ""),
        ignored=("masked_embed",),
        trap="Of the ImageNet-22k models the student is published instead, under the same keys.",
    )
    full = partial(
        row,
        name="checkpoint.pth",
        containers=("teacher",),
        prefix="backbone.",
        ignored=("head.", "backbone.masked_embed"),
        trap="Student and teacher have the same keys; the teacher is read.",
    )
    return [
        *teacher({"ibot_vits16": (f"{DRIVE}/1di_xSqKxEwp7TFkis8fWkhYOYH1PagkH/view", "77.0 linear")}, architecture=SMALL),
        *teacher({"ibot_vitb16": (f"{DRIVE}/1JgdVNX0zjYy9AoUEZO0BILOlFVH-1Vfu/view", "79.5 linear")}, architecture=BASE),
        *full({"ibot_vits16_full": (f"{DRIVE}/1IE6_NeborP5GQa0kufn2tdTk7lrg5QYd/view", "77.0 linear")}, architecture=SMALL),
        *full({"ibot_vitb16_full": (f"{DRIVE}/1bAiCA4UthX12kzzrG16FCj-BKYluoyY_/view", "79.5 linear")}, architecture=BASE),
    ]


def mae() -> list[Checkpoint]:
    """MAE, from the files of the encoder or from those that hold the decoder too."""
    row = partial(
        family,
        method="MAE",
        page=f"{GITHUB}/facebookresearch/mae",
        licence=CC_BY_NC,
        containers=("model", ""),
        ignored=("decoder_", "mask_token"),
        trap="Hugging Face's model masks 75 % of the patches at random, in evaluation too; nothing is masked here.",
    )
    url = f"{FAIR}/mae/pretrain/mae_pretrain_vit"
    return [
        *row({"mae_vitb16": (f"{url}_base.pth", "83.6 fine-tuned", "md5:8cad7c")}, architecture=f"{BASE}.mae"),
        *row({"mae_vitl16": (f"{url}_large.pth", "85.9 fine-tuned", "md5:b8b06e")}, architecture=f"{LARGE}.mae"),
        *row({"mae_vith14": (f"{url}_huge.pth", "86.9 fine-tuned", "md5:9bdbb0")}, architecture="vit_huge_patch14_224.mae"),
    ]


def other_masked() -> list[Checkpoint]:
    """SimMIM, Scale-MAE and I-JEPA."""
    scale_mae = f"{GITHUB}/bair-climate-initiative/scale-mae"
    return [
        *family(
            {"simmim_vitb16": (f"{DRIVE}/1dJn6GYkwMIcoP3zqOEyW1_iQfpBi8UOw/view", "83.8 fine-tuned")},
            method="SimMIM",
            page=f"{GITHUB}/microsoft/SimMIM",
            licence="MIT",
            name="simmim_pretrain__vit_base__img224__800ep.pth",
            architecture="beit_base_patch16_224",
            options={"use_rel_pos_bias": False, "use_shared_rel_pos_bias": True, "global_pool": "avg", "use_fc_norm": False},
            containers=("model",),
            prefix="encoder.",
            ignored=("decoder.", "encoder.mask_token", "encoder.rel_pos_bias.relative_position_index"),
            trap="No plain ViT: one relative position bias for all blocks, layer scale, a class token that no loss reached.",
        ),
        *family(
            {"scalemae_vitl16": (f"{scale_mae}/releases/download/base-800/scalemae-vitlarge-800.pth",)},
            method="Scale-MAE",
            page=scale_mae,
            licence=CC_BY_NC,
            architecture=LARGE,
            containers=("model",),
            rewrite="scale_mae",
            ignored=("decoder", "mask_token", "fpn.", "fcn"),
            trap="The stored position code is never used: the network computes it from the ground resolution, here 1.",
        ),
        *family(
            {"ijepa_vith14": (f"{FAIR}/ijepa/IN1K-vit.h.14-300e.pth.tar",)},
            method="I-JEPA",
            page=f"{GITHUB}/facebookresearch/ijepa",
            licence=f"{CC_BY_NC} (as tagged by timm)",
            architecture="vit_huge_patch14_gap_224.in1k_ijepa",
            containers=("encoder",),
            trap="There is no class token: `embed` is the mean over patches.",
        ),
    ]


def supervised() -> list[Checkpoint]:
    """torchvision's ViT-B/16."""
    return family(
        {"supervised_vitb16": ("https://download.pytorch.org/models/vit_b_16-c867db91.pth", "81.1", "sha256:c867db91")},
        method="Supervised",
        supervision="labels",
        page=f"{GITHUB}/pytorch/vision",
        licence="not stated (code BSD-3-Clause)",
        architecture=BASE,
        ignored=("heads.",),
        renames=(
            (r"^class_token$", "cls_token"),
            (r"^encoder\.pos_embedding$", "pos_embed"),
            (r"^conv_proj\.", "patch_embed.proj."),
            (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
            (r"^encoder\.ln\.", "norm."),
            (r"\.ln_([12])\.", r".norm\1."),
            (r"\.self_attention\.in_proj_", ".attn.qkv."),
            (r"\.self_attention\.out_proj\.", ".attn.proj."),
            (r"\.mlp\.(0|linear_1)\.", ".mlp.fc1."),
            (r"\.mlp\.(3|linear_2)\.", ".mlp.fc2."),
        ),
        trap="torchvision names the same network otherwise than timm, and its own versions differ in the MLP's keys.",
    )


ROWS = [*dino(), *dinov2(), *moco_v3(), *ibot(), *mae(), *other_masked(), *supervised()]
