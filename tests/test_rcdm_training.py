"""Training: what a step draws, what it learns, killed and gone on with, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import rcdm_small as small
from analysis import datasets, paths
from analysis.cli import app
from analysis.decoders import train as train_module
from analysis.decoders import training_set as bank_module
from analysis.decoders.card import history
from analysis.decoders.conditions import condition, thumbnails
from analysis.decoders.decoder import load
from analysis.decoders.network import Denoiser
from analysis.decoders.objective import Ddpm
from analysis.decoders.recipe import PRESETS, TRUNKS, Shape, chosen
from analysis.decoders.train import train
from analysis.encoders.weights import read_safetensors
from analysis.errors import MissingFile, UserError
from analysis.results import sealed

NAMES = ("thumbnail", "label", "shuffled")


@pytest.fixture(autouse=True)
def small_banks(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares in place of Scenes; cache and checkpoints in an empty folder."""

    def bank(dataset: str, n: int, size: int, conditions: object, split: str = "train") -> bank_module.Bank:
        return small.bank(n, seed=split == "train")

    monkeypatch.setattr(train_module, "bank", bank)


def run(out: Path, name: str = "x", steps: int = 6, **options: object) -> dict[str, torch.Tensor]:
    return read_safetensors(train(name, NAMES, replace(small.RECIPE, steps=steps), device="cpu", out=out, **options))  # type: ignore[arg-type]


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(tmp_path / "whole", "whole")
    step = train_module.Training.training_step

    def killed(self: train_module.Training, index: int) -> torch.Tensor:
        if self.global_step == 5:  # after the checkpoint of step 4
            raise KeyboardInterrupt
        return step(self, index)

    monkeypatch.setattr(train_module.Training, "training_step", killed)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(tmp_path / "parts", "parts")
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        run(tmp_path / "parts", "parts", seed=1)  # another training: it begins anew, beside the first
    assert not (tmp_path / "parts/parts.json").exists(), "nothing is exported before the end"
    monkeypatch.undo()
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))
    monkeypatch.setattr(
        train_module, "bank", lambda dataset, n, size, conditions, split="train": small.bank(n, split == "train")
    )
    calls: list[int] = []
    monkeypatch.setattr(train_module.Training, "training_step", lambda self, i: (calls.append(i), step(self, i))[1])
    parts = run(tmp_path / "parts", "parts")
    assert len(calls) == 2
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    cards = [json.loads((tmp_path / f"{n}/{n}.json").read_text()) for n in ("whole", "parts")]
    assert cards[0]["curve"] == cards[1]["curve"]
    assert [p["step"] for p in cards[0]["curve"]] == [2, 4, 6]
    (other,) = (tmp_path / "build/training").iterdir()
    assert json.loads((other / "made_of.json").read_text())["seed"] == 1, "nothing is left behind but the other training"


def begun(tmp_path: Path, **options: object) -> Path:
    """A training of three conditions, and one that goes on from it with two of them and a new one."""
    train("first", NAMES, small.RECIPE, device="cpu", out=tmp_path)
    recipe = replace(small.RECIPE, start=str(tmp_path / "first"), steps=2, **options)  # type: ignore[arg-type]
    return train("second", ("label", "simclr:backbone", "thumbnail"), recipe, device="cpu", out=tmp_path)


def test_a_training_that_goes_on_begins_with_the_weights_of_the_other(tmp_path: Path) -> None:
    second, first = load(str(begun(tmp_path, lr=0.0).with_suffix(""))), load(str(tmp_path / "first"))
    images, e = small.pictures(3), torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    for name, h in (("thumbnail", thumbnails(images)), ("label", np.eye(4, dtype=np.float32)[[0, 2, 3]]), ("null", None)):
        drawn = [decoder.sample(name, h, e, steps=3) for decoder in (first, second)]
        assert np.array_equal(*drawn), name
    assert second.conditions == ("label", "simclr:backbone", "thumbnail", "null")
    card = second.card
    assert card["start"] == f"the weights of decoder first ({first.card['digest'][:12]}), after 48 images"
    assert [row["digest"] for row in card["earlier"]] == [first.card["digest"]]
    again = train("third", NAMES, replace(small.RECIPE, start=str(tmp_path / "second"), steps=2), device="cpu", out=tmp_path)
    last = load(str(again.with_suffix(""))).card
    assert [row["images_seen"] for row in last["earlier"]] == [48, 16], "the whole chain"
    assert last["start"].endswith("after 64 images")


