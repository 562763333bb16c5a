"""The regulariser against the printed sums, its arms, and one encoder trained further for a few steps."""

import numpy as np
import pytest
import torch

from analysis.errors import UserError
from analysis.params import resolve
from analysis.studies.qscore import tuning
from analysis.studies.qscore.activity import Definition, discover
from analysis.studies.qscore.regulariser import ARMS, LABELS, Regulariser, l1_term, labels_term, lasso_term, q_term
from analysis.studies.qscore.scores import q_score


def batch(n: int = 12, r: int = 64, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).exponential(size=(n, r)) ** 2).requires_grad_()


CHOSEN = torch.arange(64) % 2 == 0
DEFINITION = Definition(2.0)


def test_the_q_term_is_the_printed_sum_over_images_below_the_mean() -> None:
    h = batch()
    q = q_score(h.detach().numpy(), CHOSEN.numpy(), DEFINITION).value
    assert q_term(h, CHOSEN, DEFINITION).item() == pytest.approx(q[q < q.mean()].sum() / len(q))


def test_the_l1_term_is_the_printed_sum_over_columns_above_the_mean() -> None:
    h = batch()
    unit = h.detach().numpy() / np.linalg.norm(h.detach().numpy(), axis=1, keepdims=True)
    columns = unit.sum(0)
    assert l1_term(h).item() == pytest.approx(columns[columns > columns.mean()].sum())


def test_gradients_agree_with_finite_differences_where_the_indicators_stand_still() -> None:
    h = batch(4, 20)
    chosen = torch.ones(20, dtype=torch.bool)
    assert torch.autograd.gradcheck(lambda x: q_term(x, chosen, Definition(1.0)), (h,), eps=1e-7)
    assert torch.autograd.gradcheck(l1_term, (h,), eps=1e-7)


def test_images_above_the_mean_and_without_active_features_have_no_gradient() -> None:
    h = torch.ones(3, 64, dtype=torch.float64)
    h[1, 0], h[2, 2] = 9.0, 5.0
    h.requires_grad_()
    (gradient,) = torch.autograd.grad(q_term(h, CHOSEN, DEFINITION), h)
    assert not gradient[0].any(), "no active feature"
    assert not gradient[1].any(), "above the mean"
    q = q_score(h.detach().numpy(), CHOSEN.numpy(), DEFINITION).value
    assert gradient[2].any() == bool(0 < q[2] < q.mean())


def test_a_step_along_the_gradient_raises_q_and_lowers_l1() -> None:
    for term, sign in ((lambda x: q_term(x, CHOSEN, DEFINITION), 1), (l1_term, -1)):
        h = batch()
        before = term(h)
        (gradient,) = torch.autograd.grad(before, h)
        after = term(h + sign * 1e-3 * gradient)
        assert sign * (after - before) > 0


def loss_of(h: torch.Tensor) -> torch.Tensor:
    return (h**2).mean()


LABEL = torch.arange(12) % 3


def test_without_terms_the_loss_is_the_methods_own() -> None:
    h = batch()
    loss = loss_of(h)
    assert Regulariser(ARMS["base"], CHOSEN, DEFINITION)(loss, h, LABEL) is loss


def test_the_printed_arm_adds_its_terms_with_the_printed_weights() -> None:
    h = batch()
    q, l1, own = q_term(h, CHOSEN, DEFINITION).item(), l1_term(h).item(), loss_of(h).item()
    added = Regulariser(ARMS["both"], CHOSEN, DEFINITION)(loss_of(h), h, LABEL).item()
    assert added == pytest.approx(own + 1e-4 * (l1 - q), abs=1e-12)


