"""The study: planted truths through the whole measurement, the rules, the defects, the page at `smoke`."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis import datasets, encoders
from analysis.errors import UserError
from analysis.results import Results
from analysis.studies.local_vit import claims, defects, frames, matching, measure, segment
from analysis.studies.local_vit.contrasts import AS_THEY_COME, COMMON, COSINE, WITHOUT_RANDOM, WITHOUT_TOP, Contrasts, method
from analysis.studies.local_vit.correspondence import correspondences, inverse
from analysis.studies.local_vit.params import LocalVit

TITLES = {"d": "DINO", "d2": "DINOv2", "m": "MAE", "s": "Scale-MAE", "u": "untrained ViT"}


def contrasts(values: dict[tuple[str, str, str], float], spread: float = 0.002) -> Contrasts:
    """(probe, encoder, cell) -> value, each with 200 draws around it, on one data set."""
    rng = np.random.default_rng(0)
    draws = {(p, "toy", e, c): np.concatenate([[v], v + spread * rng.standard_normal(200)]) for (p, e, c), v in values.items()}
    return Contrasts(draws, TITLES, 0.95)


def world(**changes: float) -> dict[tuple[str, str, str], float]:
    """What the paper reports, in small: MAE fails as it comes and is repaired by removing loud dimensions."""
    values = {("knn", name, cell): 0.4 for name in ("d", "d2") for cell in (AS_THEY_COME, COMMON, COSINE)}
    values |= {("knn", "u", cell): 0.1 for cell in (AS_THEY_COME, COMMON, COSINE)}
    for name in ("m", "s"):
        values |= {("knn", name, AS_THEY_COME): 0.05, ("knn", name, COSINE): 0.07, ("knn", name, COMMON): 0.25}
        values |= {("knn", name, WITHOUT_TOP): 0.3, ("knn", name, WITHOUT_RANDOM): 0.05}
        values |= {("linear", name, "all"): 0.38, ("linear", name, "without top"): 0.375}
    values |= {("patch: rotation", name, cell): v for name, v in (("d", 0.5), ("d2", 0.4)) for cell in (AS_THEY_COME, COSINE)}
    return {key: changes.get("|".join(key), value) for key, value in values.items()}


def verdicts(values: dict[tuple[str, str, str], float], held: float = 0.9, spread: float = 0.002) -> dict[str, str]:
    found = claims.judge(contrasts(values, spread), {"m": held, "s": held}, 1.0, 30, 200)
    return {finding.id: finding.verdict for finding in found}


def test_the_rules_agree_with_the_paper_where_everything_is_as_it_says() -> None:
    assert set(verdicts(world()).values()) == {"supported"}


@pytest.mark.parametrize(
    ("claim", "held", "changes"),
    [
        ("L1", 0.9, {f"knn|{name}|{COMMON}": 0.4 for name in ("m", "s")}),  # one transform for all closes the gap
        ("L1", 0.9, {f"knn|{name}|{AS_THEY_COME}": 0.4 for name in ("m", "s")}),  # there is none
        ("L2", 0.3, {}),  # the removed dimensions do not hold the variance
        ("L2", 0.9, {f"knn|m|{WITHOUT_RANDOM}": 0.3}),  # removing any helps as much
        ("L2", 0.9, {"linear|m|without top": 0.2}),  # they carry much
        ("L3", 0.9, {f"knn|m|{WITHOUT_TOP}": 0.05}),
        ("L3", 0.9, {f"knn|m|{WITHOUT_RANDOM}": 0.35}),
        ("L4", 0.9, {f"knn|s|{WITHOUT_TOP}": 0.04}),
        ("L5", 0.9, {f"patch: rotation|d|{AS_THEY_COME}": 0.4}),  # by one metric only
        ("L5", 0.9, {f"patch: rotation|d|{cell}": 0.3 for cell in (AS_THEY_COME, COSINE)}),
    ],
)
def test_every_condition_of_a_rule_can_refute_its_claim(claim: str, held: float, changes: dict) -> None:
    assert verdicts(world(**changes), held)[claim] == "not supported"


def test_wide_intervals_decide_nothing() -> None:
    assert set(verdicts(world(), spread=0.5).values()) == {"inconclusive"}


def test_without_the_encoders_it_speaks_of_a_claim_is_not_tested() -> None:
    values = {key: value for key, value in world().items() if key[1] not in ("s", "u", "d2")}
    found = verdicts(values)
    assert [found[name] for name in ("L1", "L4", "L5")] == ["not tested"] * 3
    assert found["L3"] == "supported"


def test_one_setting_of_retrieval_is_enough_and_bears_all_comparisons() -> None:
    values = world() | {
        (f"patch: {i}", name, cell): 0.4 for i in range(9) for name in ("d", "d2") for cell in (AS_THEY_COME, COSINE)
    }
    assert verdicts(values)["L5"] == "supported"
    alone, many = (claims.shortfalls(contrasts(v, 0.01)) for v in (world(), values))
    width = [found["patch: rotation, toy"][1].high - found["patch: rotation, toy"][1].low for found in (alone, many)]
    assert width[1] > width[0]


def test_an_encoder_that_hardly_learnt_is_no_evidence_about_its_method() -> None:
    rows = [
        {"encoder": "m", "supervision": "self", "probe": 0.14},
        {"encoder": "d", "supervision": "self", "probe": 0.5},
        {"encoder": "p", "supervision": "self", "probe": None},
        {"encoder": "l", "supervision": "labels", "probe": 0.1},
        {"encoder": "u", "supervision": "none", "probe": 0.12},
    ]
    assert claims.unlearnt(rows) == ["m"]
    assert claims.unlearnt(rows[:4]) == []  # nothing to compare with
    found = contrasts(world())
    found.left_out = ["m", "s"]
    assert {f.id: f.verdict for f in claims.judge(found, {}, 1.0, 30, 200)}["L3"] == "not tested"


def test_methods_are_read_off_titles() -> None:
    expected = {
        **{"Scale-MAE ViT-L/16": "scale-mae", "MAE (photographs)": "mae", "SimMIM": "simmim", "iBOT ViT-B/16": "ibot"},
        **{"DINOv2 ViT-B/14": "dinov2", "DINO ViT (photographs)": "dino", "ViT-Tiny supervised": "supervised"},
        **{"ProtoCLR": "other", "Conv4 untrained": "conv4", "Conv4 supervised": "conv4"},
        **{"untrained ViT": "untrained", "Supervised ViT-B/16": "supervised", "I-JEPA ViT-H/14": "other"},
    }
    assert {title: method(title) for title in expected} == expected


def loud(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens become the patch's true class (one of them per dimension), plus six loud dimensions that say nothing."""
    rng = np.random.default_rng(0)
    truth = {}
    real = frames.few_shot

    def few_shot(*arguments):
        few = real(*arguments)
        truth[id(few.bank)], truth[id(few.test)] = few.bank_maps, few.test_maps
        return few

    def tokens(encoder, images, *, tiles=(1, 1)):
        maps = truth.get(id(images), truth[next(reversed(truth))])
        centre = maps[:, 4::8, 4::8]
        signal = np.eye(6)[centre] * 3 + 0.3 * rng.standard_normal((*centre.shape, 6))
        return np.concatenate([signal, 40 * rng.standard_normal((*centre.shape, 2))], -1).astype(np.float32)

    monkeypatch.setattr(segment, "few_shot", few_shot)
    monkeypatch.setattr(segment, "tokens", tokens)


