"""Q-Score as a regulariser (Kalibhat et al. 2024, eqs. 2-3), term by term, and the arms that tell the terms apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.studies.qscore.activity import Rule


@dataclass(frozen=True)
class Arm:
    """What is added to the loss of a method.

    Attributes:
        lambda1, lambda2: weights of the two terms; 1e-4 each in the paper.
        features: the set D of the first term.
        weighting: `printed`, or set once at the first step: `balanced` raises lambda1 until both terms pull equally on the
            features (the norm of their gradients); `strong` raises both until each pulls a tenth as much as the method's loss.
    """

    title: str
    lambda1: float = 0.0
    lambda2: float = 0.0
    features: Literal["discriminative", "random"] = "discriminative"
    weighting: Literal["printed", "balanced", "strong"] = "printed"


BASE, FULL = "base", "both"
PAPER = 1e-4
STRONG = 0.1
ARMS: Mapping[str, Arm] = {
    BASE: Arm("no regulariser"),
    "lambda1": Arm("Q term only", PAPER),
    "lambda2": Arm("L1 term only", 0.0, PAPER),
    FULL: Arm("both, as printed", PAPER, PAPER),
    "random": Arm("both, random D", PAPER, PAPER, "random"),
    "balanced": Arm("both, equally strong (ours)", PAPER, PAPER, weighting="balanced"),
    "strong": Arm("both, each a tenth of the loss (ours)", PAPER, PAPER, weighting="strong"),
}


def q_term(h: Tensor, chosen: Tensor, rule: Rule) -> Tensor:
    """(1/n) sum_i 1[Q_i < alpha] Q_i of a batch h (n, r), to be made large; alpha is the batch mean of Q.

    h is brought to unit length first, as in all of the paper's analysis (eqs. 2-3 do not say). Gradients flow through h and its
    mean, not through the indicators nor alpha. An image without a highly active feature of D has Q = 0 and no gradient.
    """
    unit = F.normalize(h, dim=1)
    mean = unit.mean(1, keepdim=True)
    with torch.no_grad():
        spread = unit.std(1, correction=0, keepdim=True)
        active = (unit > mean + rule.eps * spread) & (spread > 0) & chosen
    q = ((unit - mean) * active).sum(1) / active.sum(1).clamp(min=1)
    return (q * (q < q.mean()).detach()).sum() / len(h)


def l1_term(h: Tensor) -> Tensor:
    """sum_k 1[||H_k||_1 > beta] ||H_k||_1 of a batch h (n, r), to be made small.

    H_k is column k of the batch of unit-length representations, and beta the mean of these norms.
    """
    columns = F.normalize(h, dim=1).abs().sum(0)
    return (columns * (columns > columns.mean()).detach()).sum()


class Regulariser:
    """The penalty of an arm, and a record of how hard each term pulls."""

    def __init__(self, arm: Arm, chosen: Tensor, rule: Rule) -> None:
        self.arm, self.chosen, self.rule = arm, chosen, rule
        self.lambda1, self.lambda2 = arm.lambda1, arm.lambda2
        self._settled = arm.weighting == "printed"

    def __call__(self, loss: Tensor, h: Tensor) -> Tensor:
        """`loss` - lambda1 q_term + lambda2 l1_term of a batch h (n, r), to be made small."""
        if not self._settled:
            self._settle(self.pulls(loss, h))
        if self.lambda1:
            loss = loss - self.lambda1 * q_term(h, self.chosen, self.rule)
        if self.lambda2:
            loss = loss + self.lambda2 * l1_term(h)
        return loss

    def pulls(self, loss: Tensor, h: Tensor) -> dict[str, float]:
        """Norms of the gradients with respect to h: of the method's own loss, and of both terms with their weights."""
        (own,) = torch.autograd.grad(loss, h, retain_graph=True)
        apart = h.detach().requires_grad_()
        (q,) = torch.autograd.grad(q_term(apart, self.chosen, self.rule), apart)
        (l1,) = torch.autograd.grad(l1_term(apart), apart)
        return {"own": float(own.norm()), "q": self.lambda1 * float(q.norm()), "l1": self.lambda2 * float(l1.norm())}

    def _settle(self, pulls: dict[str, float]) -> None:
        """Set the weights for the rest of the training; a term that does not pull at all keeps its own."""
        self._settled = True
        if self.arm.weighting == "strong":
            self.lambda2 *= STRONG * pulls["own"] / pulls["l1"] if pulls["l1"] else 1.0
        wanted = pulls["l1"] if self.arm.weighting == "balanced" else STRONG * pulls["own"]
        self.lambda1 *= wanted / pulls["q"] if pulls["q"] else 1.0