def test_a_training_that_goes_on_draws_what_the_other_would_have_drawn_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun(tmp_path)
    seen: list[list[torch.Tensor]] = []
    for start, at in ((None, 8), ("second", 0)):  # 6 steps, and 2 more
        module = small.training(("label", "thumbnail"))
        if start:
            module.go_on(load(str(tmp_path / start)))
        monkeypatch.setattr(type(module), "global_step", at)
        monkeypatch.setattr(type(module), "trainer", type("Trainer", (), {"global_rank": 0}))
        monkeypatch.setattr(
            type(module.objective), "losses", lambda _, network, *given: (seen.append(list(given[:3])), given[1] * 0)[1]
        )
        module.training_step(0)
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


def test_what_was_learnt_before_is_counted_condition_by_condition() -> None:
    point = {"step": 6, "loss": 0.1, "mrr": {"thumbnail": 0.5, "label": 0.25}}
    earlier = {"images_seen": 90, "steps": 9, "conditions": ["thumbnail", "label", "shuffled"], "curve": [point]}
    own = {"images_seen": 60, "steps": 6, "conditions": ["thumbnail", "simclr:backbone"], "earlier": [earlier]}
    last = {"step": 6, "loss": 0.1, "mrr": {"thumbnail": 0.75, "simclr:backbone": 0.125}}
    rows = history({"name": "x", **own, "curve": [last]})
    assert [(row["condition"], row["step"], row["seen"], row["mrr"]) for row in rows] == [
        ("thumbnail", 6, 20, 0.5),  # 60 images until then, a third of them with it
        ("thumbnail", 15, 60, 0.75),  # 30 before, and half of 60
        ("simclr:backbone", 15, 30, 0.125),
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shape": replace(small.SHAPE, widths=(16, 16))}, "has another shape"),
        ({"dataset": "scenes:context"}, "draws scenes:objects, not scenes:context"),
        ({"start": "nowhere"}, "nowhere"),
    ],
)
def test_a_start_that_does_not_fit_is_refused_before_an_image_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], message: str
) -> None:
    train("first", NAMES, small.RECIPE, device="cpu", out=tmp_path)
    monkeypatch.setattr(train_module, "bank", lambda *given, **named: pytest.fail("images were read"))
    recipe = replace(small.RECIPE, **{"start": str(tmp_path / "first"), **changed})  # type: ignore[arg-type]
    with pytest.raises((UserError, MissingFile), match=message):
        train("second", NAMES, recipe, device="cpu", out=tmp_path)


def test_a_start_with_other_weights_of_an_encoder_is_refused(tmp_path: Path) -> None:
    path = train("first", ("simclr:backbone",), small.RECIPE, device="cpu", out=tmp_path)
    facts = json.loads(path.with_suffix(".json").read_text())
    facts["encoders"] = {"zoo:simclr": "0" * 64}
    path.with_suffix(".json").write_text(json.dumps(sealed(facts)))
    with pytest.raises(UserError, match="other weights of zoo:simclr"):
        train("x", ("simclr:backbone",), replace(small.RECIPE, start=str(tmp_path / "first")), device="cpu", out=tmp_path)


def test_a_few_dozen_steps_lower_the_held_out_loss_and_most_where_more_is_known(tmp_path: Path) -> None:
    recipe = replace(small.RECIPE, steps=40, every=20, batch=16, ema_power=0.6)
    path = train("x", NAMES, recipe, device="cpu", out=tmp_path)
    held, decoder = small.bank(32, seed=0), load(str(path.with_suffix("")))
    losses = {
        name: decoder.loss(name, held.images, None if name == "null" else held.rows[rows].astype(np.float32)).mean()
        for name, rows in (("thumbnail", "thumbnail"), ("shuffled", "zoo:simclr backbone"), ("null", ""))
    }
    untrained = small.decoder(NAMES, shaken=False).loss("null", held.images, None).mean()
    assert losses["thumbnail"] < 0.97 * losses["null"]
    assert losses["null"] < 0.9 * untrained
    assert losses["shuffled"] > 1.02 * losses["thumbnail"], "h of another image is no help"


def test_every_condition_comes_equally_often_and_a_tenth_is_dropped() -> None:
    module = small.training()
    drawn = torch.cat([module._numbers(50, torch.Generator().manual_seed(seed)) for seed in range(200)])
    shares = torch.bincount(drawn + 1) / len(drawn)
    assert shares[0].item() == pytest.approx(0.1, abs=0.01)
    torch.testing.assert_close(shares[1:], torch.full((5,), 0.18), rtol=0, atol=0.01)


