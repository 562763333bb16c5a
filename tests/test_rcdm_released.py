"""Released decoders: the layout of their files, read strictly; the network against its parts written out."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from analysis.cli import app
from analysis.decoders.objective import Chain, Ddpm
from analysis.decoders.released import Attention, Released, Residual, load
from analysis.decoders.sampling import noise
from analysis.errors import MissingFile, UserError

TINY = {"width": 32, "multiples": (1, 2), "blocks": 1, "attending": (1,)}
LAYOUT = {
    "time_embed.0.weight": (1024, 256),
    "time_embed.2.bias": (1024,),
    "ssl_emb.weight": (1024, 2048),
    "input_blocks.0.0.weight": (256, 3, 3, 3),
    "input_blocks.1.0.in_layers.0.weight": (256,),
    "input_blocks.1.0.in_layers.2.weight": (256, 256, 3, 3),
    "input_blocks.1.0.emb_layers.1.weight": (512, 1024),
    "input_blocks.1.0.out_layers.0.bias": (256,),
    "input_blocks.1.0.out_layers.3.weight": (256, 256, 3, 3),
    "input_blocks.3.0.in_layers.2.weight": (256, 256, 3, 3),
    "input_blocks.7.0.skip_connection.weight": (512, 256, 1, 1),
    "input_blocks.7.1.qkv.weight": (1536, 512, 1),
    "input_blocks.14.1.proj_out.weight": (1024, 1024, 1),
    "middle_block.0.out_layers.3.weight": (1024, 1024, 3, 3),
    "middle_block.1.norm.weight": (1024,),
    "middle_block.2.emb_layers.1.bias": (2048,),
    "output_blocks.0.0.in_layers.2.weight": (1024, 2048, 3, 3),
    "output_blocks.2.2.in_layers.2.weight": (1024, 1024, 3, 3),
    "output_blocks.14.0.skip_connection.weight": (256, 512, 1, 1),
    "out.0.weight": (256,),
    "out.2.weight": (6, 256, 3, 3),
}
"""Names and shapes of the files for 128 px and backbones of 2048 dimensions, first, last and one of each kind."""


def file(folder: Path, **changes: torch.Tensor | None) -> Path:
    torch.manual_seed(0)
    state = Released(dim=20, **TINY).state_dict() | changes  # type: ignore[arg-type]
    torch.save({key: value for key, value in state.items() if value is not None}, folder / "rcdm_ema_x.pt")
    return folder / "rcdm_ema_x.pt"


def test_the_network_has_the_names_shapes_and_number_of_weights_of_the_files() -> None:
    with torch.device("meta"):
        network = Released()
    state = network.state_dict()
    assert {key: tuple(state[key].shape) for key in LAYOUT} == LAYOUT
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(422.6e6, rel=1e-4)
    assert {key.split(".")[0] for key in state} == {key.split(".")[0] for key in LAYOUT}
    assert not any("h_upd" in key or "label_emb" in key or "ccbn" in key for key in state)
    assert network(torch.zeros(1, 3, 128, 128, device="meta"), torch.zeros(1, device="meta"), torch.zeros(1, 2048, device="meta")).shape == (1, 6, 128, 128)  # fmt: skip  # noqa: E501


@pytest.mark.parametrize(
    "shape",
    [
        TINY,
        {"width": 32, "multiples": (1, 1, 2), "blocks": 2, "attending": (1, 2)},
        {"width": 64, "multiples": (1,), "blocks": 3, "attending": ()},
    ],
)
def test_a_file_comes_back_weight_by_weight_whatever_its_sizes(shape: dict[str, Any], tmp_path: Path) -> None:
    network = Released(dim=20, **shape)
    torch.save(network.state_dict(), tmp_path / "x.pt")
    loaded = load(tmp_path / "x.pt")
    assert repr(loaded) == repr(network.eval())
    assert all(torch.equal(network.state_dict()[key], value) for key, value in loaded.state_dict().items())


class Stub(Released):
    """A decoder whose output is planted: the noise that takes x to an image of 0, and one share everywhere."""

    share: float

    def forward(self, x: torch.Tensor, time: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        noise = x / (1 - Ddpm().kept[time.long()]).sqrt().float().view(-1, 1, 1, 1)
        return torch.cat([noise, torch.full_like(x, self.share)], 1)


def variance_by_hand(steps: int, share: float) -> float:
    """Of the samples before the last step, for images of 0: noise is scaled down and added, step by step."""
    betas = np.linspace(1e-4, 0.02, 1000)
    kept = np.cumprod(1 - betas)[np.round(np.linspace(0, 999, steps)).astype(int)]
    variance = 1.0
    for a, before in zip(kept[:0:-1], kept[-2::-1], strict=True):
        beta = 1 - a / before
        posterior = beta * (1 - before) / (1 - a)
        v = (share + 1) / 2
        scale = (1 - beta) ** 0.5 * (1 - before) / (1 - a)
        variance = scale**2 * variance + beta**v * posterior ** (1 - v)
    return variance


@pytest.mark.parametrize("share", [-1.0, 0.0, 1.0, 3.0])
def test_the_variance_of_a_step_is_the_one_that_was_learned(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network, steps = Stub(dim=4, **TINY), 12
    network.share = share
    seen: list[torch.Tensor] = []
    inner = network.forward
    monkeypatch.setattr(network, "forward", lambda x, time, h: (seen.append(x), inner(x, time, h))[1])
    images = network.sample(torch.zeros(32, 4), noise(32, 0, 16), steps)
    assert seen[-1].var().item() == pytest.approx(variance_by_hand(steps, share), rel=0.03)
    assert images.abs().max() < 1e-5


def test_the_released_noise_at_level_forty_lies_between_the_posteriors_and_beta() -> None:
    """Deviations of one step of a hundred: with the posterior's variance 0.070, at most 0.090."""
    chain = Chain(Ddpm().kept[torch.linspace(0, 999, 100).round().long()])
    betas = np.linspace(1e-4, 0.02, 1000)
    kept = np.cumprod(1 - betas)[np.round(np.linspace(0, 999, 100)).astype(int)]
    at = 4  # level 40
    beta = 1 - kept[at] / kept[at - 1]
    posterior = beta * (1 - kept[at - 1]) / (1 - kept[at])
    np.testing.assert_allclose(chain.most[at].exp(), beta, rtol=1e-9)
    np.testing.assert_allclose(chain.least[at].exp(), posterior, rtol=1e-9)
    print("DEV", posterior**0.5, beta**0.5)


