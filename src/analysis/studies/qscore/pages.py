"""The tables and sentences of the page, made from stored rows alone."""

from collections.abc import Mapping

from analysis.prose import Column, Prose, say, table
from analysis.results import Results, Row
from analysis.studies.qscore.regulariser import ARMS

WHAT = {
    "Q1": "that features found without labels are discriminative and more active where the probe is right",
    "Q2": "that 40 % of a representation can be cut with little loss",
    "Q3": "that Q-Score predicts misclassification",
    "Q4": "that Q-Score as a regulariser raises accuracy",
    "Q5": "that discriminative features lie on what defines the class",
}
_INTERVAL: Mapping[str, Column] = {"value": ("Value", ".3f"), "low": ("Low", ".3f"), "high": ("High", ".3f")}


def titles(results: Results) -> dict[str, str]:
    """Encoder -> short title."""
    return {row["encoder"]: row["title"] for row in results.tables["encoders"]}


def readings(results: Results) -> Prose:
    """Each encoder: its probe, the eps that suits it, D, and how often Q is defined."""
    columns: dict[str, Column] = {
        **{"title": "Encoder", "accuracy": ("Linear probe", ".3f"), "r": ("Features", "d"), "never": ("Never active", "d")},
        **{"coverage_at_4": ("Q defined at eps 4", ".0%"), "eps": ("eps used", ".1f"), "size": ("In D", "d")},
        **{"coverage": ("Q defined, test", ".0%"), "q": ("Mean Q", ".4f")},
    }
    return table(_titled(results, "readings"), columns)


def detection(results: Results) -> Prose:
    """Q and its strongest rivals, encoder by encoder, with every area the paper reports and those it does not."""
    rows = [row for row in _titled(results, "detection") if row["score"] == "q"]
    share = {row["encoder"]: row["accuracy"] for row in results.tables["readings"]}
    columns: dict[str, Column] = {
        **{"title": "Encoder", "auroc": ("AUROC", ".3f"), "auroc_low": ("Low", ".3f"), "auroc_high": ("High", ".3f")},
        **{"auprc_correct": ("AUPRC, correct", ".3f"), "share": ("Share correct", ".3f")},
        **{"auprc_wrong": ("AUPRC, misclassified", ".3f"), "wrong": ("Share misclassified", ".3f"), "aurc": ("AURC", ".3f")},
    }
    extended = [{**row, "share": share[row["encoder"]], "wrong": 1 - share[row["encoder"]]} for row in rows]
    return table(extended, columns)


def defined(results: Results) -> Prose:
    """AUROC among the images whose Q is defined."""
    return table(
        _titled(results, "defined"),
        {"title": "Encoder", "n": ("Images with a Q", "d"), **{**_INTERVAL, "value": ("AUROC", ".3f")}},
    )


def noise(results: Results) -> Prose:
    """Q against sparsity on numbers without structure."""
    columns: dict[str, Column] = {"r": ("Features", "d"), "rho": ("Rank correlation of Q and sparsity", ".2f")}
    return table(results.tables["noise"], {**columns, "coverage": ("Q defined", ".0%")})


def arms(results: Results) -> Prose:
    """How hard each term pulls in each arm, and with which weights."""
    trained = results.tables["trained"]
    rows = []
    for arm, known in ARMS.items():
        here = [row for row in trained if row["arm"] == arm]
        if here:
            mean = {key: sum(row[key] for row in here) / len(here) for key in (*_PULLS, "linear", "knn")}
            rows.append({"arm": known.title, "n": len(here), **mean})
    columns: dict[str, Column] = {
        **{"arm": "Arm", "n": ("Trainings", "d"), "pull_own_first": ("Pull of the loss", ".4f")},
        **{"pull_q_first": ("of the Q term", ".7f"), "pull_l1_first": ("of the L1 term", ".4f")},
        **{"linear": ("Linear probe", ".3f"), "knn": ("kNN", ".3f")},
    }
    return table(rows, columns) if rows else say("*No encoder was trained further in this run.*")


_PULLS = ("pull_own_first", "pull_q_first", "pull_l1_first")


def follows(results: Results) -> Prose:
    """Whether mean Q, and what else, follows the probe along the ladder."""
    names = {"q": "mean Q", "q_at_4": "mean Q at eps 4", "sparsity": "minus L1 norm", "rankme": "RankMe"}
    rows = [{**row, "quantity": names[row["quantity"]]} for row in results.tables["follows"]]
    columns: dict[str, Column] = {
        **{"group": "Encoders", "n": ("n", "d"), "quantity": "Quantity", "rho": ("Rank correlation with accuracy", ".2f")},
        **{"low": ("Low", ".2f"), "high": ("High", ".2f")},
    }
    return table(rows, columns) if rows else say("*There was no ladder in this run.*")


def advice(results: Results) -> Prose:
    """What to do with Q-Score, by the numbers of this run: means over the encoders that claims speak of."""
    area = {key: results.scalars[f"auroc_{key}"] for key in ("q", "sparsity", "neighbours", "softmax", "norm")}
    rivals = {"minus the L1 norm": area["sparsity"], "the length of the representation": area["norm"]}
    rivals["closeness to training images"] = area["neighbours"]
    best = max(rivals, key=lambda name: rivals[name])
    template = (
        "**For practice.** In this run Q-Score ranks correct before misclassified images with a mean AUROC of "
        "**{q:.2f}** (0.5 is "
        "chance). The best score that costs no more and needs no labels either, {best}, reaches **{other:.2f}**; the largest "
        "probability of the probe itself, which is at hand wherever there is something to misclassify, **{softmax:.2f}**. "
    )
    if area["q"] <= max(rivals.values()):
        template += "On such encoders there is no reason to use Q-Score for this purpose."
    else:
        template += "Where no probe is trained, Q-Score is then the better choice among the scores without labels."
    return say(template, q=area["q"], best=best, other=rivals[best], softmax=area["softmax"])


def _titled(results: Results, name: str) -> list[Row]:
    names = titles(results)
    return [{**row, "title": names[row["encoder"]]} for row in results.tables[name]]
