"""What the page says of the decoder itself: its training, and what sharing it costs."""

from collections.abc import Sequence

from analysis.prose import Prose, say
from analysis.results import Results, Row
from analysis.studies.rcdm.pages import titles


def decoder_sentence(results: Results) -> Prose:
    """How the decoder was trained, and the trainings that it went on from, as far as they measured ranks."""
    (row,) = results.tables["decoder"]
    total = max((own["step"] for own in results.tables["training"] if own["decoder"] == row["name"]), default=row["steps"])
    return say(
        "The decoder `{name}` has {weights:.1f} million weights and saw {seen:,} images in {steps:,} steps, each with one of "
        "the representations, all of them equally often. It began from {start}{whole}.",
        **{"name": row["name"], "weights": row["parameters"] / 1e6, "seen": row["images_seen"], "steps": row["steps"]},
        start=row["start"],
        whole=f", and took {total:,} steps in all its trainings" if total > row["steps"] else "",
    )


def training_sentence(results: Results) -> Prose:
    """What a decoder pays for knowing many representations, in steps and in images of the one, at ranks measured alike."""
    rows, (decoder,) = results.tables["training"], results.tables["decoder"]
    together = [row for row in rows if not row["alone"]]
    single = sorted((row for row in rows if row["alone"]), key=lambda row: row["seen"])
    if not single or not decoder["ranked"]:
        return say("*No decoder of one representation was trained beside this one.*")
    names, parts = titles(results), []
    for condition in dict.fromkeys(row["condition"] for row in single):
        alone, shared = ([row for row in side if row["condition"] == condition] for side in (single, together))
        parts.append(f"{names.get(condition, condition)}: {_compared(alone, shared)}")
    return say(
        "The same network was trained for one representation alone, with the same seed, images and noise. Mean reciprocal rank "
        "of {ranked} images among {among:,}. {listed}.",
        **{key: decoder[key] for key in ("ranked", "among")},
        listed=". ".join(parts),
    )


def _compared(alone: Sequence[Row], shared: Sequence[Row]) -> str:
    """Ranks of one representation by steps, and by the training images that came with it."""
    at = {row["step"]: row["mrr"] for row in shared}
    both = [row for row in alone if row["step"] in at]
    steps = "; ".join(f"after {r['step']:,} steps {r['mrr']:.3f} alone, {at[r['step']]:.3f} shared" for r in both)
    seen = [", ".join(f"{row['mrr']:.3f} after {row['seen']:,}" for row in side) for side in (alone, shared[-1:])]
    return (
        f"{steps or 'not measured at equal steps'}. By the number of training images that came with it: alone {seen[0]}; "
        f"shared {seen[1]}"
    )
