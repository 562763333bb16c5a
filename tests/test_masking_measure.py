"""Encoders whose truth is known go through the whole measurement."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.datasets.base import Dataset
from analysis.encoders.facts import Facts
from analysis.errors import UserError
from analysis.studies.masking_cka import measure as module
from analysis.studies.masking_cka.params import MaskingCka

SIZE, N = 32, 60
CENTRE = np.zeros((SIZE, SIZE), dtype=bool)
CENTRE[8:24, 8:24] = True
VIEWS = {"object": CENTRE, "ground": ~CENTRE, "both": np.ones_like(CENTRE)}


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> MaskingCka:
    """One data set whose object is the central square, and encoders that read only the object, only the ground, or both."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, SIZE // 8, SIZE // 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    ids = np.array([f"toy/{i:02d}" for i in range(N)])
    dataset = Dataset(
        "toy", images, np.arange(N) % 3, ids, ("a", "b", "c"), {"foreground": np.broadcast_to(CENTRE, (N, SIZE, SIZE))}
    )
    monkeypatch.setattr(module.datasets, "load", lambda *_, **__: dataset)
    monkeypatch.setattr(module, "facts", lambda name: Facts(name, SIZE, "self"))
    monkeypatch.setattr(module.encoders, "load", lambda name, _: SimpleNamespace(name=name, size=SIZE, layers=("embed",)))
    monkeypatch.setattr(
        module, "extract", lambda encoder, images, **_: {"embed": images[:, VIEWS[encoder.name]].reshape(N, -1) / 255.0}
    )
    return MaskingCka(
        encoders=tuple(VIEWS), datasets=("toy",), fills=("black",), fractions=(0.5,), n_bootstrap=60, n_permutations=20
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_encoder_that_reads_the_object_only_does_not_see_the_ground_go(toy: MaskingCka) -> None:
    measured = module.measure(toy)
    cka = {(r["encoder"], r["a"], r["b"]): r["cka"] for r in measured.tables["pairs"]}
    assert cka["object", "complete", "foreground"] == pytest.approx(1)
    assert cka["ground", "complete", "background"] == pytest.approx(1)
    assert np.isnan(cka["object", "complete", "background"])  # every image has become the same: undefined, not 0
    assert abs(cka["both", "foreground", "background"]) < 0.1  # the two halves are drawn independently
    assert cka["object", "complete", "centre_50"] == pytest.approx(1)
    assert cka["ground", "complete", "occluded_50"] == pytest.approx(1)
    assert 0 < cka["object", "complete", "elsewhere_50"] < 1


def test_rows_and_draws_cover_every_comparison_once(toy: MaskingCka) -> None:
    with np.errstate(all="ignore"):
        measured = module.measure(toy)
    rows = measured.tables["pairs"]
    keys = {(r["dataset"], r["encoder"], r["fill"], r["a"], r["b"]) for r in rows}
    assert len(keys) == len(rows) == 3 * (len(module.MASK_PAIRS) + 4) == len(measured.draws)
    assert measured.tables["samples"] == [
        {"dataset": "toy", "loaded": N, "kept": N, "classes": 3, "masks": True, "foreground_share": 0.25}
    ]


def test_images_without_any_mask_are_refused_before_anything_is_measured(
    toy: MaskingCka, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(module.datasets.load("toy"), masks={})
    monkeypatch.setattr(module.datasets, "load", lambda *_, **__: bare)
    with pytest.raises(UserError, match=r"none of toy has foreground masks.*images/ and masks/"):
        module.measure(toy)


def test_a_nearest_neighbour_is_never_the_image_itself(toy: MaskingCka) -> None:
    with np.errstate(all="ignore"):
        measured = module.measure(toy)
    accuracy = {(r["encoder"], r["variant"]): r["accuracy"] for r in measured.tables["neighbours"]}
    assert accuracy["both", "complete"] < 0.7  # labels are arbitrary here: 1 would mean that images found themselves


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(toy: MaskingCka) -> None:
    with np.errstate(all="ignore"):
        first, second, other = (module.measure(p).tables["pairs"] for p in (toy, toy, toy.model_copy(update={"seed": 1})))
    assert repr(first) == repr(second)
    assert repr(first) != repr(other)
