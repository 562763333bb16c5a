"""What the network learns: to denoise as in EDM (Karras et al. 2022, arXiv 2206.00364), or as in the original work."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Network = Callable[[Tensor, Tensor], Tensor]
"""F(x, time): scaled noisy images (n, 3, s, s) and times (n,) -> (n, 3 or 6, s, s)."""
CLOCK = 100.0
SIGMA_DATA = 0.3  # deviation of the pixels of Scenes in [-1, 1]; EDM, for photographs, has 0.5


@dataclass(frozen=True)
class Edm:
    """Preconditioning, noise levels and weight of EDM (section 5, table 1); pixels are in [-1, 1].

    Attributes:
        sigma_data: standard deviation of the pixels.
        mean, std: of ln sigma in training. EDM has -1.2 and 1.2 for photographs judged by realism, which for the smaller
            deviation of these pixels would be -1.7. What an image shows is settled at higher noise than how it looks: with
            -1.0 and 1.3, samples of a first trunk of 1,800 steps followed their noise more than their condition, and at
            sigma 20 the network explained less of an image than the linear guess it was given.
    """

    sigma_data: float = SIGMA_DATA
    mean: float = -0.4
    std: float = 1.6

    def sigmas(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise levels (n,) to train on, ln sigma ~ N(mean, std^2)."""
        return (self.mean + self.std * torch.randn(n, generator=generator, device=generator.device)).exp()

    def quantiles(self, n: int) -> Tensor:
        """Noise levels (n,) at the middles of n equally likely parts of the training distribution."""
        return torch.distributions.Normal(self.mean, self.std).icdf((torch.arange(n) + 0.5) / n).exp()

    def denoise(self, network: Network, noisy: Tensor, sigma: Tensor, guess: Tensor | float = 0.0) -> Tensor:
        """D(x; sigma) = m + c_skip (x - m) + c_out F(c_in x, c_noise) of images (n, 3, s, s) at noise levels (n,).

        Equation 7 around a guess m of the image, so that where noise hides everything the network starts from it.

        c_noise = 100 ln(sigma) / 4: the published value reaches from -1.5 to 1.1, and the sine code of diffusers, made for
        hundreds of steps, cannot tell such numbers apart.
        """
        s = sigma.view(-1, 1, 1, 1)
        total = s.square() + self.sigma_data**2
        inner = network(noisy / total.sqrt(), CLOCK / 4 * sigma.log())
        return guess + self.sigma_data**2 / total * (noisy - guess) + s * self.sigma_data / total.sqrt() * inner

    def losses(self, network: Network, images: Tensor, sigma: Tensor, noise: Tensor, guess: Tensor | float = 0.0) -> Tensor:
        """(n,) mean over pixels of weight (D(x + sigma noise; sigma) - x)^2, weight = (sigma^2 + sd^2) / (sigma sd)^2.

        A network that gives 0 has loss 1 at every noise level, for images of standard deviation `sigma_data`.
        """
        s = sigma.view(-1, 1, 1, 1)
        error = (self.denoise(network, images + s * noise, sigma, guess) - images).square().mean((1, 2, 3))
        return error * (sigma.square() + self.sigma_data**2) / (sigma * self.sigma_data).square()


class Chain:
    """Steps of a diffusion from levels with `kept` (k,) = a of the signal's variance, the least noisy first.

    One step back from x_t is normal: its mean is `of_image` x_0 + `of_noisy` x_t, its log variance between `least`, that of the
    posterior, and `most`, ln beta (Nichol and Dhariwal 2021, arXiv 2102.09672, equations 10, 11 and 15). All are float64, (k,).
    """

    def __init__(self, kept: Tensor) -> None:
        before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
        betas = 1 - kept / before
        posterior = betas * (1 - before) / (1 - kept)
        posterior[0] = posterior[1]  # 0, whose logarithm is not finite; the last step adds no noise
        self.kept, self.least, self.most = kept, posterior.log(), betas.log()
        self.of_image = before.sqrt() * betas / (1 - kept)
        self.of_noisy = (1 - betas).sqrt() * (1 - before) / (1 - kept)


