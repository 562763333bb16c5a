"""The authors' own ResNets, by the layout of their files; see `checkpoints.Checkpoint` for the columns."""

from functools import partial

from analysis.encoders.checkpoints import CC_BY_NC, FAIR, GITHUB, Checkpoint, family

# Heads kept, as `checkpoint_layouts.head` reads them.
SWAV = "2048 2048 bn relu 128"
BARLOW = "2048 8192- bn relu 8192- bn relu 8192-"
MOCO_V3 = "2048 4096- bn relu 256- bn0"

resnet = partial(family, architecture="resnet50")


def swav() -> list[Checkpoint]:
    """SwAV, trained for 100 to 800 epochs."""
    return resnet(
        {
            "swav_rn50": (f"{FAIR}/deepcluster/swav_800ep_pretrain.pth.tar", "75.3 linear"),
            "swav_rn50_400ep": (f"{FAIR}/deepcluster/swav_400ep_pretrain.pth.tar", "74.6 linear"),
            "swav_rn50_200ep": (f"{FAIR}/deepcluster/swav_200ep_pretrain.pth.tar", "73.9 linear"),
            "swav_rn50_100ep": (f"{FAIR}/deepcluster/swav_100ep_pretrain.pth.tar", "72.1 linear"),
        },
        method="SwAV",
        page=f"{GITHUB}/facebookresearch/swav",
        licence=CC_BY_NC,
        containers=("state_dict", ""),
        head="projection_head.",
        projector=SWAV,
        ignored=("prototypes.",),
        trap="There is no classifier; torch.hub leaves a random one in place, so that its 1000 outputs are noise.",
    )


def moco_and_simsiam() -> list[Checkpoint]:
    """MoCo v2 and v3, SimSiam."""
    moco = partial(resnet, licence=CC_BY_NC, containers=("state_dict",))
    v2, v3, simsiam = f"{FAIR}/moco/moco_checkpoints", f"{FAIR}/moco-v3", f"{FAIR}/simsiam/models"
    return [
        *moco(
            {
                "mocov2_rn50": (f"{v2}/moco_v2_800ep/moco_v2_800ep_pretrain.pth.tar", "71.1 linear", "md5:a04e12f8"),
                "mocov2_rn50_200ep": (f"{v2}/moco_v2_200ep/moco_v2_200ep_pretrain.pth.tar", "67.7 linear", "md5:59fd9945"),
            },
            method="MoCo v2",
            page=f"{GITHUB}/facebookresearch/moco",
            prefix="encoder_q.",
            ignored=("encoder_k.", "queue"),
            head="encoder_q.fc.",
            projector="2048 2048 relu 128",
            trap="`encoder_k`, the momentum copy, has the keys and shapes of `encoder_q`, the encoder the authors evaluate.",
        ),
        *moco(
            {
                "mocov3_rn50": (f"{v3}/r-50-1000ep/r-50-1000ep.pth.tar", "74.6 linear"),
                "mocov3_rn50_300ep": (f"{v3}/r-50-300ep/r-50-300ep.pth.tar", "72.8 linear"),
                "mocov3_rn50_100ep": (f"{v3}/r-50-100ep/r-50-100ep.pth.tar", "68.9 linear"),
            },
            method="MoCo v3",
            page=f"{GITHUB}/facebookresearch/moco-v3",
            prefix="base_encoder.",
            ignored=("momentum_encoder.", "predictor."),
            head="base_encoder.fc.",
            projector=MOCO_V3,
            trap="The projection head is called `fc`, the name of torchvision's classifier.",
        ),
        *moco(
            {
                "simsiam_rn50": (f"{simsiam}/100ep/pretrain/checkpoint_0099.pth.tar", "68.1 linear"),
                "simsiam_rn50_bs256": (f"{simsiam}/100ep-256bs/pretrain/checkpoint_0099.pth.tar", "68.3 linear"),
            },
            method="SimSiam",
            page=f"{GITHUB}/facebookresearch/simsiam",
            prefix="encoder.",
            ignored=("predictor.",),
            head="encoder.fc.",
            projector="2048 2048- bn relu 2048- bn relu 2048 bn0",
            trap="Both files, of a batch of 512 and of 256, bear the same name and have the same keys.",
        ),
    ]


def by_redundancy() -> list[Checkpoint]:
    """VICReg and Barlow Twins: the backbone alone, or with its projector."""
    vicreg = partial(family, method="VICReg", page=f"{GITHUB}/facebookresearch/vicreg", licence="MIT")
    barlow = partial(resnet, method="Barlow Twins", page=f"{GITHUB}/facebookresearch/barlowtwins", licence="MIT")
    full = {"containers": ("model",), "prefix": "backbone.", "head": "projector."}
    run = f"{FAIR}/barlowtwins/ep1000_bs2048_lrw0.2_lrb0.0048_lambd0.0051"
    same = "VICReg's and Barlow Twins' files bear the same name and have the same keys; only their folders tell them apart."
    padding = "Its first convolution pads in a layer of its own (1, then 2 px); torchvision's padding of 3 px is the same."
    return [
        *vicreg({"vicreg_rn50": (f"{FAIR}/vicreg/resnet50.pth", "73.2 linear")}, architecture="resnet50", trap=same),
        *vicreg({"vicreg_rn50x2": (f"{FAIR}/vicreg/resnet50x2.pth", "75.5 linear")}, architecture="resnet50x2", trap=padding),
        *vicreg(
            {"vicreg_rn200x2": (f"{FAIR}/vicreg/resnet200x2.pth", "77.3 linear")}, architecture="resnet200x2", trap=padding
        ),
        *vicreg(
            {"vicreg_rn50_full": (f"{FAIR}/vicreg/resnet50_fullckpt.pth", "73.2 linear")},
            **full,
            architecture="resnet50",
            projector="2048 8192 bn relu 8192 bn relu 8192-",
            trap="Only this file has the projector; `vicreg_rn50` is the backbone alone.",
        ),
        *barlow({"barlow_rn50": (f"{run}/resnet50.pth", "73.5 linear")}, trap=same),
        *barlow(
            {"barlow_rn50_full": (f"{run}/checkpoint.pth", "73.5 linear")},
            **full,
            projector=BARLOW,
            ignored=("bn.",),
            trap="torch.hub loads the backbone without complaint about keys that do not fit.",
        ),
    ]


def supervised() -> list[Checkpoint]:
    """torchvision's first ResNet-50, the supervised network of RCDM."""
    return resnet(
        {"supervised_rn50": ("https://download.pytorch.org/models/resnet50-0676ba61.pth", "76.1", "sha256:0676ba61")},
        method="Supervised",
        supervision="labels",
        page=f"{GITHUB}/pytorch/vision",
        licence="not stated (code BSD-3-Clause)",
        ignored=("fc.",),
        trap="This is torchvision's V1; `weights='DEFAULT'` is V2, of another recipe and 4.7 points better.",
    )


ROWS = [*swav(), *moco_and_simsiam(), *by_redundancy(), *supervised()]
