"""ResNet-50s that libraries trained again, by the layout of their files; see `checkpoints.Checkpoint` for the columns."""

from functools import partial

from analysis.encoders.checkpoint_resnets import BARLOW, MOCO_V3, SWAV, resnet
from analysis.encoders.checkpoints import FAIR, GITHUB, Checkpoint

VISSL = f"{FAIR}/vissl/model_zoo"
OPENMMLAB = "https://download.openmmlab.com/mmselfsup/1.x"
LIGHTLY = "https://lightly-ssl-checkpoints.s3.amazonaws.com"


def of_vissl() -> list[Checkpoint]:
    """Trainings of the VISSL library: the SimCLR and Barlow Twins of RCDM, and a second SwAV."""
    vissl = partial(
        resnet,
        page=f"{GITHUB}/facebookresearch/vissl",
        licence="MIT (repository)",
        containers=("classy_state_dict.base_model.model",),
        prefix="trunk._feature_blocks.",
    )
    tags = {
        1000: ("afe428c7", "68.8"),
        800: ("7e8feed1", "69.7"),
        400: ("36b338ef", "67.7"),
        200: ("a816c0ef", "66.6"),
        100: ("8edb093e", "64.4"),
    }
    simclr = {
        f"simclr_rn50{'' if epochs == 1000 else f'_{epochs}ep'}": (
            f"{VISSL}/simclr_rn50_{epochs}ep_simclr_8node_resnet_16_07_20.{tag}/model_final_checkpoint_phase{epochs - 1}.torch",
            f"{top1} linear",
        )
        for epochs, (tag, top1) in tags.items()
    }
    barlow = f"{VISSL}/barlow_twins/barlow_twins_32gpus_4node_imagenet1k"
    swav = f"{VISSL}/swav_in1k_rn50_800ep_swav_8node_resnet_27_07_20.a0a6b676/model_final_checkpoint_phase799.torch"
    return [
        *vissl(
            simclr,
            method="SimCLR",
            head="heads.",
            projector="2048 2048 relu 128",
            head_renames=((r"^0\.clf\.0", "0"), (r"^1\.clf\.0", "2")),
            trap="The layers of the head are stored one by one, the ReLU between them is not: joined plainly, they are linear.",
        ),
        *vissl(
            {
                "barlow_rn50_vissl": (f"{barlow}_1000ep_resnet50.torch", "71.8 linear"),
                "barlow_rn50_vissl_300ep": (f"{barlow}_300ep_resnet50.torch", "70.8 linear"),
            },
            method="Barlow Twins",
            head="heads.",
            projector=BARLOW,
            head_renames=((r"^0\.clf\.", ""), (r"^1\.clf\.0", "3"), (r"^1\.clf\.1", "4"), (r"^2\.clf\.0", "6")),
            trap="A second training, 1.7 points below the authors' own; the one of 1000 epochs is RCDM's.",
        ),
        *vissl(
            {"swav_rn50_vissl": (swav, "74.9 linear")},
            method="SwAV",
            head="heads.0.projection_head.",
            projector=SWAV,
            ignored=("heads.0.prototypes",),
            trap="A second training of the same recipe, not a copy of the authors' file.",
        ),
    ]


