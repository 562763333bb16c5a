"""Claims Q1-Q5 in plain words: what is so where a claim is supported, and where one of its conditions is not met."""

from analysis.rules import Said

SAID = {
    "Q1": Said(
        "features found without labels are discriminative, and more active where the probe is right",
        "Features found without labels are more active where the probe is right (Cohen's d, beyond random features, {}).",
        {
            "activity": (
                "Features found without labels are not clearly more active where the probe is right than random "
                "features are (Cohen's d, beyond those, {})."
            ),
            "selectivity": (
                "Features found without labels do not tell classes apart clearly better than all features do "
                "(difference of the share of variance between classes {})."
            ),
        },
    ),
    "Q2": Said(
        "two fifths of a representation can be cut with little loss",
        "Two fifths of a representation can be cut with little loss (kept, of the accuracy above an untrained network: {}).",
        {
            "kept": (
                "Cutting two fifths of a representation costs more than a twentieth of what training gave (kept, "
                "of the accuracy above an untrained network: {})."
            ),
            "over random": (
                "The features that the method keeps are not clearly better than as many random ones (difference "
                "of the accuracy kept {})."
            ),
        },
    ),
    "Q3": Said(
        "Q-Score tells the images that a probe gets right from those it gets wrong",
        "Q-Score tells the images that a probe gets right from those it gets wrong (AUROC {}).",
        {
            "auroc": (
                "Q-Score is hardly better than chance (0.5) at telling the images that a probe gets right from "
                "those it gets wrong (AUROC {})."
            ),
        },
    ),
    "Q3b": Said(
        "Q-Score says more than sparsity does, because of its features",
        "Q-Score says more than sparsity does, because of its features (AUROC among images of like sparsity {}).",
        {
            "within": (
                "Among images of like sparsity Q-Score is hardly better than chance (0.5) at telling them apart (AUROC {})."
            ),
            "beyond random D": (
                "What Q-Score says among images of like sparsity, random features say nearly as well (difference of AUROCs {})."
            ),
        },
    ),
    "Q4": Said(
        "Q-Score as a regulariser raises accuracy",
        "As a regulariser Q-Score raises accuracy (best arm {}).",
        {
            "gain": "As a regulariser Q-Score does not raise accuracy by as much as half a point (best arm {}).",
        },
    ),
    "Q5": Said(
        "discriminative features lie on what defines the class",
        "Discriminative features lie on what defines the class (heat there, relative to an even map, minus 1: {}).",
        {
            "over an even map": (
                "Discriminative features do not lie on what defines the class clearly more than an even map does "
                "(heat there, relative to it, minus 1: {})."
            ),
            "over a centre prior": (
                "Discriminative features do not lie on what defines the class clearly more than the middle of the"
                " image does (heat there, relative to it, minus 1: {})."
            ),
            "over random features": (
                "Discriminative features do not lie on what defines the class clearly more than random features "
                "do (heat there, relative to theirs, minus 1: {})."
            ),
        },
    ),
    "Q5b": Said(
        "discriminative features lie on what defines the class more after regularisation than before",
        (
            "After regularisation discriminative features lie more on what defines the class (heat there, "
            "relative to before, minus 1: {})."
        ),
        {
            "rise": (
                "After regularisation discriminative features do not lie on what defines the class clearly more "
                "than before (heat there, relative to before, minus 1: {})."
            ),
        },
    ),
}