@pytest.mark.parametrize("arm", ["balanced", "strong", "random", "lasso", "weak-labels", "even-labels", LABELS])
def test_terms_pull_as_hard_as_they_say_and_are_settled_once(arm: str) -> None:
    h = batch()
    prototypes = torch.from_numpy(np.random.default_rng(1).exponential(size=(3, 64)))
    penalty = Regulariser(ARMS[arm], CHOSEN, DEFINITION, prototypes)
    penalty(loss_of(h), h, LABEL)
    pulls = penalty.pulls(loss_of(h), h, LABEL)
    own = pulls.pop("own")
    wanted = pulls["l1"] if arm == "balanced" else ARMS[arm].share * own
    assert all(pull == pytest.approx(wanted, rel=1e-5) for pull in pulls.values())
    weights, other = dict(penalty.weights), batch(seed=5)
    penalty(loss_of(other), other, LABEL)
    assert weights == penalty.weights


def test_a_term_that_never_pulls_keeps_its_weight() -> None:
    h = torch.ones(4, 64, dtype=torch.float64).requires_grad_()
    penalty = Regulariser(ARMS["balanced"], CHOSEN, DEFINITION)
    assert torch.isfinite(penalty((h**2).sum(), h, LABEL[:4]))
    assert penalty.weights["q"] == 1e-4


def test_the_supervised_term_falls_as_images_come_nearer_to_their_class_and_the_lasso_as_they_get_sparser() -> None:
    prototypes = torch.eye(3, 64, dtype=torch.float64)
    near, far = prototypes[LABEL] + 0.01, prototypes[(LABEL + 1) % 3] + 0.01
    assert labels_term(near, LABEL, prototypes) < labels_term(far, LABEL, prototypes)
    assert lasso_term(near) < lasso_term(torch.ones(12, 64))


def test_a_method_goes_on_from_the_weights_of_the_zoo() -> None:
    from analysis import encoders

    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)
    for method in ("simclr", "moco"):
        made, zoo = tuning.start(method), encoders.load(f"zoo:{method}")
        here = tuning._encoder(made)
        assert torch.allclose(here.embed(images), zoo.embed(images), atol=1e-6)
    assert torch.equal(made.teacher[0].stem[0].weight, made.backbone.stem[0].weight)


def test_further_training_is_repeatable_changes_the_encoder_and_compares_equal_views() -> None:
    plan = tuning.Plan(epochs=1, images=256, batch=64)
    definition = Definition(2.5)
    chosen = np.random.default_rng(0).random(512) < 0.45
    prototypes = np.random.default_rng(1).random((16, 512))

    def weights(arm: str, seed: int = 0) -> tuple[torch.Tensor, float]:
        made, record = tuning.further("simclr", ARMS[arm], chosen, seed, plan, definition, "cpu", prototypes)
        return made.backbone.expand[0].weight.detach(), record["pull_own_first"]

    (base, first), (again, _), (strong, same), (labels, _), (other, _) = (
        weights("base"),
        weights("base"),
        weights("strong"),
        weights(LABELS),
        weights("base", 1),
    )
    assert torch.equal(base, again)
    assert first == same, "the first step of every arm sees the same views"
    assert not torch.equal(base, strong)
    assert not torch.equal(base, labels)
    assert not torch.equal(base, other)


def test_methods_of_which_a_part_is_missing_are_refused_before_any_work() -> None:
    with pytest.raises(UserError, match="'byol' is not among the methods of which the zoo holds every trained part"):
        resolve("qscore", "smoke", {"methods": ["simclr", "byol"]})


def test_eps_is_lowered_until_enough_images_have_a_score() -> None:
    h = np.maximum(np.random.default_rng(0).standard_normal((500, 256)), 0)
    literal, lowered = discover(h, Definition(4.0)), discover(h, Definition(4.0), min_coverage=0.9)
    assert literal.definition.eps == 4
    assert literal.coverage < 0.9
    assert lowered.definition.eps < 4
    assert lowered.coverage >= 0.9
    assert discover(h, Definition(lowered.definition.eps + 0.5)).coverage < 0.9, "and not further than it must be"
