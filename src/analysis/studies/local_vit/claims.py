"""Claims L1-L5: rules as data, fixed before their numbers were seen. The evidence for each is in `evidence`."""

import numpy as np

from analysis.rules import Claim, Condition, Rule
from analysis.studies.local_vit import published
from analysis.studies.local_vit.controls import STRENGTHS
from analysis.studies.local_vit.measured import RATIO
from analysis.studies.local_vit.said import SAID

Array = np.ndarray
STUDY = "local_vit"
SMALLEST = 0.02
REASON = "as much as another draw of the labelled images changes: up to 0.025 in the authors' own table"
PLANTED = f"planted {max(STRENGTHS):g}"
LEARNED = "every encoder that counts is above its untrained copy on its own data"
PRESENT = f"a dimension has more than {RATIO:g} times the median variance, with its whole interval"

L1 = Claim(
    "L1",
    STUDY,
    "Patch features of self-distilled models work with no tuning, those of masked image modelling do not.",
    Rule(
        (
            Condition(
                "interaction",
                "lead of self-distilled over masked-image-modelling encoders without tuning, minus their lead with a tuned "
                "linear probe (mean over segmentation, same object, same patch and tracking, as far as they were measured)",
                SMALLEST,
                REASON,
            ),
        ),
        "each self-distilled or supervised encoder against itself with noise on all dimensions, worse for every probe",
        "the same with that noise in dimensions of its own, which a linear probe can leave out",
        preconditions=(LEARNED, "there are at least two encoders of each kind"),
    ),
    published.L1,
    said=SAID["L1"],
)
L2 = Claim(
    "L2",
    STUDY,
    "MAE features have dimensions of high variance that hurt nearest neighbours and carry little information.",
    Rule(
        (
            Condition(
                "hurt",
                "mIoU that the nearest patch gains when the dimensions of highest variance are removed, minus what it gains "
                "when as many random ones are",
                SMALLEST,
                REASON,
            ),
            Condition("little", "mIoU of a linear probe without them minus that with all dimensions", -SMALLEST, REASON),
        ),
        "as many random dimensions in their place",
        f"uninformative dimensions amplified {max(STRENGTHS):g} times, by a map that the next layer can undo",
        preconditions=(LEARNED, PRESENT),
    ),
    published.L2,
    said=SAID["L2"],
)


def _removal(id_: str, model: str, number: published.Published | None) -> Claim:
    gain = f"mIoU that the nearest patch of {model} gains when its dimensions of highest variance are removed"
    statement = f"Removing the dimensions of highest variance improves nearest neighbours of {model}."
    condition = Condition("gain", gain, SMALLEST, REASON)
    return Claim(
        id_,
        STUDY,
        statement,
        Rule((condition,), L2.rule.negative, L2.rule.positive, preconditions=(LEARNED, PRESENT)),
        number,
        said=SAID[id_],
    )


L3, L4 = _removal("L3", "MAE", published.L3), _removal("L4", "Scale-MAE", None)
L5 = Claim(
    "L5",
    STUDY,
    "There is a setting of instance retrieval in which DINOv2 falls short of DINO.",
    Rule(
        (
            Condition(
                "shortfall",
                "recall of DINO minus that of DINOv2 in the setting of retrieval (same patch or same object) where it is "
                "largest, by inner product and by cosine alike, with an interval for all settings together",
                SMALLEST,
                REASON,
            ),
        ),
        "DINO against itself with its tokens rounded to steps of an eighth of their deviation, an encoder as good",
        "a matcher that knows every place, in place of DINO",
        preconditions=(LEARNED, "a matcher that knows every place finds every patch"),
    ),
    published.L5,
    said=SAID["L5"],
)
CLAIMS = (L1, L2, L3, L4, L5)
