"""What the page says: the finding and the tables, from the stored numbers alone."""

from collections.abc import Sequence

from analysis.prose import INTERVAL, Column, Prose, number, say, show, table
from analysis.results import Results, Row
from analysis.stats import Estimate
from analysis.studies.base import titles
from analysis.studies.local_vit.claims import CLAIMS
from analysis.studies.local_vit.plots import METRIC_WORDS
from analysis.studies.local_vit.published import DRAFT, DRAFT_BANK, DRAFT_REMOVAL, DRAFT_ROTATION, DRAFT_TRACKING
from analysis.verdict_prose import answer

PARTS = {
    "all": "all, standardised",
    "raw": "all, raw",
    "without highest": "without the highest variance",
    "without random": "without random ones",
    "only highest": "the highest variance alone",
    "only random": "random ones alone",
}


def finding(results: Results) -> Prose:
    """The answer claim by claim, how high the variances are, and what it means in practice."""
    return Prose(f"{answer(results, CLAIMS)}{_variances(results)}\n\n**For practice.** {_practice(results)}")


def _variances(results: Results) -> str:
    rows = [row for row in results.tables.get("ratio", []) if row["norm"] == "after the norm" and _masked(results, row)]
    if not rows:
        return ""
    top = max(rows, key=lambda row: row["value"])
    words = (
        f"\n\nThe highest variance of a dimension is at most {top['value']:.1f} times the median in encoders of masked image "
        f"modelling ({titles(results)[top['encoder']]}, {top['dataset']})"
    )
    planted = results.tables.get("planted", [])
    if not planted:
        return f"{words}."
    most = max(row["times"] for row in planted)
    means = {
        key: _mean([r["value"] for r in planted if (r["times"], r["features"]) == key]) for key in ((1.0, "all"), (most, "all"))
    }
    without = _mean([r["value"] for r in planted if (r["times"], r["features"]) == (most, "without highest")])
    return (
        f"{words}. Where such dimensions are planted ({most:g} times amplified, by a map that the next layer can undo), the "
        f"nearest patch goes from {means[1.0, 'all']:.3f} to {means[most, 'all']:.3f} mIoU, and to {without:.3f} without them."
    )


def _masked(results: Results, row: Row) -> bool:
    return any(
        known["encoder"] == row["encoder"] and known["objective"] == "masked-image-modelling"
        for known in results.tables["encoders"]
    )


