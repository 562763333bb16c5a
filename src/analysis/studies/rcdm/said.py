"""Claims R1-R6 in plain words: what is so where a claim is supported, and where one of its conditions is not met."""

from analysis.rules import Said

SAID = {
    "R1": Said(
        "samples are on par with good generative models",
        "Samples are nearly as realistic as other real images (place from magnified thumbnails, 0, to real images, 1: {}).",
        {
            "close": (
                "Samples are clearly less realistic than real images (place from magnified thumbnails, 0, to real"
                " images, 1: {})."
            ),
            "par": (
                "Samples are less realistic than those of the same network with a class label or nothing in place"
                " of the representation (difference of places from thumbnails, 0, to real images, 1: {})."
            ),
        },
    ),
    "R2": Said(
        "samples are faithful to the representation they are drawn from",
        "Samples are faithful: by its sample an image is found among many (mean reciprocal rank {}).",
        {
            "mrr": "Samples are not faithful: by its sample an image is seldom found among many (mean reciprocal rank {}).",
            "distance": (
                "Samples are not faithful: their representations lie far from the ones they were drawn from (1 "
                "minus the relative squared distance: {})."
            ),
            "learned": (
                "Samples of trained networks are not clearly more faithful than those of an untrained one "
                "(difference of mean reciprocal ranks {})."
            ),
        },
    ),
    "R3": Said(
        "backbones keep what the augmentations of their training change",
        "Backbones are not invariant to the augmentations of their training (share of a change that samples show {}).",
        {
            "samples": (
                "Backbones are nearly invariant to the augmentations of their training, as samples show (share of"
                " a change seen in them {})."
            ),
            "direct": (
                "Backbones are nearly invariant to the augmentations of their training (squared distance moved, "
                "as a share of that of two images, {})."
            ),
            "kept": (
                "Training made backbones invariant to most of its augmentations (squared distance moved, as a "
                "share of the untrained copy's, {})."
            ),
        },
    ),
    "R4": Said(
        "projectors are invariant to the augmentations of the training, and to more",
        (
            "Projectors are more invariant than backbones, to the augmentations of their training and to "
            "other changes (difference of the shares that samples show {})."
        ),
        {
            "gap": (
                "Projectors are not clearly more invariant than backbones to the augmentations of their training "
                "(difference of the shares that samples show {})."
            ),
            "more": (
                "Projectors are not clearly more invariant than backbones to changes that no training had "
                "(difference of the shares that samples show {})."
            ),
            "direct": (
                "Measured on the representations themselves, projectors are not clearly more invariant than "
                "backbones (difference of relative squared distances {})."
            ),
            "invariant": (
                "Projectors are not invariant to the augmentations of their training (1 minus the share of a "
                "change that samples show: {})."
            ),
        },
    ),
    "R5": Said(
        "self-supervised representations are more robust to small attacks than those trained with labels",
        (
            "Self-supervised representations move less under small attacks than those of like networks "
            "trained with labels (ratio of squared shifts, labels over none, {})."
        ),
        {
            "free": (
                "Under a label-free attack self-supervised representations do not move clearly less than those of"
                " like networks trained with labels (ratio of squared shifts, labels over none, {})."
            ),
            "probe": (
                "Under an attack on their probe self-supervised representations do not move clearly less than "
                "those of like networks trained with labels (ratio of squared shifts, labels over none, {})."
            ),
            "beyond": (
                "Under attack self-supervised representations move less only in so far as any small change moves "
                "them less (ratio beyond random changes {})."
            ),
        },
    ),
    "R6": Said(
        "representations have a structure that allows manipulation",
        (
            "Representations can be edited: swapping the dimensions common to a neighbourhood changes the "
            "background and keeps the object (gain over other dimensions, as a share of what is possible, "
            "{})."
        ),
        {
            "gain": (
                "Swapping the dimensions common to a neighbourhood does not edit an image clearly better than "
                "swapping others (gain, as a share of what is possible, {})."
            ),
            "path": (
                "The straight path between two representations does not lead over in order (rank correlation of "
                "place and background {})."
            ),
        },
    ),
}
