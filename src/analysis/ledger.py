"""Every claim of the five papers. A claim gets a verdict from the runs of its study; until then it is not tested."""

from analysis.claims import Claim
from analysis.local_vit.claims import CLAIMS as LOCAL_VIT
from analysis.masking.claims import CLAIMS as MASKING
from analysis.qscore.claims import CLAIMS as QSCORE

_REST = (
    ("R1", "rcdm", "Samples are on par with good generative models.", "Frechet distance, precision and recall of samples",
     "the same network unconditional and class-conditional"),
    ("R2", "rcdm", "Samples are faithful: their representation is close to the conditioning one.",
     "mean reciprocal rank of the conditioning image among real images", "untrained encoder; unconditional samples"),
    ("R3", "rcdm", "Backbone representations are not invariant to the training augmentations.",
     "what of the augmentation is visible in samples", "projector; an encoder never trained with that augmentation"),
    ("R4", "rcdm", "Projector embeddings are invariant to them, and to more.", "the same as R3", "backbone"),
    ("R5", "rcdm", "Self-supervised representations are more robust to small adversarial perturbations than supervised ones.",
     "shift of representation and of sample attributes against the perturbation's size", "random perturbation of equal norm"),
    ("R6", "rcdm", "Representations have a structure that allows manipulation.", "success of the edit on ground truth",
     "as many random dimensions"),
    ("B1", "bagssl", "Training on fixed-scale patches and averaging is as good as the multi-scale baseline.",
     "linear and kNN accuracy at equal images seen", "untrained encoder; patches that do not overlap"),
    ("B2", "bagssl", "Even small patches carry most of it.", "accuracy against patch size", "supervised bag of patches"),
    ("B3", "bagssl", "A multi-scale model's whole-image embedding is about the average of its patch embeddings.",
     "centred cosine against number of patches", "mismatched images; untrained encoder"),
    ("B4", "bagssl", "Representations are invariant at the global scale and local when zoomed in; projectors more invariant.",
     "similarity within and between images by scale, position decoding", "untrained encoder"),
    ("B5", "bagssl", "Patch aggregation improves existing models.", "accuracy gain over the centre crop",
     "test-time augmentation of equal compute"),
    ("B6", "bagssl", "The self-supervised loss models co-occurrence.", "an identity of two losses, to numerical precision",
     "shuffled pairs"),
)  # fmt: skip


def _by_study(study: str) -> tuple[Claim, ...]:
    return tuple(Claim(*row, rule="fixed with its study") for row in _REST if row[1] == study)


LEDGER: tuple[Claim, ...] = (*MASKING, *_by_study("rcdm"), *QSCORE, *_by_study("bagssl"), *LOCAL_VIT)
