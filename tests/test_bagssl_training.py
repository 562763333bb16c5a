"""Trainings on patches: what is drawn, and that nothing else differs from the twin; what a training cost."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis import paths
from analysis.encoders.facts import card_title
from analysis.errors import UserError
from analysis.studies.bagssl import seeds
from analysis.studies.bagssl.accounting import Cost, cost, ratios
from analysis.training import pretrain
from analysis.training.methods import METHODS
from analysis.training.recipe import DEVIATIONS, PHOTOGRAPHS, RECIPE, Recipe, adapted, draw_views
from analysis.training.views import IDENTITY, Views, crop

PATCHES = [name for name in METHODS if "-patch" in name]
TINY = Recipe(epochs=1, images=16, batch=8, full=32, probes=(24, 16), watched=(24, 16))


def twin(name: str) -> str:
    return name.partition("-patch")[0]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coordinates(n: int) -> torch.Tensor:
    """Images of 64 px whose red and green say in which column and row a pixel lies."""
    column = torch.arange(64.0).expand(64, 64)
    return torch.stack([column, column.T, torch.zeros(64, 64)]).to(torch.uint8).expand(n, 3, 64, 64)


def plain(recipe: Recipe) -> Recipe:
    """The recipe's crops alone: colours and directions left as they are."""
    views = recipe.views
    return replace(recipe, views=replace(IDENTITY, area=views.area, aspect=views.aspect, disjoint=views.disjoint))


def windows(recipe: Recipe, n: int = 200) -> list[torch.Tensor]:
    """First and last column and row (n, 2, 2), in px, of the pixels that each view shows."""
    views = draw_views(coordinates(n), plain(recipe), seeded())
    shown = [(view / 2 + 0.5) * 255 for view in views]
    return [torch.stack([view[:, :2].amin((2, 3)), view[:, :2].amax((2, 3))], 1) for view in shown]


@pytest.mark.parametrize("name", PATCHES)
def test_a_patch_model_differs_from_its_twin_in_the_crop_alone(name: str) -> None:
    for base in (RECIPE, PHOTOGRAPHS):
        ours, theirs = adapted(name, base)[0], adapted(twin(name), base)[0]
        crop = {key: getattr(theirs.views, key) for key in ("area", "aspect", "disjoint")}
        assert replace(ours, views=replace(ours.views, **crop), head=theirs.head) == theirs
        assert ours.views.area[0] == ours.views.area[1]
        assert ours.views.aspect == 1
    assert METHODS[name] is METHODS[twin(name)]


@pytest.mark.parametrize(("name", "side"), [("vicreg-patch", 32), ("vicreg-patch16", 16), ("vicreg-patch-disjoint", 32)])
def test_every_view_shows_a_square_of_the_same_size(name: str, side: int) -> None:
    recipe = adapted(name, RECIPE)[0]
    for window in windows(recipe):
        extent = window[:, 1] - window[:, 0]
        assert torch.allclose(extent, torch.full_like(extent, side - side / recipe.full), atol=0.6)  # centre to centre
    sizes = [window[:, 1] - window[:, 0] for window in windows(adapted(twin(name), RECIPE)[0])]
    assert sizes[0].std() > 4  # crops of the twin have many


def test_disjoint_views_show_no_pixel_twice_and_others_nearly_always_do() -> None:
    def share(name: str) -> float:
        first, second = windows(adapted(name, RECIPE)[0], 400)
        middles = (first.mean(1) - second.mean(1)).abs()
        return (middles < 31).all(1).float().mean().item()

    assert share("vicreg-patch-disjoint") == 0
    assert share("vicreg-patch") > 0.95


def test_three_disjoint_views_of_a_sixteenth_lie_apart_as_well() -> None:
    recipe = replace(RECIPE, full_views=3, views=replace(RECIPE.views, area=(0.0625, 0.0625), aspect=1.0, disjoint=True))
    places = [window.mean(1) for window in windows(recipe)]
    for i in range(3):
        for j in range(i):
            assert ((places[i] - places[j]).abs().amax(1) > 15).all()


