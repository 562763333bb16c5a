"""Released decoders: the layout of their files, read strictly; the network against its parts written out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.decoders.released import Attention, Released, Residual, load
from analysis.decoders.sampling import ancestral, noise
from analysis.errors import MissingFile, UserError

TINY = {"width": 32, "multiples": (1, 2), "blocks": 1, "attending": (1,), "heads": 2}
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


def test_a_file_comes_back_weight_by_weight_and_draws(tmp_path: Path) -> None:
    path = file(tmp_path, **{"out.2.weight": 0.01 * torch.randn(6, 32, 3, 3)})
    network = load(path, **TINY)
    saved = torch.load(path)
    assert all(torch.equal(saved[key], value) for key, value in network.state_dict().items())
    h = np.random.default_rng(0).normal(size=(2, 20))
    images = ancestral(network.denoiser(h), noise(2, 0, 16), 4)
    assert images.shape == (2, 3, 16, 16)
    assert images.isfinite().all()
    assert images.abs().max() <= 1


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
        ({"out.2.bias": None}, "missing out.2.bias"),
        ({"label_emb.weight": torch.zeros(3)}, "unexpected label_emb.weight"),
        ({"time_embed.0.weight": torch.zeros(3)}, r"wrong shape time_embed.0.weight \(3,\) instead of \(128, 32\)"),
    ],
)
def test_a_file_that_does_not_fit_names_the_key(tmp_path: Path, changes: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(file(tmp_path, **changes), **TINY)


def test_absent_and_unreadable_files_are_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="is not there: the released decoders are files named rcdm_ema_"):
        load(tmp_path / "rcdm_ema_dino_trunk.pt")
    (tmp_path / "x.pt").write_bytes(b"<html>")
    with pytest.raises(UserError, match="is not a readable checkpoint"):
        load(tmp_path / "x.pt")
