"""Numbers of the authors' draft: outputs kept in notebooks of their public code, of September 2023, before the paper.

Source: https://github.com/AlvardBarseghyan/mae, branch `draft`, commit b42356c6. Last block, nearest by inner product
throughout. Segmentation: Cityscapes, 72 images in the bank and 30 to be segmented, k = 1, mIoU of 19 classes. Published values
may differ.
"""

from collections.abc import Mapping

from analysis.results import Row

WHOLE: Mapping[str, float] = {
    "conv4:random_init": 0.149,
    "conv4:umtra_miniimagenet_1query_5bs": 0.333,
    "conv4:sup_Conv4_baseline_aug": 0.365,
    "conv4:protoclr_miniimagenet_3query_50bs": 0.429,
    "vit-tiny": 0.859,
}
"""Encoder -> accuracy on whole photographs, measured before this study when their files were put together: vote of 20 by
cosine (T = 0.07), 25 classes of Tiny-ImageNet with 40 training images each, 84 px for Conv4, 224 px for the ViT."""

DRAFT: tuple[Row, ...] = (
    {"encoder": "supervised ViT-B/16", "knn": 0.310, "linear": 0.334},
    {"encoder": "DINO ViT-B/16", "knn": 0.335, "linear": 0.383},
    {"encoder": "DINOv2 ViT-B/14", "knn": 0.494, "linear": 0.590},
    {"encoder": "MAE ViT-B/16", "knn": 0.058, "linear": 0.375},
    {"encoder": "SimMIM ViT-B/16", "knn": 0.075, "linear": 0.156},
)
DRAFT_REMOVAL: tuple[Row, ...] = tuple(
    {"m": m, "knn": knn, "linear": linear}
    for m, knn, linear in (
        (0, 0.0581, 0.3752),
        (50, 0.2532, 0.3692),
        (100, 0.2770, 0.3699),
        (200, 0.2947, 0.3644),
        (400, 0.2885, 0.3289),
        (600, 0.2630, 0.2435),
    )
)
DRAFT_ROTATION: tuple[Row, ...] = tuple(
    {"encoder": encoder, **{f"same{degrees}": value for degrees, value in zip((5, 10, 15, 20), found, strict=True)}}
    for encoder, found in {
        "supervised ViT-B/16": (0.267, 0.067, 0.031, 0.016),
        "DINO ViT-B/16": (0.369, 0.092, 0.045, 0.023),
        "DINOv2 ViT-B/14": (0.200, 0.056, 0.027, 0.015),
        "MAE ViT-B/16": (0.030, 0.005, 0.002, 0.001),
        "MAE ViT-B/16, 200 removed": (0.348, 0.090, 0.042, 0.017),
    }.items()
)
"""FAIR1M, 295 tiles: share of patches of turned tiles whose nearest patch by inner product is the same one.

The code scores them by the inverted map that the study simulates, so that a perfect matcher would not have 1.
"""
DRAFT_TRACKING: tuple[Row, ...] = tuple(
    {"encoder": encoder, **{f"apart{frames}": value for frames, value in zip((1, 5, 9, 17, 33, 57), found, strict=True)}}
    for encoder, found in {
        "supervised ViT-B/16": (0.901, 0.675, 0.570, 0.480, 0.363, 0.364),
        "DINO ViT-B/16": (0.959, 0.789, 0.689, 0.595, 0.505, 0.506),
        "DINOv2 ViT-B/14": (0.945, 0.768, 0.687, 0.599, 0.531, 0.548),
        "MAE ViT-B/16": (0.818, 0.601, 0.518, 0.458, 0.393, 0.365),
        "SimMIM ViT-B/16": (0.389, 0.326, 0.300, 0.286, 0.280, 0.252),
    }.items()
)
"""BDD100K, the first four validation videos: share of boxed objects whose most similar one, some frames later, is the same."""
