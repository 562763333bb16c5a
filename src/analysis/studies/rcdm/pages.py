"""What the page says: tables and sentences, from the stored numbers alone."""

import numpy as np

from analysis.prose import NOTHING, Column, Prose, number, say, table
from analysis.results import Results, Row
from analysis.studies.rcdm.claims import CLAIMS
from analysis.studies.rcdm.factors import TITLES
from analysis.studies.rcdm.manipulation import COMMON, PART, RANDOM, RELEASED
from analysis.studies.rcdm.measured import SHUFFLED
from analysis.studies.rcdm.published import CODE, FID, INCEPTION_SCORE, SIZE, WEIGHTS
from analysis.verdict_prose import answer

_KINDS = {"trained": "augmentations", "other": "other changes"}
INTERVAL: dict[str, Column] = {"value": ("Value", ".2f"), "low": ("Low", ".2f"), "high": ("High", ".2f")}


def titles(results: Results) -> dict[str, str]:
    """Condition -> short title."""
    return {row["condition"]: row["title"] for row in results.tables["taps"]} | {"real": "real images"}


def finding(results: Results) -> Prose:
    """The answer of the page: what came out of each claim with its deciding number, and what to do with it."""
    return Prose(f"{answer(results, CLAIMS)}\n\n**For practice.** {_practice(results)}")


def _practice(results: Results) -> str:
    """How far pictures may be trusted: the best rank of a representation beside that of the ceiling."""
    rows = [row for row in results.tables["conditions"] if row["part"] == "backbone" and row["mrr"] is not None]
    best, names = max(rows, key=lambda row: row["mrr"]), titles(results)
    return (
        f"Of all backbones, samples of {names[best['condition']]} find their image best: at a mean reciprocal rank of "
        f"{best['mrr']:.2f} among {best['among']:,}. Read a picture as evidence on a representation only where this number is "
        "high, and ask the representation itself, by distances and probes, wherever that can be done."
    )


def quality_caption(results: Results) -> str:
    """How samples of backbones rank and how far they are from real images, from the table."""
    rows = [row for row in results.tables["conditions"] if row["part"] == "backbone"]
    kids, (real,) = [row["kid"] for row in rows], [row for row in results.tables["conditions"] if row["part"] == "real"]
    ranks = [row["mrr_judge"] for row in rows]
    return (
        f"Backbones: KID from {number(min(kids))} to {number(max(kids))} (real images {number(real['kid'])}), reciprocal "
        f"rank of the represented image in the held-out space from {min(ranks):.2f} to {max(ranks):.2f}. Bars: bootstrap "
        "intervals over images; dotted: the rank of chance."
    )


def conditions_table(results: Results) -> Prose:
    """Realism and faithfulness of the samples of every condition."""
    names = titles(results)
    rows = [
        {
            **{**row, "title": names[row["condition"]], "fd": interval(row, "fd")},
            **{"own": interval(row, "mrr"), "judged": interval(row, "mrr_judge")},
        }
        for row in results.tables["conditions"]
    ]
    columns: dict[str, Column] = {
        **{"title": "Drawn from", "loss": ("Held-out loss", ".4f"), "fd": "FD-enc", "kid": ("KID", "interval")},
        **{"precision": ("Precision", ".2f"), "recall": ("Recall", ".2f"), "own": "MRR, own space"},
        **{"mean_rank": ("Mean rank", ".0f"), "distance": ("Rel. sq. distance", ".2f"), "judged": "MRR, held-out space"},
    }
    return table(rows, columns)


def unfamiliar_table(results: Results) -> Prose:
    """Faithfulness in and out of the training distribution of the decoder."""
    if not results.tables.get("unfamiliar"):
        return say("This run has no unfamiliar images.")
    names = titles(results)
    rows = [
        {
            **{**row, "title": names[row["condition"]], "mrr": interval(row, "mrr")},
            "home": interval(
                {key.removeprefix("home_"): value for key, value in row.items() if key.startswith("home_")}, "mrr"
            ),
        }
        for row in results.tables["unfamiliar"]
    ]
    columns: dict[str, Column] = {
        **{"dataset": "Images", "title": "Drawn from", "among": ("Among", "d"), "mrr": "MRR"},
        **{"distance": ("Rel. sq. distance", ".2f"), "home": "MRR, familiar images", "home_distance": ("Distance", ".2f")},
    }
    return table(rows, columns)


def reader_sentence(results: Results) -> Prose:
    """What the reader reads from real images it was not fitted on."""
    rows = results.tables.get("reader")
    if not rows:
        return say("The factors of these images are not known: this part needs Scenes.")
    listed = ", ".join(f"{row['title']} {max(row['value'], 0):.2f}" for row in rows)
    return say("On real images that it was not fitted on, the reader's skill is: {listed}.", listed=listed)


def layers_table(results: Results) -> Prose:
    """Linear probes on representations, family by family."""
    return _families(results, "probe")


def _families(results: Results, quantity: str) -> Prose:
    rows: dict[str, Row] = {}
    for row in results.tables["families"]:
        if row["quantity"] == quantity:
            rows.setdefault(row["family"], {"family": row["family"]})[row["factor"]] = row["value"]
    if not rows:
        return say("The factors of these images are not known: this part needs Scenes.")
    return table(rows.values(), {"family": "Representation", **{name: (head, ".2f") for name, head in TITLES.items()}})


def compared_rows(results: Results) -> list[Row]:
    """Encoder, drawn or not: squared distance that changes move its backbone and its projector, of that of two images."""
    found: dict[str, Row] = {}
    for row in results.tables["taps"]:
        if (
            row["tap"] not in ("backbone", "projector")
            or not row["spatial"]
            or row["condition"] == SHUFFLED
            or not row["encoder"]
        ):
            continue
        own = [r for r in results.tables["distances"] if r["condition"] == row["condition"]]
        entry = found.setdefault(row["encoder"], {"title": row["title"].removesuffix(f" {row['tap']}")})
        for words, trained in (("trained", True), ("other", False)):
            entry[f"{row['tap']}, {words}"] = float(np.mean([r["value"] for r in own if r["trained"] == trained]))
    return list(found.values())


