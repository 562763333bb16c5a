"""What aggregated representations are worth: by size of the patches, by their number, beside whole images and views."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from analysis import probing
from analysis.studies.bagssl.aggregate import doubling
from analysis.studies.bagssl.contrasts import PROBES, VIEWS, WHOLE, Bags, bag, central
from analysis.studies.bagssl.reading import Half, Reading
from analysis.studies.bagssl.roles import Role

Array = np.ndarray
Read = Callable[[Half], Array]
DRAWN = 4  # independent draws of patches, where a spread over them is given


def measure(measured: Bags, reading: Reading, role: Role, sides: Sequence[int]) -> None:
    """Both probes on whole images, bags and single central patches of each size, and on views for joint embedding."""
    cells: dict[str, Read] = {WHOLE: reading.whole}
    for side in sides:
        cells[bag(side)] = partial(reading.bag, side=side)
        if side == reading.params.side or role.encoder in reading.params.followed:
            cells[central(side)] = partial(reading.central, side=side)
    if role.aligning and role.patch is None:
        cells[VIEWS] = reading.views
    for cell, read in cells.items():
        side = int(cell.split()[-1]) if " " in cell else reading.sample.size
        for probe, correct in _correct(read("train"), read("test"), reading).items():
            row = {"encoder": role.encoder, "cell": cell, "side": side, "probe": probe}
            measured.add("accuracy", row, measured.mean(correct), (probe, role.encoder, cell))


def _correct(train: Array, test: Array, reading: Reading) -> dict[str, Array]:
    """Probe -> whether it names the class of each test image, (n,)."""
    labels = reading.sample.labels
    truth = labels["test"][: len(test)]
    return {probe: getattr(probing, probe)(train, labels["train"], test) == truth for probe in PROBES}


def by_number(measured: Bags, reading: Reading, many: Array) -> None:
    """Accuracy against the number of patches, from `most` patches of each of some test images, (n, m, d).

    Probes are fitted on means of as many patches of the training images, at most of `n_patches`. Where several disjoint sets of
    patches are at hand, the value is the mean over them and `spread` the standard deviation between them.
    """
    params, truth = reading.params, reading.sample.labels["test"][: len(many)]
    train = reading.patches("train", params.side)
    for n in doubling(params.n_patches):
        numbers = [n] if 2 * n <= params.n_patches else [k for k in doubling(params.most) if k >= n]
        draws = max(1, min(DRAWN, many.shape[1] // n, train.shape[1] // n))
        said = [_said(train[:, i * n : (i + 1) * n].mean(1), many, numbers, i, reading) for i in range(draws)]
        for key in said[0]:
            each = np.array([found[key] == truth for found in said])
            spread = float(each.mean(1).std(ddof=1)) if draws > 1 else None
            row = {"encoder": reading.name, "n": key[1], "probe": key[0], "draws": draws, "spread": spread}
            measured.add("counts", row, measured.mean(each.mean(0)))


def _said(train: Array, many: Array, numbers: Sequence[int], draw: int, reading: Reading) -> dict[tuple[str, int], Array]:
    """(probe, number) -> classes that a probe fitted on `train` (n, d) gives to means over that many patches."""
    labels = reading.sample.labels["train"]
    model, found = probing.fit_linear(train, labels), {}
    for n in numbers:
        test = many[:, draw * n : (draw + 1) * n].mean(1)
        found["linear", n] = model.predict(test)
        found["knn", n] = probing.knn(train, labels, test)
    return found
