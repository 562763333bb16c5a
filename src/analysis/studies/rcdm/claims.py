"""Claims R1-R6: rules as data. What is measured for each, on its subject and both controls, is in `evidence`."""

from analysis.rules import Claim, Condition, Published, Rule
from analysis.studies.rcdm.published import FID, INCEPTION_SCORE
from analysis.studies.rcdm.said import SAID

STUDY = "rcdm"
FAITHFUL = 0.5
CLOSE = 0.9
RATIO = 1.1
CEILING = 0.5  # of what is read from real composites, that decoded ones must reach
QUARTER = 0.25

_FAITHFUL = "samples of the encoder are faithful: R2 holds for it alone"
_LEARNT = "encoders above their untrained copies"
_TENTH = "a tenth of the whole change is the least that we would call visible"
_LEAST = "two hundredths of the whole change are the least that we would call a difference"
_MORE = "a tenth more is the least that we would call a difference"

R1 = Claim(
    "R1",
    STUDY,
    "Samples are on par with good generative models.",
    Rule(
        (
            Condition(
                "close",
                "kernel distance (KID) from real images in the space of an encoder held out, on the scale from 8 × 8 "
                "thumbnails, magnified (0), to other real images (1), samples of backbones, mean over encoders",
                CLOSE,
                "a tenth of the way back to thumbnails is the most that we would overlook",
            ),
            Condition(
                "par",
                "place of samples on that scale minus that of the better of the network conditioned on the class label and "
                "on nothing",
                -0.05,
                "a twentieth of the scale is the least that we would call worse",
            ),
        ),
        negative="8 × 8 thumbnails, magnified",
        positive="the represented real images themselves",
        preconditions=(_FAITHFUL,),
    ),
    Published(
        f"FID {FID}, Inception Score {INCEPTION_SCORE} on ImageNet at 256 px", "table 2 of Li et al. 2023, arXiv 2312.03701"
    ),
    said=SAID["R1"],
)
R2 = Claim(
    "R2",
    STUDY,
    "Samples are faithful: their representation is close to the conditioning one.",
    Rule(
        (
            Condition(
                "mrr",
                "mean reciprocal rank of the represented image among real images, by distance to the sample in the space it "
                "was drawn from, backbones, mean over encoders",
                FAITHFUL,
                "the represented image is then first or second",
            ),
            Condition(
                "distance",
                "squared distance of sample and represented image, as 1 minus its ratio to that of two images",
                FAITHFUL,
                "a sample is then nearer to its image than halfway to any other",
            ),
            Condition(
                "learned",
                "mean reciprocal rank minus that of the untrained copy's own samples",
                0.02,
                "two hundredths are the least that we would call a difference",
            ),
        ),
        negative="samples drawn from nothing",
        positive="samples drawn from 8 × 8 thumbnails",
        preconditions=(_LEARNT,),
    ),
    said=SAID["R2"],
)
R3 = Claim(
    "R3",
    STUDY,
    "Backbone representations are not invariant to the training augmentations.",
    Rule(
        (
            Condition(
                "samples",
                "share of what an augmentation changes in the image that changes in samples of backbones, mean over "
                "augmentations of the training and encoders",
                0.1,
                _TENTH,
                needs=_FAITHFUL,
            ),
            Condition(
                "direct",
                "squared distance that augmentations move the representation itself, as a share of that of two images, mean "
                "over augmentations and all such encoders of the run",
                0.1,
                _TENTH,
            ),
            Condition(
                "kept",
                "squared distance that augmentations move the representation, over that of the untrained copy, same encoders",
                QUARTER,
                "training that left less than a quarter made it invariant",
            ),
        ),
        negative="the representation averaged over the augmentations, invariant by construction",
        positive="an 8 × 8 thumbnail as representation",
        preconditions=(_LEARNT,),
    ),
    said=SAID["R3"],
)
R4 = Claim(
    "R4",
    STUDY,
    "Projector embeddings are invariant to them, and to more.",
    Rule(
        (
            Condition(
                "gap",
                "share of what an augmentation changes in the image that changes in samples, backbones minus projectors, mean "
                "over augmentations of the training and encoders",
                0.02,
                _LEAST,
                needs=_FAITHFUL,
            ),
            Condition(
                "more",
                "share of changes that no training had, seen in samples, backbones minus projectors",
                0.02,
                _LEAST,
                needs=_FAITHFUL,
            ),
            Condition(
                "direct",
                "squared distance that all these changes move the representation itself, as a share of that of two images, "
                "backbones minus projectors, mean over all such encoders of the run",
                0.02,
                _LEAST,
            ),
            Condition(
                "invariant", "1 minus the share that samples of projectors show of augmentations", 0.9, _TENTH, needs=_FAITHFUL
            ),
        ),
        negative="the backbone in place of the projector",
        positive="an 8 × 8 thumbnail as backbone, the representation averaged over all changes as projector",
        preconditions=(_LEARNT,),
    ),
    said=SAID["R4"],
)
R5 = Claim(
    "R5",
    STUDY,
    "Self-supervised representations are more robust to small adversarial perturbations than supervised ones.",
    Rule(
        (
            Condition(
                "free",
                "squared shift of the representation, as a share of the squared distance of two images, under the label-free "
                "attack (PGD), supervised over self-supervised, like networks only, geometric mean over sizes and encoders",
                RATIO,
                _MORE,
            ),
            Condition(
                "probe", "ratio of shifts, supervised over self-supervised, under the attack on a linear probe", RATIO, _MORE
            ),
            Condition(
                "beyond",
                "ratio of shifts under the label-free attack over that under random changes of equal length",
                RATIO,
                _MORE,
            ),
        ),
        negative="random changes of equal length in place of attacks",
        positive="the pixels as self-supervised representation: linear, and no attack moves them further than a random change",
        preconditions=("encoders of both kinds above their untrained copies",),
    ),
    said=SAID["R5"],
)
R6 = Claim(
    "R6",
    STUDY,
    "Representations have a structure that allows manipulation.",
    Rule(
        (
            Condition(
                "gain",
                "share of swaps of the dimensions common to a neighbourhood after which samples have the other background and "
                "their own object, minus that of as many other dimensions, over that of samples of the true composite",
                0.1,
                "a tenth of what an edit could reach at best",
            ),
            Condition(
                "path",
                "rank correlation of the place on a straight path with the background seen there",
                0.5,
                "the background then goes over for the most part in order",
            ),
        ),
        negative="random dimensions, none of them common, and the frames of a path in random order",
        positive="the represented true composite, and thumbnails mixed",
        preconditions=(
            _FAITHFUL,
            "samples of true composites succeed at least half as often as real composites",
            "images whose object and background are known (Scenes)",
        ),
    ),
    said=SAID["R6"],
)
CLAIMS = (R1, R2, R3, R4, R5, R6)