def of_openmmlab() -> list[Checkpoint]:
    """Trainings of the MMPretrain library."""
    openmmlab = partial(
        resnet,
        page=f"{GITHUB}/open-mmlab/mmpretrain",
        licence="Apache-2.0 (repository)",
        containers=("state_dict",),
        prefix="backbone.",
        ignored=("head.",),
        head="neck.",
        head_renames=((r"^fc0", "0"), (r"^bn0", "1"), (r"^fc1", "3"), (r"^bn1", "4"), (r"^fc2", "6"), (r"^bn2", "7")),
        trap="Trained again in another library: neither the authors' weights nor their figure.",
    )

    simclr, simsiam = "simclr_resnet50_16xb256-coslr-{}e_in1k", "simsiam_resnet50_8xb32-coslr-{}e_in1k"
    moco, barlow = "mocov3_resnet50_8xb512-amp-coslr-{}e_in1k", "barlowtwins_resnet50_8xb256-coslr-300e_in1k"
    return [
        *openmmlab(
            {
                "simclr_rn50_mmpretrain_800ep": _published(simclr.format(800), "20220825-85fcc4de", "69.2"),
                "simclr_rn50_mmpretrain_200ep": _published(simclr.format(200), "20220825-4d9cce50", "66.9"),
            },
            method="SimCLR",
            projector="2048 2048- bn relu 128- bn",
        ),
        *openmmlab(
            {"byol_rn50_mmpretrain": _published("byol_resnet50_16xb256-coslr-200e_in1k", "20220825-de817331", "71.8")},
            method="BYOL",
            projector="2048 4096 bn relu 256-",
            ignored=("head.", "target_net."),
        ),
        *openmmlab(
            {
                "simsiam_rn50_mmpretrain_200ep": _published(simsiam.format(200), "20220825-efe91299", "69.8"),
                "simsiam_rn50_mmpretrain_100ep": _published(simsiam.format(100), "20220825-d07cb2e6", "68.3"),
            },
            method="SimSiam",
            projector="2048 2048- bn relu 2048- bn relu 2048- bn0",
        ),
        *openmmlab(
            {"barlow_rn50_mmpretrain": _published(barlow, "20220825-57307488", "71.8")},
            method="Barlow Twins",
            projector=BARLOW,
        ),
        *openmmlab(
            {
                "mocov3_rn50_mmpretrain_800ep": _published(moco.format(800), "20220927-e043f51a", "74.4"),
                "mocov3_rn50_mmpretrain_300ep": _published(moco.format(300), "20220927-1e4f3304", "72.8"),
                "mocov3_rn50_mmpretrain_100ep": _published(moco.format(100), "20220927-f1144efa", "69.6"),
            },
            method="MoCo v3",
            projector=MOCO_V3,
            ignored=("head.", "momentum_encoder."),
        ),
    ]


def _published(config: str, stamp: str, top1: str) -> tuple[str, str, str]:
    """Address, figure and digest of a run; the stamp, DATE-DIGEST, ends the name of its file."""
    folder = f"{OPENMMLAB}/{config.split('_')[0]}/{config}"
    return f"{folder}/{config}_{stamp}.pth", f"{top1} linear", f"sha256:{stamp.split('-')[1]}"


def of_lightly() -> list[Checkpoint]:
    """Seven methods trained by one recipe for 100 epochs, which makes them comparable with one another."""
    runs = {
        "barlow": ("Barlow Twins", "barlowtwins_2023-08-18_00-11-03", 500400, "62.9"),
        "byol": ("BYOL", "byol_2024-02-14_16-10-09", 500400, "62.5"),
        "dino": ("DINO", "dino_2023-06-06_13-59-48", 1000900, "68.2"),
        "mocov2": ("MoCo v2", "mocov2_2024-02-18_10-29-14", 500400, "61.5"),
        "simclr": ("SimCLR", "simclr_2023-06-22_09-11-13", 500400, "63.2"),
        "swav": ("SwAV", "swav_2023-05-25_08-29-14", 500400, "67.2"),
        "vicreg": ("VICReg", "vicreg_2023-09-11_10-53-08", 500400, "63.0"),
    }
    online = ("projection_head.", "prediction_head.", "prototypes.", "queues.", "criterion.", "online_classifier.")
    lightly = partial(
        resnet,
        page=f"{GITHUB}/lightly-ai/lightly",
        licence="not stated (code MIT)",
        containers=("state_dict",),
        prefix="backbone.",
        ignored=(*online, "teacher_", "student_", "query_"),
        trap="In the benchmark's code `backbone` is the momentum copy for DINO and MoCo v2, the trained one otherwise.",
    )
    rows = []
    for word, (method, run, step, top1) in runs.items():
        url = f"{LIGHTLY}/imagenet_resnet50_{run}/pretrain/version_0/checkpoints/epoch%3D99-step%3D{step}.ckpt"
        rows += lightly({f"{word}_rn50_lightly": (url, f"{top1} linear")}, method=method)
    return rows


ROWS = [*of_vissl(), *of_openmmlab(), *of_lightly()]