def test_planted_loud_dimensions_are_found_removed_and_carry_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    loud(monkeypatch)
    params = LocalVit(
        **{"encoders": ("zoo:mae",), "datasets": ("scenes:multi",), "n_bank": 6, "n_test": 6, "by_layer": False},
        **{"n_bootstrap": 50, "shares": (0.25,), "removed": 0.25},
    )
    measured = measure.Measured(params)
    segment.probe(measured, "scenes:multi", [encoders.load("zoo:mae")])
    score = {
        row["transform"] + "/" + row["metric"]: row["value"] for row in measured.tables["segmentation"] if row["probe"] == "knn"
    }
    linear = {row["features"]: row["value"] for row in measured.tables["linear"]}
    assert score["none/l2"] < 0.4 < 0.5 < score["top/l2"]  # patches of 8 px allow about 0.6
    assert score["standardise/l2"] > 0.5
    assert score["random/l2"] < score["top/l2"] - 0.1
    assert score["none/ip"] < 0.4 < score["top/cosine"]
    assert linear["without top"] > linear["all"] - 0.02
    assert linear["only top"] < 0.3
    assert measured.tables["held"][0]["value"] > 0.95
    assert measured.tables["hubs"][0]["ip"] > 0.05 > measured.tables["hubs"][0]["cosine"]


def test_a_perfect_matcher_finds_every_patch_in_every_setting_and_in_the_pairs() -> None:
    for name in ("scenes:multi", "scenes:pairs"):
        data = datasets.load(name, size=64, n=4)
        for view in dict(matching._views(data, name, 0)).values():
            assert matching._perfect(view, correspondences(inverse(view.affine), 64, (8, 8)), 8) == 1


def test_the_perfect_matcher_finds_out_a_wrong_map() -> None:
    data = datasets.load("scenes:pairs", size=64, n=4)
    views = dict(matching._views(datasets.load("scenes:multi", size=64, n=4), "scenes:multi", 0))
    turned, pairs = views["rotation", 15.0], dict(matching._views(data, "scenes:pairs", 0))["all at once", 1.0]
    for view in (turned, pairs):
        assert matching._perfect(view, correspondences(view.affine, 64, (8, 8)), 8) < 0.5


