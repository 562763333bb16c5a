"""What the page says: tables and sentences, from the stored numbers alone."""

from typing import Any

from analysis.encoders.methods import METHODS
from analysis.prose import NOTHING, Column, Prose, say, table
from analysis.results import Results, Row
from analysis.studies.bagssl.contrasts import TRUE, UNLIKE, WHOLE
from analysis.studies.bagssl.published import ABSTRACT, EMP_SSL, SETTINGS, WHOLE_IMAGES

WHAT = {
    "B1": "that training on patches of one size and averaging is as good as the multi-scale baseline",
    "B2": "that even small patches carry most of it",
    "B3": "that the embedding of an image is about the average of the embeddings of its patches",
    "B4": "that representations are invariant globally and local when zoomed in, projectors more invariant than backbones",
    "B5": "that averaging over patches improves existing models",
    "B6": "that the self-supervised loss models co-occurrence",
}
_PROBES = {"linear": "linear probe", "knn": "neighbours"}


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return {row["encoder"]: row["title"] for row in results.tables["encoders"]}


def encoders_table(results: Results) -> Prose:
    """The encoders, what they were trained on, and how much of it: images seen and patches seen."""
    words = {"self": "images alone", "labels": "labels", "none": "nothing (untrained)"}
    rows = [{**row, "trained": words[row["supervision"]], "crops": _crops(row)} for row in results.tables["encoders"]]
    columns: dict[str, Column] = {"title": "Encoder", "encoder": "Name", "trained": "Trained with", "crops": "Views"}
    return table(rows, columns | {"images": ("Images seen", ",d"), "patches": ("Patches or crops seen", ",d")})


def _crops(row: Row) -> str:
    if row["patch"] is None:
        return NOTHING if row["supervision"] == "none" else "crops of many sizes"
    return f"patches of {row['patch']} px" + (", disjoint" if row["disjoint"] else "")


def overlap_table(results: Results) -> Prose:
    """How often two random patches of an image share pixels."""
    columns: dict[str, Column] = {"side": ("Side, px", "d"), "probability": ("Two patches share a pixel", ".1%")}
    return table(results.tables["shared"], columns | {"shared": ("Area they share, mean", ".1%")})


def accuracy_table(results: Results, side: int) -> Prose:
    """Whole image, one central patch, bag of patches, by both probes."""
    names = titles(results)
    rows: dict[Any, Row] = {}
    for row in results.tables["accuracy"]:
        if row["cell"] in (WHOLE, f"bag {side}", f"centre {side}"):
            key = row["cell"].split()[0]
            rows.setdefault(row["encoder"], {"title": names[row["encoder"]]})[f"{key} {row['probe']}"] = row["value"]
    columns: dict[str, Column] = {"title": "Encoder"}
    for probe, words in _PROBES.items():
        heads = {"whole": "whole image", "centre": f"central patch of {side} px", "bag": "mean over patches"}
        columns |= {f"{key} {probe}": (f"{words}: {head}", ".3f") for key, head in heads.items()}
    return table(rows.values(), columns)


def pairs_table(results: Results) -> Prose:
    """Encoders trained on patches less their multi-scale twins, on whole images and on the twins' own bags."""
    if not results.tables["pairs"]:
        return say("*This run holds no encoder trained on patches together with its multi-scale twin.*")
    names = titles(results)
    rows: dict[Any, Row] = {}
    for row in results.tables["pairs"]:
        key = row["encoder"], row["twin"]
        start = {"title": names[key[0]], "twin": names[key[1]], "judged": "yes" if row["judged"] else "no"}
        rows.setdefault(key, start)[f"{row['probe']} {row['against']}"] = _interval(row, "+.3f")
    columns: dict[str, Column] = {"title": "Bag of", "twin": "Less", "judged": "In B1"}
    for probe, words in _PROBES.items():
        columns |= {f"{probe} whole image": f"its whole image, {words}", f"{probe} bag": f"its own bag, {words}"}
    return table(rows.values(), columns)


def further_table(results: Results) -> Prose:
    """The same difference over trainings with further seeds."""
    if not results.tables["further"]:
        return say("*No training with further seeds belongs to this run.*")
    words = {"whole": "its whole image", "bag": "its own bag"}
    rows = [
        {**row, "twin": METHODS[row["twin"]].title, "probe": _PROBES[row["probe"]], "against": words[row["against"]]}
        for row in results.tables["further"]
    ]
    columns: dict[str, Column] = {
        "twin": "Method",
        "against": "Patches: bag less twin's",
        "probe": "Probe",
        "n": ("Pairs of trainings", "d"),
    }
    return table(rows, columns | {"value": ("Mean", "+.3f"), "low": ("Low", "+.3f"), "high": ("High", "+.3f")})


def average_table(results: Results) -> Prose:
    """Means over a regular grid of patches against whole images; last, the two networks that are known."""
    names = titles(results)
    rows: dict[str, Row] = {}
    for row in [*results.tables["average"], *results.tables["known"]]:
        found = rows.setdefault(row["encoder"], {"title": names.get(row["encoder"], f"*known: {row['encoder']}*")})
        found[row["quantity"]] = row["value"]
        if row["quantity"] == "cosine":
            found["interval"] = _interval(row)
    columns: dict[str, Column] = {"title": "Encoder", "interval": "Centred cosine", "mismatched": ("other images", ".2f")}
    columns |= {"first": ("Own image is the most similar", ".0%"), "reciprocal": ("Mean reciprocal rank", ".2f")}
    return table(rows.values(), columns | {"raw": ("Cosine, not centred", ".2f"), "raw_mismatched": ("other images", ".2f")})


