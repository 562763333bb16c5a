"""The quantities behind L1-L5, on their subjects and on both controls, from what a run has measured.

Members are vision transformers by their facts; one that is not above its untrained copy on its own data is shown and is no
evidence about its method. L1 speaks of methods: its interval is over encoders. L2-L5 speak of checkpoints (the MAE, the
Scale-MAE, the DINO and DINOv2 of the run): their intervals are over images, the same ones for every encoder, so differences
are paired.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.encoders.facts import facts, not_learned
from analysis.encoders.methods import METHODS, Objective
from analysis.errors import UserError
from analysis.prose import show
from analysis.rules import Evidence
from analysis.stats import Estimate
from analysis.studies.local_vit.claims import PLANTED
from analysis.studies.local_vit.controls import NOISE, NUISANCE, ROUNDED
from analysis.studies.local_vit.measured import COSINE, LINEAR, RATIO, STANDARD, TASKS, UNTUNED, Tokens

Array = np.ndarray

# Settings: nothing removed, removed, as many random ones removed; linear probe on all, and on what is left.
REMOVALS: tuple[tuple[str, ...], ...] = (
    (UNTUNED, "highest/ip", "random/ip", LINEAR, f"{LINEAR} without highest"),
    (UNTUNED, "one random/ip", "other random/ip", LINEAR, f"{LINEAR} without random"),
    (
        f"{PLANTED} all",
        f"{PLANTED} without highest",
        f"{PLANTED} without random",
        f"{PLANTED} {LINEAR}",
        f"{PLANTED} {LINEAR} without",
    ),
)


def judged(measured: Tokens) -> Mapping[str, Evidence]:
    """The evidence for every claim. Enters the tables `interaction` and `shortfalls`."""
    names = list(dict.fromkeys(key[2] for key in measured.draws))
    failed = left_out(names)
    learned = [name for name in names if name not in failed and facts(name).family == "vit"]
    why = tuple(failed.values())
    return {
        "L1": _of_l1(measured, learned, why),
        "L2": _of_removal(measured, "mae", learned, why),
        "L3": _of_removal(measured, "mae", learned, why),
        "L4": _of_removal(measured, "scale-mae", learned, why),
        "L5": _of_l5(measured, learned, why),
    }


def left_out(names: Sequence[str]) -> dict[str, str]:
    """Encoders that are no evidence about their method -> why; also where an untrained copy was probed on other data."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found |= not_learned([name])
        except UserError as error:
            found[name] = str(error)
    return found


def _trained(names: Sequence[str], objective: Objective) -> list[str]:
    return [name for name in names if facts(name).objective == objective]


def _by_method(names: Sequence[str], method: str) -> list[str]:
    return [name for name in names if facts(name).method == method]


def _of_l1(measured: Tokens, learned: Sequence[str], failed: Sequence[str]) -> Evidence:
    distilled, masked = (_trained(learned, kind) for kind in ("self-distillation", "masked-image-modelling"))
    if min(len(distilled), len(masked)) < 2:
        few = f"it speaks of methods, and the run has {len(distilled)} self-distilled and {len(masked)} masked-image-modelling "
        return Evidence(unmet=(f"{few}transformers that count, where two of each are needed", *failed))
    trained = [name for name in learned if facts(name).objective in ("self-distillation", "supervised")]
    tasks = [task for task in TASKS if measured.datasets(task, learned[0], UNTUNED)]

    def own(tasks: Sequence[str]) -> Estimate:
        """The interaction: advantage without tuning, mean over self-distilled minus mean over masked encoders."""
        return measured.between(*([_advantage(measured, name, tasks) for name in kind] for kind in (distilled, masked)))

    def control(kind: str, tasks: Sequence[str]) -> Estimate:
        """The same of encoders beside themselves with noise of a kind."""
        return measured.over([_advantage(measured, n, tasks) - _advantage(measured, n, tasks, kind) for n in trained])

    for task in (*tasks, "mean"):
        some = tasks if task == "mean" else [task]
        found = {"interaction": own(some), "noise on all dimensions": control(NOISE, some)}
        found["noise in dimensions of its own"] = control(NUISANCE, some)
        rows = [{"task": task, "quantity": name, **vars(value)} for name, value in found.items()]
        if task != "mean":
            rows += [
                {"task": task, "quantity": name, **vars(gap)} for name, gap in _gaps(measured, task, distilled, masked).items()
            ]
        measured.tables["interaction"] += rows
    return Evidence(
        {"interaction": own(tasks)},
        {"interaction": control(NOISE, tasks)},
        {"interaction": control(NUISANCE, tasks)},
        n=len(distilled) + len(masked),
        unit="encoders",
        note=_note_l1(measured, tasks, distilled, masked, failed),
    )


