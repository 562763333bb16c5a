"""Numbers of the authors' draft: outputs kept in notebooks of their public code, of September 2023, before the paper.

Source: https://github.com/AlvardBarseghyan/mae, branch `draft`, commit b42356c6: Cityscapes, 72 images in the bank and 30 to be
segmented, last block, nearest patch (k = 1) by inner product, mIoU of 19 classes. Published values may differ.
"""

from analysis.results import Row

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