def test_samples_depend_on_the_representation_and_their_noise_alone(tmp_path: Path) -> None:
    network = load(file(tmp_path))
    for parameter in network.parameters():
        if not parameter.any():  # what begins at zero hides the representation
            torch.nn.init.normal_(parameter, std=0.1)
    h, start = torch.randn(2, 20, generator=torch.Generator().manual_seed(0)), noise(2, 0, 16)
    images = network.sample(h, start, 4)
    assert images.shape == (2, 3, 16, 16)
    assert images.abs().max() <= 1
    torch.testing.assert_close(network.sample(h[1:], start[1:], 4), images[1:], rtol=0, atol=1e-3)
    assert (network.sample(h.flip(0), start, 4) - images).abs().max() > 0.01


# --- the command -------------------------------------------------------------------------------------------------------


def drawn(tmp_path: Path, dim: int, *more: str) -> Any:
    torch.manual_seed(0)
    small = {"width": 32, "multiples": (1,) * 5, "blocks": 1, "attending": (4,)}  # attends where maps are 8 x 8
    torch.save(Released(dim=dim, **small).state_dict(), tmp_path / "rcdm_ema_x.pt")
    folder = tmp_path / "photos" / "a"
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    command = ["rcdm", "draw", "--checkpoint", str(tmp_path / "rcdm_ema_x.pt"), "--encoder", "zoo:simclr", "--steps", "2"]
    command += ["--dataset", f"folder:{tmp_path / 'photos'}", "--out", str(tmp_path / "out"), "--samples", "2", "-n", "2"]
    return CliRunner().invoke(app, [*command, *more])