def _advantage(measured: Tokens, name: str, tasks: Sequence[str], kind: str = "") -> Array:
    """What an encoder reaches without tuning minus what it reaches with a tuned linear probe, mean over tasks: (1 + B,)."""
    return np.mean(
        [
            measured.mean_over_datasets(task, name, kind + UNTUNED) - measured.mean_over_datasets(task, name, kind + LINEAR)
            for task in tasks
        ],
        axis=0,
    )


def _gaps(measured: Tokens, task: str, distilled: Sequence[str], masked: Sequence[str]) -> dict[str, Estimate]:
    """Self-distilled minus masked image modelling in one task: without tuning, with a linear probe, and standardised."""
    settings = {"lead without tuning": UNTUNED, "lead with a linear probe": LINEAR}
    if task == "segmentation":
        settings["lead of standardised features by cosine"] = STANDARD
    return {
        words: measured.between(
            *([measured.mean_over_datasets(task, name, s) for name in kind] for kind in (distilled, masked))
        )
        for words, s in settings.items()
    }


def _note_l1(
    measured: Tokens, tasks: Sequence[str], distilled: Sequence[str], masked: Sequence[str], failed: Sequence[str]
) -> str:
    leads = [_gaps(measured, task, distilled, masked) for task in tasks]
    parts = [f"{task} {show(lead['lead without tuning'])}" for task, lead in zip(tasks, leads, strict=True)]
    words = f"Lead of the self-distilled without tuning: {', '.join(parts)}."
    standard = leads[0].get("lead of standardised features by cosine")
    words += f" In segmentation with standardised features by cosine: {show(standard)}." if standard else ""
    return words + (f" Left out: {'; '.join(failed)}." if failed else "")


def _of_removal(measured: Tokens, method: str, learned: Sequence[str], failed: Sequence[str]) -> Evidence:
    """Evidence for L2-L4: conditions of all three, of which each rule takes its own."""
    title, members = METHODS[method].title, _by_method(learned, method)
    left_out = [reason for reason in failed if reason.startswith(title)]
    members = [name for name in members if measured.datasets("segmentation", name, UNTUNED)]
    if not members:
        return Evidence(unmet=(f"this run segments nothing with a {title} transformer that counts", *left_out))
    ratio = measured.estimate(_mean(measured, "ratio", members, "after the norm"))
    unmet = []
    if not ratio.above(RATIO):
        unmet.append(
            f"the phenomenon is absent: the highest variance of a dimension of {title} is {show(ratio)} times the median after "
            f"the final norm, not more than {RATIO:g}"
        )
    n = min((row["test"] for row in measured.tables["samples"]), default=0)
    own, negative, positive = (_removal_effects(measured, members, settings) for settings in REMOVALS)
    return Evidence(own, negative, positive, n, "images", tuple(unmet), _note_removal(measured, members))


def _removal_effects(measured: Tokens, members: Sequence[str], settings: Sequence[str]) -> dict[str, Estimate]:
    everything, highest, random, linear, linear_without = (_mean(measured, "segmentation", members, s) for s in settings)
    return {
        "gain": measured.estimate(highest - everything),
        "hurt": measured.estimate(highest - random),
        "little": measured.estimate(linear_without - linear),
    }


