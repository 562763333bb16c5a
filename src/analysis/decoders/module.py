"""A decoder in training, as Lightning wants it: steps, schedule, averaged weights, history."""

from typing import Any

import torch
from diffusers.training_utils import EMAModel
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from analysis.decoders.conditions import Condition, thumbnails
from analysis.decoders.decoder import Decoder
from analysis.decoders.network import Denoiser
from analysis.decoders.objective import objective
from analysis.decoders.recipe import Recipe
from analysis.decoders.sampling import to_pixels
from analysis.decoders.start import go_on
from analysis.decoders.training_set import Bank

GENTLE = 0.05  # rate of the maps that begin as solutions, relative to that of the network
State = dict[str, Tensor]


class Training(LightningModule):
    """A decoder in training. Step t draws from a generator seeded by (seed, t): a resumed run goes the same way.

    Images, noise levels and noise of a step do not depend on the conditions, so decoders of one seed see the same; which
    representation an image comes with is drawn apart, each equally often.
    """

    def __init__(self, recipe: Recipe, conditions: tuple[Condition, ...], bank: Bank, seed: int) -> None:
        super().__init__()
        self.recipe, self.bank, self.seed, self.steps = recipe, bank, seed, recipe.steps
        self.hs = [torch.from_numpy(bank.of(condition)) for condition in conditions]
        widths = tuple(h.shape[1] for h in self.hs)
        with torch.random.fork_rng():  # initialisers draw from the global generator
            torch.manual_seed(seed)
            self.denoiser = Denoiser(recipe.shape, conditions, widths)
        generator = torch.Generator().manual_seed(seed)
        self.denoiser.embed.start([h.float() for h in self.hs], torch.from_numpy(thumbnails(bank.images)), generator)
        self.objective = objective(recipe.objective, recipe.mean, recipe.std)
        self.ema = self._averaging()
        self.curve: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.before = 0  # steps of the trainings that this one goes on from
        self._losses: list[Tensor] = []

    def go_on(self, begun: Decoder) -> None:
        """Begin with the weights of another decoder; its schedule, and the averaging, begin anew, and what is drawn goes on."""
        go_on(self.denoiser, begun)
        self.before = sum(part["steps"] for part in (*begun.card.get("earlier", []), begun.card))
        self.ema = self._averaging()

    def _averaging(self) -> EMAModel:
        recipe = self.recipe
        return EMAModel(self.denoiser.parameters(), decay=recipe.ema, use_ema_warmup=True, power=recipe.ema_power)

    def train_dataloader(self) -> DataLoader:
        """One entry per step; what a step sees is drawn in the step."""
        return DataLoader(range(self.recipe.steps), batch_size=None)  # type: ignore[arg-type]

    def training_step(self, _: int) -> Tensor:
        """Mean loss of one batch."""
        n, device = self.recipe.batch, self.device
        key = (self.seed * 1_000_003 + self.before + self.global_step) * 1_009 + self.trainer.global_rank
        source = torch.Generator().manual_seed(key)
        rows = torch.randint(len(self.bank.images), (n,), generator=source)
        sigma = self.objective.sigmas(n, source).to(device)
        images = to_pixels(self.bank.images[rows.numpy()]).to(device)
        noise = torch.randn(images.shape, generator=source).to(device)
        numbers = self._numbers(n, torch.Generator().manual_seed(key + 500))
        hs = [h[rows[numbers == number]].float().to(device) for number, h in enumerate(self.hs)]
        added, maps = self.denoiser.embed(numbers.to(device), hs)
        guess = self.denoiser.guess(maps)
        loss = self.objective.losses(lambda x, t: self.denoiser(x, t, added, maps), images, sigma, noise, guess).mean()
        self._losses.append(loss.detach())
        return loss

    def _numbers(self, n: int, source: torch.Generator) -> Tensor:
        """The condition of each image: all of them round in turn from a random one on, some dropped (-1)."""
        count = len(self.hs)
        first = torch.randint(count, (1,), generator=source)
        numbers = ((first + torch.arange(n)) % count)[torch.randperm(n, generator=source)]
        return torch.where(torch.rand(n, generator=source) < self.recipe.dropout, -1, numbers)

    def optimizer_step(self, *given: Any, **named: Any) -> None:
        """The averaged weights follow at once, before any callback saves them."""
        super().optimizer_step(*given, **named)
        self.ema.step(self.denoiser.parameters())

    def configure_optimizers(self) -> Any:
        """AdamW without decay of weights; a rate that rises, stays, and falls at the end.

        What begins as a least-squares solution learns at a twentieth of the rate: a representation meets two images a step,
        and at the full rate that noise undoes in hundreds of steps what the start was worth.
        """
        solved = {id(p) for part in (self.denoiser.embed.linears, self.denoiser.embed.map) if part for p in part.parameters()}
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.denoiser.parameters() if id(p) not in solved]},
            {"params": [p for p in self.denoiser.parameters() if id(p) in solved], "lr": GENTLE * self.recipe.lr},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.recipe.lr, betas=(0.9, 0.99), weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self.rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def rate(self, step: int) -> float:
        """Share of the full learning rate at a step."""
        left = (self.recipe.steps - step) / max(self.recipe.decay * self.recipe.steps, 1)
        return max(min(1.0, (step + 1) / max(self.recipe.warmup, 1), left), 0.0)

    def point(self) -> dict[str, Any]:
        """A new point of the curve: the step, the mean loss since the last one."""
        self.curve.append({"step": self.global_step, "loss": round(torch.stack(self._losses).mean().item(), 4)})
        self._losses.clear()
        return self.curve[-1]

    def averaged(self) -> State:
        """The averaged weights with the buffers, ready to be written."""
        parameters = list(self.denoiser.parameters())
        self.ema.store(parameters)
        self.ema.copy_to(parameters)
        state = {key: value.detach().cpu().clone() for key, value in self.denoiser.state_dict().items()}
        self.ema.restore(parameters)
        return state

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Averaged weights and history go with the weights."""
        checkpoint |= {"ema": self.ema.state_dict(), "history": {"curve": self.curve, "seconds": self.seconds}}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Averaged weights and history come back with the weights."""
        self.ema.load_state_dict(checkpoint["ema"])
        self.curve, self.seconds = checkpoint["history"]["curve"], checkpoint["history"]["seconds"]
