"""Encoders whose truth is known go through the whole measurement, and the claims judge them rightly."""

import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from analysis.datasets.base import Dataset
from analysis.encoders import facts as facts_module
from analysis.encoders.facts import Facts
from analysis.errors import UserError
from analysis.rules import Finding, judge
from analysis.similarity import debiased_cka
from analysis.studies.base import Measured
from analysis.studies.masking_cka import evidence, planted, stimuli
from analysis.studies.masking_cka import measure as module
from analysis.studies.masking_cka.claims import CLAIMS, SMALLEST
from analysis.studies.masking_cka.evidence import judged
from analysis.studies.masking_cka.masks import CORNERS, corner, occlusion_masks
from analysis.studies.masking_cka.overlap import direction_overlap
from analysis.studies.masking_cka.params import MaskingCka

SIZE, N = 32, 120
Array = np.ndarray


def world(name: str, objects: bool) -> Dataset:
    """Boxes of a random red at random places on a background of a random blue: what is the object's is in one channel."""
    rng = np.random.default_rng(1)
    images = np.zeros((N, SIZE, SIZE, 3), dtype=np.uint8)
    images[..., 2] = rng.integers(30, 256, (N, 1, 1))
    foreground = np.zeros((N, SIZE, SIZE), dtype=bool)
    for row in range(N if objects else 0):
        height, width = rng.integers(8, 16, 2)
        top, left = rng.integers(4, SIZE - 4 - height), rng.integers(4, SIZE - 4 - width)
        foreground[row, top : top + height, left : left + width] = True
        images[row, foreground[row]] = (rng.integers(30, 256), 0, 0)
    ids = np.array([f"{name}/{i:03d}" for i in range(N)])
    return Dataset(name, images, np.arange(N) % 3, ids, ("a", "b", "c"), {"foreground": foreground} if objects else {})


SETS = {"objects": world("objects", True), "bare": world("bare", False)}


def seen(images: Array, channel: int) -> Array:
    """Mean of a channel where it shows anything: an object (a background) recognised from any part of it."""
    values = images[..., channel].reshape(len(images), -1).astype(float)
    return values.sum(1) / np.maximum((values > 0).sum(1), 1)


def weighing(share: float) -> Callable[[Array], Array]:
    return lambda images: np.stack([share * seen(images, 0), (1 - share) * seen(images, 2)], 1)


ENCODERS: dict[str, Callable[[Array], Array]] = {
    "apart": weighing(0.5),
    "object": weighing(0.9),
    "background": weighing(0.1),
    "grey": lambda images: images.mean((1, 2, 3))[:, None],
    "blank": lambda images: np.random.default_rng(len(images)).standard_normal((len(images), 4)),
}
FACTS = {name: Facts(name, SIZE, name, "toy", "clustering") for name in ENCODERS} | {
    "blank": Facts("blank", SIZE, "untrained", "toy", "none", untrained="blank")
}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Measured, dict[str, Finding]]]:
    """Encoders -> what is measured of them, and the verdicts."""
    for place in (stimuli, evidence, facts_module):
        monkeypatch.setattr(place, "facts", FACTS.__getitem__)
    monkeypatch.setattr(module.datasets, "load", lambda name, **_: SETS[name])
    monkeypatch.setattr(module.encoders, "load", lambda name, _: SimpleNamespace(name=name, size=SIZE, layers=("embed",)))
    monkeypatch.setattr(module, "extract", lambda encoder, images, **_: {"embed": ENCODERS[encoder.name](images)})

    def measured(*names: str, **changes: object) -> tuple[Measured, dict[str, Finding]]:
        options = {"datasets": ("objects", "bare"), "fills": ("black",), "fractions": (0.5,), "by_layer": False}
        params = MaskingCka(encoders=names, **{**options, "n_bootstrap": 150, "n_permutations": 20, **changes})  # type: ignore[arg-type]
        with np.errstate(all="ignore"):
            found = module.measure(params)
            known = judged(found, params)
        return found, {claim.id: judge(claim, known[claim.id]) for claim in CLAIMS}

    return measured


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_reads_the_object_only_does_not_see_the_background_go(run: Callable) -> None:
    measured, _ = run("object", "background")
    cka = {(r["encoder"], r["a"], r["b"]): r["cka"] for r in measured.tables["pairs"] if r["dataset"] == "objects"}
    assert cka["object", "complete", "object"] > 0.95
    assert cka["background", "complete", "background"] > 0.95
    assert abs(cka["object", "complete", "background"]) < 0.1
    assert abs(cka["object", "object", "background"]) < 0.1  # red and blue are drawn independently