@pytest.mark.parametrize(("tap", "dim"), [("backbone", 512), ("projector", 128)])
def test_a_released_decoder_draws_from_the_images_of_a_folder(tap: str, dim: int, tmp_path: Path) -> None:
    from analysis import encoders

    width = {"backbone": encoders.load("zoo:simclr").dim}.get(tap, dim)
    result = drawn(tmp_path, width, "--tap", tap)
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "out" / "samples.npz") as kept:
        assert kept["ids"].shape == (2,)
        assert kept["images"].shape == (2, 224, 224, 3)
        assert kept["samples"].shape == (2, 2, 128, 128, 3)
        first = kept["samples"]
    with Image.open(tmp_path / "out" / "samples.png") as picture:
        assert picture.size == (3 * 128, 2 * 128)
        assert (np.asarray(picture)[:128, 128:256] == first[0, 0]).all()
    drawn(tmp_path, width, "--tap", tap)
    with np.load(tmp_path / "out" / "samples.npz") as again:
        assert (again["samples"] == first).all()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ((), r"draws from 7 numbers; zoo:simclr, backbone, gives \d+: another encoder or --tap"),
        (("--tap", "head"), "unknown tap 'head'"),
        (("--encoder", "zoo:nobody"), "zoo:nobody"),
        (("--dataset", "folder:/nowhere"), "nowhere"),
        (("--checkpoint", "/nowhere/rcdm.pt"), r"/nowhere/rcdm\.pt is not there"),
    ],
)
def test_a_decoder_that_cannot_draw_says_why_and_writes_nothing(more: tuple[str, ...], says: str, tmp_path: Path) -> None:
    result = drawn(tmp_path, 7, *more)
    assert isinstance(result.exception, UserError)
    assert re.search(says, str(result.exception))
    assert "\n" not in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_representation_enters_by_addition_to_the_time_embedding() -> None:
    torch.manual_seed(0)
    network = Released(dim=20, **TINY).eval()  # type: ignore[arg-type]
    torch.nn.init.normal_(network.out[2].weight)
    for parameter in network.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    x, time, h = torch.randn(2, 3, 16, 16), torch.tensor([3.0, 500.0]), torch.randn(2, 20)
    with torch.no_grad():
        given = network(x, time, h)
        shift = network.ssl_emb(h[:1])[0] - network.ssl_emb(torch.zeros(20))
        network.ssl_emb.bias += shift
        torch.testing.assert_close(network(x[:1], time[:1], torch.zeros(1, 20)), given[:1], rtol=1e-3, atol=1e-4)
    assert (given[0] - given[1]).abs().max() > 0.01


def test_a_residual_block_is_scaled_and_shifted_behind_its_second_normalisation() -> None:
    torch.manual_seed(0)
    block = Residual(32, 64, 8)
    torch.nn.init.normal_(block.out_layers[3].weight, std=0.1)
    x, e = torch.randn(2, 32, 6, 6), torch.randn(2, 8)
    f = torch.nn.functional
    inner = block.in_layers[2](f.silu(f.group_norm(x, 32, block.in_layers[0].weight, block.in_layers[0].bias)))
    scale, shift = block.emb_layers[1](f.silu(e)).chunk(2, 1)
    inner = f.group_norm(inner, 32) * (1 + scale[..., None, None]) + shift[..., None, None]
    torch.testing.assert_close(block(x, e), block.skip_connection(x) + block.out_layers[3](f.silu(inner)))
    assert Residual(32, 32, 8, 0.5)(x, e).shape == (2, 32, 3, 3)
    assert Residual(32, 32, 8, 2.0)(x, e).shape == (2, 32, 12, 12)


def test_heads_take_query_key_and_value_from_rows_of_their_own() -> None:
    torch.manual_seed(0)
    block = Attention(32, 2)
    torch.nn.init.eye_(block.proj_out.weight[..., 0])
    x = torch.randn(1, 32, 3, 3)
    rows = block.qkv(block.norm(x.flatten(2)))[0]
    heads = []
    for q, k, v in (rows[:48].split(16), rows[48:].split(16)):
        heads.append(v @ (q.T @ k / 4).softmax(-1).T)
    torch.testing.assert_close(block(x, torch.zeros(1, 8))[0], x[0] + torch.cat(heads).view(32, 3, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ssl_emb.weight": None}, "no key ssl_emb.weight"),
        ({"input_blocks.2.0.out_layers.3.weight": None}, "missing input_blocks.2.0.out_layers.3.weight"),
        ({"time_embed.0.weight": torch.zeros(3)}, "no key time_embed.0.weight"),
        ({"ssl_emb.weight": torch.full((128, 20), torch.nan)}, "not finite in ssl_emb.weight"),
        ({"out.2.bias": None}, "missing out.2.bias"),
        ({"label_emb.weight": torch.zeros(3)}, "unexpected label_emb.weight"),
        ({"time_embed.0.bias": torch.zeros(3)}, r"wrong shape time_embed.0.bias \(3,\) instead of \(128,\)"),
    ],
)
def test_a_file_that_does_not_fit_names_the_key(tmp_path: Path, changes: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(file(tmp_path, **changes))


def test_absent_and_unreadable_files_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="is not there: the released decoders are files named rcdm_ema_"):
        load(tmp_path / "rcdm_ema_dino_trunk.pt")
    (tmp_path / "x.pt").write_bytes(b"<html>")
    with pytest.raises(UserError, match="is not a readable checkpoint"):
        load(tmp_path / "x.pt")