def compared_table(results: Results) -> Prose:
    """How far changes of an image move every encoder of the run, no decoder in between."""
    heads = {
        f"{tap}, {words}": f"{tap.capitalize()}, {end}" for words, end in _KINDS.items() for tap in ("backbone", "projector")
    }
    rows = compared_rows(results)
    return table(rows, {"title": "Encoder", **{key: (head, ".3f") for key, head in heads.items()}})


def attacked_table(results: Results) -> Prose:
    """What is drawn after the largest attack."""
    names = titles(results)
    words = {"none": "clean", "label-free": "label-free attack", "probe": "attack on the probe", "random": "random, as large"}
    rows = [
        {**row, "title": names[row["condition"]], "way": words[row["way"]], "mrr": interval(row, "mrr")}
        for row in results.tables["attacked"]
    ]
    columns: dict[str, Column] = {"title": "Drawn from", "way": "After", "eps": "Size, of 255", "mrr": "MRR of the clean image"}
    return table(rows, columns | {"species": ("Species", ".2f")})


def edits_table(results: Results) -> Prose:
    """Share of edits that did what they were to do, rule by rule."""
    if not results.tables.get("edits"):
        return say("Edits are judged by known objects and backgrounds, which these images do not have.")
    names = titles(results)
    swapped = {row["condition"]: row["value"] for row in results.tables["common"]}
    rows = [
        {
            **{**row, "title": names[row["condition"]], "hits": interval(row)},
            "share": {COMMON: PART, RANDOM: PART, RELEASED: swapped.get(row["condition"])}.get(row["rule"]),
        }
        for row in results.tables["edits"]
    ]
    columns: dict[str, Column] = {"title": "Representation", "rule": "Dimensions of the other image"}
    return table(rows, columns | {"share": ("Share of all", ".0%"), "hits": "Success"})


def paths_table(results: Results) -> Prose:
    """Rank correlation of the place on a straight way with the background seen there."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables.get("paths", [])]
    return table(rows, {"title": "Representation", "n": ("Paths", "d"), **INTERVAL}) if rows else say("No paths were drawn.")


def samplers_table(results: Results) -> Prose:
    """Calls of the network, and what they buy."""
    words = {"dpm": "DPM-Solver++", "heun": "Heun", "ancestral": "ancestral (DDPM)"}
    rows = [
        {**row, "name": words[row["sampler"]], "mrr": interval(row, "mrr"), "fd": interval(row, "fd")}
        for row in results.tables["samplers"]
    ]
    columns: dict[str, Column] = {
        "name": "Sampler",
        "calls": ("Calls", "d"),
        "n": ("Samples", "d"),
        "mrr": "MRR",
        "fd": "FD-enc",
    }
    return table(rows, columns)


def guidance_sentence(results: Results) -> Prose:
    """At which guidance samples were drawn, and at which they come nearest to what they were drawn from."""
    names, rows = titles(results), results.tables["guidance"]
    listed = []
    for name in dict.fromkeys(row["condition"] for row in rows):
        nearest = min((row for row in rows if row["condition"] == name), key=lambda row: row["distance"])
        listed.append(f"{names[name]} at {nearest['guidance']:g}")
    return say(
        "All samples of this page are drawn at guidance {own:g}. They come nearest to what they were drawn from: {listed}.",
        own=results.parameters["guidance"],
        listed=", ".join(listed),
    )


def guidance_table(results: Results) -> Prose:
    """The same representations at several guidances."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables["guidance"]]
    columns: dict[str, Column] = {"title": "Drawn from", "guidance": ("Guidance", "g"), "mrr": ("MRR", ".2f")}
    columns["distance"] = ("Squared distance to it, of two images", ".3f")
    return table(rows, columns | {"value": ("Mean spread of factors between two samples", ".2f")})


def noise_table(results: Results) -> Prose:
    """How much of a difference between samples is noise."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables["noise"]]
    columns: dict[str, Column] = {"title": "Drawn from", "what": "Samples of", "value": ("Root mean square difference", ".1f")}
    return table(rows, columns | {"low": ("Low", ".1f"), "high": ("High", ".1f")})


def released_sentence(results: Results) -> Prose:
    """Sizes of the networks, and what was published of the large one."""
    (decoder,) = results.tables["decoder"]
    return say(
        "The released network draws {size} pixels with {weights:.0f} million weights, the one here {own_size:.0f} pixels with "
        "{own:.1f} million: patterns may be compared, values may not. On ImageNet at 256 pixels an FID of {fid} and an "
        "Inception Score of {score} are reported of RCDM {{cite:p}}`li2024`. What follows was read in the released code.",
        **{
            "size": SIZE,
            "weights": WEIGHTS / 1e6,
            "own_size": decoder["size"],
            "own": decoder["parameters"] / 1e6,
        },
        **{"fid": FID, "score": INCEPTION_SCORE},
    )


def released_table() -> Prose:
    """What the released code does, and what is done here."""
    return table(CODE, {"what": "", "there": "Released code", "here": "Here"})


def interval(row: Row, name: str = "value") -> str:
    """A value with its interval in words, as `Measured.interval` lays them into the columns of a row."""
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    if row.get(name) is None:
        return NOTHING
    if row.get(low) is None or row.get(high) is None:
        return f"{row[name]:.2f}"
    return f"{row[name]:.2f} [{row[low]:.2f}, {row[high]:.2f}]"
