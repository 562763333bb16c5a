"""Q-Score as a regulariser (Kalibhat et al. 2024, eqs. 2-3), term by term, and the arms that tell the terms apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from analysis.studies.qscore.activity import Definition

Term = Literal["q", "l1", "lasso", "labels"]


@dataclass(frozen=True)
class Arm:
    """What is added to the loss of a method.

    Attributes:
        terms: those of the paper are `q` and `l1`; `lasso` is the L1 norm of every image, `labels` a supervised loss.
        features: the set D of the term `q`.
        weighting: `printed`, 1e-4 each; or set once, at the first step: `balanced` raises the weight of `q` until it pulls as
            hard on the features as `l1` does (norm of the gradient), `strong` all weights until each term pulls `share` as hard
            as the method's own loss.
        share: see there.
    """

    title: str
    terms: tuple[Term, ...] = ()
    features: Literal["discriminative", "random"] = "discriminative"
    weighting: Literal["printed", "balanced", "strong"] = "strong"
    share: float = 0.1


PRINTED = 1e-4
PULLS = 0.01  # share of the loss's own pull from which a term can be said to have been tried
BASE, RANDOM_D, LABELS = "base", "random", "labels"
JUDGED = ("balanced", "strong")
ARMS: Mapping[str, Arm] = {
    BASE: Arm("no regulariser"),
    "both": Arm("both terms, as printed", ("q", "l1"), weighting="printed"),
    "balanced": Arm("both terms, equally strong", ("q", "l1"), weighting="balanced"),
    "strong": Arm("both terms, each a tenth of the loss", ("q", "l1")),
    RANDOM_D: Arm("the same with random D", ("q", "l1"), "random"),
    "lasso": Arm("lasso, a tenth of the loss", ("lasso",)),
    "weak-labels": Arm("labels, a tenth of the loss", ("labels",)),
    "even-labels": Arm("labels, as strong as the loss", ("labels",), share=1.0),
    LABELS: Arm("labels, ten times as strong as the loss", ("labels",), share=10.0),
}


def q_term(h: Tensor, features: Tensor, definition: Definition) -> Tensor:
    """(1/n) sum_i 1[Q_i < alpha] Q_i of a batch h (n, r), to be made large; alpha is the batch mean of Q.

    h is brought to unit length first, as in all of the paper's analysis (eqs. 2-3 do not say). Gradients flow through h and its
    mean, not through the indicators nor alpha. An image without a highly active feature of D has Q = 0 and no gradient.
    """
    unit = F.normalize(h, dim=1)
    mean = unit.mean(1, keepdim=True)
    with torch.no_grad():
        spread = unit.std(1, correction=0, keepdim=True)
        active = (unit > mean + definition.eps * spread) & (spread > 0) & features
    q = ((unit - mean) * active).sum(1) / active.sum(1).clamp(min=1)
    return (q * (q < q.mean()).detach()).sum() / len(h)


def l1_term(h: Tensor) -> Tensor:
    """sum_k 1[||H_k||_1 > beta] ||H_k||_1 of a batch h (n, r), to be made small.

    H_k is column k of the batch of unit-length representations, and beta the mean of these norms.
    """
    columns = F.normalize(h, dim=1).abs().sum(0)
    return (columns * (columns > columns.mean()).detach()).sum()


def lasso_term(h: Tensor) -> Tensor:
    """Mean L1 norm of the unit-length representations of a batch h (n, r), to be made small."""
    return F.normalize(h, dim=1).abs().sum(1).mean()


def labels_term(h: Tensor, labels: Tensor, prototypes: Tensor, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of a batch h (n, r) with its classes, by cosine with fixed prototypes (c, r), to be made small."""
    return F.cross_entropy(F.normalize(h, dim=1) @ F.normalize(prototypes, dim=1).T / temperature, labels)


class Regulariser:
    """The penalty of an arm, and a record of how hard each term pulls.

    Args:
        features: (r,) bool, the set D.
        prototypes: (c, r) mean features of each class, for the term `labels`.
    """

    def __init__(self, arm: Arm, features: Tensor, definition: Definition, prototypes: Tensor | None = None) -> None:
        self.arm, self.features, self.definition, self.prototypes = arm, features, definition, prototypes
        self.weights: dict[str, float] = dict.fromkeys(arm.terms, PRINTED)
        self._settled = arm.weighting == "printed"

    def __call__(self, loss: Tensor, h: Tensor, labels: Tensor) -> Tensor:
        """`loss` plus the weighted terms of a batch h (n, r) with its classes (n,), to be made small."""
        if not self._settled:
            self._settle(self.pulls(loss, h, labels))
        for name, weight in self.weights.items():
            loss = loss + weight * self._term(name, h, labels)
        return loss

    def pulls(self, loss: Tensor, h: Tensor, labels: Tensor) -> dict[str, float]:
        """Norms of the gradients with respect to h: of the method's own loss, and of every term with its weight."""
        (own,) = torch.autograd.grad(loss, h, retain_graph=True)
        apart, found = h.detach().requires_grad_(), {"own": float(own.norm())}
        for name, weight in self.weights.items():
            (gradient,) = torch.autograd.grad(self._term(name, apart, labels), apart)
            found[name] = weight * float(gradient.norm())
        return found

    def _term(self, name: str, h: Tensor, labels: Tensor) -> Tensor:
        if name == "q":
            return -q_term(h, self.features, self.definition)
        if name == "labels":
            assert self.prototypes is not None
            return labels_term(h, labels, self.prototypes)
        return l1_term(h) if name == "l1" else lasso_term(h)

    def _settle(self, pulls: dict[str, float]) -> None:
        """Set the weights for the rest of the training; a term that does not pull at all keeps its own."""
        self._settled = True
        balanced = self.arm.weighting == "balanced"
        for name in ("q",) if balanced else self.weights:
            wanted = pulls["l1"] if balanced else self.arm.share * pulls["own"]
            self.weights[name] *= wanted / pulls[name] if pulls[name] else 1.0
