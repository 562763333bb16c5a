"""What the page says: tables and sentences, from the stored numbers alone."""

from analysis.prose import NOTHING, Column, Prose, say, signed, table
from analysis.results import Results, Row
from analysis.studies.world.confusion import ANY


def titles(results: Results) -> dict[str, str]:
    """Representation -> short title."""
    return {row["representation"]: row["title"] for row in results.tables["representations"]} | {"constant": "best constant"}


def best(results: Results, which: str = "best") -> tuple[str, str]:
    """Name and title of the best trained encoder, or of the best one trained `unlabelled`; where there is none, of the best."""
    row = results.tables["representations"][int(results.scalars[which])]
    return row["representation"], row["title"]


def errors(results: Results) -> list[Row]:
    """Where the errors of the best encoder fall."""
    return [row for row in results.tables["concentration"] if row["representation"] == best(results)[0]]


def difficulty_table(results: Results) -> Prose:
    """Both probes on every representation."""
    cells = {(row["representation"], row["probe"]): _interval(row) for row in results.tables["difficulty"]}
    sizes = {row["representation"]: row["n"] for row in results.tables["difficulty"]}
    names = titles(results)
    rows = [{"title": names[k], "knn": cells[k, "knn"], "linear": cells[k, "linear"], "n": n} for k, n in sizes.items()]
    return table(rows, {"title": "Representation", "knn": "kNN", "linear": "Linear probe", "n": ("Test images", ",d")})


def concentration_table(results: Results) -> Prose:
    """Share of the errors on classes with something in common, for every representation."""
    names = titles(results)
    rows = [
        {
            **row, "title": names[row["representation"]], "share": _interval(row),
            "null": f"{row['null_mean']:.3f} [{row['null_low']:.3f}, {row['null_high']:.3f}]",
        }
        for row in results.tables["concentration"]
    ]  # fmt: skip
    columns: dict[str, Column] = {"title": "Representation", "factor": "In common", "share": "Share of errors", "null": "Null"}
    return table(rows, columns | {"p": ("p", ".3f"), "errors": ("Errors", ",d")})


def agreement_table(results: Results) -> Prose:
    """How often class k stands on family k."""
    rows = [{**row, "counted": _interval(row)} for row in results.tables["agreement"]]
    columns: dict[str, Column] = {"split": "Images", "asked": ("Asked for", ".4f"), "counted": "Counted"}
    return table(rows, columns | {"n": ("n", ",d")})


def context_table(results: Results) -> Prose:
    """Accuracy lost when the correlation is broken."""
    names, fitted = titles(results), {"plain": "objects", "misled": "context"}
    rows = [
        {
            **row, "title": names[row["representation"]], "fitted": fitted[row["probe"]],
            "lost": _interval({"value": row["drop"], "low": row["drop_low"], "high": row["drop_high"]}),
        }
        for row in results.tables["context"]
    ]  # fmt: skip
    columns: dict[str, Column] = {"title": "Representation", "fitted": "Probe fitted on", "kept": ("Context kept", ".3f")}
    return table(rows, columns | {"broken": ("Context broken", ".3f"), "lost": "Lost"})


def findings_table(results: Results) -> Prose:
    """The rules, and what this run says to each."""
    rows = [{**row, "found": _interval(row), "state": f"**{row['state']}**"} for row in results.tables["findings"]]
    columns: dict[str, Column] = {"statement": "Must hold", "state": "In this run", "found": "Estimate", "n": ("n", ",d")}
    return table(rows, columns | {"rule": "Rule"})


def answer(results: Results) -> Prose:
    """The last words of the page."""
    rows = {row["id"]: row for row in results.tables["findings"]}
    states = [row["state"] for row in rows.values()]
    failed = [row["statement"].rstrip(".").lower() for row in rows.values() if row["state"] == "does not hold"]
    undecided = [row["statement"].rstrip(".").lower() for row in rows.values() if row["state"] in ("open", "not tested")]
    parts = [f"Of {len(states)} conditions, {states.count('holds')} hold in this run"]
    if failed:
        parts.append("not: " + ", ".join(failed))
    if undecided:
        parts.append("undecided: " + ", ".join(undecided))
    linear = {row["representation"]: row["value"] for row in results.tables["difficulty"] if row["probe"] == "linear"}
    (name, title), (learnt, learnt_title) = best(results), best(results, "unlabelled")
    shared = next((row for row in errors(results) if row["factor"] == ANY), None)
    lost = {row["probe"]: row["drop"] for row in results.tables["context"] if row["representation"] == learnt}
    each = {"pixels": "pixels", learnt: learnt_title, name: title}
    reached = ", ".join(f"{linear[key]:.0%} ({named})" for key, named in each.items())
    last = (
        f" Of the creatures, a linear probe names {reached}; breaking the correlation of ground and class costs a probe that "
        f"met it {100 * lost['misled']:.0f} points of accuracy ({learnt_title})"
    )
    if shared:
        last += f", and {shared['value']:.0%} of the errors ({title}) fall on a class that shares a look with the true one"
    return say("**Answer.** {words}.", words="; ".join(parts) + "." + last)


def _interval(row: Row) -> str:
    """Value with its interval; a dash where there is none."""
    if row["value"] is None:
        return NOTHING
    return signed(f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]")
