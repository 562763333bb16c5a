"""What the page says: tables and sentences, from the stored numbers alone."""

from analysis.prose import NOTHING, Column, Prose, say, table
from analysis.results import Results, Row
from analysis.studies.local_vit.contrasts import COMMON
from analysis.studies.local_vit.plots import TRANSFORM_WORDS
from analysis.studies.local_vit.published import DRAFT, DRAFT_REMOVAL, DRAFT_ROTATION, DRAFT_TRACKING, WHOLE

INTERVAL: dict[str, Column] = {"value": ("Value", ".3f"), "low": ("Low", ".3f"), "high": ("High", ".3f")}
PROBES = {"knn": "nearest patch", "vote": "vote of 30", "linear": "linear probe", "object": "same object", "tracking": "J&F"}
PARTS = {
    **{"all": "all, standardised", "bare": "all, as they come", "without top": "without the loudest"},
    **{"without random": "without random ones", "only top": "the loudest alone", "only random": "random ones alone"},
}
WHAT = {
    "L1": "that patches of self-distilled models work without tuning and those of masked image modelling do not",
    "L2": "that MAE has dimensions of high variance that hurt neighbours and say little",
    "L3": "that removing them helps MAE",
    "L4": "that removing them helps Scale-MAE",
    "L5": "that DINOv2 falls short of DINO in a setting of retrieval",
}


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return {row["encoder"]: row["title"] for row in results.tables["encoders"]}


def encoders_table(results: Results) -> Prose:
    """The encoders and what they were trained with."""
    words = {"self": "images alone", "labels": "labels", "none": "nothing (untrained)"}
    rows = [{**row, "trained": words[row["supervision"]]} for row in results.tables["encoders"]]
    columns: dict[str, Column] = {"title": "Encoder", "encoder": "Name", "trained": "Trained with"}
    return table(rows, columns | {"probe": ("Linear probe", ".2f")})


def samples_table(results: Results) -> Prose:
    """What is segmented from how much."""
    columns: dict[str, Column] = {
        **{"dataset": "Data set", "bank": ("Images in the bank", "d"), "test": ("Test images", "d")},
        **{"patches": ("Patches per image", "d"), "classes": ("Classes", "d"), "present": ("of them in the test images", "d")},
    }
    return table(results.tables["samples"], columns)


def whole_table(results: Results) -> Prose:
    """Encoders whose accuracy on whole photographs was known beforehand, with what their patches gave, by neighbours."""
    names, tables = titles(results), results.tables["segmentation"]
    rows = [
        {"title": names[encoder], "whole": whole, **_patchwise(tables, encoder)}
        for encoder, whole in WHOLE.items()
        if any(row["encoder"] == encoder for row in tables)
    ]
    if not rows:
        return say("*None of the encoders of this run has been measured on whole photographs before.*")
    columns: dict[str, Column] = {"title": "Encoder", "whole": ("Whole images, accuracy", ".3f")}
    sets = dict.fromkeys(row["dataset"] for row in tables)
    return table(rows, columns | {name: (f"Patches of {name}, mIoU", ".3f") for name in sets})


def _patchwise(rows: list[Row], encoder: str) -> Row:
    """Data set -> mIoU of the nearest patch in the setting that is the same for all."""
    cells = [row for row in rows if row["encoder"] == encoder and row["probe"] == "knn"]
    return {row["dataset"]: row["value"] for row in cells if f"{row['transform']}/{row['metric']}" == COMMON}


def families_table(results: Results) -> Prose:
    """Self-distilled less masked, for every probe and the settings that are compared."""
    if not results.tables["families"]:
        return say("*This run does not have both families.*")
    wanted = ("none/ip", "none/cosine", COMMON, "all", "bare")
    rows = [
        {**row, "probe": PROBES.get(row["probe"], row["probe"]), "setting": setting_words(row["cell"])}
        for row in results.tables["families"]
        if row["cell"] in wanted
    ]
    return table(rows, {"probe": "Probe", "dataset": "Data set", "setting": "Features, metric", **INTERVAL})


def setting_words(cell: str) -> str:
    """A cell in words."""
    kind, _, metric = cell.partition("/")
    words = {"ip": "inner product", "cosine": "cosine", "l2": "distance"}
    return f"{TRANSFORM_WORDS[kind]}, {words[metric]}" if metric else PARTS[cell]


def linear_table(results: Results) -> Prose:
    """Linear probes on all dimensions and on parts of them, one row per encoder and data set."""
    rows: dict[tuple[str, str], Row] = {}
    names = titles(results)
    for row in results.tables["linear"]:
        key = row["dataset"], row["encoder"]
        rows.setdefault(key, {"dataset": key[0], "title": names[key[1]]})[row["features"]] = _interval(row)
    return table(rows.values(), {"dataset": "Data set", "title": "Encoder", **PARTS})


def variance_table(results: Results) -> Prose:
    """What the removed dimensions hold, how unequal vectors are in length, and whom neighbours find because of it."""
    names = titles(results)
    hubs = {(row["dataset"], row["encoder"]): row for row in results.tables["hubs"]}
    rows = [{**hubs[row["dataset"], row["encoder"]], **row, "title": names[row["encoder"]]} for row in results.tables["held"]]
    columns: dict[str, Column] = {
        **{"dataset": "Data set", "title": "Encoder", "m": ("Removed", "d"), "value": ("Share of variance", ".2f")},
        **{"even": ("if all were alike", ".2f"), "spread": ("Spread of lengths", ".2f")},
        **{"ip": ("Longest 1 % found, inner product", ".2f"), "cosine": ("cosine", ".2f")},
    }
    return table(rows, columns)


