"""The sentences under the figures of `masking_cka` are made of the numbers in its tables."""

import itertools
import re
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest

from analysis.results import Results, Row
from analysis.studies.masking_cka import plots, study

ENCODERS = {"zoo:mae": "MAE", "zoo:swav": "SwAV", "zoo:untrained": "Untrained"}
SETS = {"scenes:objects": True, "scenes:context": True, "scenes:textures": False}


@pytest.fixture
def results() -> Results:
    """Tables as a run leaves them, with random values in place of measured ones."""
    rng = np.random.default_rng(0)

    def estimate() -> Row:
        value = float(rng.uniform(-0.5, 0.9))
        return {"value": value, "low": value - 0.02, "high": value + 0.02}

    tables: dict[str, list[Row]] = {
        "encoders": [{"encoder": e, "title": t, "method": e.removeprefix("zoo:")} for e, t in ENCODERS.items()],
        "separation_all": [{"encoder": e, "sense": s, **estimate()} for e in ENCODERS for s in plots.SENSES],
        "separation": [
            {"encoder": e, "sense": s, "dataset": d, "fill": "mean", **estimate()}
            for e, s, d in itertools.product(ENCODERS, plots.SENSES, SETS)
        ],
        "pairs": [
            {"dataset": d, "encoder": e, "fill": "mean", "a": a, "b": b, "cka": float(rng.uniform(0, 1))}
            for (d, masks), e in itertools.product(SETS.items(), ENCODERS)
            for a, b in [*(plots.HEADLINE if masks else ()), ("complete", "occluded_50"), ("complete", "centre_50")]
        ],
        "place": [
            {"dataset": d, "encoder": e, "masks": masks, "square": square, **estimate()}
            for (d, masks), e in itertools.product(SETS.items(), ENCODERS)
            for square in (*plots.SQUARES,)[0 if masks else 1 :]
        ],
        "reliance": [
            {"dataset": d, "encoder": e, "arm": arm, **estimate()}
            for d, e, arm in itertools.product(list(SETS)[:2], ENCODERS, plots.ARM_WORDS)
        ],
        "reliance_all": [
            {"encoder": e, **estimate(), **dict.fromkeys(("learned", "learned_low", "learned_high"), learned)}
            for e, learned in zip(ENCODERS, (0.31, -0.12, None), strict=True)
        ],
        "panel": [
            {
                "dataset": d,
                "encoder": e,
                "a": a,
                "b": b,
                "measure": m,
                "value": float(rng.uniform(0, 2 if m == "procrustes" else 1)),
            }
            for d, e, (a, b), m in itertools.product(SETS, ENCODERS, plots.PARTS, ("debiased_cka", "linear_cka", "procrustes"))
        ],
    }
    return Results("masking_cka", "toy", "smoke", {"fills": ["mean"]}, tables, {"place_objects": 0.2345, "place_bare": 0.0123})


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    plt.close("all")


def numbers(words: str) -> list[float]:
    return [float(found.replace("−", "-")) for found in re.findall(r"[+−-]?\d+\.\d+", words)]


def rows(results: Results, table: str, **where: object) -> list[float]:
    value = "cka" if table == "pairs" else "value"
    return [row[value] for row in results.tables[table] if all(row[key] == wanted for key, wanted in where.items())]


def test_the_leading_figure_names_the_least_separating_encoder_of_each_sense(results: Results) -> None:
    _, words = plots.separation(results, 0.05)
    least = [min(rows(results, "separation_all", sense=sense)) for sense in plots.SENSES]
    assert sorted(numbers(words)) == pytest.approx(sorted(least), abs=0.005)
    assert "of 3 encoders" in words.lower()


def test_matrices_say_the_range_of_both_halves(results: Results) -> None:
    _, words = plots.matrices(results, "mean")
    own, region = rows(results, "pairs", a="object"), rows(results, "pairs", a="region")
    assert numbers(words) == pytest.approx([min(own), max(own), min(region), max(region)], abs=0.005)


def test_reliance_says_who_moved_most_and_least_beside_the_untrained_copy(results: Results) -> None:
    _, words = plots.reliance(results)
    assert words.startswith("Beside its untrained copy MAE moves most towards the object (+0.31), SwAV least (-0.12)")
    for row in results.tables["reliance_all"]:
        row["learned"] = None
    assert "not known" in plots.reliance(results)[1]


def test_the_centre_is_compared_with_the_corners_on_each_data_set(results: Results) -> None:
    _, words = plots.stand_in(results)
    for name, value in zip(SETS, numbers(words), strict=True):
        gap = np.subtract(
            rows(results, "place", dataset=name, square="centre"), rows(results, "place", dataset=name, square="corners")
        )
        assert value == pytest.approx(gap.mean(), abs=0.005)


def test_the_panel_turns_procrustes_into_a_similarity_and_ranks_within_each_measure(results: Results) -> None:
    fig, words = plots.panel(results)
    labels = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert "Procrustes distance d² as 1 − d²/2" in labels
    colours = np.asarray(fig.axes[0].collections[0].get_array()).reshape(3, len(ENCODERS))
    assert [sorted(row) for row in colours.tolist()] == [[1, 2, 3]] * 3
    by_encoder = [
        np.mean(rows(results, "panel", encoder=e, a="region", measure="debiased_cka"))
        - np.mean(rows(results, "panel", encoder=e, a="object", measure="debiased_cka"))
        for e in ENCODERS
    ]
    assert numbers(words)[0] == pytest.approx(max(by_encoder), abs=0.005)


def test_a_predicted_mask_that_keeps_the_order_of_encoders_has_correlation_1_and_one_that_turns_it_minus_1() -> None:
    values = dict(zip(ENCODERS, (0.1, 0.2, 0.5), strict=True))
    made = {"true": 1, "cutout": 2, "predicted": -1}
    table = [{"dataset": "x", "encoder": e, "arm": arm, "value": k * v} for arm, k in made.items() for e, v in values.items()]
    assert plots.arm_agreement(table) == pytest.approx({"cutout": 1, "predicted": -1})


def test_the_finding_counts_who_separates_and_quotes_the_run(results: Results) -> None:
    words = str(study.finding(results))
    for sense, after in (("images", "encoders show halves"), ("directions", "keep object")):
        low = [row["low"] for row in results.tables["separation_all"] if row["sense"] == sense]
        count = sum(value > 0.05 for value in low)
        assert f"{count} of 3 {after}" in words or f"; {count} {after}" in words
    assert "+0.23 more CKA" in words
    assert "+0.01 where there is none" in words
    del results.scalars["place_bare"]
    assert "where there is none" not in str(study.finding(results))


def test_the_ranking_puts_what_training_adds_most_first_and_what_has_no_copy_last(results: Results) -> None:
    order = re.findall(r"^\| (MAE|SwAV|Untrained) ", str(study.reliance_table(results)), re.MULTILINE)
    assert order == ["MAE", "SwAV", "Untrained"]
