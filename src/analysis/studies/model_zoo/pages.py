"""What the page says: tables and sentences, from the stored numbers alone."""

from analysis.prose import INTERVAL, NOTHING, Column, Prose, folded, say, table
from analysis.results import Results, Row
from analysis.studies import base
from analysis.studies.model_zoo.measure import PIXELS
from analysis.studies.model_zoo.verdict import ALLOWED, BEATS

_PRECISION = {"32-true": "float32", "bf16-mixed": "bfloat16"}


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return base.titles(results) | {PIXELS: PIXELS, "constant": "best constant"}


def encoders_table(results: Results) -> Prose:
    """What each encoder is."""
    rows = [
        {
            **row,
            "paper": f"{{cite:p}}`{row['paper']}`" if row["paper"] else NOTHING,
            "trained": f"{row['data']}, {row['supervision']}" if row["steps"] else row["supervision"],
            "megabytes": row["bytes"] / 1e6,
        }
        for row in results.tables["encoders"]
    ]
    columns: dict[str, Column] = {
        **{"title": "Method", "encoder": "Name", "paper": "Paper", "family": "Network", "trained": "Trained on, with"},
        **{"parameters": ("Parameters", ",d"), "megabytes": ("File, MB", ".2f")},
    }
    return folded(f"All {len(rows)} encoders: paper, network, what trained them", table(rows, columns))


def training_table(results: Results) -> Prose:
    """How long each encoder was trained, and on what machine."""
    rows = [
        {**row, "minutes": row["wall_seconds"] / 60, "device": f"{row['device']}, {_PRECISION[row['precision']]}"}
        for row in results.tables["encoders"]
        if row["steps"]
    ]
    columns: dict[str, Column] = {
        **{"encoder": "Name", "images": ("Images", ",d"), "images_seen": ("Images seen", ",d"), "steps": ("Steps", ",d")},
        **{"batch": ("Batch", "d"), "device": "Device", "minutes": ("Minutes", ".1f"), "seed": ("Seed", "d")},
    }
    return folded(f"How long the {len(rows)} trained ones learnt, and on what", table(rows, columns))


def recipe_table(results: Results) -> Prose:
    """The common recipe."""
    return folded("Every setting of the recipe", table(results.tables["recipe"], {"setting": "Setting", "value": "Value"}))


def deviations_table(results: Results) -> Prose:
    """What single encoders were trained with otherwise, and why."""
    rows = [row for row in results.tables["deviations"] if row["changes"] or row["reason"]]
    if not rows:
        return say("Every encoder of this run followed it to the letter.")
    columns: dict[str, Column] = {"title": "Method", "changes": "Otherwise (recipe)", "reason": "Because"}
    return folded(f"What {len(rows)} encoders were trained with otherwise", table(rows, columns))


def scores_table(results: Results) -> Prose:
    """Both probes with their intervals, and the effective rank."""
    columns: dict[str, Column] = {"title": "Representation", "knn": ("kNN", INTERVAL), "linear": ("Linear probe", INTERVAL)}
    return table(_titled(results, "scores"), columns | {"rankme": ("RankMe", ".1f"), "n": ("Images", ",d")})


def verdicts_table(results: Results, name: str = "verdicts") -> Prose:
    """Gains over the untrained copy, and what the rule says; of `middle` after the middle block of the transformers."""
    heads: dict[str, Column] = {"knn": ("Gain in kNN", INTERVAL), "linear": ("Gain in linear probe", INTERVAL)}
    return table(_titled(results, name), {"title": "Encoder", **heads, "state": "That it beats its untrained copy is"})


def starts_table(results: Results) -> Prose:
    """Gains of encoders that went on from another one, over that one."""
    if not results.tables["starts"]:
        return say("*No encoder of this run began as another one of it.*")
    known = titles(results)
    rows = [{**row, "start": known[row["control"]]} for row in _titled(results, "starts")]
    heads: dict[str, Column] = {"knn": ("Gain in kNN", INTERVAL), "linear": ("Gain in linear probe", INTERVAL)}
    return table(rows, {"title": "Encoder", "start": "Began as", **heads, "state": "That it beats that one is"})