def overlap_table(results: Results) -> Prose:
    """Share of the loudest dimensions that two data sets have in common."""
    if not results.tables["overlap"]:
        return say("*This run has one data set: there is nothing to compare it with.*")
    names, rows = titles(results), results.tables["overlap"]
    pairs = {f"{row['a']}/{row['b']}": f"{row['a']}, {row['b']}" for row in rows}
    wide: dict[str, Row] = {}
    for row in rows:
        cells = wide.setdefault(row["encoder"], {"title": names[row["encoder"]], "chance": row["chance"]})
        cells[f"{row['a']}/{row['b']}"] = row["value"]
    columns: dict[str, Column] = {"title": "Encoder", **{key: (head, ".2f") for key, head in pairs.items()}}
    return table(wide.values(), columns | {"chance": ("By chance", ".2f")})


def objects_table(results: Results) -> Prose:
    """The same object: share right at rank 1 and mean average precision; objects followed: J and F. One row per encoder."""
    names = titles(results)
    rows: dict[tuple[str, str], Row] = {}
    for row in results.tables["objects"]:
        cell = f"{row['transform']}/{row['metric']}"
        rows.setdefault(_key(row), {})[f"{row['score']} {cell}"] = row["value"]
    for row in results.tables["tracking"]:
        rows.setdefault(_key(row), {})[row["score"]] = row["value"]
    shown = [{"dataset": dataset, "title": names[encoder], **cells} for (dataset, encoder), cells in rows.items()]
    columns: dict[str, Column] = {
        **{f"top1 {cell}": (f"Rank 1: {setting_words(cell)}", ".2f") for cell in ("none/ip", "none/cosine", COMMON)},
        **{f"map {cell}": (f"mAP: {setting_words(cell)}", ".2f") for cell in ("none/cosine", COMMON)},
        **{score: (score, ".2f") for score in ("J", "F", "J&F")},
    }
    return table(shown, {"dataset": "Data set", "title": "Encoder", **columns})


def _key(row: Row) -> tuple[str, str]:
    return row["dataset"], row["encoder"]


def shortfalls_table(results: Results) -> Prose:
    """DINO less DINOv2 in every setting of retrieval; intervals hold for all settings together."""
    if not results.tables["shortfalls"]:
        return say("*This run has no DINO and DINOv2 to compare.*")
    words = {"ip": "inner product", "cosine": "cosine"}
    rows = [{**row, "metric": words[row["metric"]]} for row in results.tables["shortfalls"]]
    return table(rows, {"setting": "Setting", "metric": "Metric", **INTERVAL})


def rotation_table(results: Results) -> Prose:
    """A matcher that knows every place, scored by the right map and by its inverse."""
    columns: dict[str, Column] = {"patch": ("Patch, px", "d"), "degrees": ("Turn, degrees", "d")}
    return table(results.tables["rotation"], columns | {"right": ("Right map", ".1%"), "inverted": ("Inverted map", ".1%")})


def stitching_table(results: Results) -> Prose:
    """Perfect patch labels, stitched right and wrong."""
    columns: dict[str, Column] = {
        **{"grid": ("Patches per tile side", "d"), "true": ("Side of the map", "d"), "taken": ("Side taken", "d")},
        **{"right": ("mIoU", ".3f"), "shifted": ("mIoU with the defect", ".3f")},
    }
    return table(results.tables["stitching"], columns)


def lengths_table(results: Results) -> Prose:
    """Planted classes with vectors of unequal length."""
    columns: dict[str, Column] = {
        **{"spread": ("Spread of log lengths", ".2f"), "ip": ("Inner product", ".2f"), "cosine": ("Cosine", ".2f")},
        **{"l2": ("Distance", ".2f"), "hubs": ("Longest 1 % found by inner product", ".2f")},
    }
    return table(results.tables["lengths"], columns)


def draft_found_again() -> Prose:
    """What the authors' draft measured on FAIR1M and BDD100K."""
    turned = {f"same{angle}": (f"Turned by {angle}°", ".3f") for angle in (5, 10, 15, 20)}
    later = {f"apart{frames}": (f"{frames} frames later", ".3f") for frames in (1, 5, 9, 17, 33, 57)}
    first, second = (
        table(rows, {"encoder": "Encoder", **cells}) for rows, cells in ((DRAFT_ROTATION, turned), (DRAFT_TRACKING, later))
    )
    return Prose(f"{first.markdown}\n{second.markdown}")


def draft_tables() -> Prose:
    """What the authors' draft measured on Cityscapes."""
    first = table(DRAFT, {"encoder": "Encoder", "knn": ("Nearest patch", ".3f"), "linear": ("Linear probe", ".3f")})
    columns: dict[str, Column] = {"m": ("Removed, of 768", "d"), "knn": ("MAE, nearest patch", ".3f")}
    second = table(DRAFT_REMOVAL, columns | {"linear": ("MAE, linear probe", ".3f")})
    return Prose(f"{first.markdown}\n{second.markdown}")


def _interval(row: Row) -> str:
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" if row["value"] is not None else NOTHING
