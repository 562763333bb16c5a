"""SVG files as the book serves them: what matplotlib drew, in a third of the bytes."""

import base64
import io
import re

from PIL import Image

_UNDRAWN = re.compile(r'<!DOCTYPE[^>]*>|<metadata>.*?</metadata>|<!--.*?-->| id="[A-Za-z.0-9]+_\d+"|\s*\n\s*', re.DOTALL)
_LETTER = re.compile(r'(<use xlink:href="#)DejaVuSans-([^"]+)"(?: transform="translate\((-?[\d.]+) 0\)")?')
_OUTLINE = re.compile(r'(?<=\sd=")[^"]*')
_LONG = re.compile(r"-?\d+\.\d{3,}")
_PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


def slim(svg: str) -> str:
    """The same picture without comments, line breaks and names of groups, outlines to a hundredth of a point, letters short.

    Photographs become WebP; a picture that lossless WebP makes nearly as small as lossy WebP (heat maps, masks) stays exact.
    """
    svg = _LETTER.sub(_placed, _UNDRAWN.sub("", svg)).replace('id="DejaVuSans-', 'id="g')
    svg = _OUTLINE.sub(lambda found: _LONG.sub(_short, found[0]), svg)
    return _PNG.sub(lambda found: _webp(found[1]), svg)


def _placed(letter: re.Match[str]) -> str:
    """A letter by its short name, and where it stands in its word."""
    return f'{letter[1]}g{letter[2]}"' + (f' x="{float(letter[3]):.4g}"' if letter[3] else "")


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _webp(png: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    exact, lossy = io.BytesIO(), io.BytesIO()
    picture.save(exact, "WEBP", lossless=True)
    picture.save(lossy, "WEBP", quality=90)
    best = exact if exact.tell() <= 1.5 * lossy.tell() else lossy
    return "data:image/webp;base64," + base64.b64encode(best.getvalue()).decode()
