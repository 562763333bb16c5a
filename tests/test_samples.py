"""Photographs for everybody."""

from pathlib import Path

import pytest

from analysis.datasets import samples
from analysis.errors import MissingFile


def test_six_photographs_come_in_the_size_asked_for_with_their_names() -> None:
    data = samples.load(96)
    assert sorted(data.ids) == sorted(samples.PHOTOGRAPHS)
    assert data.images.shape == (6, 96, 96, 3)
    cat = data.images[data.ids.tolist().index("chelsea")].astype(int)
    assert (cat[..., 0] - cat[..., 2]).mean() > 30  # a ginger cat: in RGB order
    assert [data.classes[label] for label in data.labels] == [samples.PHOTOGRAPHS[name].label for name in data.ids]


def test_every_photograph_has_terms_and_they_are_those_its_package_states() -> None:
    import skimage.data
    import sklearn.datasets

    for name, photograph in samples.PHOTOGRAPHS.items():
        assert f"{name} ({photograph.licence})" in samples.credits()
        if photograph.package == "skimage":
            stated = getattr(skimage.data, name).__doc__ or ""
        else:
            stated = (Path(sklearn.datasets.__file__).parent / "images/README.txt").read_text()
        terms = {
            "public domain": "public domain",
            "CC0": ("CC0" if "CC0" in stated else "CC-0"),
            "CC BY 2.0": "licenses/by/2.0",
        }
        assert terms[photograph.licence.split(",")[0]] in stated, name


def test_pictures_that_are_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "find_spec", lambda name: None)
    with pytest.raises(MissingFile, match=r"astronaut\.png"):
        samples.load(32)
