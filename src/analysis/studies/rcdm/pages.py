"""What the page says: tables and sentences, from the stored numbers alone."""

from analysis.prose import NOTHING, Column, Prose, say, table
from analysis.results import Results, Row
from analysis.studies.rcdm.changes import OTHER, PLACE, TRAINED
from analysis.studies.rcdm.factors import TITLES
from analysis.studies.rcdm.published import FID, INCEPTION_SCORE, RELEASED, SIZE, WEIGHTS

INTERVAL: dict[str, Column] = {"value": ("Value", ".2f"), "low": ("Low", ".2f"), "high": ("High", ".2f")}
WHAT = {
    "R1": "that samples are on par with good generative models",
    "R2": "that samples are faithful to the representation they are drawn from",
    "R3": "that backbones are not invariant to the training augmentations",
    "R4": "that projectors are invariant to them and to more",
    "R5": "that self-supervised representations are more robust to small attacks than supervised ones",
    "R6": "that representations have a structure that allows manipulation",
}


def titles(results: Results) -> dict[str, str]:
    """Condition -> short title."""
    return {row["condition"]: row["title"] for row in results.tables["taps"]} | {"real": "real images"}


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
        **{"title": "Drawn from", "loss": ("Held-out loss", ".4f"), "fd": "FD-enc", "kid": ("KID", ".3f")},
        **{"precision": ("Precision", ".2f"), "recall": ("Recall", ".2f"), "own": "MRR, own space"},
        **{"mean_rank": ("Mean rank", ".0f"), "distance": ("Rel. sq. distance", ".2f"), "judged": "MRR, held-out space"},
    }
    return table(rows, columns)


def unfamiliar_table(results: Results) -> Prose:
    """Faithfulness in and out of the training distribution of the decoder."""
    if not results.tables["unfamiliar"]:
        return say("*This run has no unfamiliar images.*")
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
    rows = results.tables["reader"]
    if not rows:
        return say("*The factors of these images are not known: this part needs the controlled world.*")
    listed = ", ".join(f"{row['title']} {max(row['value'], 0):.2f}" for row in rows)
    return say("On real images that it was not fitted on, the reader's skill is: {listed}.", listed=listed)


def layers_table(results: Results) -> Prose:
    """Linear probes on representations, family by family."""
    return _families(results, "probe")


def skill_table(results: Results) -> Prose:
    """Skill of the reader on samples, condition by condition."""
    names = titles(results)
    rows: dict[str, Row] = {}
    for row in results.tables["skill"]:
        rows.setdefault(row["condition"], {"title": names[row["condition"]]})[row["factor"]] = row["value"]
    return table(rows.values(), {"title": "Drawn from", **{name: (head, ".2f") for name, head in TITLES.items()}})


def _families(results: Results, quantity: str) -> Prose:
    rows: dict[str, Row] = {}
    for row in results.tables["families"]:
        if row["quantity"] == quantity:
            rows.setdefault(row["family"], {"family": row["family"]})[row["factor"]] = row["value"]
    if not rows:
        return say("*The factors of these images are not known: this part needs the controlled world.*")
    return table(rows.values(), {"family": "Representation", **{name: (head, ".2f") for name, head in TITLES.items()}})


def map_table(results: Results) -> Prose:
    """Changes that move things, with h as a map beside the image and without: share shown in samples."""
    names = titles(results)
    with_map = {row["condition"].removesuffix(":adagn") for row in results.tables["taps"] if not row["spatial"]}
    rows: dict[str, Row] = {}
    for row in results.tables["changes"]:
        if row["condition"].removesuffix(":adagn") in with_map and row["change"] in (*PLACE, "light"):
            rows.setdefault(row["condition"], {"title": names[row["condition"]]})[row["change"]] = interval(row)
    if not rows:
        return say("*This decoder has no condition without the map.*")
    return table(rows.values(), {"title": "Drawn from", **{name: name for name in (*PLACE, "light")}})


def changes_sentence(results: Results) -> Prose:
    """Which changes there are, and which the trainings had."""
    found = {row["change"] for row in results.tables["changes"]}
    trained, other = (", ".join(name for name in kind if name in found) for kind in (TRAINED, OTHER))
    return say("Changes of the trainings: {trained}. Changes that no training had: {other}.", trained=trained, other=other)


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
    if not results.tables["edits"]:
        return say("*Edits are judged by known factors, which these images do not have.*")
    names = titles(results)
    shares = {(row["condition"], row["kind"], row["rule"]): row["value"] for row in results.tables["common"]}
    rows = [
        {**row, "title": names[row["condition"]], "hits": interval(row), "share": shares.get(_edit_key(row))}
        for row in results.tables["edits"]
    ]
    columns: dict[str, Column] = {
        **{"title": "Representation", "kind": "Neighbourhood by", "rule": "Dimensions swapped"},
        **{"share": ("Share of all", ".0%"), "hits": "Success"},
    }
    return table(rows, columns)


def _edit_key(row: Row) -> tuple[str, str, str]:
    return row["condition"], row["kind"], row["rule"]


def paths_table(results: Results) -> Prose:
    """Rank correlation of the place on a straight way with the background seen there."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables["paths"]]
    return table(rows, {"title": "Representation", "n": ("Ways", "d"), **INTERVAL}) if rows else say("*No ways were drawn.*")


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


def samplers_sentence(results: Results) -> Prose:
    """How many times fewer calls."""
    if "fewer" not in results.scalars:
        return say("*No samplers were compared.*")
    return say(
        "The samples of this page take {calls:.0f} calls of the network each, **{fewer:.1f} times** fewer than the shorter of "
        "the two ancestral samplers.",
        calls=results.scalars["calls"],
        fewer=results.scalars["fewer"],
    )


def guidance_table(results: Results) -> Prose:
    """The same representations at two guidances."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables["guidance"]]
    columns: dict[str, Column] = {"title": "Drawn from", "guidance": ("Guidance", ".0f"), "mrr": ("MRR", ".2f")}
    return table(rows, columns | {"value": ("Mean spread of factors between two samples", ".2f")})


def noise_table(results: Results) -> Prose:
    """How much of a difference between samples is noise."""
    names = titles(results)
    rows = [{**row, "title": names[row["condition"]]} for row in results.tables["noise"]]
    columns: dict[str, Column] = {"title": "Drawn from", "what": "Samples of", "value": ("Root mean square difference", ".1f")}
    return table(rows, columns | {"low": ("Low", ".1f"), "high": ("High", ".1f")})


def few_table(results: Results) -> Prose:
    """Real images against real images."""
    columns: dict[str, Column] = {"dimensions": ("Dimensions", "d"), "n": ("Real images in place of samples", "d")}
    return table(results.tables["few"], columns | {"value": ("FD-enc", ".2f")})


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
            "own": decoder["weights"] / 1e6,
        },
        **{"fid": FID, "score": INCEPTION_SCORE},
    )


def released_table() -> Prose:
    """What the released code does, and what is done here."""
    return table(RELEASED, {"what": "", "there": "Released code", "here": "Here"})


def interval(row: Row, name: str = "value") -> str:
    """A value with its interval in words, as `Measured.interval` lays them into the columns of a row."""
    low, high = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
    if row.get(name) is None:
        return NOTHING
    if row.get(low) is None or row.get(high) is None:
        return f"{row[name]:.2f}"
    return f"{row[name]:.2f} [{row[low]:.2f}, {row[high]:.2f}]"