def test_models_that_keep_object_and_background_apart_separate_and_one_that_mixes_them_does_not(run: Callable) -> None:
    _, apart = run("apart", "object", "background")
    assert apart["M1"].verdict == "not supported", apart["M1"].sentence()
    _, mixed = run("apart", "grey")
    assert mixed["M1"].verdict == "supported", mixed["M1"].sentence()
    assert "grey by directions" in mixed["M1"].note


def test_models_that_read_different_things_differ_and_one_model_twice_does_not(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, different = run("object", "background")
    assert different["M3"].verdict == "supported"
    for name, rotation in (("again", np.eye(2)[::-1]), ("scaled", 3 * np.eye(2))):
        monkeypatch.setitem(ENCODERS, name, lambda images, r=rotation: ENCODERS["object"](images) @ r)
        monkeypatch.setitem(FACTS, name, Facts(name, SIZE, name, "toy", "clustering"))
    _, same = run("object", "again", "scaled")
    assert same["M3"].verdict == "not supported", same["M3"].sentence()


def test_two_seeds_of_one_training_stand_beside_m3_and_decide_nothing(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, share in (("again", 0.9), ("astray", 0.5)):
        monkeypatch.setitem(ENCODERS, name, weighing(share))
        monkeypatch.setitem(FACTS, name, Facts(name, SIZE, "object", "toy", "clustering"))
    monkeypatch.setattr(module, "trained_alike", lambda *pair: pair in {("again", "object"), ("astray", "object")})
    alone, beside = run("object", "background"), run("object", "background", again=("again", "astray", "grey"))
    alike, apart = re.findall(r"two seeds of one training \(object\) differ by (\S+)", beside[1]["M3"].note)
    assert abs(float(alike)) < 0.01
    assert abs(float(apart)) > 0.3
    assert beside[1]["M3"].conditions == alone[1]["M3"].conditions
    assert "grey" not in {key[2] for key in beside[0].draws}, "it was not trained as one of the encoders was"
    assert {row["encoder"] for row in beside[0].tables["reliance"]} == {"object", "background"}


def test_models_of_different_architectures_are_not_compared(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FACTS, "background", replace(FACTS["background"], family="other"))
    _, found = run("object", "background")
    assert found["M3"].verdict == "not testable here"
    assert "no two self-supervised encoders of one architecture" in found["M3"].reason


def test_without_trained_models_nothing_is_claimed_about_them(run: Callable) -> None:
    _, found = run("blank")
    assert [found[id_].verdict for id_ in ("M1", "M2", "M3")] == ["not testable here"] * 3


def test_without_images_that_have_no_masks_m2_cannot_be_tested(run: Callable) -> None:
    _, found = run("object", "background", datasets=("objects",))
    assert found["M2"].verdict == "not testable here"
    assert "without masks" in found["M2"].reason


def test_a_model_whose_untrained_copy_is_not_in_the_run_is_left_out_and_named(
    run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FACTS, "grey", replace(FACTS["grey"], untrained="blank"))
    _, found = run("apart", "grey")
    assert found["M1"].verdict == "not supported"  # of `apart`, the one that is left
    assert "grey has no untrained copy in this run: blank" in found["M1"].note


def test_rows_and_draws_cover_every_comparison_once(run: Callable) -> None:
    measured, _ = run("object", "background")
    keys = [tuple(r[k] for k in ("dataset", "encoder", "fill", "a", "b")) for r in measured.tables["pairs"]]
    assert len(set(keys)) == len(keys)
    assert all(("cka", *key) in measured.draws for key in keys)
    row = measured.tables["samples"][0]
    assert (row["loaded"], row["kept"], row["clusters"], row["background"]) == (N, N, N, "box removed")


def test_images_without_any_mask_are_refused_before_anything_is_measured(run: Callable) -> None:
    with pytest.raises(UserError, match=r"none of bare has foreground masks.*images/ and masks/"):
        run("object", datasets=("bare",))


def test_a_nearest_neighbour_is_never_of_the_same_cluster(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = replace(SETS["objects"], clusters=np.array([f"{i // 2}" for i in range(N)]), labels=np.arange(N) // 2)
    monkeypatch.setitem(SETS, "objects", twins)
    measured, _ = run("apart")
    accuracy = {r["variant"]: r["accuracy"] for r in measured.tables["neighbours"] if r["dataset"] == "objects"}
    assert accuracy["complete"] == 0  # only its twin has the same label


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(run: Callable) -> None:
    first, second, other = (run("apart", "object", seed=seed)[0].tables["pairs"] for seed in (0, 0, 1))
    assert repr(first) == repr(second)
    assert repr(first) != repr(other)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scenes:objects", "scenes:objects?without=object"),
        ("scenes:context?correlation=0.5", "scenes:context?correlation=0.5&without=object"),
        ("scenes:textures", None),
        ("scenes:objects?without=object", None),
        ("pets", None),
        ("folder:scenes:objects", None),
    ],
)
def test_a_world_can_show_the_scene_without_its_object_and_photographs_cannot(name: str, expected: str | None) -> None:
    assert stimuli.counterfactual(name) == expected


def test_directions_overlap_fully_in_one_dimension_not_in_separate_ones_and_not_by_chance() -> None:
    rng = np.random.default_rng(0)
    n, d = 200, 300
    weights, clusters = np.ones((1, n)), np.arange(n)
    x, y = rng.standard_normal((2, n, d)) * np.array([3.0] * 5 + [0.1] * (d - 5))
    assert direction_overlap(x, y, weights, clusters)[0] == pytest.approx(1, abs=0.1)
    assert direction_overlap(x, np.roll(y, 50, axis=1), weights, clusters)[0] == pytest.approx(0, abs=0.05)
    assert direction_overlap(x[:, :1], y[:, :1], weights, clusters)[0] == pytest.approx(1, abs=0.05)
    assert np.isnan(direction_overlap(np.ones((n, d)), y, weights, clusters)[0])
    copies, twice = np.repeat(x[:40], 5, axis=0), np.repeat(np.arange(40), 5)
    once = direction_overlap(x[:40], y[:40], weights[:, :40], np.arange(40))
    repeated = direction_overlap(copies, np.repeat(y[:40], 5, axis=0), weights, twice)
    assert repeated == pytest.approx(once)


def test_made_codes_hold_what_is_visible_each_side_by_itself() -> None:
    foreground = SETS["objects"].masks["foreground"]
    keep = {"complete": np.ones_like(foreground), "object": foreground, "background": ~foreground}
    for local in (True, False):
        codes = planted.codes(keep, foreground, local=local, seed=0)
        assert np.array_equal(codes["complete"][0], codes["object"][0])
        assert np.array_equal(codes["complete"][1], codes["background"][1])
        assert not codes["object"][1].any()
        assert not codes["background"][0].any()
        assert planted.weighed(codes, 0.9)["complete"].var() > 0


@pytest.mark.parametrize("side", [0.35, 0.6])
def test_made_readers_lose_more_by_the_square_where_their_object_is_than_elsewhere(side: float) -> None:
    """What makes the positive control of M2 true of each of them, whether objects are small or large."""
    n, h = 200, 32
    rng = np.random.default_rng(0)
    foreground = np.zeros((n, h, h), bool)
    for one in foreground:
        low = ((1 - side) / 2 * h + rng.integers(-2, 3, 2)).astype(int)
        one[low[0] : low[0] + int(side * h), low[1] : low[1] + int(side * h)] = True
    squares = occlusion_masks(h, 0.5)
    codes = planted.codes({"complete": np.ones((h, h), bool), **squares}, foreground, local=True, seed=0)
    for name, share in module.READERS.items():
        seen = planted.weighed(codes, share)
        lost = {key: 1 - debiased_cka(seen["complete"], rows) for key, rows in seen.items()}
        gap = lost["occluded_50"] - np.mean([lost[corner(key, 0.5)] for key in CORNERS])
        assert gap > 2 * SMALLEST if share > 0.5 else gap < SMALLEST, name
