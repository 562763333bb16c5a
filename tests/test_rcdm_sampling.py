"""Preconditioning against its laws, samplers against data whose best denoiser is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from analysis.decoders.objective import Ddpm, Edm
from analysis.decoders.sampling import SAMPLERS, ancestral, dpm, heun, karras, noise, sampler, to_bytes, to_pixels
from analysis.errors import UserError

MEAN, DEVIATION = 0.3, 0.25


def gaussian(x: Tensor, sigma: Tensor) -> Tensor:
    """The best denoiser of pixels that are independent normal draws."""
    return MEAN + DEVIATION**2 / (DEVIATION**2 + sigma**2) * (x - MEAN)


def exact(start: Tensor) -> Tensor:
    """Where the deterministic path of those pixels ends."""
    sigma = karras(18)[0]
    return MEAN + DEVIATION / (DEVIATION**2 + sigma**2).sqrt() * (start * sigma - MEAN)


@pytest.mark.parametrize("level", [0.01, 0.3, 5.0])
def test_input_and_target_of_the_network_have_unit_variance_at_every_noise_level(level: float) -> None:
    edm, source = Edm(), torch.Generator().manual_seed(0)
    images = edm.sigma_data * torch.randn(64, 3, 16, 16, generator=source)
    e = torch.randn(images.shape, generator=source)
    sigma = torch.full((64,), level)
    seen: list[Tensor] = []

    def network(x: Tensor, _: Tensor) -> Tensor:
        seen.append(x)
        return torch.zeros_like(x)

    empty = edm.losses(network, images, sigma, e)
    assert seen[0].std().item() == pytest.approx(1, rel=0.02)
    assert empty.mean().item() == pytest.approx(1, rel=0.02), "the loss of a network that says nothing is its target's variance"


def test_a_network_that_inverts_the_preconditioning_denoises_perfectly() -> None:
    edm, images = Edm(), 0.3 * torch.randn(4, 3, 8, 8)
    sigma, e = torch.tensor([0.05, 0.5, 2.0, 20.0]), torch.randn(4, 3, 8, 8)
    s, total = sigma.view(-1, 1, 1, 1), sigma.view(-1, 1, 1, 1) ** 2 + edm.sigma_data**2

    def oracle(x: Tensor, time: Tensor) -> Tensor:
        torch.testing.assert_close(time, 25 * sigma.log())
        noisy = x * total.sqrt()
        return (images - edm.sigma_data**2 / total * noisy) * total.sqrt() / (s * edm.sigma_data)

    assert edm.losses(oracle, images, sigma, e).max() < 1e-6


def test_noise_levels_in_training_follow_the_stated_law() -> None:
    edm = Edm()
    drawn = edm.sigmas(20_000, torch.Generator().manual_seed(0)).log()
    assert drawn.mean().item() == pytest.approx(edm.mean, abs=0.05)
    assert drawn.std().item() == pytest.approx(edm.std, abs=0.05)
    torch.testing.assert_close(drawn.exp().quantile(torch.tensor([0.25, 0.75])), edm.quantiles(2), rtol=0.05, atol=0)


@pytest.mark.parametrize(("name", "steps"), [("heun", 60), ("dpm", 60), ("ancestral", 500)])
def test_samples_of_a_gaussian_have_its_mean_and_variance(name: str, steps: int) -> None:
    x = SAMPLERS[name](gaussian, noise(100, 0, 8), steps)
    assert x.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert x.std().item() == pytest.approx(DEVIATION, rel=0.05)


def test_heun_is_of_second_order_and_costs_two_calls_a_step_but_the_last() -> None:
    start, errors = noise(4, 1, 8).double(), []
    for steps in (16, 32, 64):
        calls: list[int] = []
        counted = lambda x, sigma, seen=calls: (seen.append(1), gaussian(x, sigma))[1]  # noqa: E731
        errors.append((heun(counted, start, steps) - exact(start)).abs().max().item())
        assert len(calls) == 2 * steps - 1
    assert errors[0] / errors[1] > 3
    assert errors[1] / errors[2] > 3


def test_the_multistep_solver_ends_where_heun_ends_with_one_call_a_step() -> None:
    start, calls = noise(4, 1, 8), []
    counted = lambda x, sigma: (calls.append(1), gaussian(x, sigma))[1]  # noqa: E731
    torch.testing.assert_close(dpm(counted, start, 40), heun(gaussian, start, 100), rtol=0, atol=0.01)
    assert len(calls) == 40


def test_ancestral_noise_is_fixed_by_the_start() -> None:
    start = noise(3, 0, 8)
    whole, alone = ancestral(gaussian, start, 20), ancestral(gaussian, start[1:2], 20)
    torch.testing.assert_close(whole[1:2], alone)
    assert (ancestral(gaussian, noise(3, 1, 8), 20) - whole).abs().mean() > 0.05


def test_noise_of_a_row_depends_on_seed_and_row_alone() -> None:
    torch.testing.assert_close(noise(5, 3, 8)[:2], noise(2, 3, 8))
    assert (noise(2, 4, 8) - noise(2, 3, 8)).abs().mean() > 0.5
    assert not torch.equal(noise(2, 3, 8)[0], noise(2, 3, 8)[1])
    many = noise(100, 0, 8)
    assert abs(many.mean()) < 0.03
    assert abs(many.std() - 1) < 0.03


def test_an_unknown_sampler_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="heun, dpm, ancestral"):
        sampler("euler")


def test_pixels_survive_the_way_to_tensors_and_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    assert np.array_equal(to_bytes(to_pixels(images)), images)
    assert to_pixels(images).min() >= -1
    assert to_pixels(images).max() <= 1


def test_levels_of_the_original_objective_are_found_again_and_its_oracle_denoises() -> None:
    ddpm = Ddpm()
    sigma = ddpm.levels[[0, 10, 500, 999]].float()
    torch.testing.assert_close(ddpm.time(sigma), torch.tensor([0.0, 10.0, 500.0, 999.0]), rtol=0, atol=0.05)
    images, e = torch.rand(4, 3, 8, 8) * 2 - 1, torch.randn(4, 3, 8, 8)
    noisy = images + sigma.view(-1, 1, 1, 1) * e
    oracle = lambda x, time: torch.cat([e, torch.zeros_like(e)], 1)  # noqa: E731
    torch.testing.assert_close(ddpm.denoise(oracle, noisy, sigma), images, rtol=0, atol=0.01)


def test_the_variational_bound_is_least_where_the_learned_variance_is_the_true_one() -> None:
    """For t > 0 and the true noise, KL(q | p) is 0 exactly at the posterior's variance, share -1."""
    ddpm, images, e = Ddpm(), torch.rand(8, 3, 8, 8) - 0.5, torch.randn(8, 3, 8, 8)
    sigma = ddpm.levels[torch.arange(50, 450, 50)].float()
    at = lambda share: ddpm.losses(lambda x, t: torch.cat([e, torch.full_like(e, share)], 1), images, sigma, e)  # noqa: E731
    assert at(-1.0).abs().max() < 1e-6
    assert (at(1.0) > at(0.0)).all()
    assert (at(0.0) > at(-1.0)).all()


def test_no_gradient_of_the_bound_reaches_the_noise_half() -> None:
    ddpm, images, e = Ddpm(), torch.rand(2, 3, 8, 8) - 0.5, torch.randn(2, 3, 8, 8)
    out = torch.randn(2, 6, 8, 8, requires_grad=True)
    sigma = ddpm.levels[[100, 300]].float()
    ddpm.losses(lambda x, t: out, images, sigma, e).sum().backward()
    assert out.grad is not None
    torch.testing.assert_close(out.grad[:, :3], 2 * (out[:, :3] - e).detach() / (3 * 64))
    assert out.grad[:, 3:].abs().max() > 0
