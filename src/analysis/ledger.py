"""Every claim of the five papers. A claim gets a verdict from the runs of its study; until then it is not tested."""

from analysis.claims import Claim
from analysis.masking.claims import CLAIMS as MASKING

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
    ("Q1", "qscore", "Features found without labels are discriminative and more active in correctly classified samples.",
     "activation of discriminative features in correct and misclassified samples", "as many random features"),
    ("Q2", "qscore", "The representation can be cut by up to 40 % with little loss.", "probe accuracy against share kept",
     "random, PCA, variance-ranked and magnitude-ranked subsets"),
    ("Q3", "qscore", "Q-Score predicts misclassification.", "AUROC, AUPRC of both classes, prevalence, coverage",
     "sparsity, norm, kNN distance, random features, max-softmax"),
    ("Q4", "qscore", "Q-Score as a regulariser raises linear-probe accuracy.", "accuracy after equal further training",
     "no regulariser, either term alone, random features; at least 3 seeds"),
    ("Q5", "qscore", "Discriminative features lie on core attributes, and more so after regularisation.",
     "heatmap mass in the core mask, soft IoU", "centre prior, mask area, spurious mask, random features"),
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
    ("L1", "local_vit", "Contrastive patch features work with no tuning, masked-image-modelling ones do not.",
     "few-shot segmentation, instance retrieval, tracking", "one feature transform for all; untrained and supervised ViT"),
    ("L2", "local_vit", "MAE embeddings have high-variance features that hurt kNN and carry little.",
     "variance spectrum; mIoU with them removed", "random and lowest-variance features, standardisation, cosine"),
    ("L3", "local_vit", "Removing them helps MAE.", "kNN mIoU before and after", "as L2"),
    ("L4", "local_vit", "Removing them helps Scale-MAE.", "kNN mIoU before and after", "as L2"),
    ("L5", "local_vit", "In one instance-retrieval setting DINOv2 falls short of DINO.",
     "same-patch retrieval under known transformations", "equal patch grids; a perfect matcher"),
)  # fmt: skip

LEDGER: tuple[Claim, ...] = (*MASKING, *(Claim(*row, rule="fixed with its study") for row in _REST))
