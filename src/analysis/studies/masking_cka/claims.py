"""Claims M1-M3 and their rules, fixed before any number was seen. What a run measured for them is gathered in `evidence`."""

from analysis.rules import Claim, Condition, Rule
from analysis.studies.masking_cka.said import SAID

SMALLEST = 0.05  # the smallest difference in debiased CKA, or in overlap of directions, that we call one
AGREEMENT = 0.5
A_DIFFERENCE = "0.05 is the smallest difference in debiased CKA that we call one"
LEARNT = "the encoder's linear probe lies above that of its untrained copy, on its own data"

M1 = Claim(
    "M1",
    "masking_cka",
    "Not all self-supervised models give representations that separate complete, foreground and background images.",
    Rule(
        (
            Condition(
                "images",
                "excess of CKA(object, background) over CKA(region, rest), where `region` has the outline of another image's "
                "object, for the model that separates least",
                -SMALLEST,
                f"a model separates where object and background are less alike by more; {A_DIFFERENCE}",
            ),
            Condition(
                "directions",
                "excess of the overlap of the directions in which object and background vary over that of region and rest, "
                "minus that excess in the untrained copy, for the model that separates least",
                -SMALLEST,
                "as for CKA: an overlap is a cosine as well",
            ),
        ),
        negative="made representations that hold object and background in dimensions of their own, and so separate",
        positive="the same beside the mean grey level, whose one dimension object and background share",
        combine="any",
        preconditions=(LEARNT,),
    ),
    said=SAID["M1"],
)
M2 = Claim(
    "M2",
    "masking_cka",
    "Where foreground is ill defined, as in textures, occluding the centre serves instead.",
    Rule(
        (
            Condition(
                "agreement",
                "rank correlation, over encoders, of what removing the object and what occluding the centre take from CKA "
                "with the complete image",
                AGREEMENT,
                "below it the one explains less than a quarter of the other",
            ),
            Condition(
                "place",
                "CKA lost by the centred square minus that lost by the same square in the corners, on images with an object "
                "minus on images without one",
                SMALLEST,
                f"else the square need not hold the object; {A_DIFFERENCE}",
            ),
        ),
        negative="squares in the two left corners in place of the centre, against those in the right ones",
        positive="made representations that read mostly the object, each in another mixture with the rest of the image",
    ),
    said=SAID["M2"],
)
M3 = Claim(
    "M3",
    "masking_cka",
    "Self-supervised models differ in how far object and background carry their representation.",
    Rule(
        (
            Condition(
                "difference",
                "largest difference between two models of one architecture in CKA(complete, object) minus CKA(complete, "
                "background)",
                SMALLEST,
                A_DIFFERENCE,
            ),
        ),
        negative="every model beside itself in a random basis, of which a tenth is left out",
        positive="made representations of which one reads mostly the object, the other mostly the background",
        preconditions=(LEARNT, "two such models of one architecture, whose untrained copies are the same network"),
    ),
    said=SAID["M3"],
)
CLAIMS = (M1, M2, M3)
