"""What comes through an encoder and its projector: changes of the image, and factors of the world layer by layer."""

import numpy as np

from analysis import datasets, encoders
from analysis.decoders.conditions import Condition, condition, read, thumbnails
from analysis.decoders.ranks import relative_distance
from analysis.progress import track
from analysis.results import Row
from analysis.studies.rcdm.changes import CHANGES, LIGHT, OTHER, READING_WORDS, READINGS, TRAINED, shares
from analysis.studies.rcdm.drawn import Samples, part
from analysis.studies.rcdm.factors import TITLES, Reader, skill, truth
from analysis.studies.rcdm.measured import AVERAGED, LABEL, NULL, THUMBNAIL, Measured
from analysis.studies.rcdm.stage import Stage, shown, variant

Array = np.ndarray
PICTURED = ("mirror", "hue", "rotation")


def changes(stage: Stage, samples: Samples, measured: Measured) -> None:
    """Every change of the image: how far it moves each representation, and what share of it samples show.

    The hidden layers of projectors are not drawn: their distances say enough between the two ends.
    """
    n, many = stage.params.n_changed, stage.params.n_images
    images = stage.bank.images[:many]
    changed = _changed(stage, images)
    moved = {name: {THUMBNAIL: thumbnails(these), **stage.represent(these)} for name, these in changed.items()}
    for tap in stage.taps:
        if tap.shuffled or tap.name in (NULL, LABEL):
            continue
        if tap.spatial:
            _distances(measured, tap, stage.h(tap.name), {key: h[tap.name] for key, h in moved.items()})
        if tap.tap == "hidden" or not tap.spatial:
            continue
        drawn = stage.draw_groups(tap.name, [h[tap.name][:n] for h in moved.values()], stage.noise(n))
        for (name, these), after in zip(changed.items(), drawn, strict=True):
            before = samples.first[tap.name][:n]
            share = shares(images[:n], these[:n], before, after, name, measured.weights(n))
            measured.add("changes", _row(tap, name), share, ("share", tap.name, name))
            if name in PICTURED:
                panel = measured.pictures.setdefault(f"change {name}", {"image": _pairs(images[:n], these[:n])})
                panel[tap.name] = _pairs(before, after)
        if tap.name in measured.conditions("self", "backbone"):
            _averaged(stage, measured, tap, images[:n], changed, moved)
    _compared(stage, measured, changed)


def _compared(stage: Stage, measured: Measured, changed: dict[str, Array]) -> None:
    """How far changes move backbones and projectors of encoders that are not drawn."""
    for name in track(stage.params.compared, "changes", unit="encoder"):
        encoder, bank = encoders.load(name, stage.params.device), stage.compared(name)
        rows = {key: read(encoder, x, tuple(bank)) for key, x in changed.items()}
        for tap in bank:
            one = condition(f"{name}:{tap}")
            _distances(measured, one, bank[tap], {key: h[tap] for key, h in rows.items()})
            measured.compared += (one,)


def _distances(measured: Measured, tap: Condition, bank: Array, moved: dict[str, Array]) -> None:
    """Squared distance that each change moves a representation (n, d) of the bank's first images, as a share of that of two."""
    for name, h in moved.items():
        apart = relative_distance(h, bank[: len(h)], bank)
        measured.add("distances", _row(tap, name), measured.mean(apart), ("moved", tap.name, name))


def _averaged(
    stage: Stage,
    measured: Measured,
    tap: Condition,
    images: Array,
    changed: dict[str, Array],
    moved: dict[str, dict[str, Array]],
) -> None:
    """The control: each image and all its changes have their mean in place of their representation, drawn from one noise."""
    n, name = len(images), tap.name + AVERAGED
    mean = np.mean([stage.h(tap.name)[:n], *(h[tap.name][:n] for h in moved.values())], axis=0)
    image, after = stage.draw_groups(tap.name, [mean, mean], stage.noise(n))
    for change, these in changed.items():
        measured.draws["share", name, change] = shares(images, these[:n], image, after, change, measured.weights(n))
        measured.draws["moved", name, change] = measured.mean(relative_distance(mean, mean, stage.h(tap.name)))


def _row(tap: Condition, change: str) -> Row:
    kind = {"change": change, "trained": change in TRAINED, "reading": READING_WORDS[READINGS[change]]}
    return {**kind, "condition": tap.name, "part": part(tap)}


def _changed(stage: Stage, images: Array) -> dict[str, Array]:
    """Change -> changed images; the light can be changed where the world is ours."""
    found = {name: change(images) for name, change in CHANGES.items()}
    if LIGHT in stage.bank.factors and "light=" not in stage.params.dataset:
        lit = variant(stage.params.dataset, LIGHT, 0)
        found[LIGHT] = datasets.load(lit, size=stage.decoder.size, n=len(images), split="test").images
    return {name: found[name] for name in (*TRAINED, *OTHER) if name in found}


def _pairs(before: Array, after: Array) -> Array:
    """The images of pictures, both ways, alternating."""
    rows = shown(min(len(before), len(after)))
    return np.stack([before[rows], after[rows]], 1).reshape(-1, *before.shape[1:])


def layers(stage: Stage, measured: Measured) -> None:
    """How well each factor is read linearly from each representation, layer by layer: no sample is drawn here."""
    train, fitted = stage.train_h, truth(stage.train)
    for tap in stage.taps:
        if not tap.spatial or tap.shuffled or tap.name in (NULL, LABEL):
            continue
        probe = Reader(train[tap.name], fitted)
        found, true = probe(stage.h(tap.name)), stage.true
        weights = measured.weights(len(stage.bank))
        for name in TITLES:
            row = {"condition": tap.name, "part": part(tap), "factor": name}
            shown = skill(found[name], true[name], true[name], weights)
            measured.add("layers", row, shown, ("probe", tap.name, name))
