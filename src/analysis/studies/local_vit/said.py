"""Claims L1-L5 in plain words: what is so where a claim is supported, and where one of its conditions is not met."""

from analysis.rules import Said

SAID = {
    "L1": Said(
        "patches of self-distilled transformers work without tuning and those of masked image modelling do not",
        (
            "Patches of self-distilled transformers lead over those of masked image modelling by more without"
            " tuning than with a tuned probe (difference of leads {})."
        ),
        {
            "interaction": (
                "Patches of self-distilled transformers lead over those of masked image modelling by hardly more "
                "without tuning than with a tuned probe (difference of leads {})."
            ),
        },
    ),
    "L2": Said(
        "MAE has dimensions of high variance that hurt nearest neighbours and carry little",
        (
            "MAE has dimensions of high variance that hurt nearest neighbours and carry little (mIoU gained "
            "without them, beyond random ones, {})."
        ),
        {
            "hurt": (
                "The dimensions of highest variance of MAE hardly hurt nearest neighbours (mIoU gained without "
                "them, beyond random ones, {})."
            ),
            "little": (
                "The dimensions of highest variance of MAE carry something: a linear probe loses without them "
                "(difference of mIoU {})."
            ),
        },
    ),
    "L3": Said(
        "removing the dimensions of highest variance helps MAE",
        "Removing the dimensions of highest variance helps nearest neighbours of MAE (mIoU gained {}).",
        {
            "gain": "Removing the dimensions of highest variance hardly helps nearest neighbours of MAE (mIoU gained {}).",
        },
    ),
    "L4": Said(
        "removing the dimensions of highest variance helps Scale-MAE",
        "Removing the dimensions of highest variance helps nearest neighbours of Scale-MAE (mIoU gained {}).",
        {
            "gain": (
                "Removing the dimensions of highest variance hardly helps nearest neighbours of Scale-MAE (mIoU gained {})."
            ),
        },
    ),
    "L5": Said(
        "DINOv2 falls short of DINO in a setting of retrieval",
        "There is a setting of retrieval in which DINOv2 falls short of DINO (largest shortfall of recall {}).",
        {
            "shortfall": (
                "In no setting of retrieval does DINOv2 fall clearly short of DINO (largest shortfall of recall {})."
            ),
        },
    ),
}
