"""Figures as the site serves them: the same picture in a third of the bytes."""

import base64
import io
import re
from functools import cache
from typing import Any

from PIL import Image

_PNG = re.compile(r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)")
_SVG = re.compile(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)")
_PATH = re.compile(r'(?<=\sd=")[^"]*')
_LONG = re.compile(r"-?\d+\.\d{3,}")


@cache
def slim(svg: str) -> str:
    """An SVG file with its photographs as WebP and its outlines to a hundredth of a point.

    A picture that lossless WebP makes nearly as small as lossy WebP (heat maps, masks) stays exact.
    """
    return _PNG.sub(lambda found: _webp(found[1]), _PATH.sub(lambda found: _LONG.sub(_short, found[0]), svg))


def slim_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook with the figures in its HTML outputs made slim; `notebook` itself stays as it was."""
    return {**notebook, "cells": [_slim_cell(cell) for cell in notebook["cells"]]}


def _slim_cell(cell: dict[str, Any]) -> dict[str, Any]:
    if "outputs" not in cell:
        return cell
    return {**cell, "outputs": [_slim_output(output) for output in cell["outputs"]]}


def _slim_output(output: dict[str, Any]) -> dict[str, Any]:
    data = output.get("data", {})
    if "text/html" not in data:
        return output
    html = "".join(data["text/html"])
    return {**output, "data": {**data, "text/html": _SVG.sub(_slim_embedded, html)}}


def _slim_embedded(found: re.Match[str]) -> str:
    svg = slim(base64.b64decode(found[1]).decode())
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _webp(png: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    exact, lossy = io.BytesIO(), io.BytesIO()
    picture.save(exact, "WEBP", lossless=True)
    picture.save(lossy, "WEBP", quality=90)
    best = exact if exact.tell() <= 1.5 * lossy.tell() else lossy
    return "data:image/webp;base64," + base64.b64encode(best.getvalue()).decode()