def test_decoders_of_one_seed_see_the_same_images_noise_and_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[torch.Tensor]] = []
    for names in (("thumbnail",), small.NAMES):
        module = small.training(names)
        monkeypatch.setattr(type(module), "global_step", 7)
        module.__dict__["_trainer"] = type("Trainer", (), {"global_rank": 0})()
        monkeypatch.setattr(
            type(module.objective), "losses", lambda _, network, *given: (seen.append(list(given[:3])), given[1] * 0)[1]
        )
        monkeypatch.setattr(type(module), "trainer", property(lambda self: self._trainer))
        module.training_step(0)
    assert all(torch.equal(one, two) for one, two in zip(*seen, strict=True))


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    module = small.training(recipe=replace(small.RECIPE, steps=100, warmup=10, decay=0.25))
    rates = [module.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[40] == rates[75] == 1
    assert rates[-1] == 0
    assert (np.diff(rates[75:]) < 0).all()


def test_what_begins_as_a_solution_learns_at_a_twentieth_of_the_rate() -> None:
    module = small.training()
    fast, gentle = module.configure_optimizers()["optimizer"].param_groups
    assert gentle["lr"] == pytest.approx(fast["lr"] / 20)
    embed = module.denoiser.embed
    assert {id(p) for p in gentle["params"]} == {id(p) for part in (embed.linears, embed.map) for p in part.parameters()}
    assert len(fast["params"]) + len(gentle["params"]) == len(list(module.denoiser.parameters()))


def test_averaged_weights_lag_behind_and_taking_them_changes_nothing() -> None:
    module = small.training()
    before = [p.clone() for p in module.denoiser.parameters()]
    for parameter in module.denoiser.parameters():
        parameter.data += 1.0
    module.ema.step(module.denoiser.parameters())
    module.ema.step(module.denoiser.parameters())
    state, now = module.averaged(), dict(module.denoiser.named_parameters())
    key = "embed.null"
    assert before[0].shape == next(iter(now.values())).shape
    assert (state[key] <= now[key]).all()
    assert (state[key] > now[key] - 1).all()
    torch.testing.assert_close(module.averaged()[key], state[key])


def test_the_shuffled_control_never_gets_its_own_representation() -> None:
    data = small.bank(64)
    own, other = data.of(condition("simclr:backbone")), data.of(condition("shuffled"))
    assert not (own == other).all(1).any()
    assert np.array_equal(np.sort(own, axis=0), np.sort(other, axis=0))


def test_the_bank_holds_what_the_encoder_says_of_the_images_and_is_made_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conditions = [condition(n) for n in ("simclr:backbone", "simclr:projector", "thumbnail", "label", "shuffled")]
    made = bank_module.bank("scenes:objects", 12, 32, conditions, "val")
    images = datasets.load("scenes:objects", size=32, n=12, split="val").images
    assert np.array_equal(made.images, images)
    assert len(made.classes) == 16
    from analysis import encoders

    encoder = encoders.load("zoo:simclr")
    np.testing.assert_allclose(made.rows["zoo:simclr backbone"], encoder.embed(images), atol=5e-3)
    np.testing.assert_allclose(made.rows["zoo:simclr projector"], encoder.project(images), atol=5e-3)
    np.testing.assert_allclose(made.rows["thumbnail"], thumbnails(images), atol=1e-3)
    monkeypatch.setattr(bank_module, "read", lambda *_: pytest.fail("computed again"))
    monkeypatch.setattr(bank_module.datasets, "load", lambda *_, **__: pytest.fail("drawn again"))
    again = bank_module.bank("scenes:objects", 12, 32, conditions, "val")
    assert all(np.array_equal(made.rows[name], again.rows[name]) for name in made.rows)


def test_a_folder_gives_four_fifths_to_training_and_the_rest_to_what_follows_it(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(10):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(np.full((32, 32, 3), 20 * i, np.uint8)).save(tmp_path / "images" / f"{i}.png")
    levels = {
        split: bank_module.bank(f"folder:{tmp_path / 'images'}", 100, 32, [condition("thumbnail")], split).images.mean(
            (1, 2, 3)
        )
        for split in ("train", "val")
    }
    assert (len(levels["train"]), len(levels["val"])) == (8, 2)
    assert len({*levels["train"], *levels["val"]}) == 10, "no image is in both"


def test_one_step_of_a_small_twin_of_the_original_form_moves_both_halves_of_its_output() -> None:
    shape = replace(PRESETS["full128"].shape, size=16, widths=(32, 32, 64), attention=(False, True, True), head=16, blocks=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Denoiser(replace(shape, code=128), (condition("simclr:backbone:adagn"),), (20,))
    objective, source = Ddpm(), torch.Generator().manual_seed(0)
    images, e = torch.rand(4, 3, 16, 16, generator=source) - 0.5, torch.randn(4, 3, 16, 16, generator=source)
    sigma = objective.sigmas(4, source)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def loss() -> torch.Tensor:
        added, maps = network.embed(torch.zeros(4, dtype=torch.long), [torch.ones(4, 20)])
        return objective.losses(lambda x, t: network(x, t, added, maps), images, sigma, e).mean()

    before = loss()
    before.backward()
    gradient = network.unet.conv_out.weight.grad
    assert gradient[:3].any()
    assert gradient[3:].any()
    optimizer.step()
    assert loss() < before


def test_the_command_names_condition_dataset_and_recipe() -> None:
    name, conditions, suffix, recipe = chosen("zoo:simclr", "backbone", "adagn", "", "", "smoke", 7, None)
    assert (name, conditions, suffix) == ("simclr-backbone-adagn", ("simclr:backbone:adagn",), "")
    assert (recipe.steps, recipe.dataset, recipe.shape) == (7, "scenes:objects", PRESETS["smoke"].shape)
    name, conditions, suffix, recipe = chosen("", "backbone", "adagn+map", "imagenette", "", "", None, 99)
    assert (name, suffix, recipe.dataset, recipe.images) == ("imagenette", "-imagenette", "imagenette", 99)
    assert recipe.shape == PRESETS["narrow32"].shape
    assert conditions == TRUNKS["imagenette"].conditions
    assert chosen("", "backbone", "adagn+map", "scenes", "", "", None, None)[3] == PRESETS["tiny32"]
    assert chosen("timm:a.b", "backbone", "adagn+map", "", "folder:x", "base32", None, None)[0] == "timm-a.b-backbone"


def test_the_rate_of_a_training_that_goes_on_begins_at_half_and_falls_from_the_first_step_on() -> None:
    fresh = chosen("", "backbone", "adagn+map", "scenes", "", "", None, None)[3]
    going_on = chosen("", "backbone", "adagn+map", "scenes", "", "", None, None, "scenes")[3]
    assert going_on == replace(fresh, start="scenes", decay=1.0, lr=fresh.lr / 2)
    rates = [
        train_module.Training.rate(SimpleNamespace(recipe=going_on), step) for step in range(going_on.warmup, going_on.steps)
    ]
    assert all(np.diff(rates) < 0)
    assert train_module.Training.rate(SimpleNamespace(recipe=fresh), fresh.steps // 2) == 1


@pytest.mark.parametrize("trunk", TRUNKS)
def test_all_conditions_of_the_shared_decoders_exist(trunk: str) -> None:
    shared = TRUNKS[trunk]
    conditions = [condition(name, shared.suffix) for name in shared.conditions]
    assert len(set(conditions)) == len(shared.conditions)
    assert {"thumbnail", "label", "shuffled"} <= {c.name for c in conditions}
    assert all((paths.ZOO / f"{c.encoder.removeprefix('zoo:')}.json").exists() for c in conditions if "zoo:" in c.encoder)
    assert all(c.encoder.startswith(("zoo:", "vit-tiny")) for c in conditions if c.encoder)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an encoder"),
        (["--encoder", "zoo:simclr", "--trunk", "scenes"], "name an encoder"),
        (["--encoder", "zoo:simclr", "--tap", "middle"], "unknown condition"),
        (["--encoder", "zoo:simclr", "--inject", "map"], "unknown way in"),
        (["--encoder", "zoo:simclr", "--preset", "huge"], "unknown preset"),
        (["--trunk", "real"], "unknown decoder"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["rcdm", "train", *arguments])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)


def test_an_encoder_without_a_projector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no projector"):
        bank_module.bank("scenes:objects", 4, 32, [condition("supervised:projector")], "val")


def test_the_typed_command_trains_a_decoder_that_can_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_module, "bank", bank_module.bank)
    command = ["rcdm", "train", "--encoder", "zoo:simclr", "--tap", "projector", "--preset", "smoke", "--steps", "3"]
    result = CliRunner().invoke(app, [*command, "--images", "32", "--device", "cpu", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    decoder = load(str(Path(result.output.strip().splitlines()[-1]).with_suffix("")))
    assert decoder.conditions == ("simclr:projector", "null")
    assert decoder.card["steps"] == 3
    assert set(decoder.card["curve"][-1]["mrr"]) == {"simclr:projector"}


def test_the_smoke_preset_is_a_network_of_its_own() -> None:
    assert PRESETS["smoke"].shape == Shape(patch=4, widths=(16, 32), head=8)
