"""The study: what is searched for and where, the errors made on purpose, the page at `smoke`."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis import datasets
from analysis.errors import UserError
from analysis.results import Results
from analysis.studies.local_vit import (
    claims,
    defects,
    dimensions,
    frames,
    object_retrieval,
    pages,
    patch_retrieval,
    plots,
    plots_retrieval,
)
from analysis.studies.local_vit.correspondence import Correspondences, correspondences, inverse, recall
from analysis.studies.local_vit.measured import Tokens


def test_a_perfect_matcher_finds_every_patch_in_every_setting_and_in_the_pairs() -> None:
    for name in ("scenes:multi", "scenes:pairs"):
        data = datasets.load(name, size=64, n=4)
        for view in dict(patch_retrieval._views(data, name, 0)).values():
            assert patch_retrieval._perfect(view, correspondences(inverse(view.affine), 64, (8, 8)), 8) == 1


def test_the_perfect_matcher_finds_out_a_wrong_map() -> None:
    data = datasets.load("scenes:pairs", size=64, n=4)
    views = dict(patch_retrieval._views(datasets.load("scenes:multi", size=64, n=4), "scenes:multi", 0))
    turned, pairs = views["rotation", 15.0], dict(patch_retrieval._views(data, "scenes:pairs", 0))["all at once", 1.0]
    for view in (turned, pairs):
        assert patch_retrieval._perfect(view, correspondences(view.affine, 64, (8, 8)), 8) < 0.5


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


def test_objects_to_be_found_again_are_in_the_gallery_once_and_in_another_image() -> None:
    for name in ("scenes:pairs", "scenes:video"):
        images, settings = object_retrieval.objects(name, 4, 3, 0)
        for found in settings.values():
            (masks, image, identity), (gallery_masks, gallery_image, gallery) = found.query, found.gallery
            assert len(np.unique(gallery)) == len(gallery)
            assert not set(image) & set(gallery_image)
            assert min(m.sum() for m in (*masks, *gallery_masks)) >= object_retrieval.SMALLEST_OBJECT
            assert np.isin(identity, gallery).mean() > 0.5
            assert max(image.max(), gallery_image.max()) < len(images)


def test_a_box_is_the_smallest_that_holds_its_mask() -> None:
    masks = np.zeros((2, 6, 9), bool)
    masks[0, 1:3, 4:8] = masks[1, 5, 0] = True
    assert object_retrieval._boxes(masks).tolist() == [[4, 1, 8, 3], [0, 5, 1, 6]]


def test_the_tuned_metric_of_a_search_is_learned_on_the_other_half_of_the_images() -> None:
    """Nuisance dimensions hide the same patch and the same object from raw features, and not from the tuned metric."""
    rng = np.random.default_rng(0)
    places = np.argwhere(np.ones((6, 6))).reshape(1, 36, 2).repeat(10, 0).astype(float)
    points = Correspondences(places, np.ones((10, 36), bool))
    signal = rng.standard_normal((10, 6, 6, 8))
    bank, queries = (np.concatenate([signal, 30 * rng.standard_normal((10, 6, 6, 4))], -1) for _ in "ab")
    assert np.nanmean(recall(queries, bank, points, "ip", bank="all")) < 0.1
    assert np.nanmean(patch_retrieval._tuned_recall(bank, queries, points)) > 0.9
    ids, masks = np.arange(10), np.ones((10, 6, 6), bool)
    found = object_retrieval.Objects((masks, ids, ids), (masks, ids + 10, ids), ids)
    grids = np.concatenate([queries, bank])
    assert np.mean(object_retrieval._top1(grids, found, "ip")) < 0.5 < 0.8 < np.mean(object_retrieval._tuned_top1(grids, found))


def test_a_data_set_without_ground_truth_for_any_probe_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="cannot use data set 'pets': it takes scenes:multi"):
        frames.layout("pets")
    assert frames.layout("scenes:multi?light=0") == frames.layout("scenes:multi")


def test_the_variance_of_dimensions_is_resampled_by_drive_not_by_frame() -> None:
    """Frames of the first drive have a dimension of high variance, those of the second none: two units, not twenty."""
    rng = np.random.default_rng(0)
    grids = rng.standard_normal((20, 4, 4, 8))
    grids[:10, ..., 0] *= 10

    def found(drives: list[str]) -> dict[str, float]:
        few = SimpleNamespace(bank_clusters=np.array(drives), main=np.arange(20))
        bank, measured = SimpleNamespace(features=grids.reshape(-1, 8)), Tokens(0, 400)
        cell = SimpleNamespace(task=SimpleNamespace(name="x", few=few), encoder=SimpleNamespace(name="e"), bank=bank, m=1)
        dimensions._ratio(SimpleNamespace(**vars(cell), measured=measured, where={}), grids, "after the norm")
        return measured.tables["ratio"][0]

    frames_alone, drives, one = (found(names) for names in ([str(i) for i in range(20)], ["a"] * 10 + ["b"] * 10, ["a"] * 20))
    assert drives["value"] == frames_alone["value"]
    assert drives["low"] < 3 < 80 < drives["high"]
    assert frames_alone["low"] > 10
    assert not np.isfinite(one["low"])


def test_the_bank_and_the_test_images_are_never_the_same() -> None:
    few = frames.few_shot("scenes:multi", 4, 4, 0)
    assert not any((a == b).all() for a in few.bank for b in few.test)
    assert few.bank.shape == (8, 128, 128, 3)  # the bank proper and as many again, for a second draw and a larger bank
    assert few.main.tolist() == [0, 2, 4, 6]
    assert few.classes[0] == "background"


def test_camvid_gives_72_bank_and_30_test_frames_with_void(real_root: Path) -> None:
    if not any(card.name == "camvid" and card.present for card in datasets.describe()):
        pytest.skip("camvid is not below DATA_ROOT")
    few = frames.few_shot("camvid", 72, 30, 0)
    assert (few.bank.shape, few.test.shape) == ((72, 360, 480, 3), (30, 360, 480, 3))
    assert few.void == few.bank_maps.max() == len(few.classes) == 11
    assert len(np.unique(few.bank_clusters)) < 10  # drives, of which frames are no independent draws


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
    assert {name for name, rows in results.tables.items() if not rows} == set()
    assert results.scalars["perfect"] == 1
    for row in [*results.tables["segmentation"], *results.tables["patches"], *results.tables["tracking"]]:
        assert 0 <= row["value"] <= 1
        assert row["low"] <= row["high"]


@pytest.mark.slow
def test_every_number_of_a_figures_finding_is_one_of_its_table(smoke_run: Callable[[str], Path]) -> None:
    results = Results.load(smoke_run("local_vit") / "results.json")
    ratios = [row for row in results.tables["ratio"] if row["norm"] == "after the norm"]
    assert f"after the norm {max(row['value'] for row in ratios):.1f}" in plots.ratios(results)[1]
    spread = re.search(r"by at most (\d+\.\d+)", plots.bank_sizes(results)[1])
    rows = [row for row in results.tables["bank"] if row["draw"] != "both draws"]
    groups: dict[tuple, list[float]] = {}
    for row in rows:
        groups.setdefault((row["probe"], row["encoder"], row["images"]), []).append(row["value"])
    assert spread
    assert float(spread[1]) == pytest.approx(max(max(v) - min(v) for v in groups.values()), abs=6e-4)
    planted = {(r["encoder"], r["times"], r["features"]): r["value"] for r in results.tables["planted"]}
    assert f"from {planted['zoo:mae', 1.0, 'all']:.3f} to {planted['zoo:mae', 12.0, 'all']:.3f}" in plots.planted(results)[1]
    top = max(results.tables["tracking"], key=lambda row: row["value"] * (row["score"] == "J&F"))
    assert f"J&F of {top['value']:.2f}" in plots_retrieval.tracking(results)[1]
    told = str(pages.finding(results))
    assert all(f"{claim.id}" in told for claim in results.claims)
    assert "**For practice.**" in told
    plt.close("all")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_again(smoke_run: Callable[[str], Path], build: Path) -> None:
    from analysis.run import run

    again = run("local_vit", "smoke", name="again")
    first, second = (Results.load(folder / "results.json") for folder in (smoke_run("local_vit"), again))
    assert [dataclasses.asdict(claim) for claim in first.claims] == [dataclasses.asdict(claim) for claim in second.claims]
    assert first.tables == second.tables
