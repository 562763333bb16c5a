"""Features of many images, and the cache that must never give a wrong one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from analysis import features, paths
from analysis.encoders.backbones import Stages
from analysis.encoders.base import Encoder
from analysis.encoders.transform import HALF, RAW
from analysis.errors import UserError

pytestmark = pytest.mark.usefixtures("build")
LAYERS = ("a", "embed")


def encoder(seed: int = 0, normalisation: tuple = RAW) -> Encoder:
    torch.manual_seed(seed)
    head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    stages = {"a": torch.nn.Conv2d(3, 5, 3, padding=1), "b": torch.nn.Conv2d(5, 7, 3, stride=2)}
    return Encoder("tiny", Stages(stages, head, dim=7), normalisation, size=12)


class Counting(Encoder):
    """Counts the images that reach the network, per layer asked for."""

    def __init__(self, of: Encoder) -> None:
        self.__dict__ = dict(of.__dict__)
        self.seen: list[tuple[int, tuple[str, ...]]] = []

    def pooled(self, images, layers, batch_size=None):  # type: ignore[no-untyped-def]
        self.seen.append((len(images), tuple(layers)))
        return super().pooled(images, layers, batch_size)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (11, 12, 12, 3), dtype=np.uint8)


def cached() -> list[Path]:
    return sorted((paths.cache() / "features").glob("*"))


def test_features_are_the_encoders_for_every_batch_size(images: np.ndarray) -> None:
    expected = {layer: rows.numpy() for layer, rows in encoder().pooled(images, LAYERS).items()}
    for batch_size in (None, 1, 4, 11, 100):
        for path in cached():
            path.unlink()
        found = features.extract(encoder(), images, layers=LAYERS, batch_size=batch_size)
        assert tuple(found) == LAYERS
        for layer in LAYERS:
            assert found[layer].dtype == np.float32
            np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-5, atol=1e-6)


def test_a_second_call_gives_the_same_bytes_without_the_network(images: np.ndarray) -> None:
    first = features.extract(encoder(), images, layers=LAYERS)
    again = Counting(encoder())
    second = features.extract(again, images.copy(), layers=LAYERS)
    assert again.seen == []
    for layer in LAYERS:
        assert first[layer].tobytes() == second[layer].tobytes()


def test_only_the_layers_that_are_not_cached_are_computed(images: np.ndarray) -> None:
    features.extract(encoder(), images, layers=["embed"])
    again = Counting(encoder())
    features.extract(again, images, layers=LAYERS)
    assert again.seen == [(11, ("a",))]


def test_writing_to_cached_features_does_not_reach_the_cache(images: np.ndarray) -> None:
    first = features.extract(encoder(), images)["embed"]
    features.extract(encoder(), images)["embed"][:] = 0
    again = Counting(encoder())
    assert (features.extract(again, images)["embed"] == first).all()
    assert again.seen == []


def test_whatever_the_numbers_depend_on_is_part_of_the_address(images: np.ndarray) -> None:
    changed = images.copy()
    changed[3, 2, 1, 0] ^= 1
    swapped = images[[1, 0, *range(2, 11)]]
    other_shape = images.reshape(-1)[: 2 * 24 * 24 * 3].reshape(2, 24, 24, 3)
    same_bytes = images.reshape(-1)[: 8 * 12 * 12 * 3].reshape(8, 12, 12, 3)
    features.extract(encoder(), images, layers=LAYERS)
    assert len(cached()) == 2
    for number, (enc, pictures) in enumerate(
        [
            (encoder(), changed),
            (encoder(), swapped),
            (encoder(), images[:10]),
            (encoder(), other_shape),
            (encoder(), same_bytes),
            (encoder(seed=1), images),
            (encoder(normalisation=HALF), images),
        ]
    ):
        features.extract(enc, pictures)
        assert len(cached()) == 3 + number


def test_an_unknown_layer_is_refused_before_the_network_runs(images: np.ndarray) -> None:
    with pytest.raises(UserError, match="it has a, b, embed"):
        features.extract(encoder(), images, layers=["embed", "c"])
    assert cached() == []


def test_no_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no images"):
        features.extract(encoder(), images[:0])


def test_a_view_of_the_images_has_the_address_of_its_copy(images: np.ndarray) -> None:
    features.extract(encoder(), images[::2])
    again = Counting(encoder())
    features.extract(again, np.ascontiguousarray(images[::2]))
    assert again.seen == []
