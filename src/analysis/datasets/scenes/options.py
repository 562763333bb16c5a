"""The options of each kind: which factors may be fixed, and to what."""

from contextlib import suppress
from typing import Any

import numpy as np

from analysis.datasets.scenes.textures import FAMILIES
from analysis.errors import UserError

Range = tuple[type, float, float]
RANGES: dict[str, Range] = {
    "x": (float, -1, 1),  # centre in scene units, the image is [-1, 1]
    "y": (float, -1, 1),
    "scale": (float, 0.1, 2),
    "rotation": (float, -np.pi, np.pi),  # radians, clockwise
    "mirror": (bool, 0, 1),
    "hue": (float, 0, 1),
    "light": (float, -np.pi, np.pi),  # direction the light comes from, 0 the right, clockwise
    "clutter": (int, 0, 4),
    "occluders": (int, 0, 2),
    "correlation": (float, 0, 1),
    "objects": (int, 2, 5),
    "frames": (int, 1, 10_000),  # per video
    "shift": (float, 0, 0.5),  # the most a second view may move, in sides of the image
    "turn": (float, 0, np.pi),  # ... turn, in radians
    "zoom": (float, 0, 1),  # ... zoom: a factor from 1 / (1 + zoom) to 1 + zoom
    "blur": (float, 0, 4),  # ... blur: standard deviation in pixels of an image of 64
    "noise": (float, 0, 0.5),  # ... noise: standard deviation, the range of colours being 1
    "jitter": (float, 0, 1),  # ... change contrast and brightness per channel
}
CHOICES: dict[str, tuple[str, ...]] = {
    "background": FAMILIES,
    "without": ("object", "part"),  # the counterfactual: see `scene.without`
}
SINGLE = ("background", "x", "y", "scale", "rotation", "mirror", "hue", "light", "clutter", "occluders", "without")
OPTIONS: dict[str, tuple[str, ...]] = {
    "objects": SINGLE,
    "fine": SINGLE,
    "context": ("correlation", *SINGLE),
    "textures": ("light",),
    "multi": ("background", "light", "objects"),
    "video": ("frames", "background", "light"),
    "pairs": ("shift", "turn", "zoom", "blur", "noise", "jitter", "background", "light", "objects"),
}


def _checked(name: str, value: Any) -> Any:
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise UserError(f"scenes: unknown {name} {value!r}; there are {', '.join(CHOICES[name])}")
        return value
    kind, low, high = RANGES[name]
    number = isinstance(value, int | float | np.number | np.bool_)
    if not number or not low <= value <= high or kind(value) != value:
        what = {float: "a number", int: "a whole number", bool: "true or false"}[kind]
        raise UserError(f"scenes: {name} must be {what} from {low:g} to {high:g}, not {value!r}")
    return kind(value)


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Kind and options of `KIND?option=value&option=value`, the values as numbers or truth values where they read as such.

    Raises:
        UserError: something between the `&` is no `option=value`, or an option comes twice.
    """
    kind, _, rest = text.partition("?")
    pairs = [part.partition("=") for part in rest.split("&")] if "?" in text else []
    options = {name: _value(value) for name, equals, value in pairs if name and equals and value}
    if len(options) < len(pairs):
        raise UserError(f"scenes:{text}: write options as scenes:{kind}?option=value&option=value, each once")
    return kind, options


def _value(text: str) -> Any:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        with suppress(ValueError):
            return number(text)
    return text


def resolve(kind: str, split: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options checked, with the defaults that depend on the split.

    Raises:
        UserError: an option this kind does not have, or a value out of range.
    """
    for name in options:
        if name not in OPTIONS[kind]:
            raise UserError(f"scenes:{kind} has no option {name!r}; it has {', '.join(OPTIONS[kind])}")
    fixed = {name: _checked(name, value) for name, value in options.items() if value is not None}
    defaults: dict[str, dict[str, Any]] = {
        "context": {"correlation": 0.9 if split == "train" else 1 / len(FAMILIES)},
        "video": {"frames": 16},
        "pairs": {"shift": 0.15, "turn": 0.5, "zoom": 0.4, "blur": 0.8, "noise": 0.04, "jitter": 0.2},
    }
    return {**defaults.get(kind, {}), **fixed}