def failures(results: Results) -> Prose:
    """The encoders that do not beat their untrained copies, by name."""
    lost = [row for row in _titled(results, "verdicts") if row["state"] != BEATS]
    if not results.tables["verdicts"]:
        return say("No encoder of this run was trained.")
    if not lost:
        return say("Every trained encoder of this run **beats its untrained copy**.")
    names = ", ".join(f"{row['title']} (`{row['encoder']}`)" for row in lost)
    return say(
        "**Not better than untrained: {names}.** What a study finds with {them} is about the file, not about the method.",
        names=names,
        them="it" if len(lost) == 1 else "them",
    )


def agreement(results: Results) -> Prose:
    """How far the scores of this run are from those on the cards: the most in words, then each encoder."""
    if not results.tables["agreement"]:
        return say("*This run has other images or sizes than the cards, so that there is nothing to compare.*")
    columns: dict[str, Column] = {
        **{"title": "Encoder", "knn_card": ("kNN, card", ".4f"), "knn": ("here, less", "+.4f")},
        **{"linear_card": ("linear, card", ".4f"), "linear": ("here, less", "+.4f")},
        **{"rankme_card": ("RankMe, card", ".1f"), "rankme": ("here, less", "+.2f"), "factors": ("factors, at most", ".4f")},
    }
    return say(
        "Over {compared:.0f} encoders, the scores of this run differ from those on the cards by at most {knn:.4f} (kNN), "
        "{linear:.4f} (linear), {rankme:.2f} (RankMe) and {factors:.4f} (factors). Beyond {limit} it would fail: another "
        "processor explains less, so that weights, world or probes would have changed.\n\n{rows}",
        compared=results.scalars["compared"],
        limit=", ".join(f"{value:g}" for value in ALLOWED.values()),
        rows=folded("Encoder by encoder", table(_titled(results, "agreement"), columns)),
        **{key: results.scalars[f"apart_{key}"] for key in ALLOWED},
    )


def cards_table(results: Results) -> Prose:
    """Scores of encoders that this run did not probe, as their cards give them."""
    if not results.tables["cards"]:
        return say("*Every encoder of this run was probed in it; none is shown by its card alone.*")
    columns: dict[str, Column] = {
        "title": "Method",
        "encoder": "Name",
        "data": "Trained and probed on",
        "knn": ("kNN", INTERVAL),
        "linear": ("Linear probe", INTERVAL),
        "chance": ("Chance", ".3f"),
        "rankme": ("RankMe", ".1f"),
        "n_test": ("Images", ",d"),
    }
    return folded(f"The cards of {len(results.tables['cards'])} encoders", table(results.tables["cards"], columns))


def time(results: Results) -> Prose:
    """What the whole zoo cost."""
    rows = [row for row in results.tables["encoders"] if row["steps"]]
    if not rows:
        return say("No encoder of this run was trained.")
    seconds = [row["wall_seconds"] for row in rows]
    return say(
        "The {count} trained encoders above took {hours:.1f} hours in all, from {low:.0f} to {high:.0f} minutes each, on "
        "{devices}; the files of this page weigh {megabytes:.1f} MB.",
        count=len(rows),
        hours=results.scalars["hours"],
        low=min(seconds) / 60,
        high=max(seconds) / 60,
        devices=" and ".join(sorted({row["device"] for row in rows})),
        megabytes=results.scalars["megabytes"],
    )


def answer(results: Results) -> Prose:
    """The last words of the page."""
    lost = [row["title"] for row in _titled(results, "verdicts") if row["state"] != BEATS]
    if not results.tables["verdicts"]:
        return say("**Answer.** This run holds no trained encoder.")
    rest = f"; {', '.join(lost)} {'does' if len(lost) == 1 else 'do'} not" if lost else ""
    return say(
        "**Answer.** {beating:.0f} of {trained:.0f} trained encoders beat their untrained copies, on both probes and with "
        "intervals that hold for all of them together{rest}.",
        beating=results.scalars["beating"],
        trained=results.scalars["trained"],
        rest=rest,
    )


def _titled(results: Results, name: str) -> list[Row]:
    known = titles(results)
    return [{**row, "title": known[row["encoder"]]} for row in results.tables[name]]
