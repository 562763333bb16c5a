"""Numbers of the authors' draft: outputs kept in notebooks of their public code, of September 2023, before the paper.

Source: https://github.com/AlvardBarseghyan/mae, branch `draft`, commit b42356c6: Cityscapes, 72 images in the bank and 30 to be
segmented, last block, nearest patch (k = 1) by inner product, mIoU of 19 classes. Published values may differ.
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