def test_the_inverted_map_fails_a_perfect_matcher_and_small_patches_more() -> None:
    rows = defects.inverted_rotation()
    assert all(row["right"] == 1 for row in rows)
    wide, narrow = ([row["inverted"] for row in rows if row["patch"] == size] for size in (16, 14))
    assert wide == sorted(wide, reverse=True)
    assert max(wide) < 0.8
    assert all(n < w for n, w in zip(narrow, wide, strict=True))


def test_the_shifted_stitch_costs_perfect_labels_much() -> None:
    for row in defects.shifted_stitching(0, n=6):
        assert row["shifted"] < 0.7 * row["right"]


def test_unequal_lengths_mislead_the_inner_product_and_not_the_cosine() -> None:
    rows = defects.unequal_lengths(0, n=600)
    assert [row["cosine"] for row in rows] == pytest.approx([rows[0]["cosine"]] * len(rows), abs=0.08)
    assert rows[-1]["ip"] < rows[0]["ip"] - 0.2
    assert rows[-1]["hubs"] > rows[0]["hubs"]


def test_draws_of_clusters_take_all_or_nothing_of_a_cluster() -> None:
    values, clusters = np.array([1.0, 1, 0, np.nan]), np.array([0, 0, 1, 1])
    found = matching.clustered(values, clusters, np.array([[2, 0], [0, 2], [1, 1]]))
    assert found == pytest.approx([2 / 3, 1, 0, 2 / 3])


def test_objects_to_be_found_again_are_in_the_gallery_once_and_in_another_image() -> None:
    for name in ("scenes:pairs", "scenes:video"):
        found = matching.objects(name, 4, 3, 0)
        (masks, image, identity), (gallery_masks, gallery_image, gallery) = found.query, found.gallery
        assert len(np.unique(gallery)) == len(gallery)
        assert not set(image) & set(gallery_image)
        assert min(m.sum() for m in (*masks, *gallery_masks)) >= matching.SMALLEST_OBJECT
        assert np.isin(identity, gallery).mean() > 0.5
        assert max(image.max(), gallery_image.max()) < len(found.images)


def test_a_data_set_without_ground_truth_for_any_probe_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="cannot use data set 'pets': it takes scenes:multi"):
        frames.layout("pets")
    assert frames.layout("scenes:multi?light=0") == frames.layout("scenes:multi")


def test_the_bank_and_the_test_images_are_never_the_same() -> None:
    few = frames.few_shot("scenes:multi", 4, 4, 0)
    assert not any((a == b).all() for a in few.bank for b in few.test)
    assert few.bank.shape == (4, 128, 128, 3)
    assert few.classes[0] == "ground"


def test_camvid_gives_72_bank_and_30_test_frames_with_void(real_root: Path) -> None:
    if not any(card.name == "camvid" and card.present for card in datasets.describe()):
        pytest.skip("camvid is not below DATA_ROOT")
    few = frames.few_shot("camvid", 72, 30, 0)
    assert (few.bank.shape, few.test.shape) == ((72, 360, 480, 3), (30, 360, 480, 3))
    assert few.void == few.bank_maps.max() == len(few.classes) == 11


def test_davis_videos_keep_the_objects_at_the_size_of_their_files(real_root: Path) -> None:
    if not any(card.name == "davis" and card.present for card in datasets.describe()):
        pytest.skip("davis is not below DATA_ROOT")
    name, images, objects = next(frames.videos("davis", 1, 10, 0))
    assert name == "blackswan"
    assert images.shape == (10, 480, 800, 3)
    assert objects.shape == (10, 480, 854)
    assert set(np.unique(objects)) == {0, 1}


@pytest.mark.slow
def test_the_smoke_page_has_every_table_and_every_claim_a_verdict(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("local_vit") / "results.json")
    assert [claim.id for claim in results.claims] == [claim.id for claim in claims.CLAIMS]
    for claim in results.claims:
        assert claim.verdict == "not tested" or claim.low <= claim.estimate <= claim.high or claim.n < 10
    assert {name for name, rows in results.tables.items() if not rows} == set()
    assert results.scalars["perfect"] == 1
    for row in [*results.tables["segmentation"], *results.tables["patches"], *results.tables["tracking"]]:
        assert 0 <= row["value"] <= 1
        assert row["low"] <= row["high"]
    scores = {
        (r["encoder"], r["transform"], r["metric"]): r["value"] for r in results.tables["segmentation"] if r["probe"] == "knn"
    }
    for name in ("zoo:mae", "zoo:untrained-vit"):  # an inner product of vectors of length 1 is the cosine
        assert scores[name, "unit", "ip"] == pytest.approx(scores[name, "none", "cosine"], abs=1e-3)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_again(smoke_run: Callable[[str], Path], build: Path) -> None:
    from analysis.run import run

    again = run("local_vit", "smoke", name="again")
    first, second = (Results.load(folder / "results.json") for folder in (smoke_run("local_vit"), again))
    assert [dataclasses.asdict(claim) for claim in first.claims] == [dataclasses.asdict(claim) for claim in second.claims]
    assert first.tables == second.tables