def _practice(results: Results) -> str:
    cells = results.tables.get("segmentation", [])
    raw, standard = (
        {_key(r): r["value"] for r in cells if (r["transform"], r["metric"]) == cell}
        for cell in (("none", "ip"), ("standardise", "cosine"))
    )
    if not raw:
        return "This run segments nothing."
    gains = [standard[key] - raw[key] for key in raw]
    return (
        "Look at the ratio of the highest to the median variance before you compare raw tokens. Standardised features compared "
        f"by cosine need no labels and change mIoU by {number(_mean(gains))} on average here (between {number(min(gains))} and "
        f"{number(max(gains))}); a linear probe is the safer reading of what tokens hold."
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def samples_table(results: Results) -> Prose:
    """What is segmented from how much."""
    columns: dict[str, Column] = {
        "dataset": "Data set",
        "bank": ("Labelled images", "d"),
        "test": ("Test images", "d"),
        "patches": ("Patches per image", "d"),
        "classes": ("Classes", "d"),
        "present": ("of them in the test images", "d"),
    }
    return table(results.tables.get("samples", []), columns)


def linear_table(results: Results) -> Prose:
    """Linear probes on all dimensions and on parts of them, one row per encoder and data set."""
    return _wide(
        results, results.tables.get("linear", []), "features", {part: (words, INTERVAL) for part, words in PARTS.items()}
    )


def variance_table(results: Results) -> Prose:
    """How far variances are from even, after and before the final norm, and what the nearest patch makes of it."""
    layers = results.tables.get("layers", [])
    rows = []
    for row in results.tables.get("ratio", []):
        cells = [r for r in layers if _key(r) == _key(row) and r["norm"] == row["norm"] and r["layer"] == _read(layers, row)]
        by = {("removed" if r["removed"] else r["metric"]): r["value"] for r in cells}
        rows.append({**row, "title": titles(results)[row["encoder"]], **by})
    columns: dict[str, Column] = {
        "dataset": "Data set",
        "title": "Encoder",
        "norm": "Tokens",
        "value": ("Highest / median variance", INTERVAL),
        "above": ("Dimensions above 10 x", "d"),
        "held": ("Variance in the top quarter", ".2f"),
        "ip": ("mIoU, inner product", ".3f"),
        "removed": ("without the highest", ".3f"),
        "cosine": ("cosine", ".3f"),
    }
    return table(rows, columns)


def _read(layers: Sequence[Row], row: Row) -> int | None:
    """The block that is read: the one that was also measured before the norm."""
    return next((r["layer"] for r in layers if _key(r) == _key(row) and r["norm"] == "before the norm"), None)


def lengths_of_tokens(results: Results) -> Prose:
    """How unequal tokens are in length, and whom neighbours find because of it."""
    rows = [{**row, "title": titles(results)[row["encoder"]]} for row in results.tables.get("token_lengths", [])]
    columns: dict[str, Column] = {"dataset": "Data set", "title": "Encoder", "spread": ("Spread of lengths", ".2f")}
    return table(rows, columns | {m: (f"Longest 1 % found by {words}", ".2f") for m, words in METRIC_WORDS.items()})


def overlap_table(results: Results) -> Prose:
    """Share of the dimensions of highest variance that two data sets have in common."""
    rows = [{**row, "pair": f"{row['a']}, {row['b']}"} for row in results.tables.get("overlap", [])]
    if not rows:
        return say("*This run has one data set: there is nothing to compare it with.*")
    pairs: dict[str, Column] = {pair: (pair, ".2f") for pair in dict.fromkeys(row["pair"] for row in rows)}
    wide: dict[str, Row] = {}
    for row in rows:
        cells = wide.setdefault(row["encoder"], {"title": titles(results)[row["encoder"]], "chance": row["chance"]})
        cells[row["pair"]] = row["value"]
    return table(wide.values(), {"title": "Encoder", **pairs, "chance": ("By chance", ".2f")})


def classes_table(results: Results) -> Prose:
    """IoU of each class, mean over encoders: raw nearest patch, standardised, linear probe; the best encoder by the first."""
    rows, names = results.tables.get("classes", []), titles(results)
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["class"]), []).append(row)
    probes = {"raw": "Nearest, raw", "standardised": "Nearest, standardised", "linear probe": "Linear probe"}
    shown = []
    for (dataset, label), part in groups.items():
        best = max(part, key=lambda row: row["raw"])
        means = {probe: sum(row[probe] for row in part) / len(part) for probe in probes}
        shown.append({"dataset": dataset, "class": label, **means, "best": f"{names[best['encoder']]} ({best['raw']:.2f})"})
    columns: dict[str, Column] = {"dataset": "Data set", "class": "Class", **{p: (w, ".2f") for p, w in probes.items()}}
    return table(shown, columns | {"best": "Best encoder, raw"})


def interaction_table(results: Results) -> Prose:
    """Leads of the self-distilled encoders by task, without tuning and with a tuned linear probe."""
    rows = results.tables.get("interaction", [])
    if not rows:
        return say("*This run does not have two encoders of each kind.*")
    wide: dict[str, Row] = {}
    for row in rows:
        wide.setdefault(row["quantity"], {"quantity": row["quantity"]})[row["task"]] = show(
            Estimate(row["value"], row["low"], row["high"])
        )
    tasks = dict.fromkeys(row["task"] for row in rows)
    return table(wide.values(), {"quantity": "Quantity", **{task: task.capitalize() for task in tasks}})


