"""Claims M1-M3 in plain words: what is so where a claim is supported, and where one of its conditions is not met."""

from analysis.rules import Said

SAID = {
    "M1": Said(
        "not all self-supervised models keep object and background apart",
        (
            "Not all self-supervised models keep object and background apart: in the one that does so least, "
            "they are about as alike as arbitrary regions, by CKA or, beyond an untrained copy, by their "
            "directions (excess {})."
        ),
        {
            "images": (
                "Every self-supervised model keeps object and background apart: even in the one that does so "
                "least, they are less alike than arbitrary regions (difference of CKA {})."
            ),
            "directions": (
                "Every self-supervised model keeps object and background apart: even in the one that does so "
                "least, they share fewer directions than arbitrary regions do, by more than in its untrained copy"
                " (difference of the overlap {})."
            ),
        },
    ),
    "M2": Said(
        "occluding the centre can stand in for removing the object",
        (
            "Occluding the centre can stand in for removing the object: encoders that lose much by the one "
            "lose much by the other (rank correlation {})."
        ),
        {
            "agreement": (
                "Occluding the centre cannot stand in for removing the object: encoders that lose much by the one"
                " need not lose much by the other (rank correlation {})."
            ),
            "place": (
                "Occluding the centre cannot stand in for removing the object: the centre does not clearly matter"
                " more where there is an object than where there is none (difference of CKA {})."
            ),
        },
    ),
    "M3": Said(
        "models of one architecture differ in what carries their representation, object or background",
        (
            "Models of one architecture differ in what carries their representation, object or background "
            "(largest difference of CKA {})."
        ),
        {
            "difference": (
                "Models of one architecture hardly differ in what carries their representation, object or "
                "background (largest difference of CKA {})."
            ),
        },
    ),
}
