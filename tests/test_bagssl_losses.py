"""Losses of bags of patches: the identity, the anchors of the coding rate, which sign collapses."""

import numpy as np
import pytest
import torch
from lightly.loss import EMPSSLLoss

from analysis.errors import UserError
from analysis.studies.bagssl import losses
from analysis.training.methods import METHODS


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def toy(rng: np.random.Generator, kinds: int = 12) -> np.ndarray:
    """A symmetric joint distribution of patches, as two places of one image have it."""
    table = rng.random((kinds, kinds)) ** 3
    return (table + table.T) / (table + table.T).sum()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("weight", [0.25, 1.0, 3.0])
def test_the_cooccurrence_loss_is_the_spectral_one_times_twice_its_weight_but_for_a_constant(
    rng: np.random.Generator, weight: float
) -> None:
    joint = toy(rng)
    rest = []
    for scale in (0.1, 0.5, 1.0, 2.0, 5.0):
        z = scale * rng.standard_normal((12, 4))
        rest.append(losses.cooccurrence_loss(z, joint, weight) - 2 * weight * losses.spectral_loss(z, joint, weight / 2))
        assert losses.identity_gap(z, joint, weight) < 1e-14
    assert max(rest[:3]) - min(rest[:3]) < 1e-12 * max(rest)  # to 12 digits, whatever z
    assert rest[0] == pytest.approx(losses.constant(joint), rel=1e-12)


def test_the_identity_holds_for_no_other_weight(rng: np.random.Generator) -> None:
    joint, z = toy(rng), rng.standard_normal((12, 4))
    other = losses.cooccurrence_loss(z, joint, 1.0) - 2 * losses.spectral_loss(z, joint, 1.0)
    assert abs(other - losses.constant(joint)) > 0.1


def test_the_constant_is_one_more_than_chi_square_and_one_where_patches_are_independent(rng: np.random.Generator) -> None:
    joint = toy(rng)
    chance = np.outer(joint.sum(0), joint.sum(1))
    assert losses.constant(joint) == pytest.approx(1 + ((joint - chance) ** 2 / chance).sum(), rel=1e-12)
    assert losses.constant(chance) == pytest.approx(1, rel=1e-12)


def test_kinds_that_never_occur_change_nothing(rng: np.random.Generator) -> None:
    joint, z = toy(rng), rng.standard_normal((12, 4))
    wider = np.pad(joint, (0, 2))
    far = np.concatenate([z, 9 * np.ones((2, 4))])
    for loss in (losses.spectral_loss, losses.cooccurrence_loss):
        assert loss(far, wider, 0.7) == pytest.approx(loss(z, joint, 0.7), rel=1e-12)


