"""One frozen, typed parameter model per study, and the presets.

A value reaches a run only through these models: unknown names, wrong types and values out of range are refused
with one line before any work starts.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from analysis import studies
from analysis.errors import UserError
from analysis.params.base import PRESETS, Preset, StudyParams

__all__ = ["PRESETS", "STUDIES", "Preset", "StudyParams", "describe", "resolve", "study_model"]


@cache
def _modules() -> dict[str, Any]:
    """Module `params` of every folder of `analysis.studies`, by the folder's name, in the order of their `place`.

    Imported when first asked for: a study may import its own parameters before anybody asks.
    """
    names = [found.name for found in pkgutil.iter_modules(studies.__path__) if found.ispkg]
    modules = {name: importlib.import_module(f"analysis.studies.{name}.params") for name in names}
    return dict(sorted(modules.items(), key=lambda item: item[1].PARAMS.place))


class _Studies(Mapping[str, type[StudyParams]]):
    """Study -> its parameter model."""

    def __getitem__(self, name: str) -> type[StudyParams]:
        return _modules()[name].PARAMS

    def __iter__(self) -> Iterator[str]:
        return iter(_modules())

    def __len__(self) -> int:
        return len(_modules())


STUDIES: Mapping[str, type[StudyParams]] = _Studies()


def study_model(study: str) -> type[StudyParams]:
    """The parameter model of `study`; an unknown study is a `UserError` that lists the known ones."""
    if study not in STUDIES:
        raise UserError(f"unknown study {study!r}; there is {_listed(STUDIES)}{_guess(study, STUDIES)}")
    return STUDIES[study]


def resolve(study: str, preset: str = "default", overrides: dict[str, Any] | None = None) -> StudyParams:
    """All parameters of a run: the preset's values, then `overrides`.

    Raises:
        UserError: unknown study, preset or parameter; wrong type; value out of range. One line names the parameter
            and what is allowed.
    """
    model = study_model(study)
    if preset not in PRESETS:
        raise UserError(f"unknown preset {preset!r}; there is {_listed(PRESETS)}{_guess(preset, PRESETS)}")
    given = dict(overrides or {})
    for name in given:
        if name in model.renamed:
            raise UserError(f"{study}: parameter {name!r} is called {model.renamed[name]!r} now")
        if name not in model.model_fields:
            raise UserError(
                f"{study} has no parameter {name!r}{_guess(name, model.model_fields)}; it has {_listed(model.model_fields)}"
            )
    try:
        return model(**{**_modules()[study].PRESETS[preset], **given})
    except ValidationError as error:
        raise UserError(_one_line(study, model, error)) from None


def describe(study: str) -> list[dict[str, Any]]:
    """Rows (name, type, meaning, and the value in each preset) of every parameter of `study`."""
    model = study_model(study)
    values = {preset: resolve(study, preset).model_dump() for preset in PRESETS}
    return [
        {"name": name, "type": allowed(info), "meaning": info.description, **{p: values[p][name] for p in PRESETS}}
        for name, info in model.model_fields.items()
    ]


def allowed(info: FieldInfo) -> str:
    """The type and range of a parameter, for people."""
    text = str(info.annotation).replace("typing.", "")
    if info.annotation in (int, float, bool, str):
        text = info.annotation.__name__  # type: ignore[union-attr]
    if "Literal" in text:
        choices = text[text.index("[", text.index("Literal")) + 1 : text.index("]")].replace("'", "")
        text = ("list of " if "tuple" in text else "") + choices.replace(", ", " | ")
    elif "tuple" in text:
        kinds = {"float": "numbers", "int": "whole numbers"}
        text = "list of " + next((words for kind, words in kinds.items() if kind in text), "names")
    fields = get_args(next(iter(get_args(info.annotation)), None))  # of a list: the range of its entries
    limits = [*info.metadata, *(limit for field in fields for limit in getattr(field, "metadata", ()))]
    bounds = [f"{sign} {getattr(m, key)}" for m in limits for key, sign in _SIGNS.items() if hasattr(m, key)]
    return f"{text}, {' and '.join(bounds)}" if bounds else text


_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "a multiple of"}


def _one_line(study: str, model: type[StudyParams], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:  # between parameters
        return f"{study}: {first['msg'].removeprefix('Value error, ')}"
    name = str(first["loc"][0]) if first["loc"] else "parameters"
    wanted = allowed(model.model_fields[name]) if name in model.model_fields else first["msg"]
    repeats = " without repeats" if "repeats" in first["msg"] else ""
    return f"{study}: parameter {name!r} cannot be {first['input']!r}: it takes {wanted}{repeats}"


def _listed(names: Any) -> str:
    return ", ".join(names)


def _guess(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