def shortfalls_table(results: Results) -> Prose:
    """DINO minus DINOv2 in every setting of retrieval; intervals hold for all settings together."""
    rows = results.tables.get("shortfalls", [])
    if not rows:
        return say("*This run has no DINO and DINOv2 to compare.*")
    words = {"none/ip": "inner product", "none/cosine": "cosine"}
    wide: dict[tuple[str, str], Row] = {}
    for row in rows:
        cells = wide.setdefault((row["setting"], row["dataset"]), {"setting": row["setting"], "dataset": row["dataset"]})
        cells[words[row["metric"]]] = show(Estimate(row["value"], row["low"], row["high"]))
    return table(wide.values(), {"setting": "Setting", "dataset": "Data set", **{w: w.capitalize() for w in words.values()}})


def rotation_table(results: Results) -> Prose:
    """A matcher that knows every place, scored by the right map and by its inverse."""
    columns: dict[str, Column] = {"patch": ("Patch, px", "d"), "degrees": ("Turn, degrees", "d")}
    return table(results.tables["rotation"], columns | {"right": ("Right map", ".1%"), "inverted": ("Inverted map", ".1%")})


def stitching_table(results: Results) -> Prose:
    """Perfect patch labels, stitched right and wrong."""
    columns: dict[str, Column] = {
        "grid": ("Patches per tile side", "d"),
        "true": ("Side of the map", "d"),
        "taken": ("Side taken", "d"),
        "right": ("mIoU", ".3f"),
        "shifted": ("mIoU with the error", ".3f"),
    }
    return table(results.tables["stitching"], columns)


def lengths_table(results: Results) -> Prose:
    """Planted classes with vectors of unequal length."""
    columns: dict[str, Column] = {
        "spread": ("Spread of log lengths", ".2f"),
        "ip": ("Inner product", ".2f"),
        "cosine": ("Cosine", ".2f"),
        "l2": ("Distance", ".2f"),
        "hubs": ("Longest 1 % found by inner product", ".2f"),
    }
    return table(results.tables["lengths"], columns)


def authors_tables() -> Prose:
    """What the authors' draft measured on Cityscapes, FAIR1M and BDD100K."""
    by_bank = [
        {"images": row["images"], **{k: f"{v[0]:.3f} / {v[1]:.3f}" for k, v in row.items() if k != "images"}}
        for row in DRAFT_BANK
    ]
    heads = {row["method"]: row["encoder"] for row in DRAFT}
    removed: dict[str, Column] = {"m": ("Removed, of 768", "d"), "knn": ("MAE, nearest patch", ".3f")}
    turned: dict[str, Column] = {f"same{angle}": (f"Turned by {angle}°", ".3f") for angle in (5, 10, 15, 20)}
    later: dict[str, Column] = {f"apart{frames}": (f"{frames} frames later", ".3f") for frames in (1, 5, 9, 17, 33, 57)}
    parts = (
        table(by_bank, {"images": "Labelled images", **heads}),
        table(DRAFT_REMOVAL, removed | {"linear": ("MAE, linear probe", ".3f")}),
        table(DRAFT_ROTATION, {"encoder": "Encoder", **turned}),
        table(DRAFT_TRACKING, {"encoder": "Encoder", **later}),
    )
    return Prose("\n".join(part.markdown for part in parts))


def _wide(results: Results, rows: Sequence[Row], column: str, columns: dict[str, Column]) -> Prose:
    """Rows by data set and encoder; the values of `column` become columns, with their intervals."""
    wide: dict[tuple[str, str], Row] = {}
    for row in rows:
        cells = wide.setdefault(_key(row), {"dataset": row["dataset"], "title": titles(results)[row["encoder"]]})
        cells |= {row[column]: row["value"], f"{row[column]}_low": row["low"], f"{row[column]}_high": row["high"]}
    return table(wide.values(), {"dataset": "Data set", "title": "Encoder", **columns})


def _key(row: Row) -> tuple[str, str]:
    return row["dataset"], row["encoder"]
