"""What the page says of the decoder itself: its training, and what sharing it costs."""

from analysis.prose import Column, Prose, say, table
from analysis.rcdm.pages import interval, titles
from analysis.results import Results


def decoder_sentence(results: Results) -> Prose:
    """How the decoder was trained."""
    (row,) = results.tables["decoder"]
    return say(
        "The decoder `{name}` has {weights:.1f} million weights and saw {seen:,} images in {steps:,} steps, each with one of "
        "the representations, all of them equally often. It began from {start}.",
        **{"name": row["name"], "weights": row["weights"] / 1e6, "seen": row["images_seen"], "steps": row["steps"]},
        start=row["start"],
    )


def sharing_sentence(results: Results) -> Prose:
    """How many training images each decoder had for the representation."""
    rows = results.tables["sharing"]
    if not rows:
        return say("*No decoder of one representation stands beside this one.*")
    names = titles(results)
    each = "; ".join(
        f"{names[row['condition']]}: {row['alone_seen']:,} images alone, {row['shared_seen']:,} shared"
        for row in rows
        if row["space"] == "own"
    )
    return say(
        "Training images whose turn it was to come with the representation (some of these were shown without any, so that the "
        "decoder learns to draw from nothing too): {each}.",
        each=each,
    )


def sharing_table(results: Results) -> Prose:
    """Mean reciprocal rank by the decoder of one representation and by that of many; the difference with its interval."""
    if not results.tables["sharing"]:
        return say("*There is nothing to compare.*")
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]], "gap": interval(row)} for row in results.tables["sharing"]]
    columns: dict[str, Column] = {"title": "Drawn from", "space": "Space", "alone": ("MRR, alone", ".3f")}
    return table(rows, columns | {"shared": ("MRR, shared", ".3f"), "gap": "Shared less alone"})


def training_sentence(results: Results) -> Prose:
    """What a decoder pays for knowing many representations, in steps and in images of the one, at ranks measured alike."""
    rows, (decoder,) = results.tables["training"], results.tables["decoder"]
    single = [row for row in rows if row["alone"]]
    if not single:
        return say("*No decoder of one representation was trained beside this one.*")
    shared = [row for row in rows if not row["alone"] and row["condition"] in {other["condition"] for other in single}]
    by_step = {(row["condition"], row["step"]): row["mrr"] for row in shared}
    pairs = [(row, by_step[row["condition"], row["step"]]) for row in single if (row["condition"], row["step"]) in by_step]
    listed = "; ".join(f"after {row['step']:,} steps {row['mrr']:.3f} alone, {other:.3f} shared" for row, other in pairs)
    alone, together = (
        ", ".join(f"{row['mrr']:.3f} after {row['seen']:,}" for row in chosen)
        for chosen in (sorted(single, key=lambda row: row["seen"]), shared[-1:])
    )
    return say(
        "The same network was trained for one representation alone, with the same seed, images and noise. Mean reciprocal rank "
        "of {ranked} images among {among:,}, at equal steps: {listed}. By the number of training images that came with the "
        "representation: alone {alone}; shared {together}.",
        **{key: decoder[key] for key in ("ranked", "among")},
        **{"listed": listed or "not measured", "alone": alone, "together": together},
    )
