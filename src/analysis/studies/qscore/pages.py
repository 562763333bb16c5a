"""The tables and sentences of the page, made from stored rows alone."""

from analysis.prose import INTERVAL, Column, Prose, say, table
from analysis.results import Results, Row
from analysis.studies.base import titles
from analysis.studies.qscore.claims import CLAIMS
from analysis.studies.qscore.regulariser import ARMS
from analysis.verdict_prose import answer


def finding(results: Results) -> Prose:
    """The answer claim by claim, Q-Score beside its rivals, and what it means in practice."""
    area = {key: results.scalars[f"auroc_{key}"] for key in ("q", "sparsity", "neighbours", "softmax", "norm")}
    free = {"minus the L1 norm": area["sparsity"], "the length of the representation": area["norm"]}
    free["closeness to training images"] = area["neighbours"]
    best = max(free, key=lambda name: free[name])
    advice = (
        "there is no reason to use Q-Score for this purpose"
        if area["q"] <= free[best]
        else "Q-Score is the better choice where no probe is trained"
    )
    return say(
        "{answer}\n\nOver {judged:.0f} self-supervised encoders, whose linear probes name {accuracy:.0%} of the test images on "
        "average, Q-Score ranks correct before misclassified images with a mean AUROC of **{q:.2f}** (0.5 is chance level). "
        "The best score that costs no more and needs no labels either, {best}, reaches **{other:.2f}**; the largest "
        "probability of the probe, which is at hand wherever there is something to misclassify, **{softmax:.2f}**.\n\n"
        "**For practice.** On such encoders {advice}.",
        answer=answer(results, CLAIMS),
        judged=results.scalars["judged"],
        accuracy=results.scalars["accuracy"],
        q=area["q"],
        best=best,
        other=free[best],
        softmax=area["softmax"],
        advice=advice,
    )


def representations(results: Results) -> Prose:
    """Each encoder: its probe, the eps that suits it, D, and how often Q is defined."""
    columns: dict[str, Column] = {"title": "Encoder", "value": ("Linear probe", INTERVAL), "r": ("Features", "d")}
    columns |= {"never": ("Never active", "d"), "coverage_at_4": ("Q defined at eps 4", ".0%"), "eps": ("eps used", ".1f")}
    columns |= {"size": ("In D", "d"), "coverage": ("Q defined, test", ".0%"), "q": ("Mean Q", ".4f")}
    return table(_titled(results, "representations"), columns)


def detection(results: Results) -> Prose:
    """Q with every area that the paper reports and those that it does not."""
    rows = [row for row in _titled(results, "detection") if row["score"] == "q"]
    share = {row["encoder"]: row["value"] for row in results.tables["representations"]}
    columns: dict[str, Column] = {"title": "Encoder", "auroc": ("AUROC", INTERVAL), "auprc_correct": ("AUPRC, correct", ".3f")}
    columns |= {"share": ("Share correct", ".3f"), "auprc_wrong": ("AUPRC, misclassified", ".3f")}
    columns |= {"wrong": ("Share misclassified", ".3f"), "aurc": ("AURC", ".3f")}
    return table([{**row, "share": share[row["encoder"]], "wrong": 1 - share[row["encoder"]]} for row in rows], columns)


def noise(results: Results) -> Prose:
    """Q against sparsity on numbers without structure."""
    columns: dict[str, Column] = {"r": ("Features", "d"), "rho": ("Rank correlation of Q and sparsity", ".2f")}
    return table(results.tables["noise"], {**columns, "coverage": ("Q defined", ".0%")})


def arms(results: Results) -> Prose:
    """Each arm: how hard its terms pull, what became of the probe, and how well Q predicts afterwards, over seeds."""
    trained = results.tables["trained"]
    rows: list[Row] = []
    for arm, spec in ARMS.items():
        here = [row for row in trained if row["arm"] == arm]
        if here:
            mean = {key: sum(row[key] for row in here) / len(here) for key in ("linear", "knn", "auroc", "core_discriminative")}
            share = {
                f"{term}_share": sum(row[f"pull_{term}_first"] / row["pull_own_first"] for row in here) / len(here)
                for term in ("q", "l1")
            }
            rows.append({"arm": spec.title, "n": len(here), "seeds": _between_seeds(here), **mean, **share})
    columns: dict[str, Column] = {"arm": "Arm", "n": ("Trainings", "d"), "q_share": ("Pull of the Q term", ".4%")}
    columns |= {"l1_share": ("Pull of the L1 term", ".2%"), "linear": ("Linear probe", ".3f"), "knn": ("kNN", ".3f")}
    columns |= {"auroc": ("AUROC of Q", ".3f"), "seeds": ("SD of it over seeds", ".3f")}
    return table(rows, {**columns, "core_discriminative": ("Heat in the core", ".3f")})


def _between_seeds(rows: list[Row]) -> float:
    """Standard deviation of the AUROC of Q over the seeds of one method, pooled over methods."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row["method"], []).append(row["auroc"])
    squares = [(value - sum(g) / len(g)) ** 2 for g in groups.values() for value in g]
    return float((sum(squares) / max(len(rows) - len(groups), 1)) ** 0.5)


def follows(results: Results) -> Prose:
    """Whether mean Q, and what else, follows the probe over encoders."""
    names = {"q": "mean Q", "q_at_4": "mean Q at eps 4", "sparsity": "minus L1 norm", "rankme": "RankMe"}
    rows = [{**row, "quantity": names[row["quantity"]]} for row in results.tables["follows"]]
    columns: dict[str, Column] = {"group": "Encoders", "n": ("n", "d"), "quantity": "Quantity"}
    return table(
        rows, {**columns, "rho": ("Rank correlation with accuracy", ".2f"), "low": ("Low", ".2f"), "high": ("High", ".2f")}
    )


def _titled(results: Results, name: str) -> list[Row]:
    names = titles(results)
    return [{**row, "title": names[row["encoder"]]} for row in results.tables[name]]
