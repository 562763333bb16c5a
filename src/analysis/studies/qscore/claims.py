"""Claims Q1-Q5: the rules as data, and the paper's own numbers. The evidence of a run is in `evidence`.

Every bound is the smallest effect of interest, and was fixed on planted representations before the numbers of a run were seen.
"""

import numpy as np

from analysis.rules import Claim, Condition, Published, Rule
from analysis.stats import Estimate, over_units
from analysis.studies.qscore.core import CENTRE, EVEN
from analysis.studies.qscore.core import RANDOM as RANDOM_MAP
from analysis.studies.qscore.regulariser import PULLS
from analysis.studies.qscore.said import SAID

COVERAGE = 0.9  # share of test images with a Q, from which Q can be said to predict anything
ACCURACY = (0.4, 0.95)  # of the probe: the paper's lie between .64 and .81; outside there is too little of one outcome
_PLANTED = "features of classes, planted into the same representations, that misclassified images lack"
LEARNED = "each encoder is above its untrained copy on its own data"

# Top-1 of each method (Figure 2): all features, 60 % around D, 60 % at random.
FIGURE_2 = {
    "SimCLR": (63.7, 61.8, 57.9),
    "SwAV": (69.8, 66.7, 62.7),
    "MoCo": (67.0, 65.7, 61.4),
    "BYOL": (68.6, 66.7, 63.5),
    "DINO": (75.3, 72.8, 70.5),
    "SimSiam": (68.4, 65.6, 63.3),
    "VICReg": (73.2, 70.3, 65.7),
    "Barlow Twins": (67.2, 65.5, 62.7),
}
# AUROC of Q on ImageNet-100 (Table 1); top-1 there without and with the regulariser, and the same on ImageNet-1K (Table 2).
TABLES = {
    "SimCLR": (73.26, 78.64, 80.79, 63.80, 66.18),
    "SwAV": (62.30, 74.36, 78.90, 69.95, 71.05),
    "MoCo": (63.09, 79.62, 85.16, 67.03, 69.31),
    "BYOL": (72.78, 80.88, 86.72, 69.14, 72.81),
    "DINO": (62.57, 75.41, 76.39, 75.52, 75.78),
    "SimSiam": (66.97, 78.80, 81.41, 68.62, 70.47),
    "VICReg": (69.68, 79.77, 81.56, 73.63, 74.72),
    "Barlow Twins": (69.57, 80.63, 81.03, 67.85, 69.58),
}


def _paper(values: np.ndarray) -> Estimate:
    """Mean over the paper's eight methods, with the interval over methods."""
    return over_units(values)


_full, _kept, _random = np.array(list(FIGURE_2.values())).T
_auroc, _in100, _in100_q, _in1k, _in1k_q = np.array(list(TABLES.values())).T / 100
_ON_1K = _paper(_in1k_q - _in1k)
GAIN = float(np.mean(_in100_q - _in100))