def test_a_place_that_is_given_is_where_the_crop_is_taken() -> None:
    place = torch.tensor([[-0.5, 0.5]]).expand(4, 2)
    shown = crop(coordinates(4).float(), 48, (0.25, 0.25), 1.0, 0.0, seeded(), place)
    assert torch.allclose(shown[:, :2].mean((2, 3)), torch.tensor([15.5, 47.5]), atol=0.01)  # the left half, the lower half


def test_disjoint_crops_of_many_sizes_and_more_views_than_fit_are_refused() -> None:
    with pytest.raises(UserError, match=r"disjoint views must be squares of one size: area \(0\.3, 1\.0\)"):
        Views(area=(0.3, 1.0), aspect=1.0, disjoint=True)
    recipe = replace(adapted("vicreg-patch-disjoint", RECIPE)[0], full_views=3)
    with pytest.raises(UserError, match="3 disjoint views of 50%"):
        draw_views(coordinates(2), recipe, seeded())


def test_recipes_without_patches_draw_the_views_they_always_drew() -> None:
    """The zoo's older encoders can be made again: their random numbers come in the same order."""
    images = torch.randint(0, 256, (6, 3, 64, 64), generator=seeded(), dtype=torch.uint8)
    view = draw_views(images, RECIPE, seeded(1))[0]
    share = torch.rand(6, generator=seeded(1)) * 0.7 + 0.3
    again = RECIPE.views(images.float() / 255, RECIPE.full, seeded(1))
    assert torch.allclose((view + 1) / 2, again, atol=1e-6)
    generator = seeded(1)
    drawn = [torch.rand(6, generator=generator) for _ in range(4)]
    assert torch.equal(drawn[0] * 0.7 + 0.3, share)
    width = (share * (drawn[1] * 2 - 1).mul(np.log(4 / 3)).exp()).sqrt().clamp(max=1)
    place = (drawn[2] * 2 - 1) * (1 - width)
    height = (share / (drawn[1] * 2 - 1).mul(np.log(4 / 3)).exp()).sqrt().clamp(max=1)
    given = torch.stack([place, (drawn[3] * 2 - 1) * (1 - height)], 1)
    plane = crop(images.float(), 48, (0.3, 1.0), 4 / 3, 0.0, seeded(1))
    generator = seeded(1)
    assert torch.allclose(crop(images.float(), 48, (0.3, 1.0), 4 / 3, 0.0, generator, given), plane, atol=1e-2)


@pytest.mark.parametrize("views", [2, 4])
def test_coding_rate_trains_on_any_number_of_patches_and_its_card_counts_them(
    views: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))
    path = pretrain.train("tcr-patch", device="cpu", out=tmp_path, recipe=replace(TINY, full_views=views))
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["recipe"]["augmentation"]["area"] == [0.25, 0.25]
    assert not card["recipe"]["augmentation"]["disjoint"]
    assert "projector" not in card["architecture"] | card["parameters"]  # the zoo has no room for this head
    assert not any(key.startswith("projector") for key in load_file(path))
    assert cost(card) == Cost(images=16, distinct=16, patches=16 * views, pixels=16 * views * 32**2, steps=2)


# --- what a training cost


def card(**recipe: Any) -> dict[str, Any]:
    base = {"images": 10_000, "images_seen": 99_840, "steps": 780, "full": 48, "full_views": 2, "small": 24, "small_views": 0}
    return {"name": "some", "recipe": base | recipe}


def test_images_patches_and_pixels_are_counted_view_by_view() -> None:
    assert cost(card()) == Cost(99_840, 10_000, 199_680, 199_680 * 48**2, 780)
    multi = cost(card(small_views=4))
    assert multi.patches == 99_840 * 6
    assert multi.pixels == 99_840 * (2 * 48**2 + 4 * 24**2)
    assert cost(card(images_seen=640)).distinct == 640


def test_four_patches_of_half_the_images_are_as_many_patches_but_not_as_many_images() -> None:
    found = ratios(cost(card(full_views=4, images_seen=49_920)), cost(card()))
    assert found == {"images": 0.5, "distinct": 1, "patches": 1, "pixels": 1, "steps": 1}