def _mean(measured: Tokens, task: str, members: Sequence[str], setting: str) -> Array:
    return np.mean([measured.mean_over_datasets(task, name, setting) for name in members], axis=0)


def _note_removal(measured: Tokens, members: Sequence[str]) -> str:
    own = _mean(measured, "segmentation", members, UNTUNED)
    gains = {
        words: _mean(measured, "segmentation", members, s) - own
        for words, s in (("cosine", COSINE), ("standardising and cosine", STANDARD))
    }
    words = ", ".join(f"{words} gains {show(measured.estimate(gain))}" for words, gain in gains.items())
    note = f"Without removing anything, {words}."
    if measured.datasets("ratio", members[0], "before the norm"):
        before = measured.estimate(_mean(measured, "ratio", members, "before the norm"))
        note += f" Before the final norm the highest variance is {show(before)} times the median."
    return note


def _of_l5(measured: Tokens, learned: Sequence[str], failed: Sequence[str]) -> Evidence:
    dino, dinov2 = (_by_method(learned, method) for method in ("dino", "dinov2"))
    searched = [
        (key[0], key[1]) for key in measured.draws if key[0].startswith(("same patch, ", "same object, ")) and key[3] == UNTUNED
    ]
    if not dino or not dinov2 or not searched:
        return Evidence(unmet=("it needs a DINO and a DINOv2 transformer that count, and a data set for retrieval", *failed))
    settings = list(dict.fromkeys(searched))
    patches = [setting for setting in settings if setting[0].startswith("same patch")]

    def recall(members: Sequence[str], setting: tuple[str, str], metric: str) -> Array:
        """Recall (1 + B,) in a setting, mean over encoders of one method."""
        return measured.average((*setting, name, metric) for name in members)

    own, equal, perfect = {}, {}, {}
    for setting in settings:
        for metric in (UNTUNED, COSINE):
            one, other = recall(dino, setting, metric), recall(dinov2, setting, metric)
            own[setting, metric] = one - other
            equal[setting, metric] = one - recall(dino, setting, ROUNDED + metric)
            if setting in patches:
                perfect[setting, metric] = 1 - other
    for (setting, metric), values in own.items():
        row = {"setting": setting[0], "dataset": setting[1], "metric": metric}
        measured.tables["shortfalls"].append(row | vars(measured.estimate(values, len(own))))
    worst = min((row["value"] for row in measured.tables["perfect"]), default=None)
    unmet = []
    if worst is None:
        unmet.append("no data set of the run is searched for patches, on which a matcher that knows every place could be tried")
    elif worst < 1:
        unmet.append(f"a matcher that knows every place finds only {worst:.1%} of the patches in one setting")
    return Evidence(
        {"shortfall": _largest(measured, own)},
        {"shortfall": _largest(measured, equal)},
        {"shortfall": _largest(measured, perfect)} if perfect else {},
        min(row["images"] for row in measured.tables["retrieved"]),
        "images or videos in the smallest setting",
        tuple(unmet),
        f"{len(settings)} settings, each by two metrics.",
    )


def _largest(measured: Tokens, differences: Mapping[tuple[tuple[str, str], str], Array]) -> Estimate:
    """The largest, over settings, of the difference that both metrics bear out, with an interval for all settings together.

    All intervals hold at once (Bonferroni), so the largest of their lower ends, and of their upper ends, bounds the largest
    difference: some setting lies above a value if the lower end does, and every setting below it if the upper end does.
    """
    both: dict[tuple[str, str], list[Estimate]] = {}
    for (setting, _), values in differences.items():
        both.setdefault(setting, []).append(measured.estimate(values, len(differences)))
    ends = [[min(getattr(e, end) for e in pair) for pair in both.values()] for end in ("value", "low", "high")]
    return Estimate(*(float(max(found)) for found in ends))
