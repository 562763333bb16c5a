"""Claims B1-B6: rules as data. What is measured for each, on its subject and both controls, is in `evidence`."""

from analysis.rules import Claim, Condition, Published, Rule
from analysis.studies.bagssl.published import ABSTRACT, WHOLE_IMAGES
from analysis.studies.bagssl.said import SAID

STUDY = "bagssl"
POINTS = 0.02  # of accuracy
MOST = 0.5
ABOUT = 0.7
APART = 0.05
PART = 0.1
EXACT = 1e-9

_SAME = "two points of accuracy are the least that anybody would call worse"
_CLEAR = "two points of accuracy are the least that anybody would call better"

B1 = Claim(
    "B1",
    STUDY,
    "Training on patches of one size and averaging is as good as the multi-scale baseline.",
    Rule(
        (
            Condition(
                "linear",
                "accuracy (linear probe) of the mean over patches, encoders trained on patches of one size, minus that of "
                "their multi-scale partners on whole images, mean over pairs",
                -POINTS,
                _SAME,
            ),
            Condition(
                "knn",
                "accuracy (nearest neighbours) of the mean over patches minus that of the multi-scale partners on whole images",
                -POINTS,
                _SAME,
            ),
            Condition(
                "learned", "lead (linear probe) of the mean over patches over the untrained copy, read alike", POINTS, _CLEAR
            ),
        ),
        negative="the untrained copy read on patches in place of the encoder trained on them",
        positive="the multi-scale partner itself in place of the encoder trained on patches",
        preconditions=("two pairs that saw as many images and as many views", "partners above their untrained copies"),
    ),
    said=SAID["B1"],
)
B2 = Claim(
    "B2",
    STUDY,
    "Even small patches carry most of it.",
    Rule(
        (
            Condition(
                "share",
                "accuracy (linear probe) of the mean over small patches on the scale from the untrained copy on the same "
                "patches (0) to the multi-scale partner on whole images (1), mean over encoders trained on patches",
                MOST,
                "most is more than half",
            ),
        ),
        negative="the untrained copy on the same patches",
        positive="an encoder trained with labels on patches",
        preconditions=("whole images read better than untrained patches", "two encoders trained on patches"),
    ),
    Published(
        f"{ABSTRACT:.0%} top-1 (linear probe, ImageNet) with patches of 32 px; VICReg on whole images {WHOLE_IMAGES:.1%}",
        "abstract of arXiv 2206.08954v2; repository of VICReg",
    ),
    said=SAID["B2"],
)
B3 = Claim(
    "B3",
    STUDY,
    "A multi-scale model's whole-image embedding is about the average of its patch embeddings.",
    Rule(
        (
            Condition(
                "overlapping",
                "centred cosine of whole image and mean over a grid of overlapping patches, relative to that of an exact bag "
                "of patches on the same grid, mean over encoders",
                ABOUT,
                "each then tells half of the other's variance",
            ),
            Condition(
                "disjoint",
                "centred cosine of whole image and mean over patches side by side, which share no pixel, relative to an "
                "exact bag",
                ABOUT,
                "each then tells half of the other's variance",
            ),
            Condition(
                "learned",
                "centred cosine on patches side by side minus that of the untrained copy",
                APART,
                "a twentieth of the range of a cosine from chance to equality",
            ),
        ),
        negative="patches of other images",
        positive="an exact bag of patches",
        preconditions=("two multi-scale encoders above their untrained copies",),
    ),
    said=SAID["B3"],
)
B4 = Claim(
    "B4",
    STUDY,
    "Representations are invariant at the global scale and local when zoomed in; projectors are more invariant than backbones.",
    Rule(
        (
            Condition(
                "zoom",
                "centred cosine of two large patches of an image minus that of two small ones, in the backbone, minus the same "
                "of the untrained copy (larger patches share more pixels)",
                APART,
                "a twentieth of the range of a cosine from chance to equality",
            ),
            Condition(
                "place",
                "R2 of the place of a small patch, read by a linear map from the backbone, minus that from the projector",
                POINTS,
                "two hundredths of the variance of places are the least that we would call a difference",
            ),
        ),
        negative="the untrained copy against itself",
        positive="codes that hold the image in large patches, the place in small ones, and a projector that drops the place",
        preconditions=("two multi-scale encoders with their projectors, above their untrained copies",),
    ),
    said=SAID["B4"],
)
B5 = Claim(
    "B5",
    STUDY,
    "Patch aggregation improves existing models.",
    Rule(
        (
            Condition(
                "gain",
                "accuracy (linear probe) of the mean over large patches minus that of the whole image, as a share of what the "
                "encoders gain on average over their untrained copies",
                0.05,
                "a twentieth of what training brought",
            ),
            Condition(
                "beyond",
                "gain of the mean over large patches minus that of as many mirrored and shifted whole images, which cost as "
                "much",
                0.0,
                "patches must beat what anybody can have at that price",
            ),
        ),
        negative="the whole image as many times",
        positive="an encoder whose every reading has noise of its own, which a mean removes",
        preconditions=("two multi-scale encoders above their untrained copies",),
    ),
    said=SAID["B5"],
)
B6 = Claim(
    "B6",
    STUDY,
    "The self-supervised loss models co-occurrence.",
    Rule(
        (
            Condition(
                "recovered",
                "correlation of similarities of patches with how often their kinds really occur together (different kinds, "
                "weighted as the loss weighs them), on the scale from shuffled patches (0) to the loss's own optimum (1), mean "
                "over encoders",
                PART,
                "a tenth of what the loss itself could reach",
            ),
            Condition(
                "learned",
                "correlation of similarities with co-occurrence, on that scale, minus that of the untrained copy",
                PART,
                "a tenth, as above",
            ),
        ),
        negative="the same patches shuffled between images",
        positive="the optimum of the co-occurrence loss on the counted kinds",
        preconditions=(
            f"the identity L_C(w) = 2w L_S(w/2) + K holds to {EXACT:g} on counted kinds",
            "images whose kinds of patches are known (Scenes, or photographs with maps of classes)",
        ),
    ),
    said=SAID["B6"],
)
CLAIMS = (B1, B2, B3, B4, B5, B6)