Q1 = Claim(
    "Q1",
    "qscore",
    "Features found without labels are discriminative and more active in correctly classified samples.",
    Rule(
        (
            Condition(
                "activity",
                "activity of D in correct minus misclassified images (Cohen's d), minus that of random sets of features",
                0.1,
                "half of what is called a small effect",
            ),
            Condition(
                "selectivity",
                "share of a feature's variance that lies between classes, of D minus all features",
                0.01,
                "a hundredth of the variance; random sets differ by less",
            ),
        ),
        negative="random sets of as many features",
        positive=_PLANTED,
        preconditions=(LEARNED,),
    ),
    said=SAID["Q1"],
)
Q2 = Claim(
    "Q2",
    "qscore",
    "The representation can be cut by up to 40 % with little loss.",
    Rule(
        (
            Condition(
                "kept",
                "accuracy kept by the 60 % of features around D above an untrained network, as a share of what all features "
                "have above it, all encoders together",
                0.95,
                "a loss of a twentieth of what training gave",
            ),
            Condition(
                "over random",
                "accuracy kept by D minus that kept by as many random features, on the same scale",
                0.02,
                "what another random draw changes",
            ),
        ),
        negative="as many random features in place of D",
        positive="the scores of the classes, hidden in the middle of as many features that say nothing",
        preconditions=(LEARNED,),
    ),
    Published(
        "top-1 on ImageNet-1K falls by 1.3 to 3.1 points of 64 to 75 with 60 % around D, by 4.5 to 7.5 with 60 % at random; "
        "here relative to all features, for the paper prints no untrained network",
        "Figure 2, read off to about half a point",
        {"kept": _paper(_kept / _full), "over random": _paper((_kept - _random) / _full)},
    ),
    said=SAID["Q2"],
)
Q3 = Claim(
    "Q3",
    "qscore",
    "Q-Score predicts misclassification.",
    Rule(
        (
            Condition(
                "auroc",
                "AUROC of Q as a detector of correctly classified images",
                0.55,
                "the weakest score that we would call a predictor",
            ),
        ),
        negative="Q of other images",
        positive=_PLANTED,
        preconditions=(
            LEARNED,
            f"at least {COVERAGE:.0%} of the images have a Q",
            f"the probe names {ACCURACY[0]:.0%} to {ACCURACY[1]:.0%} of the images",
        ),
    ),
    Published("AUROC .62 to .73 on ImageNet-100 (ResNet-18, top-1 .74 to .81)", "Table 1", {"auroc": _paper(_auroc)}),
    said=SAID["Q3"],
)
Q3B = Claim(
    "Q3b",
    "qscore",
    "Q-Score says more than sparsity does, because of its discriminative features.",
    Rule(
        (
            Condition(
                "within",
                "AUROC of Q among images of like sparsity (twentieths by L1 norm)",
                0.55,
                "the bound of Q3; what is left of sparsity itself within a twentieth stays below",
            ),
            Condition(
                "beyond random D",
                "AUROC of Q among images of like sparsity, minus that with random sets as D",
                0.02,
                "two halves of the random sets differ by less",
            ),
        ),
        negative="Q with random sets as D",
        positive=_PLANTED,
        preconditions=Q3.rule.preconditions,
    ),
    Published("not compared with sparsity, nor with any other score", "main text"),
    said=SAID["Q3b"],
)
Q4 = Claim(
    "Q4",
    "qscore",
    "Q-Score as a regulariser raises linear-probe accuracy.",
    Rule(
        (
            Condition(
                "gain",
                "accuracy of a linear probe after further training with Q-Score minus without, the best of the arms that pull",
                0.005,
                "half a point, below all but two of the sixteen gains that the paper prints",
            ),
        ),
        negative="the same training with random features as D",
        positive=f"the paper's mean gain, {GAIN:.3f}, with the spread over methods that was found: would it have been seen?",
        preconditions=(f"the Q term pulls at least {PULLS:.0%} as hard on the features as the method's own loss",),
    ),
    Published(
        f"+0.4 to +5.8 points on ImageNet-100 (mean {100 * GAIN:.2f}), +0.3 to +3.7 on ImageNet-1K (mean "
        f"{100 * _ON_1K.value:.2f} [{100 * _ON_1K.low:.2f}, {100 * _ON_1K.high:.2f}])",
        "Table 2; the verdict is on ImageNet-100",
        {"gain": _paper(_in100_q - _in100)},
    ),
    said=SAID["Q4"],
)
_LIFTS = {
    f"over {words}": Condition(
        f"over {words}", f"heat of discriminative features in the core, relative to that of {words}, minus 1", 0.1, reason
    )
    for words, reason in (
        ("an even map", "a tenth more than chance"),
        ("a centre prior", "a tenth more than knowing nothing but that objects are central"),
        ("random features", "a tenth more than any active features"),
    )
}
CONTROLS = dict(zip(_LIFTS, (EVEN, CENTRE, RANDOM_MAP), strict=True))
Q5 = Claim(
    "Q5",
    "qscore",
    "Discriminative features lie on core attributes.",
    Rule(
        tuple(_LIFTS.values()),
        negative="the core of another image",
        positive="a feature planted into the same maps that is active where the core is",
        preconditions=(LEARNED,),
    ),
    Published("shares of heat in the core above those in the spurious region for all eight methods; bars only", "Figure 6"),
    said=SAID["Q5"],
)
Q5B = Claim(
    "Q5b",
    "qscore",
    "After regularisation discriminative features lie on core attributes more than before.",
    Rule(
        (
            Condition(
                "rise",
                "heat of discriminative features in the core with the regulariser relative to without, minus 1",
                0.1,
                "a tenth more, as between D and its controls",
            ),
        ),
        negative=Q4.rule.negative,
        positive="the same training with labels, ten times as strong as the method's own loss",
        preconditions=Q4.rule.preconditions,
    ),
    Published("higher with the regulariser for six of eight methods; bars only", "Figure 6"),
    said=SAID["Q5b"],
)
CLAIMS = (Q1, Q2, Q3, Q3B, Q4, Q5, Q5B)