class Ddpm:
    """The objective of the released code: noise and variance learned on 1,000 levels (Nichol and Dhariwal 2021).

    arXiv 2102.09672, section 3.1: |noise - F_1|^2 plus the variational bound of one step, through whose mean no gradient
    goes. Levels are those of linear betas 1e-4 ... 0.02; sigma^2 = (1 - a) / a, a the product of 1 - beta.
    """

    def __init__(self, levels: int = 1_000) -> None:
        self.betas = torch.linspace(1e-4, 0.02, levels, dtype=torch.float64)
        self.kept = torch.cumprod(1 - self.betas, 0)
        self.levels = ((1 - self.kept) / self.kept).sqrt()

    def sigmas(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise levels (n,) to train on, each of the 1,000 equally often."""
        drawn = torch.randint(len(self.levels), (n,), generator=generator, device=generator.device)
        return self.levels[drawn.cpu()].float().to(generator.device)

    def quantiles(self, n: int) -> Tensor:
        """Noise levels (n,) at the middles of n equally likely parts of the training distribution."""
        return self.levels[((torch.arange(n) + 0.5) / n * len(self.levels)).long()].float()

    def time(self, sigma: Tensor) -> Tensor:
        """Place of noise levels (n,) among the 1,000, between them where they lie between."""
        levels = self.levels.to(sigma)
        above = torch.searchsorted(levels, sigma.contiguous()).clamp(1, len(levels) - 1)
        low, high = levels[above - 1].log(), levels[above].log()
        return (above - 1 + (sigma.log() - low) / (high - low)).clamp(0, len(levels) - 1)

    def denoise(self, network: Network, noisy: Tensor, sigma: Tensor, guess: Tensor | float = 0.0) -> Tensor:
        """D(x; sigma) = x - sigma F_1(x / sqrt(1 + sigma^2)), clipped to [-1, 1] as in the released code; no guess."""
        s = sigma.view(-1, 1, 1, 1)
        inner = network(noisy / (1 + s.square()).sqrt(), self.time(sigma))[:, :3]
        return (noisy - s * inner).clamp(-1, 1)

    def losses(self, network: Network, images: Tensor, sigma: Tensor, noise: Tensor, guess: Tensor | float = 0.0) -> Tensor:
        """(n,) squared error of the noise plus the variational bound of the step, bits per pixel and channel."""
        s = sigma.view(-1, 1, 1, 1)
        t = self.time(sigma).round().long()
        noisy = (images + s * noise) / (1 + s.square()).sqrt()
        guess, share = network(noisy, t.float()).chunk(2, 1)
        return (guess - noise).square().mean((1, 2, 3)) + self._bound(images, noisy, guess.detach(), share, t)

    def _bound(self, images: Tensor, noisy: Tensor, guess: Tensor, share: Tensor, t: Tensor) -> Tensor:
        """KL of the true from the learned step, its log variance between those of the two extremes; at t = 0 the likelihood."""
        chain = Chain(self.kept)

        def at(row: Tensor) -> Tensor:
            """Values (1000,) of the levels at t, as (n, 1, 1, 1)."""
            return row.to(images)[t].view(-1, 1, 1, 1)

        clean = ((noisy - at(1 - self.kept).sqrt() * guess) / at(self.kept).sqrt()).clamp(-1, 1)
        wanted, given = (at(chain.of_image) * x + at(chain.of_noisy) * noisy for x in (images, clean))
        least, most = at(chain.least), at(chain.most)
        log_variance = least + (share + 1) / 2 * (most - least)
        kl = (log_variance - least + ((least - log_variance).exp() - 1) + (wanted - given).square() / log_variance.exp()) / 2
        deviation = (log_variance / 2).exp()
        normal = torch.distributions.Normal(0.0, 1.0)
        upper = torch.where(images > 0.999, 1.0, normal.cdf((images - given + 1 / 255) / deviation))
        lower = torch.where(images < -0.999, 0.0, normal.cdf((images - given - 1 / 255) / deviation))
        likelihood = -(upper - lower).clamp(min=1e-12).log()
        found = torch.where(t.view(-1, 1, 1, 1) == 0, likelihood, kl)
        return found.mean((1, 2, 3)) / torch.log(torch.tensor(2.0))


def objective(name: str, mean: float, std: float) -> Edm | Ddpm:
    """`edm`, with the mean and deviation of ln sigma in training, or `ddpm`."""
    return Ddpm() if name == "ddpm" else Edm(mean=mean, std=std)