def test_costs_that_were_not_written_down_or_not_spent_are_refused() -> None:
    with pytest.raises(UserError, match=r"the card of some lacks recipe\.steps, recipe\.full_views"):
        cost({"name": "some", "recipe": {k: v for k, v in card()["recipe"].items() if k not in ("steps", "full_views")}})
    with pytest.raises(UserError, match="not trained"):
        ratios(cost(card()), cost(card(images_seen=0, steps=0)))


SHIPPED = [name for name in PATCHES if (paths.ZOO / f"{name}.json").exists()]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_patch_models_cost_what_their_twins_cost(name: str) -> None:
    ours, theirs = (json.loads((paths.ZOO / f"{kind}.json").read_text()) for kind in (name, twin(name)))
    assert set(ratios(cost(ours), cost(theirs)).values()) == {1.0}
    heads = [card["architecture"].pop("projector", None) for card in (ours, theirs)]
    assert heads[0] in (None, heads[1])
    assert ours["architecture"] == theirs["architecture"]
    assert ours["recipe"]["world"] == theirs["recipe"]["world"]
    assert ours["recipe"]["deviation"] == DEVIATIONS[name][1]


def test_a_patch_model_has_a_title_that_says_so() -> None:
    assert card_title({"method": "vicreg-patch"}) == "VICReg, patches"
    assert card_title({"method": "vicreg-patch", "recipe": {"seed": 0}}) == "VICReg, patches"
    assert card_title({"method": "supervised", "recipe": {"seed": 1}}) == "supervised, seed 1"
    again = {"method": "simclr-patch", "recipe": {"seed": 2, "data": "imagenette"}}
    assert card_title(again) == "SimCLR, patches, seed 2 (photographs)"
    assert card_title({"method": "vicreg-patch16"}) == "VICReg, patches of 16 px"
    assert card_title({"method": "vicreg-patch-disjoint"}) == "VICReg, disjoint patches"


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_of_a_shipped_patch_model_records_the_crops_of_its_recipe(name: str) -> None:
    written = json.loads((paths.ZOO / f"{name}.json").read_text())["recipe"]["augmentation"]
    views = adapted(name, RECIPE)[0].views
    assert (tuple(written["area"]), written["aspect"], written["disjoint"]) == (views.area, views.aspect, views.disjoint)


# --- further seeds


def test_another_seed_is_another_training_and_its_row_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path))

    def tiny(method: str, *, seed: int, device: str, out: Path) -> Path:
        return pretrain_train(method, seed=seed, device=device, out=out, recipe=TINY)

    pretrain_train, measured = seeds.train, seeds.measure
    monkeypatch.setattr(seeds, "train", tiny)
    monkeypatch.setattr(seeds, "measure", lambda encoder: measured(encoder, 64, 32))
    first = seeds.rows(("simclr",), 3)
    assert [row["seed"] for row in first] == [0, 1, 2]
    assert len({row["digest"] for row in first}) == 3
    assert all(0 <= row[f"{what}_{probe}"] <= 1 for row in first for what in ("whole", "bag") for probe in ("knn", "linear"))
    monkeypatch.setattr(pretrain, "_carry_out", lambda *_, **__: pytest.fail("trained again"))
    assert seeds.rows(("simclr",), 3) == first


@pytest.mark.skipif(not seeds.STORED.exists(), reason="no further seeds are stored")
def test_stored_rows_of_the_first_seed_are_of_the_encoders_of_the_zoo_and_score_what_their_cards_say() -> None:
    rows = seeds.stored()
    first = [row for row in rows if row["seed"] == 0]
    assert {row["method"] for row in first} == {row["method"] for row in rows} >= set(seeds.METHODS)
    assert len({row["digest"] for row in rows}) == len(rows)
    for row in first:
        written = json.loads((paths.ZOO / f"{row['method']}.json").read_text())
        assert row["digest"] == written["digest"]
        for probe in ("knn", "linear"):
            assert row[f"whole_{probe}"] == pytest.approx(written["probes"][probe]["accuracy"], abs=1.5e-3)