def test_the_spectral_loss_of_batches_comes_to_that_of_the_joint_they_are_drawn_from(rng: np.random.Generator) -> None:
    joint, z = toy(rng, 5), rng.standard_normal((5, 3))
    pairs = rng.choice(25, size=(400, 64), p=joint.ravel())
    found = [
        losses.spectral_contrastive(torch.from_numpy(z[rows // 5]), torch.from_numpy(z[rows % 5]), 0.5).item() for rows in pairs
    ]
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - losses.spectral_loss(z, joint, 0.5)) < 4 * error


@pytest.mark.parametrize(("n", "p", "value"), [(100, 1024, 197.75), (100, 128, 100.07), (128, 128, 114.67), (512, 128, 114.67)])
def test_the_coding_rate_of_orthonormal_rows_is_the_greatest_there_is(n: int, p: int, value: float) -> None:
    basis = torch.linalg.qr(torch.randn(max(n, p), max(n, p), generator=seeded(), dtype=torch.float64)).Q
    z = basis[:n, :p] if n <= p else torch.eye(p, dtype=torch.float64).repeat(n // p, 1)
    assert losses.tcr(z if n > p else basis[:n, :p]).item() == pytest.approx(value, abs=0.005)
    assert losses.tcr(torch.randn(n, p, generator=seeded(), dtype=torch.float64)).item() <= value + 0.005


def test_the_coding_rate_of_random_rows_and_of_one_direction_are_those_computed_by_hand() -> None:
    spread = torch.randn(100, 1024, generator=seeded(), dtype=torch.float64)
    assert losses.tcr(spread).item() == pytest.approx(195.3, abs=0.3)
    assert losses.tcr(spread[:1].repeat(100, 1)).item() == pytest.approx(0.5 * np.log(1 + 1024 / 0.2), abs=1e-6)  # 4.27


def test_the_coding_rate_forgets_lengths_and_is_the_same_from_either_gram_matrix() -> None:
    z = torch.randn(20, 30, generator=seeded(), dtype=torch.float64)
    assert losses.tcr(3 * z).item() == pytest.approx(losses.tcr(z).item(), rel=1e-12)
    unit = torch.nn.functional.normalize(z, dim=1)
    wide = torch.logdet(torch.eye(30, dtype=torch.float64) + 30 / (20 * 0.2) * unit.T @ unit) / 2
    assert losses.tcr(z).item() == pytest.approx(wide.item(), rel=1e-12)


def test_the_loss_of_the_zoo_prefers_spread_and_that_of_lightly_prefers_collapse() -> None:
    spread = torch.randn(100, 128, generator=seeded())
    collapsed = torch.ones(100, 128)
    method = METHODS["tcr"]()
    method.backbone, method.projector = torch.nn.Identity(), torch.nn.Identity()
    ours = {name: method([z, z], None, seeded()).loss.item() for name, z in (("spread", spread), ("point", collapsed))}
    theirs = {name: EMPSSLLoss()([z, z]).item() for name, z in (("spread", spread), ("point", collapsed))}
    assert ours["spread"] < ours["point"] - 50
    assert theirs["point"] < theirs["spread"] - 50  # the sign before its coding rate is reversed


def test_views_that_agree_cost_nothing_beside_the_coding_rate_and_any_number_of_them_will_do() -> None:
    method = METHODS["tcr"]()
    method.backbone, method.projector = torch.nn.Identity(), torch.nn.Identity()
    z, other = (torch.randn(40, 128, generator=seeded(seed)) for seed in (0, 1))
    for count in (2, 5):
        assert method([z] * count, None, seeded()).loss.item() == pytest.approx(-losses.tcr(z).item(), abs=1e-3)
        assert method([z] * (count - 1) + [other], None, seeded()).loss > method([z] * count, None, seeded()).loss + 10


def test_views_gain_from_lying_near_their_mean(rng: np.random.Generator) -> None:
    """For two views at an angle t the cosine with their mean is cos(t / 2)."""
    method = METHODS["tcr"]()
    method.backbone, method.projector = torch.nn.Identity(), torch.nn.Identity()
    first, second = torch.eye(128)[:64], torch.eye(128)[64:]  # right angles
    loss = method([first, second], None, seeded()).loss.item()
    assert loss + losses.tcr(first).item() == pytest.approx(method.weight * (1 - np.cos(np.pi / 4)), rel=1e-4)


@pytest.mark.parametrize("table", [np.ones((2, 2)), np.ones((2, 3)) / 6, np.array([[1.2, 0], [0, -0.2]])])
def test_a_table_that_is_no_joint_distribution_is_refused_in_one_line(table: np.ndarray) -> None:
    with pytest.raises(UserError, match="a joint distribution is a square table of probabilities that sum to 1") as caught:
        losses.spectral_loss(np.ones((2, 3)), table, 1.0)
    assert "\n" not in str(caught.value)


def test_representations_of_another_number_of_kinds_and_lone_pairs_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UserError, match="3 representations do not fit a joint distribution of 12"):
        losses.cooccurrence_loss(np.ones((3, 2)), toy(rng), 1.0)
    with pytest.raises(UserError, match="spectral contrast needs"):
        losses.spectral_contrastive(torch.ones(1, 3), torch.ones(1, 3))
