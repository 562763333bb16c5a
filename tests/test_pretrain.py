"""The trainer of the zoo: views, methods, resuming, the collapse watch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightly.models.modules.center import Center
from lightly.models.modules.memory_bank import MemoryBankModule
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from analysis.errors import UserError
from analysis.training import collapse, methods, pretrain
from analysis.training import views as augment
from analysis.training.keeper import Keeper
from analysis.training.methods.masked import ground_positions
from analysis.training.recipe import DEVIATIONS, PHOTOGRAPHS, RECIPE, Recipe, adapted, draw_views
from analysis.training.views import IDENTITY, Views

TINY = Recipe(epochs=3, images=24, batch=8, full=32, small=16, probes=(24, 16), watched=(24, 16))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 32, 32, generator=seeded(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("build")


@pytest.fixture(autouse=True)
def _build_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(folder))


def test_views_of_no_strength_are_the_image(images: torch.Tensor) -> None:
    assert torch.allclose(IDENTITY(images, 32, seeded()), images, atol=1e-5)


def test_the_same_generator_draws_the_same_views_and_another_others(images: torch.Tensor) -> None:
    first, again, other = (Views()(images, 24, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert first.shape == (6, 3, 24, 24)
    assert first.min() >= 0
    assert first.max() <= 1


def test_a_certain_flip_is_the_mirror_image(images: torch.Tensor) -> None:
    flipped = augment.crop(images, 32, (1.0, 1.0), 1.0, 1.0, seeded())
    assert torch.allclose(flipped, images.flip(-1), atol=1e-5)


def test_a_crop_shows_the_share_of_the_image_it_was_asked_for() -> None:
    ramp = torch.linspace(0, 1, 64).expand(200, 3, 64, 64).contiguous()
    crops = augment.crop(ramp, 32, (0.25, 0.25), 1.0, 0.0, seeded())
    extent = crops[:, 0, 0, -1] - crops[:, 0, 0, 0]
    assert torch.allclose(extent, torch.full_like(extent, 31 / 63), atol=0.02)  # half the side, from first to last centre


def test_greyscale_has_three_equal_channels_and_the_same_luma(images: torch.Tensor) -> None:
    grey = augment.jitter(images, 0.0, 0.0, 1.0, seeded())
    luma = torch.einsum("nchw,c->nhw", images, torch.tensor(augment.GREY))
    assert torch.allclose(grey, luma[:, None].expand_as(grey), atol=1e-3)


def test_jitter_leaves_the_luma_of_hue_and_saturation_alone_on_grey_images(images: torch.Tensor) -> None:
    grey = images[:, :1].expand(-1, 3, -1, -1)
    jittered = augment.jitter(grey, 0.4, 0.5, 0.0, seeded())
    assert torch.allclose(jittered, jittered[:, :1].expand_as(jittered), atol=1e-3)  # grey has no hue to turn


def test_blur_keeps_the_mean_of_a_flat_image_and_lowers_the_variance_of_noise(images: torch.Tensor) -> None:
    assert torch.allclose(augment.blur(torch.full_like(images, 0.3), 1.0, 1.0, seeded()), torch.tensor(0.3), atol=1e-6)
    assert augment.blur(images, 1.0, 2.0, seeded()).var() < images.var()


def build_method(name: str) -> methods.Method:
    kind = methods.METHODS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(4) if issubclass(kind, methods.Supervised) else kind()


def still(method: Any) -> None:
    """Hold what moves by itself: centres of targets and queues of negatives; the loss would move with them."""
    for part in method.modules():
        if hasattr(part, "center_momentum"):
            part.center_momentum = 1.0
        if isinstance(part, Center):
            part.momentum = 1.0
        if isinstance(part, MemoryBankModule):
            part._dequeue_and_enqueue = lambda batch: None


@pytest.mark.parametrize("name", [name for name in methods.METHODS if not name.startswith("untrained")])
def test_the_loss_falls_when_the_same_views_are_seen_again(name: str) -> None:
    method = build_method(name)
    recipe, _ = adapted(name, TINY)
    pixels = torch.randint(0, 256, (16, 3, 64, 64), generator=seeded(), dtype=torch.uint8)
    views, labels = draw_views(pixels, recipe, seeded()), torch.arange(16) % 4
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-3)
    still(method)
    losses = []
    for _ in range(8):
        step = method(views, labels, seeded(5))
        optimizer.zero_grad()
        step.loss.backward()
        optimizer.step()
        losses.append(step.loss.item())
    assert losses[-1] < losses[0] - 0.01
    assert len(step.embedding) in (16, 32)


@pytest.mark.parametrize("name", [name for name in methods.METHODS if not name.startswith("untrained")])
def test_a_step_in_the_half_precision_of_gpus_gives_about_the_loss_of_single_precision(name: str) -> None:
    recipe, _ = adapted(name, TINY)
    pixels = torch.randint(0, 256, (16, 3, 64, 64), generator=seeded(), dtype=torch.uint8)
    views, labels = draw_views(pixels, recipe, seeded()), torch.arange(16) % 4
    losses = []
    for half in (False, True):
        method = build_method(name)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            losses.append(method(views, labels, seeded(5)).loss)
        losses[-1].backward()
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.1, abs=0.1)


@pytest.mark.parametrize("name", [name for name in methods.METHODS if not name.startswith("untrained")])
def test_every_weight_that_is_shipped_was_trained(name: str) -> None:
    method = build_method(name)
    recipe, _ = adapted(name, TINY)
    before = {key: value.clone() for key, value in method.backbone.named_parameters() if value.requires_grad}
    pixels = torch.randint(0, 256, (16, 3, 64, 64), generator=seeded(), dtype=torch.uint8)
    optimizer = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], lr=1e-2, weight_decay=0.0)
    for progress in (0.5, 0.6):  # after the share of the training with frozen parts
        method(draw_views(pixels, recipe, seeded()), torch.arange(16) % 4, seeded()).loss.backward()
        method.after_backward(progress)
        optimizer.step()
        method.after_step(progress)
    after = dict(method.backbone.named_parameters())
    stuck = [key for key, value in before.items() if torch.equal(value, after[key])]
    unused = [key for key in stuck if key != "cls_token"]  # no loss looks at it where vectors are means over patches
    assert not unused


def test_the_recipe_names_a_reason_for_every_deviation_and_all_others_follow_it() -> None:
    assert set(DEVIATIONS) <= set(methods.METHODS)
    for name in methods.METHODS:
        recipe, reason = adapted(name, RECIPE)
        assert bool(reason) == (recipe != RECIPE)
    seen = {name: adapted(name, RECIPE)[0] for name in methods.METHODS if "repeat" not in DEVIATIONS.get(name, ({}, ""))[0]}
    trained = {recipe.epochs * recipe.images for recipe in seen.values() if recipe.epochs}
    assert trained == {RECIPE.epochs * RECIPE.images}  # equal images seen


def test_scale_mae_measures_places_on_the_ground_and_at_scale_1_as_the_encoder_is_used() -> None:
    backbone = build_method("scale-mae").backbone
    assert torch.allclose(ground_positions(backbone.embed_dim, 8, 1.0), backbone.pos_embed, atol=1e-6)
    coarse, fine = ground_positions(96, 4, 2.0), ground_positions(96, 8, 1.0)
    assert torch.allclose(coarse[0, 1 + 4 + 1], fine[0, 1 + 2 * 8 + 2])  # patch (1, 1) of twice the size lies where (2, 2) lay


def test_the_curve_of_probes_has_a_point_per_doubling_and_changes_nothing_of_the_training(monkeypatch) -> None:
    recipe = Recipe(**{**vars(TINY), "epochs": 5})
    watched = pretrain.fit("byol", recipe, "curve")
    assert [point["images"] for point in watched.probes] == [24, 48, 96, 120]  # passes 1, 2, 4 and the last
    assert all(0 <= point[name] <= 1 for point in watched.probes for name in ("knn", "linear"))
    monkeypatch.setattr(pretrain, "_watched", lambda *_: [])
    alone = pretrain.fit("byol", recipe, "curve")
    assert alone.probes == []
    for (key, value), other in zip(watched.state_dict().items(), alone.state_dict().values(), strict=True):
        assert torch.equal(value, other), key


def test_small_views_are_smaller_crops_that_swav_and_dino_learn_from() -> None:
    for name in ("swav", "dino"):
        recipe, _ = adapted(name, Recipe(**{**vars(TINY), "small_views": 2}))
        method = build_method(name)
        views = draw_views(torch.randint(0, 256, (16, 3, 64, 64), dtype=torch.uint8), recipe, seeded())
        assert [view.shape[-1] for view in views] == [32, 32, 16, 16]
        with_small, without = (method(part, None, seeded()).loss for part in (views, views[:2]))
        assert torch.isfinite(with_small)
        assert not torch.equal(with_small, without)


def test_a_recipe_may_widen_a_head_and_the_card_says_so() -> None:
    wide = {"vicreg": {**methods.METHODS["vicreg"].head, "hidden_dim": 24, "output_dim": 24}}
    module = pretrain._module("vicreg", "scenes", Recipe(**{**vars(TINY), "heads": wide}), 0, Path())
    assert module.method.shipped_architecture()["projector"]["output_dim"] == 24
    assert module.method.projector(torch.zeros(2, 512)).shape == (2, 24)


def test_a_fresh_training_never_shows_an_image_twice() -> None:
    recipe = Recipe(**{**vars(TINY), "fresh": True})
    module = pretrain._module("simclr", "scenes", recipe, 0, Path())
    parts = [module.data.part(first, first + recipe.images) for first in range(0, len(module.data), recipe.images)]
    images = torch.cat([part.__getitems__(range(len(part)))[0] for part in parts])
    assert len(images) == len(module.data) == recipe.epochs * recipe.images
    assert len({image.numpy().tobytes() for image in images}) == len(images)
    known = pretrain._module("simclr", "scenes", TINY, 0, Path()).data
    assert torch.equal(images[: len(known)], known.__getitems__(range(len(known)))[0])  # the world starts as it does for others


def test_what_wants_fresh_images_gets_them_where_there_is_no_end_of_them_and_a_hundred_times_as_many() -> None:
    (endless, _), (ending, _), (sibling, _) = adapted("dinov2", RECIPE), adapted("dinov2", PHOTOGRAPHS), adapted("ibot", RECIPE)
    assert endless.fresh
    assert endless.epochs * endless.images == 100 * sibling.images
    assert not ending.fresh
    assert ending.epochs == adapted("ibot", PHOTOGRAPHS)[0].epochs


def test_only_the_predictor_learns_at_another_rate(tmp_path: Path) -> None:
    for name in ("simsiam", "byol"):
        recipe = adapted(name, TINY)[0]
        module = pretrain._module(name, "scenes", recipe, 0, tmp_path)
        groups = module.configure_optimizers()["optimizer"].param_groups
        rates = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
        method: Any = module.method
        assert {rates[id(p)] for p in method.predictor.parameters()} == {10 * recipe.lr}
        rest = [p for part in (method.backbone, method.projector) for p in part.parameters() if p.requires_grad]
        assert {rates[id(p)] for p in rest} == {recipe.lr}
        assert sum(len(group["params"]) for group in groups) == len(rates)


def test_labels_reach_supervised_methods_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = {}
    for name in ("simclr", "supervised"):
        module = pretrain._module(name, "scenes", TINY, 0, tmp_path)
        seen[name] = module.data.labels
    assert seen["simclr"] is None
    assert len(seen["supervised"]) == 24


def test_mae_hides_three_quarters_and_never_the_class_token() -> None:
    keep, hidden = methods.mask(5, 65, 0.75, seeded())
    assert keep.shape == (5, 17)
    assert hidden.shape == (5, 48)
    assert (keep[:, 0] == 0).all()
    assert torch.equal(torch.cat([keep, hidden], 1).sort(1).values, torch.arange(65).expand(5, -1))


def test_the_dino_teacher_follows_and_takes_no_gradient() -> None:
    method = build_method("dino-vit")
    student, teacher = method.backbone.blocks[0].mlp.fc1.weight, method.teacher[0].blocks[0].mlp.fc1.weight
    assert not teacher.requires_grad
    with torch.no_grad():
        student += 1
    before = (student - teacher).mean().item()
    method.after_step(0.0)
    assert (student - teacher).mean().item() == pytest.approx(before * methods.Momentum.momentum, rel=1e-3)


def test_what_the_dino_teacher_says_is_balanced_and_compared_across_views() -> None:
    method, rng = build_method("dino"), np.random.default_rng(0)
    target, said = (rng.standard_normal((2, 6, 8)) / 4 for _ in range(2))
    target += 3 * np.eye(8)[0]  # the teacher likes one answer best, whatever the image
    found = method.compare([torch.from_numpy(x) for x in target], [torch.from_numpy(x) for x in said])
    q = np.exp(np.concatenate(target) / method.temperature)
    for _ in range(3):
        q /= q.sum(0)  # every answer as often as any other
        q /= q.sum(1, keepdims=True)
    assert q.sum(0).max() < 2 * q.sum(0).mean()
    logits = said / method.student_temperature
    logs = logits - np.log(np.exp(logits).sum(2, keepdims=True))
    expected = (-(q[:6] * logs[1]).sum(1).mean() - (q[6:] * logs[0]).sum(1).mean()) / 2
    assert found.item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["swav", "moco", "dino", "dinov2"])
def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = TINY if name in ("swav", "moco") else Recipe(**{**vars(TINY), "images": 64, "epochs": 4})  # batches of 64
    epochs = adapted(name, TINY)[0].epochs if name in ("swav", "moco") else 4
    if name == "dinov2":  # it goes on from an MAE, on fresh images
        recipe = Recipe(**{**vars(recipe), "endless": True})
        for out in ("whole", "again"):
            pretrain.train("mae", device="cpu", out=tmp_path / out, recipe=recipe, epochs=1)
    whole = pretrain.train(name, device="cpu", out=tmp_path / "whole", recipe=recipe, epochs=epochs)
    save = Keeper.on_train_epoch_end

    def save_and_die(self: Keeper, trainer: Any, module: Any) -> None:
        save(self, trainer, module)
        if trainer.current_epoch == 1:
            raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_train_epoch_end", save_and_die)
        with pytest.raises(RuntimeError, match="killed"):
            pretrain.train(name, device="cpu", out=tmp_path / "again", recipe=recipe, epochs=epochs)
    resumed = pretrain.train(name, device="cpu", out=tmp_path / "again", recipe=recipe, epochs=epochs)
    assert resumed.read_bytes() == whole.read_bytes()
    curves = [json.loads(path.with_suffix(".json").read_text())["recipe"]["curve"] for path in (whole, resumed)]
    assert curves[0] == curves[1]
    assert len(curves[0]) == epochs


def test_a_method_that_goes_on_from_another_begins_with_its_weights_and_says_so_where_it_is_missing(tmp_path: Path) -> None:
    recipe = Recipe(**{**vars(TINY), "images": 64, "epochs": 2})
    with pytest.raises(UserError, match=r"goes on from .*mae.safetensors, which is not there: run `analysis pretrain mae"):
        pretrain.train("ibot", device="cpu", out=tmp_path, recipe=recipe)
    first = pretrain.train("mae", device="cpu", out=tmp_path, recipe=recipe, epochs=1)
    module = pretrain._module("ibot", "scenes", adapted("ibot", recipe)[0], 0, tmp_path)
    wanted = load_file(first)["backbone.blocks.0.mlp.fc1.weight"].float()
    for backbone in (module.method.backbone, module.method.teacher[0]):
        assert torch.equal(backbone.blocks[0].mlp.fc1.weight, wanted)


class Collapsing(methods.Method):
    """Says the same of every image."""

    def forward(self, views: Any, labels: Any, generator: Any) -> methods.Step:
        h = self.backbone(torch.cat(list(views)))
        return methods.Step(h.square().mean() * 0, torch.ones_like(h))


def test_a_collapse_is_said_once_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(methods.METHODS, "planted", Collapsing)
    path = pretrain.train("planted", device="cpu", out=tmp_path, recipe=TINY)
    said = [line for line in capsys.readouterr().err.splitlines() if "collapsed" in line]
    assert len(said) == 1
    assert "effective rank 1.0" in said[0]
    assert json.loads(path.with_suffix(".json").read_text())["recipe"]["collapsed"]


def test_health_tells_a_spread_cloud_from_a_point_and_from_a_line() -> None:
    cloud = torch.randn(256, 32, generator=seeded())
    spread, rank = collapse.health(cloud)
    assert spread == pytest.approx(1, abs=0.05)
    assert rank > 28
    point = collapse.health(torch.ones(64, 32) + 1e-4 * cloud[:64])
    line = collapse.health(torch.linspace(-1, 1, 64)[:, None] * torch.ones(1, 32))
    assert collapse.collapsed([point])
    assert collapse.collapsed([line])
    assert not collapse.collapsed([(spread, rank)])


def test_photographs_without_classes_train_an_encoder_whose_card_has_its_rank_alone(tmp_path: Path) -> None:
    (tmp_path / "loose").mkdir()
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(tmp_path / "loose" / f"{number}.png")
    path = pretrain.train("simclr", data=f"folder:{tmp_path / 'loose'}", device="cpu", out=tmp_path, recipe=TINY, epochs=1)
    probes = json.loads(path.with_suffix(".json").read_text())["probes"]
    assert probes["rankme"] > 0
    assert not {"knn", "linear"} & set(probes)


def test_unknown_methods_data_and_too_few_images_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown method 'jigsaw'; there are simclr"):
        pretrain.train("jigsaw")
    with pytest.raises(UserError, match=r"unknown training data 'clouds'"):
        pretrain.train("simclr", data="clouds", recipe=TINY)
    with pytest.raises(UserError, match=r"fewer than one batch of 64"):
        pretrain.train("simclr", recipe=Recipe(**{**vars(TINY), "batch": 64}))


def test_the_architecture_on_a_card_makes_the_projector_that_was_trained() -> None:
    from analysis.encoders import zoo

    for kind in methods.METHODS.values():
        projector = zoo.build_projector(kind.architecture())
        assert (projector is None) == (not kind.head)
        assert projector is None or isinstance(projector, nn.Module)
