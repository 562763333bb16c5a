"""Figures: no picture without a statement, one file per theme, the same bytes each time, colours everybody can tell apart."""

import base64
import io
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import rgb2lab

from analysis import charts, figures
from analysis.encoders.methods import METHODS, of_recipe
from analysis.figures import DARK, INK, METHOD_COLOURS, PALETTE, PAPER, FigureRef, save, style
from analysis.results import plain
from analysis.training.methods import METHODS as TRAINED_METHODS

ALT = "The line rises from nought to one over the range."
CAPTION = "Estimate against $n$, with *one* line."


def _figure() -> Figure:
    with style():
        fig, ax = plt.subplots(figsize=(3, 2))
        ax.plot([0, 1], [0, 1], label="a line")
        ax.set_title("Rise")
        ax.legend()
    return fig


def _save(folder: Path) -> FigureRef:
    return save(_figure(), folder, "rise", ALT, CAPTION)


@pytest.mark.parametrize(
    "alt",
    [
        "",
        "   ",
        "CKA falls.",
        "A line that rises from nought to one",
        "A plot of the rise from nought to one.",
        "It rises to nan in the end.",
    ],
)
def test_a_figure_whose_alt_text_states_nothing_is_refused(tmp_path: Path, alt: str) -> None:
    fig = _figure()
    with pytest.raises(ValueError, match="alt text"):
        save(fig, tmp_path, "rise", alt, CAPTION)
    assert not (tmp_path / "figures").exists()
    plt.close(fig)


def test_a_number_that_was_never_filled_in_is_refused() -> None:
    for text in (
        "The value is {cka:.2f} for all encoders.",
        "The value is {} for all encoders.",
        "CKA is None for all encoders.",
        "CKA falls from 0.5 to nan in the last layer.",
        "CKA rises by inf: more than anything.",
        "Accuracy is nan% for all of them (-inf at worst).",
    ):
        with pytest.raises(ValueError, match="never filled in"):
            save(Figure(), Path(), "rise", ALT, text)


@pytest.mark.parametrize("name", ["folder:inf", "folder:pets/nan", "folder:None/x", "'inf'", '"nan"', "nan-goreng", "infimum"])
def test_a_name_that_reads_as_no_number_is_a_name(tmp_path: Path, name: str) -> None:
    assert save(Figure(), tmp_path, "rise", ALT, f"Most images of {name} are alike in every way.")


@pytest.mark.parametrize("name", ["Rise", "a/b", "", "rise-dark", "../rise"])
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="figure name"):
        save(Figure(), tmp_path, name, ALT, CAPTION)


def test_saving_writes_both_themes_and_a_pdf_and_closes_the_figure(tmp_path: Path) -> None:
    before = plt.get_fignums()
    ref = _save(tmp_path)
    assert ref.file == "figures/rise.svg"
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == ["rise-dark.svg", "rise.pdf", "rise.svg"]
    assert plt.get_fignums() == before


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        _save(tmp_path / folder)
    for name in ("rise.svg", "rise-dark.svg", "rise.pdf"):
        assert (tmp_path / "a/figures" / name).read_bytes() == (tmp_path / "b/figures" / name).read_bytes()


def test_the_dark_file_differs_in_ink_and_not_in_data(tmp_path: Path) -> None:
    _save(tmp_path)
    light, dark = ((tmp_path / "figures" / name).read_text() for name in ("rise.svg", "rise-dark.svg"))
    assert INK in light
    assert not any(colour in dark for colour in DARK)
    assert light.count(PALETTE[0]) == dark.count(PALETTE[0]) > 0
    assert not set(DARK) & set(PALETTE)


def test_the_background_is_transparent_and_text_needs_no_font(tmp_path: Path) -> None:
    _save(tmp_path)
    svg = (tmp_path / "figures/rise.svg").read_text()
    assert "<text" not in svg
    first = re.search("<path[^>]*>", svg)
    assert first is not None
    assert 'style="fill: none"' in first[0]


