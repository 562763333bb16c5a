"""Attacks: they stay within their size, find what can be found exactly, and their control is as large as they are."""

import numpy as np
import pytest
import torch

from analysis import encoders
from analysis.datasets.scenes import make
from analysis.probing import fit_linear
from analysis.studies.rcdm.attacks import Model, attack, away, random_like, unit, wrong

DATA = make("objects", 24, size=32)
IMAGES = unit(DATA.images)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(encoders.load("zoo:simclr"))


@pytest.mark.parametrize("steps", [1, 10])
def test_an_attack_stays_within_its_size_and_the_range_of_pixels(model: Model, steps: int) -> None:
    few, eps = IMAGES[:4], 8 / 255
    with torch.no_grad():
        clean = model(few)
    found = attack(model, few, away(clean), eps, steps, 0)
    assert (found - few).abs().max() <= eps + 1e-6
    assert 0 <= found.min() <= found.max() <= 1
    assert not found.requires_grad


def test_more_steps_and_more_room_move_further_and_random_signs_hardly_do(model: Model) -> None:
    few = IMAGES[:8]
    with torch.no_grad():
        clean = model(few)
        far = away(clean)
    found = {(eps, steps): attack(model, few, far, eps / 255, steps, 0) for eps in (2, 8) for steps in (1, 10)}
    with torch.no_grad():
        shift = {key: float(far(model(x)).mean()) for key, x in found.items()}
        control = float(far(model(random_like(few, found[8, 10], 0))).mean())
    assert shift[2, 1] < shift[2, 10] < shift[8, 10]
    assert shift[8, 1] < shift[8, 10]
    assert control < shift[8, 10] / 3


def test_against_a_linear_model_one_step_is_the_best_there_is() -> None:
    w = torch.randn(3 * 4 * 4, generator=torch.Generator().manual_seed(0))
    x = torch.full((2, 3, 4, 4), 0.5)
    found = attack(lambda z: z.flatten(1) @ w[:, None], x, lambda h: h[:, 0], 0.1, 1, 0)
    assert torch.allclose((found - x).flatten(1) @ w, 0.1 * w.abs().sum(), rtol=1e-4)


def test_the_loss_of_the_probe_is_minus_the_log_of_what_it_gives_the_truth(model: Model) -> None:
    with torch.no_grad():
        h = model(IMAGES)
    probe = fit_linear(h.numpy(), DATA.labels)
    given = probe.predict_log_proba(h.numpy())[range(len(h)), np.searchsorted(probe.classes_, DATA.labels)]
    assert wrong(probe, DATA.labels)(h).numpy() == pytest.approx(-given, abs=1e-4)


def test_an_attack_on_the_probe_makes_it_err(model: Model) -> None:
    with torch.no_grad():
        h = model(IMAGES)
    probe = fit_linear(h.numpy(), DATA.labels)
    found = attack(model, IMAGES, wrong(probe, DATA.labels), 8 / 255, 10, 0)
    with torch.no_grad():
        right = [(probe.predict(model(x).numpy()) == DATA.labels).mean() for x in (IMAGES, found)]
    assert right[0] > 0.9
    assert right[1] < 0.3


def test_the_differentiable_encoder_is_the_encoder(model: Model) -> None:
    large = make("objects", 6, size=64).images
    with torch.no_grad():
        assert torch.allclose(model(unit(large)), model.encoder.embed(large), atol=1e-4)  # nothing to resize
        small, h = model(IMAGES), model.encoder.embed(DATA.images)
    assert ((small - h) ** 2).sum() < 1e-3 * ((h - h.mean(0)) ** 2).sum()  # resized in other arithmetic


def test_the_control_is_as_long_as_the_attack_image_by_image() -> None:
    x = torch.full((3, 3, 8, 8), 0.5)
    attacked = x + 0.05 * torch.rand(x.shape, generator=torch.Generator().manual_seed(1))
    control = random_like(x, attacked, 0)
    lengths = [(y - x).flatten(1).norm(dim=1) for y in (attacked, control)]
    assert torch.allclose(*lengths, rtol=1e-4)
    assert not torch.allclose(attacked, control)


def test_an_attack_is_the_same_again(model: Model) -> None:
    with torch.no_grad():
        far = away(model(IMAGES[:2]))
    first, again = (attack(model, IMAGES[:2], far, 4 / 255, 3, 5) for _ in range(2))
    assert torch.equal(first, again)
