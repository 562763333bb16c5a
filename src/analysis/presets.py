"""The presets: what each study takes where its user says nothing. Values only, checked by the models of `params`."""

from typing import Any, Literal

Preset = Literal["smoke", "default", "real", "paper"]
PRESETS: tuple[Preset, ...] = ("smoke", "default", "real", "paper")

_ZOO = ("zoo:dinov2", "zoo:mae", "zoo:swav", "zoo:simclr", "zoo:supervised", "zoo:untrained", "zoo:untrained-vit")
_RESNETS = ("simclr", "moco", "byol", "simsiam", "swav", "vicreg", "barlow-twins", "dino", "supervised", "untrained")
_VITS = ("mae", "simmim", "scale-mae", "dino-vit", "ibot", "dinov2", "supervised-vit", "untrained-vit")
_TINY = ("simclr", "byol", "swav", "vicreg", "dino", "mae", "dino-vit", "supervised-vit")
_TINY_ZOO = tuple(f"zoo:{name}-tiny-imagenet" for name in _TINY)
_WHOLE_ZOO = (*(f"zoo:{name}" for name in (*_RESNETS, *_VITS)), *_TINY_ZOO)
_LABELLED = tuple(f"zoo:{name}" for name in ("supervised", "untrained"))
_JOINT = tuple(f"zoo:{name}" for name in _RESNETS if name not in ("supervised", "untrained"))
_PATCHED = ("vicreg-patch", "tcr-patch", "simclr-patch", "byol-patch", "vicreg-patch16", "vicreg-patch-disjoint")
_BAGS = tuple(f"zoo:{name}" for name in ("tcr", *_PATCHED, "supervised-patch"))
_IMAGENET = ("simclr", "swav", "mocov2", "byol", "dino", "vicreg", "barlow")
_LADDER = (
    *("conv4:random_init", "conv4:umtra_miniimagenet_1query_5bs", "conv4:protoclr_cub_3query_50bs"),
    *(f"conv4:protoclr_miniimagenet_{n}query_50bs" for n in (1, 3, 5, 10)),
    *(
        f"conv4:protoclr_miniimagenet_3query_50bs_{n}images"
        for n in (1, 50, 200, 600, 800, 1200, 1600, 2400, 4800, 9600, 19200, 38400)
    ),
    *(f"conv4:protoclr_miniimagenet_3query_50bs_{n}classes" for n in (1, 2, 4, 8, 16, 32, 64)),
    "conv4:sup_Conv4_baseline_aug",
    *(f"conv4:sup_Conv4_baseline_aug_{n}images" for n in (600, 1200, 2400, 4800, 9600, 19200)),
    *(f"conv4:sup_Conv4_baseline_aug_{n}classes" for n in (2, 4, 8, 16, 32)),
    *(f"conv4:sup_Conv4_protonet_aug_{way}" for way in ("20way_5shot", "20way_20shot", "20way_50shot", "30way_1shot")),
)
_CONV4 = (
    "conv4:protoclr_miniimagenet_3query_50bs",
    "conv4:umtra_miniimagenet_1query_5bs",
    "conv4:sup_Conv4_baseline_aug",
    "vit-tiny",
    "conv4:random_init",
)
_LOCAL = ("zoo:mae", "zoo:simmim", "zoo:scale-mae", "zoo:dino-vit", "zoo:ibot", "zoo:dinov2", "zoo:supervised-vit")
_WORLD = ("zoo:untrained", "zoo:supervised", "zoo:simclr", "zoo:dinov2")
_DRAWN = tuple(f"zoo:{name}" for name in ("simclr", "vicreg", "byol", "supervised", "untrained"))
_SCENES = ("scenes:objects", "scenes:fine", "scenes:context", "scenes:textures")

