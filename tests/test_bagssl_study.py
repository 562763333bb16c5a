"""The study: rules on constructed results, planted truths through every measure, the page at `smoke`."""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis import paths, rules
from analysis.errors import UserError
from analysis.params import resolve
from analysis.results import Results
from analysis.studies.bagssl import (
    accuracy,
    average,
    claims,
    controls,
    defects,
    further,
    invariance,
    locality,
    loss,
    neighbours,
    reading,
    roles,
)
from analysis.studies.bagssl import evidence as evidence_module
from analysis.studies.bagssl.accounting import Cost
from analysis.studies.bagssl.contrasts import DISJOINT, GRID, NOISY, PLANTED, SHUFFLED, TRUE, UNLIKE, VIEWS, WHOLE, Bags, bag
from analysis.studies.bagssl.cooccurrence import KINDS, agreement
from analysis.studies.bagssl.cooccurrence import similarities as similarities_of_all
from analysis.studies.bagssl.known import BAG, LAYOUT, known
from analysis.studies.bagssl.measure import measure
from analysis.studies.bagssl.params import BagSSL
from analysis.studies.bagssl.roles import Role
from analysis.studies.bagssl.views import shifted_views
from analysis.studies.qscore.data import Split

Values = dict[tuple[str, str, str], float]
COST = Cost(100, 50, 200, 1000, 10)
PARAMS = BagSSL(encoders=("zoo:m",), n_bootstrap=200)
METHODS = ("m", "n", "o", "p")
TOGETHER, ANEW = f"{TRUE}, {UNLIKE}", f"{SHUFFLED}, {UNLIKE}"
BEST = 0.8  # what the loss itself would reach in B6


def role(name: str, supervision: str = "self", patch: int | None = None, **more) -> Role:
    partner = f"zoo:{name.partition('-')[0]}" if patch and supervision == "self" else None
    own = {"aligning": supervision == "self", "untrained": "zoo:untrained", "partner": partner, "cost": COST}
    return Role(f"zoo:{name}", name, supervision, patch=patch, **{**own, **more})  # type: ignore[arg-type]


def cast(*changed: Role) -> dict[str, Role]:
    """Methods trained on crops of many sizes and on patches, one on disjoint ones; a supervised and an untrained encoder."""
    everyone = [role(name) for name in METHODS] + [role(f"{name}-patch", patch=32) for name in METHODS]
    everyone += [role("m-patch-disjoint", patch=32, disjoint=True), role("supervised-patch", "labels", 32)]
    everyone += [role("untrained", "none", untrained=None)]
    return {found.encoder: found for found in (*everyone, *changed)}


def world() -> Values:
    """What the paper reports, in small, with the controls as they are."""
    values: Values = {("linear", "zoo:m-patch-disjoint", bag(32)): 0.45, ("linear", "zoo:supervised-patch", bag(16)): 0.6}
    for cell, value in ((bag(32), 0.2), (bag(16), 0.15), (WHOLE, 0.2)):
        values |= {(probe, "zoo:untrained", cell): value for probe in ("linear", "knn")}
    for i, name in enumerate(METHODS):
        own, shift = f"zoo:{name}", 0.004 * i  # methods differ a little
        values |= {("linear", own, WHOLE): 0.5 + shift, ("knn", own, WHOLE): 0.4 + shift}
        values |= {("linear", f"{own}-patch", bag(32)): 0.51 + shift, ("knn", f"{own}-patch", bag(32)): 0.42 + shift}
        values |= {("linear", f"{own}-patch", bag(16)): 0.4 + shift, ("linear", own, bag(48)): 0.56 + shift}
        values |= {("linear", own, VIEWS): 0.51 + shift}
        for grid, cosine in ((GRID, 0.85), (DISJOINT, 0.85)):
            values |= {("cosine", own, grid): cosine + shift, ("mismatched", own, grid): 0.01}
        values |= {("within", own, "backbone 16"): 0.2, ("within", own, "backbone 48"): 0.8 + shift}
        values |= {("place", own, "backbone 16"): 0.3 + shift, ("place", own, "projector 16"): 0.1}
        for encoder in (own, f"{own}-patch"):
            values |= {
                (f"{TRUE}, {UNLIKE}", encoder, "projector"): 0.5 + shift,
                (f"{SHUFFLED}, {UNLIKE}", encoder, "projector"): 0.0,
            }
    values |= {
        (f"{TRUE}, {UNLIKE}", "zoo:m-patch-disjoint", "backbone"): 0.5,
        (f"{SHUFFLED}, {UNLIKE}", "zoo:m-patch-disjoint", "backbone"): 0.0,
    }
    values |= {("cosine", BAG, GRID): 0.95, ("cosine", BAG, DISJOINT): 1.0}
    values |= {("cosine", "zoo:untrained", DISJOINT): 0.6, ("within", "zoo:untrained", "backbone 16"): 0.4}
    values |= {("within", "zoo:untrained", "backbone 48"): 0.6, ("place", "zoo:untrained", "backbone 16"): 0.3}
    values |= {("within", PLANTED, "backbone 16"): 0.1, ("within", PLANTED, "backbone 48"): 0.9}
    values |= {("place", PLANTED, "backbone 16"): 0.9, ("place", PLANTED, "projector 16"): 0.0}
    values |= {("linear", NOISY, WHOLE): 0.4, ("linear", NOISY, bag(48)): 0.8}
    return values | {(f"{TRUE}, {UNLIKE}", "zoo:untrained", "backbone"): -0.2}


