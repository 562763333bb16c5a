"""The decoder as studies use it: what conditions do, equal noise, guidance, files that are not as they should be."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

import rcdm_small as small
from analysis.decoders import card
from analysis.decoders.conditions import condition, one_hot, read, thumbnails
from analysis.decoders.decoder import Decoder, interpolate, load, noise
from analysis.decoders.embedding import PICTURE, RepEmbed
from analysis.decoders.network import Denoiser
from analysis.decoders.recipe import PRESETS
from analysis.errors import MissingFile, UserError
from analysis.results import sealed


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return small.decoder()


@pytest.fixture
def h() -> np.ndarray:
    return small.bank().rows["thumbnail"][:6].astype(np.float32)


def embed(**changes: object) -> RepEmbed:
    options = {"code": 128, "embedding": 24, "side": 4} | changes
    return RepEmbed(tuple(condition(n) for n in ("thumbnail", "simclr:backbone:adagn")), (192, 20), **options)  # type: ignore[arg-type]


def test_representations_add_nothing_to_the_time_embedding_before_training() -> None:
    added, maps = embed()(torch.tensor([0, 0, 1, -1]), [torch.randn(2, 192), torch.randn(1, 20)])
    assert not added.any()
    assert maps[:2].any()
    assert not maps[2:].any(), "no map for a condition without one, nor for null"


def test_every_row_meets_its_own_condition_and_standardisation() -> None:
    module = embed()
    torch.nn.init.normal_(module.inject.weight)
    module.mean0.fill_(2.0)
    module.std0.fill_(4.0)
    h, g = torch.randn(2, 192), torch.randn(1, 20)
    added, maps = module(torch.tensor([0, 1, 0, -1]), [h, g])
    code = torch.stack([*module.linears[0]((h - 2) / 4), module.linears[1](g)[0], module.null])[[0, 2, 1, 3]]
    torch.testing.assert_close(added, module.inject(torch.nn.functional.silu(code)))
    torch.testing.assert_close(maps[[0, 2]].flatten(1), module.map(code[[0, 2]]))


def test_the_start_draws_the_least_squares_guess_of_the_thumbnail() -> None:
    data, module = small.bank(600), embed()
    pictures = torch.from_numpy(thumbnails(data.images))
    h = torch.from_numpy(data.rows["zoo:simclr backbone"]).float()
    module.start([pictures, h], pictures, torch.Generator().manual_seed(0))
    centred = pictures - pictures.mean(0)
    with torch.no_grad():
        code = module.linears[0](module.standardised(0, pictures))[:, :PICTURE]
        found = module.linears[1](module.standardised(1, h))[:, :PICTURE]
        maps = module(torch.zeros(600, dtype=torch.long), [pictures, None])[1][:, :3]
    assert (code.var(0)[:20] > 0.8).all(), "whitened: a thumbnail guesses itself"
    x = ((h - h.mean(0)) / h.std(0)).numpy()
    guess = x @ np.linalg.lstsq(x, code.numpy(), rcond=None)[0]
    assert np.corrcoef(guess[:, :5].ravel(), found[:, :5].ravel())[0, 1] > 0.99
    means = torch.nn.functional.avg_pool2d(centred.view(-1, 8, 8, 3).permute(0, 3, 1, 2), 2)
    assert torch.corrcoef(torch.stack([maps.flatten(), means.flatten()]))[0, 1] > 0.9


def test_the_network_draws_the_guess_before_training_and_the_average_where_there_is_none() -> None:
    """Where noise hides everything, the expected image is the guess."""
    decoder, data = small.decoder(shaken=False), small.bank()
    h = data.rows["zoo:simclr backbone"]
    x, sigma = 1e4 * noise(64, 0, 16), torch.tensor(1e4)
    average = torch.from_numpy(data.images.mean(0)).permute(2, 0, 1) / 127.5 - 1
    for name in ("simclr:backbone:adagn", "null"):
        drawn = decoder.denoiser(name, None if name == "null" else h, 64)(x, sigma)
        torch.testing.assert_close(drawn, average.float().expand(64, -1, -1, -1), rtol=0, atol=0.1)
    images = torch.from_numpy(data.images).permute(0, 3, 1, 2) / 127.5 - 1
    drawn = decoder.denoiser("thumbnail", data.rows["thumbnail"], 64)(x, sigma)
    assert (drawn - images).square().mean() < 0.5 * (average - images).square().mean()


def test_dimensions_that_never_vary_are_ignored() -> None:
    data, module = small.bank(600), embed()
    pictures = torch.from_numpy(thumbnails(data.images))
    h = torch.from_numpy(data.rows["zoo:simclr backbone"]).float()
    h[:, 3] = 7.0
    module.start([pictures, h], pictures, torch.Generator().manual_seed(0))
    moved = h.clone()
    moved[:, 3] = 1e6
    torch.testing.assert_close(module.standardised(1, h), module.standardised(1, moved))
    assert all(parameter.isfinite().all() for parameter in module.parameters())


def test_equal_noise_gives_the_equal_image_whatever_the_company(decoder: Decoder, h: np.ndarray) -> None:
    e = noise(6, 0, 16)
    whole = decoder.sample("thumbnail", h, e, steps=3)
    assert whole.shape == (6, 16, 16, 3)
    assert whole.dtype == np.uint8
    assert np.array_equal(whole, decoder.sample("thumbnail", h, e, steps=3))
    alone = decoder.sample("thumbnail", h[2:3], e[2:3], steps=3)
    assert np.abs(alone[0].astype(int) - whole[2]).max() <= 1
    assert not np.array_equal(whole, decoder.sample("thumbnail", h, noise(6, 1, 16), steps=3))


def test_nothing_given_is_changed_in_place(decoder: Decoder, h: np.ndarray) -> None:
    e, before, rows = noise(6, 0, 16), noise(6, 0, 16), h.copy()
    images = small.pictures(6)
    kept = images.copy()
    for sampler in ("heun", "dpm", "ancestral"):
        decoder.sample("thumbnail", h, e, steps=2, sampler=sampler)
    decoder.loss("thumbnail", images, h)
    assert torch.equal(e, before)
    assert np.array_equal(h, rows)
    assert np.array_equal(images, kept)


def test_conditions_matter_and_null_needs_none(decoder: Decoder, h: np.ndarray) -> None:
    e = noise(6, 0, 16)
    drawn = decoder.sample("thumbnail", h, e, steps=3).astype(int)
    assert np.abs(drawn - decoder.sample("thumbnail", h[::-1], e, steps=3)).mean() > 0.5
    assert np.abs(drawn - decoder.sample("null", None, e, steps=3)).mean() > 0.5
    assert decoder.conditions == (*small.NAMES, "null")


def test_guidance_one_is_the_condition_and_zero_is_null(decoder: Decoder, h: np.ndarray) -> None:
    x, sigma = noise(6, 2, 16), torch.tensor(0.7)
    given, free = decoder.denoiser("thumbnail", h, 6)(x, sigma), decoder.denoiser("null", None, 6)(x, sigma)
    torch.testing.assert_close(decoder.denoiser("thumbnail", h, 6, 0.0)(x, sigma), free)
    torch.testing.assert_close(decoder.denoiser("thumbnail", h, 6, 3.0)(x, sigma), free + 3 * (given - free))


def test_one_sampler_step_costs_the_stated_calls(decoder: Decoder, h: np.ndarray) -> None:
    calls: list[int] = []
    hook = decoder.network.unet.register_forward_hook(lambda *_: calls.append(1))
    decoder.sample("thumbnail", h, noise(6, 0, 16), steps=4)
    decoder.sample("thumbnail", h, noise(6, 0, 16), steps=4, sampler="dpm")
    decoder.sample("thumbnail", h, noise(6, 0, 16), steps=4, guidance=2.0, sampler="ancestral")
    hook.remove()
    assert len(calls) == 7 + 4 + 8


def test_held_out_loss_is_the_objective_at_fixed_levels_and_noise(decoder: Decoder, h: np.ndarray) -> None:
    images = small.pictures(6)
    found = decoder.loss("thumbnail", images, h, seed=3)
    assert found.shape == (6,)
    assert (found > 0).all()
    np.testing.assert_allclose(decoder.loss("thumbnail", images[:2], h[:2], seed=3), found[:2], rtol=1e-4)
    assert not np.allclose(decoder.loss("thumbnail", images, h, seed=4), found, rtol=1e-3)


def test_interpolation_shares_its_noise_and_ends_at_both_images(decoder: Decoder, h: np.ndarray) -> None:
    e = noise(1, 0, 16)[0]
    frames = interpolate(decoder, "thumbnail", h[0], h[1], e, 5, steps=3)
    ends = decoder.sample("thumbnail", h[:2], torch.stack([e, e]), steps=3)
    assert np.abs(frames[[0, -1]].astype(int) - ends).max() <= 1
    same = interpolate(decoder, "thumbnail", h[0], h[0], e, 5, steps=3)
    assert np.abs(same.astype(int) - same[:1]).max() <= 1


def test_encoding_is_that_of_the_encoder_on_the_images_as_they_are(decoder: Decoder) -> None:
    images = small.pictures(3)
    encoder = decoder.encoder("simclr:backbone")
    np.testing.assert_allclose(decoder.encode("simclr:backbone", images), encoder.embed(images).numpy())
    assert np.array_equal(decoder.encode("thumbnail", images), thumbnails(images))
    assert np.array_equal(decoder.encode("label", images, np.array([2, 0, 1])), one_hot(np.array([2, 0, 1]), 4))
    taps = read(encoder, images, ("backbone", "hidden", "projector"))
    projector = encoder.projector
    np.testing.assert_allclose(taps["projector"], projector(torch.from_numpy(taps["backbone"])).detach(), rtol=1e-5, atol=1e-6)
    rest = torch.nn.Sequential(*list(projector.layers)[3:])
    np.testing.assert_allclose(taps["projector"], rest(torch.from_numpy(taps["hidden"])).detach(), rtol=1e-5, atol=1e-6)


def test_an_encoder_with_other_weights_than_in_training_is_refused() -> None:
    decoder = small.decoder()
    decoder.card["encoders"]["zoo:simclr"] = "0" * 64
    with pytest.raises(UserError, match="trained with other weights of zoo:simclr"):
        decoder.encode("simclr:backbone", small.pictures(1))


def test_thumbnails_are_means_of_squares() -> None:
    images = np.zeros((1, 16, 16, 3), np.uint8)
    images[0, 2:4, 4:6, 1] = [[255, 0], [0, 255]]
    found = thumbnails(images).reshape(8, 8, 3)
    assert found[1, 2, 1] == pytest.approx(0)
    assert (np.delete(found.ravel(), (8 + 2) * 3 + 1) == -1).all()


@pytest.mark.parametrize(
    ("name", "h", "message"),
    [
        ("byol:backbone", np.zeros((2, 4)), "has no condition 'byol:backbone'"),
        ("thumbnail", np.zeros((2, 5)), r"h must be \(2, 192\)"),
        ("thumbnail", np.zeros((3, 192)), r"h must be \(2, 192\)"),
        ("thumbnail", None, r"h must be \(2, 192\)"),
        ("null", np.zeros((2, 192)), "h=None"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(decoder: Decoder, name: str, h: np.ndarray | None, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        decoder.sample(name, h, noise(2, 0, 16))
    assert "\n" not in str(error.value)


def test_labels_and_null_are_refused_without_what_they_need(decoder: Decoder) -> None:
    with pytest.raises(UserError, match="needs the labels"):
        decoder.encode("label", small.pictures(1))
    with pytest.raises(UserError, match="no representation"):
        decoder.encode("null", small.pictures(1))


@pytest.mark.parametrize("name", ["simclr", "simclr:stage2", ":backbone", "simclr:backbone:map", "labels"])
def test_unknown_names_of_conditions_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="unknown condition"):
        condition(name)


def test_names_of_conditions_say_encoder_tap_and_way() -> None:
    assert condition("simclr:projector:adagn", "-imagenette").encoder == "zoo:simclr-imagenette"
    assert not condition("simclr:projector:adagn").spatial
    assert (condition("timm:vit.x:backbone").encoder, condition("vit-tiny:backbone").encoder) == ("timm:vit.x", "vit-tiny")


def written(folder: Path) -> Path:
    network = Denoiser(small.SHAPE, tuple(condition(n) for n in ("thumbnail", "label")), (192, 4))
    facts = {
        "shape": json.loads(json.dumps(vars(small.SHAPE))),
        "conditions": ["thumbnail", "label"],
        "suffix": "",
        "widths": [192, 4],
        "classes": ["a", "b", "c", "d"],
        "recipe": {"objective": "edm", "mean": -1.0, "std": 1.3},
    }
    return card.write(folder, "x", network.state_dict(), facts)


def test_a_decoder_comes_back_from_its_file(tmp_path: Path) -> None:
    path = written(tmp_path)
    images, loaded = small.pictures(2), load(str(tmp_path / "x"))
    assert loaded.size == 16
    assert loaded.conditions == ("thumbnail", "label", "null")
    e = noise(2, 0, 16)
    again = load(str(path.with_suffix("")))
    h = loaded.encode("thumbnail", images)
    assert np.array_equal(loaded.sample("thumbnail", h, e, steps=2), again.sample("thumbnail", h, e, steps=2))


def test_the_history_has_a_row_for_every_measured_rank() -> None:
    curve = [{"step": 5, "loss": 0.5}, {"step": 9, "loss": 0.4, "mrr": {"thumbnail": 0.25, "label": 0.125}}]
    facts = {"name": "x", "images_seen": 36, "steps": 9}
    rows = card.history({**facts, "conditions": ["thumbnail", "label"], "curve": curve})
    assert [(row["condition"], row["step"], row["mrr"]) for row in rows] == [("thumbnail", 9, 0.25), ("label", 9, 0.125)]
    assert {row["seen"] for row in rows} == {18}  # 9 steps of 4 images, half of them with each
    assert not any(row["alone"] for row in rows)
    assert card.history({**facts, "conditions": ["label"], "curve": curve})[0]["alone"]
    assert card.history({**facts, "conditions": ["label"], "curve": curve[:1]}) == []


def test_loading_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    written(tmp_path)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    load(str(tmp_path / "x"))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    written(tmp_path).with_suffix(suffix).unlink()
    with pytest.raises(MissingFile, match=rf"x{suffix} is not there"):
        load(str(tmp_path / "x"))


def test_damaged_weights_and_cards_are_one_clear_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    content, entries = path.read_bytes(), json.loads(path.with_suffix(".json").read_text())
    path.write_bytes(content[:-10])
    with pytest.raises(UserError, match="does not have the digest of its card"):
        load(str(tmp_path / "x"))
    path.write_bytes(content)
    for broken in ("{", "[]", json.dumps({**entries, "shape": {"sizes": 1}})):
        path.with_suffix(".json").write_text(broken)
        with pytest.raises(UserError, match="is not the card of a decoder"):
            load(str(tmp_path / "x"))


def test_weights_that_do_not_fit_their_card_name_the_key(tmp_path: Path) -> None:
    path = written(tmp_path)
    entries = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(sealed({**entries, "widths": [192, 5]})))
    with pytest.raises(UserError, match=r"wrong shape .*embed.linears.1.weight \(128, 4\) instead of \(128, 5\)"):
        load(str(tmp_path / "x"))


@pytest.mark.parametrize("name", [p.stem for p in card.folder().glob("*.safetensors")])
def test_shipped_decoders_load_and_their_conditions_can_be_encoded(name: str) -> None:
    decoder = load(name)
    assert decoder.size == 32
    assert decoder.card["steps"] > 0
    assert set(decoder.conditions) - {"null"}


def test_shipped_decoders_together_stay_within_twenty_megabytes() -> None:
    assert sum(path.stat().st_size for path in card.folder().glob("*.safetensors")) <= 20e6


def test_the_original_form_has_its_417_million_weights_and_takes_128_pixels() -> None:
    with torch.device("meta"):
        network = Denoiser(PRESETS["full128"].shape, (condition("simclr:backbone:adagn"),), (2048,))
        assert sum(p.numel() for p in network.unet.parameters()) == pytest.approx(417.2e6, rel=1e-3)
        added, maps = network.embed(torch.zeros(2, dtype=torch.long), [torch.zeros(2, 2048)])
        assert added.shape == (2, 1024)
        assert maps.shape == (2, 0, 128, 128)
        assert network(torch.zeros(2, 3, 128, 128), torch.zeros(2), added, maps).shape == (2, 6, 128, 128)


@pytest.mark.parametrize(("name", "millions"), [("narrow32", 0.76), ("tiny32", 1.7), ("base32", 27.7), ("smoke", 0.2)])
def test_presets_are_as_large_as_they_say(name: str, millions: float) -> None:
    with torch.device("meta"):
        network = Denoiser(PRESETS[name].shape, (condition("simclr:backbone"),), (512,))
    assert sum(p.numel() for p in network.unet.parameters()) == pytest.approx(millions * 1e6, rel=0.2)


def test_a_decoder_with_dimensions_that_never_varied_is_loaded_and_one_with_holes_is_not(tmp_path: Path) -> None:
    state = small.training().denoiser.state_dict()
    widths = [192, 4, 20, 20, 20]
    made = {"shape": asdict(small.SHAPE), "conditions": list(small.NAMES), "suffix": "", "widths": widths}
    state["embed.std2"][3] = torch.inf
    card.write(tmp_path, "calm", state, made)
    network, _ = card.read(tmp_path / "calm.safetensors")
    assert network.embed.std2[3] == torch.inf
    state["embed.std2"][3] = torch.nan
    card.write(tmp_path, "holes", state, made)
    with pytest.raises(UserError, match=r"not finite in embed.std2"):
        card.read(tmp_path / "holes.safetensors")