VALUES: dict[str, dict[Preset, dict[str, Any]]] = {
    "masking_cka": {
        "smoke": {
            "encoders": ("zoo:swav", "zoo:mae", "zoo:untrained"),
            "datasets": ("scenes:objects", "scenes:textures"),
            "n": 48,
            "fills": ("mean", "black"),
            "fractions": (0.5,),
            "n_bootstrap": 100,
            "n_permutations": 20,
        },
        "default": {"encoders": _ZOO, "datasets": _SCENES, "n": 300},
        "real": {"encoders": _CONV4, "datasets": ("eth80", "ccp", "grabcut", "tiny-imagenet"), "n": 400},
        "paper": {
            "encoders": (
                "timm:vit_small_patch14_dinov2.lvd142m",
                "timm:vit_base_patch14_dinov2.lvd142m",
                "timm:vit_base_patch16_224.mae",
                "hub-file:swav_rn50=swav_800ep_pretrain.pth.tar",
            ),
            "datasets": ("pets", "flowers", "cub", "dtd"),
            "n": 4000,
            "device": "auto",
        },
    },
    "qscore": {
        "smoke": {
            "encoders": ("zoo:simclr", "zoo:vicreg", *_LABELLED),
            "masked": "scenes:objects",
            "n_train": 400,
            "n_test": 200,
            "n_maps": 24,
            "kept": (0.6,),
            "random_draws": 2,
            "n_bootstrap": 100,
        },
        "default": {"encoders": (*_JOINT, *_LABELLED, "zoo:dinov2"), "masked": "scenes:objects"},
        "real": {
            "encoders": (
                *(name for name in _TINY_ZOO if "mae" not in name and "vit" not in name),
                "zoo:untrained",
                *(name for name in _CONV4 if name.startswith("conv4:")),
            ),
            "dataset": "tiny-imagenet",
            "masked": "tiny-imagenet",
            "kept": (0.6,),
            "random_draws": 3,
            "ladder": _LADDER,
        },
        "paper": {
            "encoders": (
                *(f"hub-file:{method}_rn50_lightly" for method in _IMAGENET),
                "hub-file:simsiam_rn50",
                "hub-file:supervised_rn50",
            ),
            "dataset": "folder:imagenet-100",
            "n_train": 130_000,
            "n_test": 5000,
            "device": "auto",
        },
    },
    "model_zoo": {
        "smoke": {
            "encoders": ("zoo:simclr", "zoo:supervised", "zoo:untrained", "zoo:mae", "zoo:untrained-vit"),
            "n_train": 400,
            "n_test": 200,
        },
        "default": {"encoders": _WHOLE_ZOO},
        "real": {
            "encoders": (*_TINY_ZOO, "zoo:untrained", "zoo:untrained-vit"),
            "dataset": "tiny-imagenet",
            "n_train": 20_000,
            "n_test": 5_000,
        },
        "paper": {"encoders": _WHOLE_ZOO},  # there is no paper's network to compare: the zoo is ours
    },
    "local_vit": {
        "smoke": {
            "encoders": ("zoo:mae", "zoo:dino-vit", "zoo:dinov2", "zoo:untrained-vit"),
            "datasets": ("scenes:multi", "scenes:video", "scenes:pairs"),
            **{"n_bank": 6, "n_test": 6, "n_views": 4, "n_videos": 2, "n_frames": 9},
            **{"shares": (0.065, 0.26), "n_bootstrap": 100},
        },
        "default": {
            "encoders": (*_LOCAL, "zoo:untrained-vit"),
            "datasets": ("scenes:multi", "scenes:video", "scenes:pairs"),
            **{"n_bank": 30, "n_test": 32, "n_views": 32, "n_videos": 10},
        },
        "real": {
            "encoders": (
                *(f"zoo:{name}-tiny-imagenet" for name in ("mae", "dino-vit", "supervised-vit")),
                *("zoo:untrained-vit", *_CONV4),
            ),
            "datasets": ("camvid", "ccp", "eth80", "davis"),
            **{"n_bank": 72, "n_test": 30, "n_videos": 20, "n_frames": 40, "shares": (0.065, 0.26, 0.52)},
        },
        "paper": {
            "encoders": tuple(
                f"hub-file:{kind}"
                for kind in (
                    "mae_vitb16",
                    "simmim_vitb16",
                    "scalemae_vitl16",
                    "dino_vitb16",
                    "ibot_vitb16",
                    "dinov2_vitb14",
                    "supervised_vitb16",
                )
            ),
            "datasets": ("cityscapes", "ade20k", "fair1m", "bdd100k", "davis"),
            **{"grid": 14, "n_bank": 72, "n_test": 30, "n_videos": 30, "n_frames": 200, "device": "auto"},
        },
    },
    "bagssl": {
        "smoke": {
            "encoders": ("zoo:simclr-patch", "zoo:simclr", "zoo:untrained"),
            "followed": ("zoo:simclr-patch",),
            **{"n_train": 64, "n_test": 48, "n_local": 24, "n_counts": 16, "sides": (8,), "n_patches": 4, "most": 8},
            "n_bootstrap": 100,
        },
        "default": {
            "encoders": (*_JOINT, *_BAGS, *_LABELLED),
            "followed": ("zoo:simclr-patch", "zoo:simclr", "zoo:untrained"),
            **{"n_train": 400, "n_test": 480, "n_local": 200, "n_counts": 48},
        },
        "real": {
            "encoders": (
                *(name for name in _TINY_ZOO if "mae" not in name and "vit" not in name),
                *("zoo:untrained", "conv4:protoclr_miniimagenet_3query_50bs", "conv4:random_init"),
            ),
            "followed": ("zoo:simclr-tiny-imagenet",),
            "dataset": "tiny-imagenet",
            **{"n_train": 1200, "n_test": 600, "n_local": 200, "n_counts": 100, "most": 128},
        },
        "paper": {
            "encoders": ("hub-file:vicreg_rn50", "hub-file:swav_rn50", "hub-file:supervised_rn50"),
            "followed": ("hub-file:vicreg_rn50",),
            "dataset": "folder:imagenet-100",
            **{"n_train": 20_000, "n_test": 5000, "n_local": 1000, "n_counts": 512, "n_patches": 16},
            **{"side": 112, "small": 32, "large": 160, "sides": (32, 64, 100, 160), "device": "auto"},
        },
    },
    "rcdm": {
        "smoke": {
            "alone": ("simclr-backbone",),
            "encoders": ("zoo:simclr", "zoo:supervised"),
            "unfamiliar": ("scenes:textures",),
            **{"n_bank": 160, "n_train": 300, "n_images": 12, "n_again": 4, "n_changed": 3, "n_unfamiliar": 4},
            **{"n_attacked": 8, "n_shown": 3, "n_edited": 3, "n_timed": 2, "eps": (2.0, 8.0), "steps": 4, "n_bootstrap": 100},
            "ancestral": (20,),
        },
        "default": {
            **{"alone": ("simclr-backbone",), "histories": ("simclr-backbone-long",), "encoders": _DRAWN},
            "unfamiliar": ("scenes:textures", "scenes:fine"),
        },
        "real": {
            "decoder": "tiny-imagenet",
            "encoders": (
                *(f"zoo:{name}-tiny-imagenet" for name in ("simclr", "vicreg", "byol", "swav")),
                *("vit-tiny", "zoo:untrained"),
            ),
            **{"judge": "zoo:supervised-vit-tiny-imagenet", "dataset": "tiny-imagenet", "unfamiliar": ("eth80",)},
        },
        "paper": {
            "decoder": "imagenet",
            "encoders": ("hub-file:simclr_rn50", "hub-file:vicreg_rn50", "hub-file:dino_rn50", "hub-file:supervised_rn50"),
            **{"judge": "hub-file:dinov2_vits14", "dataset": "folder:imagenet", "device": "auto"},
            **{"n_bank": 50_000, "n_train": 50_000, "n_images": 10_000, "n_again": 1000, "n_changed": 1000},
        },
    },
    "world": {
        "smoke": {"encoders": ("zoo:untrained", "zoo:simclr"), "n_train": 320, "n_test": 160, "n_permutations": 100},
        # the world is drawn, not photographed: it has no other images and no paper's network
        "default": {"encoders": _WORLD},
        "real": {"encoders": _WORLD},
        "paper": {"encoders": _WORLD},
    },
}
