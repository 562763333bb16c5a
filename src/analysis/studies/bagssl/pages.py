"""What the page says: tables and sentences, from the stored numbers alone."""

from typing import Any

from analysis.encoders.methods import METHODS
from analysis.prose import NOTHING, Column, Prose, say, show, signed, table
from analysis.results import Results, Row
from analysis.rules import Finding
from analysis.studies.bagssl.claims import CLAIMS
from analysis.studies.bagssl.contrasts import DISJOINT, GRID, TRUE, UNLIKE, WHOLE
from analysis.studies.bagssl.published import ABSTRACT, EMP_SSL, SETTINGS, WHOLE_IMAGES
from analysis.studies.base import titles
from analysis.verdict_prose import answer

_PROBES = {"linear": "linear probe", "knn": "neighbours"}


def finding(results: Results) -> Prose:
    """The answer of the page: what came out of each claim, with its deciding number, and what to do with it."""
    found = {claim.id: claim for claim in results.claims}
    return Prose(f"{answer(results, CLAIMS)}\n\n**For practice.** {_practice(found)}")


def headline_caption(results: Results, side: int) -> str:
    """By how much means over patches differ from whole images, over the encoders of the run."""
    cells = {(r["encoder"], r["cell"]): r["value"] for r in results.tables["accuracy"] if r["probe"] == "linear"}
    gaps = [cells[row["encoder"], f"bag {side}"] - cells[row["encoder"], WHOLE] for row in results.tables["encoders"]]
    ahead = sum(gap > 0 for gap in gaps)
    return (
        f"Means over patches of {side} px read better than the whole image for {ahead} of {len(gaps)} encoders by a linear "
        f"probe (mean difference {sum(gaps) / len(gaps):+.3f}); bars are bootstrap intervals over test images."
    )


def _practice(found: dict[str, Finding]) -> str:
    gain = found["B5"].conditions[-1] if found.get("B5") and found["B5"].conditions else None
    if gain is None:
        return "This run says nothing on whether averaging over patches pays."
    pays = "pays" if gain.verdict == "supported" else "is not shown to pay"
    return (
        f"Averaging over patches at test time {pays} beside mirrored and shifted whole images at the same price: it gains "
        f"{show(gain.own)} of what training brought."
    )


def encoders_table(results: Results) -> Prose:
    """The encoders, what they were trained on, and how much of it: images seen and patches seen."""
    rows = [{**row, "crops": _crops(row)} for row in results.tables["encoders"]]
    columns: dict[str, Column] = {"title": "Encoder", "encoder": "Name", "objective": "Objective", "crops": "Views"}
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
    """Whole image, one central patch, mean over patches, by both probes."""
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
    """Encoders trained on patches minus their multi-scale partners, on whole images and on the partners' own patches."""
    if not results.tables.get("pairs"):
        return say("*This run holds no encoder trained on patches together with its multi-scale partner.*")
    names = titles(results)
    rows: dict[Any, Row] = {}
    for row in results.tables["pairs"]:
        key = row["encoder"], row["partner"]
        start = {"title": names[key[0]], "partner": names[key[1]], "judged": "yes" if row["judged"] else "no"}
        rows.setdefault(key, start)[f"{row['probe']} {row['against']}"] = _interval(row, "+.3f")
    columns: dict[str, Column] = {"title": "Mean over patches of", "partner": "Minus", "judged": "In B1"}
    for probe, words in _PROBES.items():
        columns |= {f"{probe} whole image": f"its whole image, {words}", f"{probe} patches": f"its own patches, {words}"}
    return table(rows.values(), columns)


def further_table(results: Results) -> Prose:
    """The same difference over trainings with further seeds."""
    if not results.tables.get("further"):
        return say("*No training with further seeds belongs to this run.*")
    words = {"whole": "its whole image", "bag": "its own patches"}
    rows = [
        {**row, "method": METHODS[row["method"]].title, "probe": _PROBES[row["probe"]], "against": words[row["against"]]}
        for row in results.tables["further"]
    ]
    columns: dict[str, Column] = {
        "method": "Method",
        "against": "Mean over patches minus the partner on",
        "probe": "Probe",
        "n": ("Pairs of trainings", "d"),
    }
    return table(rows, columns | {"value": ("Mean", "+.3f"), "low": ("Low", "+.3f"), "high": ("High", "+.3f")})


def average_table(results: Results) -> Prose:
    """Means over both grids of patches against whole images; last, the two networks of which the answer is known."""
    names = titles(results)
    rows: dict[str, Row] = {}
    for row in [*results.tables["average"], *results.tables["known"]]:
        cells = rows.setdefault(row["encoder"], {"title": names.get(row["encoder"], f"*{row['encoder']}*")})
        cells[f"{row['grid']} {row['quantity']}"] = _interval(row) if row["quantity"] == "cosine" else row["value"]
    columns: dict[str, Column] = {"title": "Encoder"}
    for grid, words in ((GRID, "overlapping"), (DISJOINT, "side by side")):
        columns |= {f"{grid} cosine": f"Centred cosine, {words}", f"{grid} mismatched": ("other images", ".2f")}
    columns |= {f"{DISJOINT} first": ("Own image is the most similar", ".0%")}
    columns |= {f"{DISJOINT} raw": ("Not centred", ".2f"), f"{DISJOINT} raw_mismatched": ("other images", ".2f")}
    return table(rows.values(), columns)


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
    if not results.tables.get("cooccurrence"):
        return say("*What occurs together is known in Scenes and where pixels are labelled; this run has other images.*")
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
    heads |= {f"shuffled {UNLIKE}": "Shuffled, different kinds", "shuffled all pairs of kinds": "Shuffled, all pairs"}
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
            **{
                column: signed(f"loss {least['orthogonal'][sign]:.1f} spread, {least['all the same'][sign]:.1f} collapsed")
                for column, sign in (("right", "right"), ("wrong", "reversed"))
            },
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
    return signed(f"{row['value']:{form}} [{row['low']:{form}}, {row['high']:{form}}]")
