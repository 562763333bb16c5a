"""Wrong values, derived from the parameter models: each is refused in one line that names it, and nothing is written.

A parameter that is added is covered here without a new test.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from annotated_types import Ge, Gt, Le, Lt, MinLen, MultipleOf
from PIL import Image
from pydantic.fields import FieldInfo

from analysis import run as runs
from analysis.errors import UserError
from analysis.params import PRESETS, STUDIES, resolve

FIELDS = [(study, name) for study, model in STUDIES.items() for name in model.model_fields]
NO_NUMBER: tuple[Any, ...] = ("many", "", [1, 2], {"a": 1}, None, math.nan, math.inf, -math.inf, 10**400)


def limits(info: FieldInfo) -> list[Any]:
    """The constraints of a parameter, or of the entries of a list."""
    inner = [limit for part in get_args(_entry(info)) for limit in getattr(part, "metadata", ())]
    return [*info.metadata, *inner]


def _entry(info: FieldInfo) -> Any:
    return get_args(info.annotation)[0] if get_origin(info.annotation) is tuple else info.annotation


def kind(info: FieldInfo) -> Any:
    """int, float, bool, str or Literal: of a parameter, or of the entries of a list."""
    entry = _entry(info)
    inner = get_args(entry)[0] if entry not in (int, float, bool, str) and get_origin(entry) is not Literal else entry
    return Literal if get_origin(inner) is Literal else inner


def wrong_numbers(info: FieldInfo) -> Iterator[Any]:
    step = 1 if kind(info) is int else 1e-6
    for limit in limits(info):
        yield from {
            Ge: lambda at: [at.ge - step],
            Gt: lambda at: [at.gt, at.gt - step],
            Le: lambda at: [at.le + step],
            Lt: lambda at: [at.lt, at.lt + step],
            MultipleOf: lambda at: [at.multiple_of * 4 + 1],
        }.get(type(limit), lambda at: [])(limit)
    yield from NO_NUMBER
    if kind(info) is int:
        yield 2.5


def wrong(info: FieldInfo) -> Iterator[Any]:
    """Values that no parameter of this kind may have."""
    many = get_origin(info.annotation) is tuple
    plain = {
        int: lambda: wrong_numbers(info),
        float: lambda: wrong_numbers(info),
        bool: lambda: iter(["perhaps", 7, None, [True, False], math.nan]),
        Literal: lambda: iter(["nobody's choice", 3, None]),
        str: lambda: iter([3, None, ["a", 3], {"a": 1}, 2.5]),
    }[kind(info)]()
    for value in plain:
        if many and value in ("", [1, 2]):
            continue  # an empty list, or a good one
        yield [value] if many and not isinstance(value, list) else value
    if many:
        first = next(iter(info.default or ["zoo:mae"])) if isinstance(info.default, tuple) else "zoo:mae"
        yield [first, first]
        if any(isinstance(limit, MinLen) for limit in info.metadata):
            yield from ("", [])


def refusal(study: str, name: str, value: Any) -> str:
    """What is said of a value; nothing if it is accepted."""
    try:
        resolve(study, "smoke", {name: value})
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("study", "name"), FIELDS)
def test_every_wrong_value_of_every_parameter_is_refused_in_one_line_that_names_it(study: str, name: str) -> None:
    info = STUDIES[study].model_fields[name]
    tried = 0
    for value in wrong(info):
        line = refusal(study, name, value)
        assert line, f"{study}: {name} = {value!r} was accepted"
        assert name in line, line
        assert "\n" not in line
        assert len(line) < 1_000
        tried += 1
    assert tried >= 3


@pytest.mark.parametrize(("study", "name"), FIELDS)
def test_every_number_has_a_least_and_a_greatest_value(study: str, name: str) -> None:
    info = STUDIES[study].model_fields[name]
    if kind(info) in (int, float):
        assert any(isinstance(limit, Ge | Gt) for limit in limits(info)), "no least value"
        assert any(isinstance(limit, Le | Lt) for limit in limits(info)), "no greatest value"


CONFLICTS: list[tuple[str, dict[str, Any], str]] = [
    ("bagssl", {"followed": "zoo:mae"}, "followed"),
    ("bagssl", {"n_local": 49}, "n_local"),
    ("bagssl", {"n_counts": 49}, "n_counts"),
    ("bagssl", {"small": 32}, "small < side < large"),
    ("bagssl", {"n_patches": 9}, "n_patches"),
    ("qscore", {"low": 95.0}, "low"),
    ("qscore", {"methods": "byol"}, "methods"),
    ("masking_cka", {"min_coverage": 0.6, "max_coverage": 0.5}, "min_coverage"),
    ("rcdm", {"n_images": 160}, "n_images"),
    ("rcdm", {"n_attacked": 160}, "n_attacked"),
    ("rcdm", {"n_again": 13}, "n_again"),
    ("rcdm", {"n_shown": 9}, "n_shown"),
    ("rcdm", {"judge": "zoo:simclr"}, "judge"),
    ("rcdm", {"histories": "scenes"}, "histories"),
]


@pytest.mark.parametrize(("study", "values", "says"), CONFLICTS)
def test_values_that_exclude_each_other_are_refused(study: str, values: dict[str, Any], says: str) -> None:
    resolve(study, "smoke")
    with pytest.raises(UserError, match=f"{study}: .*{says}") as caught:
        resolve(study, "smoke", values)
    assert "\n" not in str(caught.value)


def test_every_preset_of_every_study_is_accepted() -> None:
    for study in STUDIES:
        for preset in PRESETS:
            resolve(study, preset)


FEW = "folder:{}/few"  # three pictures of one class without masks: enough for nothing
DATA = (
    *("nothing", FEW, "folder:/nowhere/at all", "folder:"),
    *("scenes:nothing", "scenes:objects?scale=99", "scenes:objects?nothing=1"),
)
ENCODERS = (
    *("nothing", "zoo:nothing", "zoo:", "file:/nowhere.safetensors", "hub-file:nothing", "conv4:nothing", "timm:nothing"),
    "python:{}/own.py:nothing",
)


def names() -> Iterator[tuple[str, str, str]]:
    """Every parameter that names data sets or encoders, with every wrong name."""
    for study, model in STUDIES.items():
        params = resolve(study, "smoke")
        for what, bad in (("datasets", DATA), ("encoders", ENCODERS)):
            for name, info in model.model_fields.items():
                value = getattr(params, name)
                known = value if isinstance(value, tuple) else (value,)
                if kind(info) is str and known and set(known) <= set(params.reads[what]):
                    yield from ((study, name, wrong_name) for wrong_name in bad)


@pytest.mark.parametrize(("study", "name", "value"), names())
def test_a_name_of_nothing_is_refused_before_a_kernel_starts(
    study: str, name: str, value: str, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_execute", lambda *_: pytest.fail("a kernel was started"))
    pictures(tmp_path / "few", 3)
    (tmp_path / "own.py").write_text(OWN)
    many, value = isinstance(getattr(resolve(study, "smoke"), name), tuple), value.format(tmp_path)
    with pytest.raises(UserError) as caught:
        runs.run(study, "smoke", {name: [value] if many else value})
    assert "\n" not in str(caught.value)
    assert not build.exists()


@pytest.mark.parametrize(
    ("study", "values", "says"),
    [
        ("masking_cka", {"datasets": FEW}, "takes at least 8 images"),
        ("bagssl", {"dataset": "folder:{}/one"}, "one class only"),
        ("bagssl", {"dataset": "folder:{}/two"}, "takes at least 50 images"),
        ("qscore", {"dataset": "folder:{}/one"}, "one class only"),
        ("qscore", {"dataset": "folder:{}/two"}, "takes at least 50 images"),
        ("qscore", {"mask_dataset": "folder:{}/two"}, "no masks"),
        ("local_vit", {"datasets": "folder:{}/two"}, "cannot use data set"),
        ("local_vit", {"datasets": "scenes:textures"}, "cannot use data set"),
        ("local_vit", {"datasets": "scenes:video?frames=8"}, "take frames=9 or more"),
        ("local_vit", {"encoders": "python:{}/own.py:vectors"}, "no grid of 8 x 8 patches"),
        ("model_zoo", {"encoders": "zoo:simclr"}, "without its untrained copy"),
        ("model_zoo", {"encoders": "python:{}/own.py:vectors"}, "has no card"),
        ("world", {"encoders": "python:{}/lies.py:vectors"}, "OBJECTIVE is 'nothing'"),
        ("rcdm", {"dataset": "folder:{}/two"}, "takes at least 100 images"),
        ("rcdm", {"unfamiliar": FEW}, "takes at least 5 images"),
        ("rcdm", {"encoders": "zoo:mae"}, "does not know 'zoo:mae'"),
        ("rcdm", {"decoder": "nothing"}, "nothing.json"),
    ],
)
def test_data_and_decoders_that_do_not_suit_a_study_are_refused_before_a_kernel_starts(
    study: str, values: dict[str, str], says: str, build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "_execute", lambda *_: pytest.fail("a kernel was started"))
    for place, count in (("few", 3), ("one", 20), ("two/a", 20), ("two/b", 20)):
        pictures(tmp_path / place, count)
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "lies.py").write_text(f'OBJECTIVE = "nothing"\n{OWN}')
    with pytest.raises(UserError, match=says):
        runs.run(study, "smoke", {name: value.format(tmp_path) for name, value in values.items()})
    assert not build.exists()


def pictures(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")


OWN = """
import torch
from analysis.encoders.own import of_module

def vectors():
    return of_module(torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()), size=64)
"""


def test_a_gpu_that_is_not_there_is_refused_before_a_kernel_starts(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(runs, "_execute", lambda *_: pytest.fail("a kernel was started"))
    for study in STUDIES:
        with pytest.raises(UserError, match="no usable GPU"):
            runs.run(study, "smoke", {"device": "cuda"})
    assert not build.exists()
