"""The study of the zoo: the rule, the check of the cards, what is read off features, what the page is drawn from."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib import pyplot as plt

from analysis import paths, probing
from analysis.book import stage, verdicts
from analysis.book.stage import Page
from analysis.encoders import methods
from analysis.errors import UserError
from analysis.figures import style
from analysis.notebook import Notebook
from analysis.params import resolve
from analysis.plan import Entry
from analysis.results import Results, plain, sealed
from analysis.stats import Estimate
from analysis.studies.model_zoo import cards, measure, pages, plots, study, verdict
from analysis.studies.model_zoo.cards import Card
from analysis.studies.model_zoo.measure import Images
from analysis.studies.model_zoo.params import ModelZoo
from analysis.training import pretrain
from analysis.training.methods import METHODS
from analysis.training.recipe import PHOTOGRAPHS, RECIPE, Recipe

RESNET = {"family": "resnet", "widths": [16, 32, 64, 128], "dim": 512}
SIZES = {"n_train": 64, "n_test": 32}


def params(**changes: Any) -> ModelZoo:
    found = resolve("model_zoo", "smoke", changes)
    assert isinstance(found, ModelZoo)
    return found


def written(name: str, **recipe: Any) -> Card:
    """A card as the trainer would write it, following the recipe but for `recipe`."""
    base = plain({"epochs": RECIPE.epochs, "batch": RECIPE.batch, "lr": RECIPE.lr, "augmentation": vars(RECIPE.views)})
    facts = {**base, "data": "scenes", "world": "abc", "deviation": None, "command": f"analysis pretrain {name}", **recipe}
    scores = {"accuracy": 0.5, "low": 0.45, "high": 0.55}
    probes = {"data": "scenes:objects", **SIZES, "knn": scores, "linear": scores, "rankme": 9.0, "factors": {"x": 0.25}}
    family = RESNET if "vit" not in name else {"family": "vit"}
    return Card(f"zoo:{name}", {"name": name, "method": name, "architecture": family, "recipe": facts, "probes": probes})


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


# --- the rule


@pytest.mark.parametrize(
    ("knn", "linear", "says"),
    [
        ((0.02, 0.3), (0.02, 0.1), "supported"),
        ((-0.01, 0.3), (0.02, 0.1), "inconclusive"),
        ((0.02, 0.3), (-0.02, 0.1), "inconclusive"),
        ((0.02, 0.3), (-0.02, 0.0), "not supported"),
        ((-0.2, -0.1), (-0.2, -0.1), "not supported"),
    ],
)
def test_an_encoder_beats_its_untrained_copy_only_if_both_gains_do(knn: tuple, linear: tuple, says: str) -> None:
    gains = {name: Estimate(sum(pair) / 2, *pair) for name, pair in (("knn", knn), ("linear", linear))}
    assert verdict.RULE.verdict(gains) == says


def test_the_paired_gain_is_the_difference_of_accuracies_with_the_interval_of_resampled_images(
    rng: np.random.Generator,
) -> None:
    correct, control = rng.random(400) < 0.6, rng.random(400) < 0.5
    found = probing.gain(correct, control, seed=1, draws=20_000)
    rows = rng.integers(400, size=(20_000, 400))
    draws = correct[rows].mean(1) - control[rows].mean(1)
    assert found.value == pytest.approx(correct.mean() - control.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.006)


def test_pairing_makes_the_gain_over_oneself_exactly_zero(rng: np.random.Generator) -> None:
    correct = rng.random(100) < 0.5
    assert probing.gain(correct, correct, draws=500) == Estimate(0.0, 0.0, 0.0)


def test_more_encoders_make_wider_intervals(rng: np.random.Generator) -> None:
    hits = {name: {probe: rng.random(300) < share for probe in measure.PROBES} for name, share in (("a", 0.6), ("b", 0.5))}
    one = verdict.verdicts(hits, {"a": "b"}, params())[0]
    others = {f"{i}": hits["a"] for i in range(15)}
    many = verdict.verdicts({**hits, **others}, {"a": "b"} | dict.fromkeys(others, "b"), params())[0]
    assert many["knn_low"] < one["knn_low"] < one["knn"] == many["knn"] < one["knn_high"] < many["knn_high"]


def test_the_verdicts_follow_from_what_was_planted(rng: np.random.Generator) -> None:
    good, bad = ({probe: rng.random(500) < share for probe in measure.PROBES} for share in (0.8, 0.2))
    hits = {"good": good, "half": {"knn": good["knn"], "linear": bad["linear"]}, "bad": bad, "worse": good}
    rows = verdict.verdicts(hits, {"good": "bad", "half": "bad"}, params())
    assert {row["encoder"]: row["state"] for row in rows} == {"good": "supported", "half": "not supported"}
    assert verdict.verdicts(hits, {"bad": "worse"}, params())[0]["state"] == "not supported"


def test_whoever_fails_is_named_on_the_page() -> None:
    results = Results("model_zoo", "a", "smoke", {}, scalars={"beating": 1.0, "trained": 2.0})
    results.tables["encoders"] = [{"encoder": "zoo:byol", "title": "BYOL"}, {"encoder": "zoo:mae", "title": "MAE"}]
    states = {"zoo:byol": "not supported", "zoo:mae": verdict.BEATS}
    results.tables["verdicts"] = [{"encoder": name, "state": state} for name, state in states.items()]
    assert "Not better than untrained: BYOL (`zoo:byol`)." in pages.failures(results).markdown
    assert "1 of 2" in pages.answer(results).markdown
    assert "BYOL does not" in pages.answer(results).markdown
    results.tables["verdicts"][0]["state"] = verdict.BEATS
    assert "Every trained encoder" in pages.failures(results).markdown
    assert "not" not in pages.answer(results).markdown.split("intervals")[1]


# --- untrained copies and cards


def test_the_copy_of_an_encoder_is_the_untrained_one_of_its_architecture_whatever_its_head() -> None:
    simclr = written("simclr")
    simclr.content["architecture"] = {**RESNET, "projector": {"head": "SimCLRProjectionHead"}}
    listed = [simclr, written("supervised-vit"), written("untrained-vit"), written("untrained")]
    assert cards.copies(listed) == {"zoo:simclr": "zoo:untrained", "zoo:supervised-vit": "zoo:untrained-vit"}


def test_every_encoder_of_the_zoo_has_its_copy_in_the_default_run() -> None:
    listed = [cards.read(name) for name in resolve("model_zoo", "default").encoders]
    found = cards.copies([card for card in listed if card.recipe["data"] == "scenes"])
    assert found["zoo:simmim"] == found["zoo:mae"] == "zoo:untrained-vit"
    assert set(found.values()) == {"zoo:untrained", "zoo:untrained-vit"}


def test_a_trained_encoder_without_its_copy_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="zoo:dino-vit comes without its untrained copy: add zoo:untrained-vit"):
        cards.copies([written("dino-vit"), written("untrained")])


def test_an_encoder_that_went_on_from_another_is_held_against_that_one_of_the_same_data() -> None:
    ours, theirs = written("mae"), written("mae", data="imagenette")
    went_on, lost = written("dino-vit", start="mae"), written("ibot", start="simmim")
    assert cards.starts([theirs, ours, went_on, lost]) == {"zoo:dino-vit": "zoo:mae"}
    assert cards.deviation(went_on)["changes"] == "begins as mae (random weights)"


def test_encoders_trained_elsewhere_are_left_to_their_cards_and_untrained_ones_never() -> None:
    photographs = written("simclr")
    photographs.probes["data"] = "imagenette"
    assert [photographs.measurable(name) for name in ("scenes:objects", "imagenette")] == [False, True]
    assert all(written("untrained").measurable(name) for name in ("scenes:objects", "imagenette"))


def test_scores_within_rounding_of_the_card_pass_and_are_shown() -> None:
    scores = {"knn": 0.5001, "linear": 0.4999, "rankme": 9.04}
    row = verdict.agreement(written("byol"), scores, {"x": 0.2503}, params(**SIZES), "abc")
    assert row is not None
    assert (row["knn"], row["linear"], row["rankme"]) == pytest.approx((0.0001, -0.0001, 0.04))
    assert row["factors"] == pytest.approx(0.0003)


@pytest.mark.parametrize("tampered", [{"knn": 0.51}, {"linear": 0.48}, {"rankme": 12.0}, {"x": 0.3}])
def test_a_card_that_says_other_than_the_weights_is_noticed(tampered: dict[str, float]) -> None:
    scores = {"knn": 0.5, "linear": 0.5, "rankme": 9.0, "x": 0.25} | tampered
    with pytest.raises(UserError, match="weights or probes changed; train it anew with `analysis pretrain byol`"):
        verdict.agreement(written("byol"), scores, scores, params(**SIZES), "abc")


def test_a_world_that_changed_since_is_named_as_the_reason() -> None:
    with pytest.raises(UserError, match="the world changed since"):
        verdict.agreement(written("byol"), {"knn": 0.9, "linear": 0.9, "rankme": 9.0}, {"x": 0.25}, params(**SIZES), "def")


@pytest.mark.parametrize("other", [{"n_test": 40}, {"n_train": 80}, {"dataset": "imagenette"}])
def test_other_images_are_not_compared_with_the_card(other: dict[str, Any]) -> None:
    assert verdict.agreement(written("byol"), {}, {}, params(**(SIZES | other)), "abc") is None


def test_a_deviation_is_told_with_the_value_of_the_recipe_and_an_obedient_encoder_has_none() -> None:
    assert cards.deviation(written("simclr"))["changes"] == ""
    views = plain(vars(replace(RECIPE.views, hue=0.0)))
    row = cards.deviation(written("byol", batch=64, augmentation=views, deviation="because"))
    assert row["changes"] == f"batch 64 ({RECIPE.batch}); hue 0 ({RECIPE.views.hue:g})"
    assert row["reason"] == "because"


def test_a_training_cut_short_and_a_head_left_out_are_told() -> None:
    assert cards.deviation(written("simclr"))["reason"] == ""
    assert cards.deviation(written("simclr", epochs=RECIPE.epochs - 1))["reason"].startswith("trained for fewer epochs")
    assert cards.deviation(written("dino-vit", epochs=RECIPE.epochs // 2))["reason"] == ""  # half is its recipe
    short = replace(PHOTOGRAPHS, headless=("byol", "swav", "dino"))
    for recipe, said in ((RECIPE, "yes"), (short, "yes, but of BYOL, SwAV, DINO")):
        rows = {row["setting"]: row["value"] for row in cards.recipe_rows(recipe, [written("simclr", optimiser="AdamW")])}
        assert rows["head stored with the encoder"] == said
        assert "headless" not in rows


@pytest.mark.parametrize(
    ("name", "says"), [("vit-tiny", "has no card"), ("timm:x.y", "has no card"), ("file:{0}", "lacks probes.rankme")]
)
def test_an_encoder_without_a_whole_card_is_refused(name: str, says: str, tmp_path: Path) -> None:
    content = {**written("byol").content, "parameters": {}, "digest": ""}
    del content["probes"]["rankme"]
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=says):
        cards.read(name.format(tmp_path / "a.safetensors"))


def test_every_method_of_the_trainer_has_a_title_and_every_paper_is_in_the_bibliography() -> None:
    assert {methods.of_recipe(name) for name in METHODS} <= set(methods.METHODS)
    bibliography = (paths.BOOK / "references.bib").read_text(encoding="utf-8")
    assert all(f"{{{method.paper}," in bibliography for method in methods.METHODS.values() if method.paper)
    trained = {methods.of_recipe(name) for name in METHODS} - {"supervised", "untrained"}
    assert all(methods.METHODS[name].paper for name in trained)


# --- what is computed


def test_pixels_are_means_over_blocks_of_four(rng: np.random.Generator) -> None:
    images = rng.integers(256, size=(2, 16, 16, 3), dtype=np.uint8)
    found = measure.pixels(images).reshape(2, 4, 4, 3)
    assert found[1, 2, 3] == pytest.approx(images[1, 8:12, 12:16].mean((0, 1)) / 255, abs=1e-6)


def test_the_best_constant_is_the_most_frequent_word_and_explains_nothing_of_a_number() -> None:
    words = np.array(["a", "b", "b"])
    assert measure.constant(words, np.array(["b", "a", "b", "b"])) == 0.75
    assert measure.constant(np.array([True, True, False]), np.array([False, True])) == 0.5
    assert measure.constant(np.arange(3.0), np.arange(3.0)) == 0.0


def test_features_that_hold_the_class_and_a_factor_are_read_and_noise_is_not(rng: np.random.Generator) -> None:
    labels, truth = (np.arange(n) % 4 for n in (200, 80))
    known, found = rng.random((2, 200)), rng.random((2, 80))
    data = Images(np.zeros((200, 4, 4, 3)), labels, np.zeros((80, 4, 4, 3)), truth, {"x": known[0]}, {"x": found[0]})
    x, y = (np.column_stack([np.eye(4)[group] * 5, value[0]]) for group, value in ((labels, known), (truth, found)))
    good = measure.probe(x, y, data, np.array([0, 5]))
    noise = measure.probe(rng.standard_normal((200, 5)), rng.standard_normal((80, 5)), data, np.array([0, 5]))
    assert all(good.correct[probe].mean() == 1 for probe in measure.PROBES)
    assert all(noise.correct[probe].mean() < 0.5 for probe in measure.PROBES)
    assert good.factors["x"] > 0.9
    assert noise.factors["x"] < 0.2
    assert (labels[good.nearest] == truth[[0, 5]][:, None]).all()


# --- figures


def test_labels_are_moved_apart_in_order_around_the_same_mean(rng: np.random.Generator) -> None:
    heights = np.sort(rng.random(12) * 0.2)
    moved = plots.spread(heights, 0.05)
    assert np.diff(moved).min() >= 0.05 - 1e-12
    assert moved.mean() == pytest.approx(heights.mean())
    assert plots.spread(np.array([0.1, 0.5, 0.9]), 0.05) == pytest.approx([0.1, 0.5, 0.9])


def test_the_figure_of_scores_has_every_encoder_in_the_panel_of_its_family_at_its_scores() -> None:
    names = {"zoo:simclr": ("ResNet", "images"), "zoo:untrained": ("ResNet", "nothing"), "zoo:mae": ("ViT", "images")}
    rows = [
        {
            "encoder": name,
            **dict.fromkeys(("knn", "knn_low", "knn_high", "linear", "linear_low", "linear_high"), 0.1 * i + 0.05),
        }
        for i, name in enumerate([measure.PIXELS, *names, "zoo:untrained-vit"])
    ]
    known = {**names, "zoo:untrained-vit": ("ViT", "nothing")}
    encoders = [
        {"encoder": name, "title": name, "family": family, "supervision": supervision}
        for name, (family, supervision) in known.items()
    ]
    with style():
        fig, alt = plots.scores(rows, encoders, 0.0625)
    drawn = {ax.get_title(loc="left"): {text.get_text() for text in ax.texts} for ax in fig.axes}
    assert drawn == {"ResNet": {"zoo:simclr", "zoo:untrained"}, "ViT": {"zoo:mae", "zoo:untrained-vit"}}
    points = {(float(x), float(y)) for ax in fig.axes for line in ax.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {(row["knn"], row["linear"]) for row in rows} <= points
    assert "zoo:mae is read best, with 0.35" in alt
    plt.close(fig)


# --- from training to page


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny trainings and both untrained networks, with cards written by the trainer."""
    folder = tmp_path_factory.mktemp("zoo")
    tiny = Recipe(epochs=2, images=64, batch=32, full=32, probes=(SIZES["n_train"], SIZES["n_test"]), watched=(32, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANALYSIS_BUILD", str(tmp_path_factory.mktemp("build")))
        for method in ("simclr", "supervised-vit", "untrained", "untrained-vit"):
            pretrain.train(method, device="cpu", out=folder, recipe=tiny)
    return folder


@pytest.fixture
def opened(trained: Path, tmp_path: Path, build: Path) -> Callable[[], Notebook]:
    """A notebook of the study over a copy of these files."""
    folder = shutil.copytree(trained, tmp_path / "zoo")
    names = tuple(f"file:{path}" for path in sorted(folder.glob("*.safetensors")))
    return lambda: Notebook("model_zoo", params(encoders=names, **SIZES), "smoke", tmp_path)


def test_a_run_reaches_the_scores_of_the_cards_and_draws_its_page_from_them(opened: Callable[[], Notebook]) -> None:
    notebook = opened()
    zoo = study.compute(notebook)
    results = notebook.results
    tables, titles = results.tables, pages.titles(results)
    assert len(tables["agreement"]) == 4
    assert max(abs(row[key]) for row in tables["agreement"] for key in ("knn", "linear")) < 0.001
    assert len(tables["scores"]) == 5
    assert {row["encoder"].split("/")[-1].split(".")[0] for row in tables["verdicts"]} == {"simclr", "supervised-vit"}
    assert len(tables["factors"]) == 6 * 11
    for page in (pages.encoders_table, pages.training_table, pages.recipe_table, pages.deviations_table, pages.scores_table):
        assert len(page(results).markdown.splitlines()) > 3
    for page in (pages.verdicts_table, pages.starts_table, pages.agreement, pages.cards_table):
        assert page(results).markdown
    assert "took" in pages.time(results).markdown
    figures = [
        plots.scores(tables["scores"], tables["encoders"], results.scalars["chance"]),
        plots.factors(tables["factors"], titles),
        plots.curves(tables["curves"], titles),
        plots.health(tables["curves"], tables["encoders"], titles),
    ]
    for number, drawn in enumerate(figures):
        notebook.show(drawn, f"figure-{number}", "A caption of five words or more.")
    assert study.pictures(notebook, zoo).file == "figures/neighbours.svg"  # type: ignore[union-attr]


def test_a_run_stops_at_a_card_that_says_what_is_not_so(opened: Callable[[], Notebook], tmp_path: Path) -> None:
    path = tmp_path / "zoo" / "simclr.json"
    content = json.loads(path.read_text())
    content["probes"]["linear"]["accuracy"] += 0.1
    path.write_text(json.dumps(sealed(content)))
    with pytest.raises(UserError, match=r"simclr\.safetensors: linear is -0\.10\d* from its card"):
        study.compute(opened())


def test_an_instrument_has_a_part_of_its_own_in_the_book_and_no_claims(tmp_path: Path) -> None:
    shutil.copy(paths.BOOK / "_toc.yml", tmp_path)
    found = [
        Page(
            Entry(study=name, name="default"),
            Results(name, "default", "default", {}, answer=f"So {name}."),
            {},
            f"About {name}",
        )
        for name in ("model_zoo", "masking_cka")
    ]
    stage._write_toc(tmp_path, found)
    parts = yaml.safe_load((tmp_path / "_toc.yml").read_text())["parts"]
    chapters = {part["caption"]: [chapter["file"] for chapter in part["chapters"]] for part in parts}
    assert list(chapters)[1:3] == ["The instruments", "The studies"]
    assert chapters["The instruments"] == ["studies/model_zoo/index"]
    files = verdicts.write(found)
    zoo, masking = (files[f"studies/{name}/index.md"] for name in ("model_zoo", "masking_cka"))
    assert "So model_zoo." in zoo
    assert not [word for word in ("Verdicts", "cite") if word in zoo]
    assert [word for word in ("Verdicts", "cite") if word in masking] == ["Verdicts", "cite"]
