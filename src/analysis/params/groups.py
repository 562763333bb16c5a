"""Groups of encoders and data sets that presets of several studies share. Values only."""

ZOO = ("zoo:dinov2", "zoo:mae", "zoo:swav", "zoo:simclr", "zoo:supervised", "zoo:untrained", "zoo:untrained-vit")
RESNETS = ("simclr", "moco", "byol", "simsiam", "swav", "vicreg", "barlow-twins", "dino", "supervised", "untrained")
VITS = ("mae", "simmim", "scale-mae", "dino-vit", "ibot", "dinov2", "supervised-vit", "untrained-vit")
PHOTOGRAPHIC = tuple(
    f"zoo:{name}-imagenette" for name in ("simclr", "moco", "byol", "simsiam", "swav", "vicreg", "barlow-twins", "dino")
)
PHOTOGRAPHIC_CONTROLS = ("zoo:supervised-imagenette", "zoo:untrained-imagenette")
PHOTOGRAPHIC_PATCHED = tuple(
    f"zoo:{name}-patch-imagenette" for name in ("simclr", "moco", "byol", "vicreg", "barlow-twins", "supervised")
)
LABELLED = tuple(f"zoo:{name}" for name in ("supervised", "untrained"))
JOINT = tuple(f"zoo:{name}" for name in RESNETS if name not in ("supervised", "untrained"))
PATCHED = ("vicreg-patch", "tcr-patch", "simclr-patch", "byol-patch", "vicreg-patch16", "vicreg-patch-disjoint")
BAGS = tuple(f"zoo:{name}" for name in ("tcr", *PATCHED, "supervised-patch"))
IMAGENET = ("simclr", "swav", "mocov2", "byol", "dino", "vicreg", "barlow")
LADDER = (
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
LOCAL = ("zoo:mae", "zoo:simmim", "zoo:scale-mae", "zoo:dino-vit", "zoo:ibot", "zoo:dinov2", "zoo:supervised-vit")
LOCAL_PHOTOGRAPHS = tuple(f"zoo:{name}-imagenette" for name in ("mae", "dino-vit", "untrained-vit"))
WHOLE_ZOO = (
    *(f"zoo:{name}" for name in (*RESNETS, *VITS)),
    *(*PHOTOGRAPHIC, *PHOTOGRAPHIC_CONTROLS, *PHOTOGRAPHIC_PATCHED, *LOCAL_PHOTOGRAPHS, "zoo:dinov2-imagenette"),
)
WORLD = ("zoo:untrained", "zoo:supervised", "zoo:simclr", "zoo:dinov2")
SCENES = ("scenes:objects", "scenes:fine", "scenes:context", "scenes:textures")