def ranks_table(results: Results) -> Prose:
    """Effective ranks of whole images, single patches and means of patches, in both taps."""
    names = titles(results)
    rows: dict[Any, Row] = {}
    for row in results.tables["ranks"]:
        rows.setdefault(row["encoder"], {"title": names[row["encoder"]]})[f"{row['tap']} {row['what']}"] = row["rankme"]
    columns: dict[str, Column] = {"title": "Encoder"}
    words = {"whole": "whole image", "patch": "one patch", "bag": "mean over patches"}
    for tap in ("backbone", "projector"):
        columns |= {f"{tap} {what}": (f"{tap}, {head}", ".1f") for what, head in words.items()}
    return table(rows.values(), columns)


def identity_table(results: Results) -> Prose:
    """Both sides of the identity."""
    columns: dict[str, Column] = {
        **{"joint": "Joint distribution", "weight": ("w", "g"), "cooccurrence": ("L_C(w)", ".9f")},
        **{"spectral": ("2w L_S(w/2)", ".9f"), "constant": ("K", ".9f"), "gap": ("Departure, relative", ".1e")},
    }
    return table(results.tables["identity"], columns)


def cooccurrence_table(results: Results) -> Prose:
    """Agreement of similarities with co-occurrence: of encoders, and of the loss's own best solutions."""
    if not results.tables["cooccurrence"]:
        return say("*What occurs together is known in Scenes only; this run has other images.*")
    names = titles(results)
    rows: dict[Any, Row] = {}
    for row in results.tables["optima"]:
        key = f"*least loss, {row['dim']} dimensions*"
        rows.setdefault(key, {"title": key, "tap": NOTHING})[f"{row['kinds']} {row['pairs']}"] = f"{row['value']:+.3f}"
    for row in results.tables["cooccurrence"]:
        key = f"{row['encoder']} {row['tap']}"
        words = {"title": names[row["encoder"]], "tap": row["tap"]}
        rows.setdefault(key, words)[f"{row['kinds']} {row['pairs']}"] = _interval(row, "+.3f")
    heads = {f"{TRUE} {UNLIKE}": "Different kinds", f"{TRUE} all pairs of kinds": "All pairs"}
    heads |= {f"shuffled {UNLIKE}": "Dealt anew, different kinds", "shuffled all pairs of kinds": "Dealt anew, all pairs"}
    return table(rows.values(), {"title": "Similarities of", "tap": "in its", **heads})


def sign_table(results: Results) -> Prose:
    """The loss of EMP-SSL with its right and with the reversed sign."""
    columns: dict[str, Column] = {"directions": "Directions", "rate": ("Coding rate", ".1f"), "right": ("Loss", ".1f")}
    return table(results.tables["sign"], columns | {"reversed": ("Loss as in lightly", ".1f")})


def traps(results: Results) -> Prose:
    """What the three traps do to the numbers of this run."""
    known, rows = results.scalars, []
    least = {row["directions"]: row for row in results.tables["sign"]}
    rows.append(
        {
            "trap": "The coding rate with its sign reversed, as in `lightly.loss.EMPSSLLoss`",
            "right": f"loss {least['orthogonal']['right']:.1f} spread, {least['all the same']['right']:.1f} collapsed",
            "wrong": f"loss {least['orthogonal']['reversed']:.1f} spread, {least['all the same']['reversed']:.1f} collapsed",
        }
    )
    if "grid_raw_mismatched" in known:
        rows.append(
            {
                "trap": "The cosine without centring",
                "right": f"{known['grid_cosine']:.2f} own image, {known['grid_mismatched']:.2f} other images",
                "wrong": f"{known['grid_raw']:.2f} own image, {known['grid_raw_mismatched']:.2f} other images",
            }
        )
    if {"apart", "shared"} <= known.keys():
        rows.append(
            {
                "trap": "Patches that overlap, taken for parts that go together",
                "right": f"cosine {known['apart']:.2f} of small patches without a common pixel",
                "wrong": f"{known['shared']:.2f} of those that share more than half of their area",
            }
        )
    return table(rows, {"trap": "Trap", "right": "Avoided", "wrong": "Fallen into"})


def emp_ssl() -> Prose:
    """Settings and published numbers of EMP-SSL."""
    settings = table(SETTINGS, {"setting": "EMP-SSL", "value": "Setting"})
    columns: dict[str, Column] = {"method": "Method"}
    for data, word in (("c10", "CIFAR-10"), ("c100", "CIFAR-100")):
        columns |= {f"{data}_{epochs}": (f"{word}, epochs: {epochs}", ".3f") for epochs in (1, 10, 30, 1000)}
    said = say(
        "On ImageNet the paper's abstract gives {abstract:.0%} to a linear probe on patches of 32 px; whole images gave "
        "VICReg {whole:.1%} {{cite:p}}`bardes2022`. EMP-SSL {{cite:p}}`tong2023`, by two of its authors, trains on many "
        "patches at once; the tables repeat its published settings and linear probes. Those are other networks and other "
        "images, so that no value may be compared with ours.",
        abstract=ABSTRACT,
        whole=WHOLE_IMAGES,
    )
    return Prose(f"{said}\n\n{settings.markdown}\n{table(EMP_SSL, columns).markdown}")


def _interval(row: Row, form: str = ".3f") -> str:
    return f"{row['value']:{form}} [{row['low']:{form}}, {row['high']:{form}}]".replace("-", "−")
