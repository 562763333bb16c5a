"""Photographs to train on: which of them are drawn, and that they are decoded once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from analysis.training import data


@pytest.fixture(autouse=True)
def _build_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_BUILD", str(tmp_path / "build"))


def coloured(root: Path, counts: dict[str, int]) -> None:
    """Class folders of flat pictures: the red channel is the class, the green one the number."""
    for label, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (16, 16), (40 * label, number, 0)).save(root / name / f"{number:03d}.png")


def test_a_large_folder_is_trained_on_as_many_images_of_each_class_and_none_of_them_validates(tmp_path: Path) -> None:
    coloured(tmp_path / "pets", {"cat": 60, "dog": 40, "owl": 10})
    images, labels = data.training_set(f"folder:{tmp_path / 'pets'}", 30)
    assert np.bincount(labels).tolist() == [11, 11, 8]  # owls have eight for training
    assert (images[:, 0, 0, 0] == 40 * labels).all()
    others, truth = data.validation_set(f"folder:{tmp_path / 'pets'}", 1_000)
    assert np.bincount(truth).tolist() == [12, 8, 2]
    everything, _ = data.training_set(f"folder:{tmp_path / 'pets'}", 1_000)
    seen, kept = ({tuple(pixel) for pixel in part[:, 0, 0]} for part in (everything, others))
    assert not seen & kept
    assert len(seen) == 88


def test_photographs_are_decoded_once_and_again_when_one_of_them_changes_or_moves(tmp_path: Path, monkeypatch) -> None:
    coloured(tmp_path / "set", {"a": 10, "b": 10})
    name = f"folder:{tmp_path / 'set'}"
    calls = []
    decode = data._decode
    monkeypatch.setattr(data, "_decode", lambda *args: (calls.append(args), decode(*args))[1])
    first, _ = data.training_set(name, 100)
    again, _ = data.training_set(name, 100)
    assert len(calls) == 1
    assert np.array_equal(first, again)
    Image.new("RGB", (16, 16), (9, 9, 9)).save(tmp_path / "set" / "a" / "000.png")
    assert (data.training_set(name, 100)[0][0] == 9).all()
    (tmp_path / "set" / "a" / "003.png").rename(tmp_path / "set" / "b" / "900.png")
    _, labels = data.training_set(name, 100)
    assert np.bincount(labels).tolist() == [8, 9]
    assert len(calls) == 3