@pytest.fixture(autouse=True)
def learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoders of these tests have no cards; all are taken to be above their untrained copies."""
    monkeypatch.setattr(evidence_module, "not_learned", lambda names: {})


def judged(
    values: Values, everyone: dict[str, Role] | None = None, spread: float = 0.002, gap: float = 1e-15
) -> dict[str, rules.Finding]:
    rng, bags = np.random.default_rng(0), Bags.of(PARAMS, everyone or cast())
    bags.draws = {key: np.concatenate([[v], v + spread * rng.standard_normal(200)]) for key, v in values.items()}
    bags.gap, bags.optimum = gap, BEST
    found = evidence_module.evidence(bags, PARAMS)
    return {claim.id: rules.judge(claim, found[claim.id]) for claim in claims.CLAIMS}


def verdicts(*arguments, **more) -> dict[str, str]:
    return {id_: finding.verdict for id_, finding in judged(*arguments, **more).items()}


def test_the_rules_agree_with_the_paper_where_everything_is_as_it_says() -> None:
    assert set(verdicts(world()).values()) == {"supported"}


def everywhere(quantity: str, cell: str, value: float, suffix: str = "") -> Values:
    return {(quantity, f"zoo:{name}{suffix}", cell): value for name in METHODS}


@pytest.mark.parametrize(
    ("claim", "changes"),
    [
        ("B1", everywhere("linear", bag(32), 0.45, "-patch")),
        ("B1", everywhere("knn", bag(32), 0.35, "-patch")),
        ("B1", {("linear", "zoo:untrained", bag(32)): 0.52}),  # an untrained network read on patches does as well
        ("B2", everywhere("linear", bag(16), 0.25, "-patch")),  # less than half of the way
        ("B3", everywhere("cosine", GRID, 0.6)),
        ("B3", everywhere("cosine", DISJOINT, 0.65)),  # only patches that share pixels agree
        ("B3", {("cosine", "zoo:untrained", DISJOINT): 0.9}),  # no training needed
        ("B4", everywhere("within", "backbone 16", 0.78)),
        ("B4", {("within", "zoo:untrained", "backbone 16"): 0.0}),  # the pixels' doing
        ("B4", everywhere("place", "projector 16", 0.31)),
        ("B5", everywhere("linear", bag(48), 0.5)),
        ("B5", everywhere("linear", VIEWS, 0.6)),  # views of equal cost gain more
        (
            "B6",
            {(f"{SHUFFLED}, {UNLIKE}", f"zoo:{n}{s}", "projector"): 0.6 for n in METHODS for s in ("", "-patch")}
            | {(f"{SHUFFLED}, {UNLIKE}", "zoo:m-patch-disjoint", "backbone"): 0.6},
        ),
        ("B6", {(f"{TRUE}, {UNLIKE}", "zoo:untrained", "backbone"): 0.6}),
    ],
)
def test_every_condition_of_a_rule_can_refute_its_claim(claim: str, changes: Values) -> None:
    assert verdicts(world() | changes)[claim] == "not supported"


@pytest.mark.parametrize(
    ("claim", "changes", "reason"),
    [
        ("B1", {("linear", "zoo:untrained", WHOLE): 0.5}, "positive control"),
        ("B2", {("linear", "zoo:untrained", bag(16)): 0.5}, "no better than untrained patches"),
        ("B2", {("linear", "zoo:supervised-patch", bag(16)): 0.2}, "positive control"),
        ("B3", everywhere("mismatched", GRID, 0.9) | everywhere("mismatched", DISJOINT, 0.9), "negative control"),
        ("B4", {("place", PLANTED, "projector 16"): 0.9}, "positive control"),
        ("B5", {("linear", NOISY, bag(48)): 0.4}, "positive control"),
    ],
)
def test_a_rule_that_fails_on_a_control_says_nothing(claim: str, changes: Values, reason: str) -> None:
    found = judged(world() | changes)[claim]
    assert found.verdict == "not testable here"
    assert re.search(reason, found.reason)


def test_methods_that_disagree_leave_a_sentence_about_methods_open() -> None:
    """Each pair is clear over images; over pairs the mean is not (its interval over images alone lies below the bound)."""
    gaps = dict(zip(METHODS, (0.10, 0.02, -0.12, -0.19), strict=True))
    changes = {("linear", f"zoo:{name}-patch", bag(32)): 0.5 + gap for name, gap in gaps.items()}
    found = judged(world() | changes)["B1"]
    assert found.verdict == "inconclusive"
    assert found.unit == "pairs of encoders"
    assert found.needed is not None
    assert found.needed > found.n


def test_an_identity_that_fails_leaves_the_claim_about_the_loss_untested() -> None:
    found = judged(world(), gap=1e-3)["B6"]
    assert found.verdict == "not testable here"
    assert "identity" in found.reason


def test_wide_intervals_support_and_refute_nothing() -> None:
    assert not {*verdicts(world(), spread=2).values()} & {"supported", "not supported"}


def test_without_the_encoders_it_speaks_of_a_claim_is_not_testable() -> None:
    alone = {name: found for name, found in cast().items() if name == "zoo:m"}
    assert set(verdicts(world(), alone).values()) == {"not testable here"}


def test_encoders_below_their_untrained_copies_are_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_module, "not_learned", lambda names: {n: f"{n} failed" for n in names if n == "zoo:p"})
    found = judged(world() | {("cosine", "zoo:p", DISJOINT): 0.0})["B3"]
    assert (found.verdict, found.n) == ("supported", 3)
    assert "zoo:p failed" in found.note


def test_pairs_count_at_equal_images_and_equal_patches_seen_only() -> None:
    assert roles.pairs(cast(), 32) == [(f"zoo:{name}-patch", f"zoo:{name}") for name in METHODS]
    for unit in ("images", "patches"):
        dearer = role("m-patch", patch=32, cost=dataclasses.replace(COST, **{unit: 999}))
        assert ("zoo:m-patch", "zoo:m") not in roles.pairs(cast(dearer), 32)


def test_planted_codes_are_local_in_small_patches_and_their_projector_drops_the_place() -> None:
    sample = small_sample()
    bags = Bags.of(sample.params)
    controls.measure(bags, sample)
    within = {side: bags.draws["within", PLANTED, f"backbone {side}"][0] for side in (16, 48)}
    assert within[48] - within[16] > 0.3
    assert bags.draws["place", PLANTED, "backbone 16"][0] > 0.9
    assert bags.draws["place", PLANTED, "projector 16"][0] < 0.2
    assert bags.draws["linear", NOISY, bag(48)][0] > bags.draws["linear", NOISY, WHOLE][0]


def test_further_seeds_are_compared_training_by_training() -> None:
    rows = [
        {
            "method": method,
            "seed": seed,
            **{f"{what}_{probe}": v + 0.1 * seed for what in ("whole", "bag") for probe in ("linear", "knn")},
        }
        for seed in range(3)
        for method, v in (("vicreg", 0.4), ("vicreg-patch", 0.45), ("simclr", 0.4), ("simclr-patch", 0.3))
    ]
    found = further.spread(rows)
    assert [row["n"] for row in found] == [3] * 8
    for method, gap in (("vicreg", 0.05), ("simclr", -0.1)):
        first = next(row for row in found if row["method"] == method)
        assert first["value"] == pytest.approx(gap)
        assert first["low"] == pytest.approx(gap)  # what a seed does to both is no difference between them
    assert further.spread(rows[:4]) == further.spread([]) == []  # one training has no spread


def test_a_card_says_what_an_encoder_was_trained_on(tmp_path: Path) -> None:
    card = json.loads((paths.ZOO / "vicreg.json").read_text())
    card["recipe"]["augmentation"] |= {"area": [0.0625, 0.0625], "disjoint": True}
    (tmp_path / "own.json").write_text(json.dumps(card))
    own, plain = roles.roles([f"file:{tmp_path}/own.safetensors", "zoo:vicreg"]).values()
    assert (own.patch, own.disjoint, own.aligning, own.partner) == (16, True, True, "zoo:vicreg")
    assert (plain.patch, plain.disjoint, plain.title) == (None, False, "VICReg")
    assert plain.cost is not None
    assert plain.cost.patches == 2 * plain.cost.images
    assert not roles.roles(["zoo:mae"])["zoo:mae"].aligning


def images(n: int = 40, size: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth coloured noise: whole images differ, and so do their patches."""
    coarse = np.random.default_rng(seed).random((n, 8, 8, 3))
    return np.repeat(np.repeat(coarse * 255, size // 8, 1), size // 8, 2).astype(np.uint8)


def small_sample(**changes) -> reading.Sample:
    params = BagSSL(
        **{
            "encoders": ("zoo:m",),
            "dataset": "folder:x",
            "n_local": 40,
            "n_counts": 40,
            "n_bootstrap": 50,
            "n_patches": 4,
            **changes,
        }
    )
    x = images()
    return reading.Sample(params, Split(x, np.arange(40) % 4, images(seed=1), np.arange(40) % 4))


def test_a_network_that_is_a_bag_and_one_that_is_not_are_told_apart(build: Path) -> None:
    sample = small_sample()
    measured = Bags.of(sample.params)
    average.tell_apart(measured, sample)
    assert measured.draws["cosine", BAG, DISJOINT][0] == pytest.approx(1, abs=0.02)  # an exact bag is exact on its own parts
    found = {(row["encoder"], row["quantity"]): row for row in measured.tables["known"] if row["grid"] == GRID}
    assert found[BAG, "cosine"]["low"] > claims.ABOUT > 0.5 > found[LAYOUT, "cosine"]["high"]
    assert found[BAG, "first"]["value"] > 0.8 > 0.4 > found[LAYOUT, "first"]["value"]
    assert abs(found[BAG, "mismatched"]["value"]) < 0.1
    assert found[BAG, "raw_mismatched"]["value"] > 0.8  # the trap: any two images are alike without centring


def test_means_that_are_the_wholes_agree_exactly_and_unrelated_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    wholes = rng.random((50, 20)) + 3
    same, other = average.agreement(wholes + 5, wholes), average.agreement(rng.random((50, 20)), wholes)
    assert same["cosine"] == pytest.approx(np.ones(50))  # an offset common to all images is no disagreement
    assert same["first"].all()
    assert same["mismatched"].mean() == pytest.approx(-1 / 49, abs=1e-3)
    assert abs(other["cosine"].mean()) < 0.15
    assert other["raw"].mean() > 0.8


def test_patches_of_an_image_that_share_everything_are_alike_and_independent_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    own = np.repeat(rng.standard_normal((30, 1, 8)), 5, axis=1)
    assert locality.alike(own)["within"] == pytest.approx(np.ones(30))
    assert abs(locality.alike(rng.standard_normal((30, 5, 8)))["within"].mean()) < 0.1
    boxes = np.array([[[0, 0], [0, 0], [0, 8], [40, 40]]])
    found = locality.by_overlap(rng.standard_normal((1, 4, 8)), boxes, 16)
    assert set(found) == {"none", "up to 50%", "up to 100%"}


def test_places_are_read_where_they_are_written_and_nowhere_else() -> None:
    measured, rng = Bags.of(PARAMS), np.random.default_rng(0)
    boxes = rng.integers(0, 49, (80, 8, 2))
    noise = rng.standard_normal((80, 8, 10))
    written = np.concatenate([boxes / 10, noise], axis=2)
    assert locality.place(measured, written, boxes)[0] > 0.95
    draws = locality.place(measured, noise, boxes)
    assert draws[0] < 0.05
    assert draws[1:].std() > 0


def test_neighbours_are_counted_where_they_belong() -> None:
    n, m, side = 24, 4, 16
    boxes = np.broadcast_to(np.array([[0, 0], [0, 48], [48, 0], [48, 48]]), (n, m, 2)).copy()
    labels, kinds = np.arange(n) % 2, np.tile([0, 1, 1, 0], (n, 1))
    of = neighbours.facts(labels, boxes, kinds, side)
    identity, places = np.arange(n)[:, None].repeat(m, 1), np.arange(m)[None].repeat(n, 0)
    planted = {"image": identity, "class": labels[:, None].repeat(m, 1), "kind": kinds, "place": places}
    for what, code in planted.items():
        rng = np.random.default_rng(0)
        found = neighbours.shares(np.eye(code.max() + 1)[code] + 1e-3 * rng.standard_normal((n, m, code.max() + 1)), of)
        expected = 3 / neighbours.NEAREST if what == "image" else 1  # an image has three other patches
        assert found[what][0].mean() == pytest.approx(expected), what
    chance = found["class"][1]
    assert chance == pytest.approx((n / 2 - 1) / (n - 1))
    assert not neighbours.touching(boxes, side)[0, 1:].any()


def test_masks_name_the_kind_of_a_patch() -> None:
    masks = np.zeros((1, 64, 64), bool)
    masks[0, :16, :8] = True
    assert neighbours._cover(masks, np.array([[[0, 0], [0, 4], [20, 20]]]), 16)[0] == pytest.approx([0.5, 0.25, 0])


def test_views_are_the_image_mirrored_and_shifted_and_the_first_is_itself() -> None:
    x = images(3)
    views = shifted_views(x, 6, np.random.default_rng(0))
    assert views.shape == (3, 6, 64, 64, 3)
    assert np.array_equal(views[:, 0], x)
    middle = x[0, 24:40, 24:40]
    for view in views[0, 1:]:
        found = [
            np.array_equal(turned[24 + dy : 40 + dy, 24 + dx : 40 + dx], middle)
            for turned in (view, view[:, ::-1])
            for dy in range(-8, 9)
            for dx in range(-8, 9)
        ]
        assert any(found)


def test_views_cost_as_many_passes_as_patches() -> None:
    sample = small_sample(n_patches=5)
    assert {half: views.shape[1] for half, views in sample.views.items()} == {"train": 5, "test": 5}
    assert sample.boxes("train", 32, 40, 5).shape[1] == 5


def test_all_encoders_see_the_same_patches_and_no_half_those_of_the_other() -> None:
    sample = small_sample()
    assert np.array_equal(sample.local_boxes(16), sample.boxes("test", 16, 40, 4)[:40])
    assert not np.array_equal(sample.boxes("train", 16, 40, 4), sample.boxes("test", 16, 40, 4))


def test_a_change_that_does_nothing_makes_no_variance_and_a_stranger_makes_all(build: Path) -> None:
    sample = small_sample()
    reader = reading.Reading(known(64)[BAG], sample)
    measured = Bags.of(sample.params)
    x = sample.images["test"]
    invariance.measure(measured, reader, {"nothing": x, "another image": np.roll(x, 1, 0)})
    nothing, other = (row["value"] for row in measured.tables["invariance"])
    assert nothing == 0
    assert other == pytest.approx(1, abs=0.35)


def test_eigenvalues_are_shares_of_the_variance() -> None:
    rows = np.random.default_rng(0).standard_normal((100, 3)) * [3, 2, 0]
    found = invariance.eigenvalues(rows)
    assert found.sum() == pytest.approx(1)
    assert found[0] > found[1] > 0.2
    assert found[2] == pytest.approx(0)


def test_a_kept_spectrum_is_thinned_where_a_logarithmic_axis_is_dense_and_nowhere_else(build: Path) -> None:
    sample = small_sample()
    measured, reader = Bags.of(sample.params), reading.Reading(known(64)[BAG], sample)
    invariance.spectra(measured, reader)
    whole = invariance.eigenvalues(reader.whole("test"))
    kept = {row["index"]: row["share"] for row in measured.tables["spectrum"] if row["what"] == "whole"}
    for index, share in kept.items():
        assert share == pytest.approx(whole[index - 1])
    faint = [at for at in range(1, 17) if at <= len(whole) and whole[at - 1] > invariance.FAINT]
    assert [index for index in kept if index <= 16] == faint
    assert [at + 1 for at in invariance.SHOWN][16:] == [19, 23, 27, 32, 38, 45, 54, 64, 76, 91, 108, 128]


def test_more_patches_of_a_bag_find_the_own_image_better(build: Path) -> None:
    sample = small_sample()
    measured, reader = Bags.of(sample.params), reading.Reading(known(64)[BAG], sample)
    reader.params = sample.params.model_copy(update={"most": 32})
    many = reader.many()
    average.converge(measured, reader, many)
    cosine = [row["value"] for row in measured.tables["convergence"] if row["quantity"] == "cosine"]
    assert len(cosine) == 6
    assert cosine == sorted(cosine)
    accuracy.by_number(measured, reader, many)
    rows = [row for row in measured.tables["counts"] if row["probe"] == "knn"]
    assert [(row["n"], row["draws"]) for row in rows] == [(1, 4), (2, 2), (4, 1), (8, 1), (16, 1), (32, 1)]


def test_bootstrap_similarities_of_kinds_are_those_of_the_library_at_equal_weights() -> None:
    rng = np.random.default_rng(0)
    z, found = rng.standard_normal((12, 5, 6)), rng.integers(0, len(KINDS), (12, 5))
    doubled = np.stack([np.ones(12), np.concatenate([[2, 0], np.ones(10)])])
    once = loss.similarities(z, found, doubled, len(KINDS))
    assert np.allclose(once[0], similarities_of_all(z, found), equal_nan=True)
    assert not np.allclose(once[1], once[0], equal_nan=True)
    joint = np.full((len(KINDS), len(KINDS)), 1.0) + np.diag(rng.random(len(KINDS)))
    joint /= joint.sum()
    assert loss.agreements(once, joint) == pytest.approx([agreement(each, joint) for each in once])


def test_relations_weigh_every_pair_of_kinds_once() -> None:
    joint = np.array([[0.3, 0.0, 0.1], [0.0, 0.3, 0.1], [0.1, 0.1, 0.0]])
    found = loss.relations(joint)
    assert {name: int((w > 0).sum()) for name, w in found.items()} == {
        "the same kind": 3,
        "together by chance": 4,
        "never together": 2,
    }
    assert all(weights.sum() == pytest.approx(1) for weights in found.values())


def test_the_identity_is_shown_to_rounding() -> None:
    assert max(row["gap"] for row in loss.identities(None, 0)) < 1e-12


def test_the_reversed_sign_prefers_collapse_and_the_right_one_does_not() -> None:
    rows = {row["directions"]: row for row in defects.reversed_sign(0)}
    spread, point = rows["orthogonal"], rows["all the same"]
    assert spread["right"] < point["right"] - 100
    assert point["reversed"] < spread["reversed"] - 100
    assert spread["rate"] > rows["at random"]["rate"] > point["rate"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": 64}, "patches must be smaller than the images of 64 px"),
        ({"small": 40}, "small < side < large"),
        ({"sides": (8, 64)}, "sides=8,64"),
    ],
)
def test_patches_that_do_not_fit_are_refused_in_one_line(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        reading.sample(PARAMS.model_copy(update=changes))
    assert "\n" not in str(error.value)


def test_stored_trainings_belong_to_scenes_and_to_runs_that_make_none() -> None:
    assert resolve("bagssl", "default").reads["files"] == ("tuning/bagssl.json",)
    assert resolve("bagssl", "default", {"retrain": True}).reads["files"] == resolve("bagssl", "real").reads["files"] == ()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"n_patches": 1}, "'n_patches' cannot be 1: it takes int, >= 2"),
        ({"sides": "8,big"}, "it takes list of whole numbers"),
        ({"patches": 3}, "bagssl has no parameter 'patches'"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(overrides: dict, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        resolve("bagssl", "smoke", overrides)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_smoke_page_has_every_table_and_every_claim_a_verdict(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("bagssl") / "results.json")
    assert [claim.id for claim in results.claims] == [claim.id for claim in claims.CLAIMS]
    assert {name for name, rows in results.tables.items() if not rows} == set()
    assert all(row["low"] <= row["high"] for row in results.tables["accuracy"])
    assert results.scalars["gap"] < claims.EXACT
    assert results.scalars["known_bag"] > claims.ABOUT > results.scalars["known_not"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_again(smoke_run: Callable[[str], Path], build: Path) -> None:
    from analysis.run import run

    again = run("bagssl", "smoke", name="again")
    first, second = (Results.load(folder / "results.json") for folder in (smoke_run("bagssl"), again))
    assert [dataclasses.asdict(claim) for claim in first.claims] == [dataclasses.asdict(claim) for claim in second.claims]
    assert first.tables == second.tables


def test_encoders_read_side_by_side_give_the_tables_of_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = resolve("bagssl", "smoke", {"n_bootstrap": 50})
    assert isinstance(params, BagSSL)
    found = []
    for workers in "12":
        monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / workers))  # nothing is read from the other's cache
        monkeypatch.setenv("ANALYSIS_WORKERS", workers)
        found.append(measure(params))
    assert found[0].tables == found[1].tables
    assert list(found[0].draws) == list(found[1].draws)
