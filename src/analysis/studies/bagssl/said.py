"""Claims B1-B6 in plain words: what is so where a claim is supported, and where one of its conditions is not met."""

from analysis.rules import Said

SAID = {
    "B1": Said(
        "training on patches of one size and averaging is as good as training on crops of many sizes",
        (
            "Training on patches of one size and averaging is as good as training on crops of many sizes "
            "(difference of accuracies, linear probe, {})."
        ),
        {
            "linear": (
                "Training on patches of one size and averaging is worse than training on crops of many sizes "
                "(difference of accuracies, linear probe, {})."
            ),
            "knn": (
                "Training on patches of one size and averaging is worse than training on crops of many sizes "
                "(difference of accuracies, nearest neighbours, {})."
            ),
            "learned": (
                "Averaged over patches, networks trained on them are not clearly better than untrained ones "
                "(difference of accuracies {})."
            ),
        },
    ),
    "B2": Said(
        "small patches carry most of what a multi-scale network reads from a whole image",
        "Small patches carry most of what a multi-scale network reads from a whole image (share {}).",
        {
            "share": "Small patches carry less than half of what a multi-scale network reads from a whole image (share {}).",
        },
    ),
    "B3": Said(
        "the representation of an image is about the mean over its patches",
        (
            "The representation of an image is about the mean over its patches (centred cosine, relative to "
            "an exact bag of patches, {})."
        ),
        {
            "overlapping": (
                "The representation of an image is not the mean over its patches, even where these overlap "
                "(centred cosine, relative to an exact bag of patches, {})."
            ),
            "disjoint": (
                "The representation of an image is not the mean over its patches side by side (centred cosine, "
                "relative to an exact bag of patches, {})."
            ),
            "learned": (
                "Training does not bring the representation of an image clearly nearer to the mean over its "
                "patches (centred cosine minus that of the untrained copy {})."
            ),
        },
    ),
    "B4": Said(
        "representations are invariant globally and local when zoomed in, and projectors more invariant than backbones",
        (
            "Training makes large patches of an image more alike than small ones, and projectors forget "
            "places that backbones keep (cosine, large minus small, beyond the untrained copy, {})."
        ),
        {
            "zoom": (
                "Training does not make large patches of an image clearly more alike than small ones (cosine, "
                "large minus small, beyond the untrained copy, {})."
            ),
            "place": (
                "Projectors do not forget clearly more of the place of a small patch than backbones do (difference of R² {})."
            ),
        },
    ),
    "B5": Said(
        "averaging over patches improves existing networks",
        "Averaging over patches improves existing networks (gain, as a share of what training brought, {}).",
        {
            "gain": (
                "Averaging over patches hardly improves existing networks (gain, as a share of what training brought, {})."
            ),
            "beyond": (
                "Averaging over patches improves existing networks less than averaging over as many mirrored and "
                "shifted images (difference {})."
            ),
        },
    ),
    "B6": Said(
        "the self-supervised loss models co-occurrence",
        (
            "How alike patches are to a network follows what occurs together (place from shuffled patches, 0,"
            " to the optimum of the loss, 1: {})."
        ),
        {
            "recovered": (
                "How alike patches are to a network hardly follows what occurs together (place from shuffled "
                "patches, 0, to the optimum of the loss, 1: {})."
            ),
            "learned": (
                "How alike patches are to a network does not follow what occurs together clearly more than to an "
                "untrained one (difference on the scale from shuffled patches, 0, to the optimum of the loss, 1: "
                "{})."
            ),
        },
    ),
}