def test_a_saved_figure_is_the_drawn_one_in_fewer_bytes(tmp_path: Path) -> None:
    figure = _figure()
    with style(**{"svg.hashsalt": "rise"}):
        figure.savefig(tmp_path / "drawn.svg", metadata={"Date": None})
    save(figure, tmp_path, "rise", ALT, CAPTION)
    drawn, saved = (tmp_path / name for name in ("drawn.svg", "figures/rise.svg"))
    assert saved.stat().st_size < 0.8 * drawn.stat().st_size
    before, after = (_elements(path) for path in (drawn, saved))
    assert len(before) > 30
    for (kind, numbers), (same, shortened) in zip(before, after, strict=True):
        assert kind == same
        assert numbers == pytest.approx(shortened, rel=1e-3, abs=0.0051)


def test_a_saved_photograph_keeps_its_colours_and_a_picture_of_few_colours_is_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    smooth = np.kron(rng.random((6, 6, 3)), np.ones((24, 24, 1)))
    photograph = (255 * (0.9 * smooth + 0.1 * rng.random((144, 144, 1)))).astype(np.uint8)
    mask = np.where(rng.random((144, 144, 1)) < 0.1, 255, 0).repeat(3, -1).astype(np.uint8)
    with style():
        fig, axes = plt.subplots(1, 2)
        for ax, shown in zip(axes, (photograph, mask), strict=True):
            ax.imshow(shown, interpolation="none")
    save(fig, tmp_path, "pair", ALT, CAPTION)
    for name in ("pair.svg", "pair-dark.svg"):
        found = re.findall(r"data:image/(\w+);base64,([^\"]+)", (tmp_path / "figures" / name).read_text())
        assert [kind for kind, _ in found] == ["webp", "webp"]
        near, exact = (np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")) for _, data in found)
        assert np.abs(near.astype(int) - photograph).mean() < 6
        assert np.array_equal(exact, mask)


def _elements(path: Path) -> list[tuple[tuple[str, str | None], list[float]]]:
    """What an SVG draws, in order: kinds, looks, and all numbers of shapes and places of letters; links resolved."""
    root = ElementTree.parse(path).getroot()
    shapes = {found.get("id"): found.get("d") for found in root.iter() if found.get("id")}
    drawn = []
    for found in root.iter():
        kind = found.tag.rpartition("}")[2]
        if kind in ("path", "use", "rect", "image"):
            link = found.get("{http://www.w3.org/1999/xlink}href", "")
            place = re.search(r"translate\((\S+) 0\)", found.get("transform", ""))
            x = float(place[1] if place else found.get("x", "0"))
            assert not link.startswith("#") or link[1:] in shapes
            shape = found.get("d") or shapes.get(link[1:]) or ""
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", shape)]
            drawn.append(((kind + re.sub(r"[-\d. \n]+", "", shape), found.get("style")), [x, *numbers]))
    return drawn


def test_a_figure_shows_itself_in_jupyter_and_in_the_book(tmp_path: Path) -> None:
    shown = _save(tmp_path)._repr_mimebundle_()
    assert shown["text/markdown"].splitlines()[:2] == [":::{figure} figures/rise.svg", f":alt: {ALT}"]
    assert CAPTION in shown["text/markdown"]
    assert f'alt="{ALT}"' in shown["text/html"]
    assert 'src="data:image/svg+xml;base64,' in shown["text/html"]  # seen wherever the notebook is opened
    assert ALT in shown["text/plain"]


def test_results_hold_the_words_and_not_the_picture(tmp_path: Path) -> None:
    assert plain(_save(tmp_path)) == {"file": "figures/rise.svg", "alt": ALT, "caption": CAPTION}


def test_intervals_reach_from_low_to_high_and_never_beyond_their_value() -> None:
    _, ax = plt.subplots()
    rows = pd.DataFrame({"value": [0.5, 0.2], "low": [0.4, 0.2 + 1e-9], "high": [0.7, 0.3]})
    figures.intervals(ax, rows, np.array([0.0, 1.0]), PALETTE[0], "a")
    drawn = ax.collections[0].get_segments()
    assert [segment.tolist() for segment in drawn] == [[[0.4, 0.0], [0.7, 0.0]], [[0.2, 1.0], [0.3, 1.0]]]
    plt.close()


def test_the_style_ends_with_its_block() -> None:
    before = dict(plt.rcParams)
    with style(**{"font.size": 30}):
        assert plt.rcParams["font.size"] == 30
        assert plt.rcParams["text.color"] == INK
    assert dict(plt.rcParams) == before


def _linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _contrast(one: str, other: str) -> float:
    dark, light = sorted(float(_linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_every_colour_of_the_palette_is_seen_on_both_pages() -> None:
    for page in ("#ffffff", DARK[PAPER]):
        assert min(_contrast(colour, page) for colour in METHOD_COLOURS.values()) >= 3
        assert min(_contrast(colour, page) for colour in PALETTE) >= 2.7
    assert _contrast(INK, "#ffffff") > 12
    assert _contrast(DARK[INK], DARK[PAPER]) > 12


# Machado, Oliveira and Fernandes (2009): full protanopia, deuteranopia and tritanopia, on linear RGB.
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("eyes", BLINDNESS)
def test_any_two_colours_of_the_palette_stay_apart_for_colour_blind_eyes(eyes: str) -> None:
    assert _least_distance(PALETTE, eyes) > 15


@pytest.mark.parametrize("eyes", BLINDNESS)
def test_any_two_methods_stay_apart_for_colour_blind_eyes(eyes: str) -> None:
    colours = {method: colour for method, colour in METHOD_COLOURS.items() if method != "moco-v3"}  # as that of its forerunner
    assert _least_distance(list(colours.values()), eyes) > 11
    zoo = {of_recipe(name) for name in TRAINED_METHODS}
    assert _least_distance([colours[method] for method in sorted(zoo)], eyes) > 15


def test_every_method_has_a_colour_of_its_own() -> None:
    assert set(METHOD_COLOURS) == set(METHODS)
    assert len(set(METHOD_COLOURS.values())) == len(METHODS) - 1


def _least_distance(colours: Sequence[str], eyes: str) -> float:
    """The smallest distance in CIELAB between any two, as these eyes see them."""
    linear = np.clip([np.asarray(BLINDNESS[eyes]) @ _linear(colour) for colour in colours], 0, 1)
    seen = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[None])[0]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(lab, 2))


def test_the_named_colour_maps_exist() -> None:
    import seaborn as sns

    for name in (figures.SEQUENTIAL, figures.DIVERGING):
        assert sns.color_palette(name, as_cmap=True)(0.5)


@pytest.mark.parametrize("shape", [(3, 2), (19, 4), (3, 30)])
@pytest.mark.parametrize("height", [0.8, 4.0])
def test_every_row_and_column_of_a_heatmap_is_named_however_short_its_axes(shape: tuple[int, int], height: float) -> None:
    rows, columns = ([f"{kind} {i}" for i in range(n)] for kind, n in zip(("row", "column"), shape, strict=True))
    with style():
        fig, ax = plt.subplots(figsize=(3, height))
        charts.heatmap(pd.DataFrame(np.full(shape, 0.5), rows, columns), ax)
    assert [label.get_text() for label in ax.get_yticklabels()] == rows
    assert [label.get_text() for label in ax.get_xticklabels()] == columns
    plt.close(fig)


def test_what_a_figure_says_has_minus_signs_and_no_signed_zero(tmp_path: Path) -> None:
    fig, _ = plt.subplots()
    shown = save(
        fig, tmp_path, "signs", "It changes by -0.02, and by -0.00 in SimCLR-2.", "The share falls by -3 to +0.0 here."
    )
    assert shown.alt == "It changes by −0.02, and by 0.00 in SimCLR-2."
    assert shown.caption == "The share falls by −3 to 0.0 here."
