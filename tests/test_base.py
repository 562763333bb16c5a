"""What every study shares: draws that resample what is independent, evidence measured alike, the way to verdicts."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from analysis import notebook as module
from analysis.errors import UserError
from analysis.notebook import Notebook
from analysis.params.base import StudyParams
from analysis.prose import INTERVAL, show, table
from analysis.results import Results
from analysis.rules import Claim, Condition, Evidence, Rule, Said
from analysis.stats import Estimate, estimate
from analysis.studies import base
from analysis.studies.base import Measured, evidence, run
from analysis.verdict_prose import verdicts

CLAIM = Claim(
    "T1",
    "toy",
    "It helps.",
    Rule((Condition("gain", "gain in accuracy", 0.05, "a tenth"),), "nothing done", "planted"),
    said=Said("it helps", "It helps (gain {}).", {"gain": "It hardly helps (gain {})."}),
)


class Toy(StudyParams):
    title: ClassVar[str] = "Toy"
    place: ClassVar[int] = 99
    encoders: tuple[str, ...] = ("zoo:swav", "zoo:untrained")


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    monkeypatch.setattr(module.provenance, "fingerprint", lambda *_: {})
    return Notebook("toy", Toy(), "smoke", tmp_path)


@pytest.fixture
def measured() -> Measured:
    return Measured(seed=1, n_bootstrap=400)


def test_the_first_draw_is_the_sample_itself_and_the_same_rows_are_resampled_alike(measured: Measured) -> None:
    weights = measured.weights(30)
    assert (weights[0] == 1).all()
    assert (weights[1:].sum(1) == 30).all()
    assert (measured.weights(np.arange(30)) == weights).all()
    clusters = np.repeat(np.arange(10), 3)
    assert (measured.weights(clusters)[:, ::3] == measured.weights(clusters)[:, 1::3]).all()


def test_rows_of_one_cluster_count_as_one_and_widen_the_interval(measured: Measured) -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(20), 25)
    values = np.repeat(rng.standard_normal(20), 25)
    alone, together = measured.mean(values), measured.mean(values, clusters)
    assert alone[0] == pytest.approx(values.mean()) == together[0]
    assert together[1:].std() == pytest.approx(5 * alone[1:].std(), rel=0.25)


def test_a_row_without_a_value_counts_as_no_row(measured: Measured) -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan])
    assert measured.mean(values)[0] == 2.0


def test_an_interval_over_encoders_is_wider_than_one_over_their_images(measured: Measured) -> None:
    rng = np.random.default_rng(0)
    units = [measured.mean(rng.normal(level, 0.1, 200)) for level in (0.0, 0.5, 1.0)]
    over = measured.over(units)
    images = measured.estimate(np.mean(units, axis=0))
    assert over.value == pytest.approx(images.value)
    assert over.high - over.low > 10 * (images.high - images.low)


def test_a_share_of_all_encoders_covers_the_truth_and_one_of_hardly_any_whole_does_not_drown_it() -> None:
    """Wholes from nothing to ten points, parts half of them with noise: three hundred worlds of eight encoders each."""
    rng, measured = np.random.default_rng(0), Measured(0, 50)
    covered, narrower = [], []
    for _ in range(300):
        whole = rng.uniform(0.005, 0.1, 8)
        part = 0.5 * whole + 0.01 * rng.standard_normal(8)
        parts, wholes = (list(np.repeat(values[:, None], 51, axis=1)) for values in (part, whole))
        found, mean = measured.share(parts, wholes), measured.over([p / w for p, w in zip(parts, wholes, strict=True)])
        assert found.value == pytest.approx(part.sum() / whole.sum())
        covered.append(found.low < 0.5 < found.high)
        narrower.append(found.high - found.low < mean.high - mean.low)
    assert 0.91 < np.mean(covered) < 0.99
    assert np.mean(narrower) > 0.9


def test_a_share_keeps_its_interval_where_a_draw_leaves_hardly_any_whole() -> None:
    measured, rng = Measured(0, 400), np.random.default_rng(3)
    wholes = [0.3 + 0.2 * rng.standard_normal(401) for _ in range(6)]
    for whole in wholes:
        whole[0] = 0.3
    found = measured.share([0.5 * whole for whole in wholes], wholes)
    assert found.value == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5, abs=1e-6)
    assert found.high == pytest.approx(0.5, abs=1e-6)


def test_a_share_of_equal_wholes_is_the_mean_of_shares() -> None:
    measured, rng = Measured(0, 50), np.random.default_rng(1)
    parts = list(rng.random((5, 51)))
    same = measured.over([part / 0.4 for part in parts])
    assert vars(measured.share(parts, [np.full(51, 0.4)] * 5)) == pytest.approx(vars(same))


def test_a_table_holds_the_interval_of_the_draws_that_the_claims_see(measured: Measured) -> None:
    values = measured.mean(np.arange(50.0))
    measured.add("t", {"encoder": "a"}, values, ("q", "a"))
    known = estimate(values[0], values[1:], 0.95)
    assert measured.tables["t"] == [{"encoder": "a", **vars(known)}]
    assert measured.average([("q", "a")])[0] == known.value
    with pytest.raises(KeyError):
        measured.average([("q", "a"), ("q", "b")])


def test_subject_and_controls_are_measured_by_one_function() -> None:
    seen = evidence(lambda level: {"gain": Estimate(level, level - 0.01, level + 0.01)}, 0.2, 0.0, 0.5, n=10, note="x")
    assert [side["gain"].value for side in (seen.own, seen.negative, seen.positive)] == [0.2, 0.0, 0.5]


def toy_measure(params: Any) -> Measured:
    measured = Measured(params.seed, 200)
    rng = np.random.default_rng(params.seed)
    for name, level in (("own", 0.3), ("negative", 0.0), ("positive", 0.6)):
        measured.add("gains", {"set": name}, measured.mean(rng.normal(level, 0.1, 100)), ("gain", name))
    return measured


def toy_evidence(measured: Measured) -> dict[str, Evidence]:
    def gain(name: str) -> dict[str, Estimate]:
        return {"gain": measured.estimate(measured.draws["gain", name])}

    return {"T1": evidence(gain, "own", "negative", "positive", n=100)}


def test_a_study_is_measures_and_evidence_and_the_rest_is_shared(notebook: Notebook) -> None:
    found = run(notebook, toy_measure, (CLAIM,), toy_evidence, scalars=lambda r: {"rows": 3.0})
    results = notebook.results
    assert found is not None
    assert [finding.verdict for finding in results.claims] == ["supported"]
    assert results.scalars == {"rows": 3.0}
    (condition,) = results.claims[0].conditions
    number = f"{show(condition.own)}, bound {condition.smallest:g}"
    assert results.answer == f"**Supported.**\n- **T1** It helps (gain {number})."
    assert [row["method"] for row in results.tables["encoders"]] == ["swav", "untrained"]
    assert len(results.tables["gains"]) == 3


def test_a_claim_without_evidence_is_a_fault_of_the_study(notebook: Notebook) -> None:
    with pytest.raises(KeyError, match="T1"):
        run(notebook, toy_measure, (CLAIM,), lambda _: {})


def test_the_page_shows_verdict_bound_and_both_controls_and_the_sentence(notebook: Notebook) -> None:
    run(notebook, toy_measure, (CLAIM,), toy_evidence)
    words, finding = verdicts(notebook.results, (CLAIM,)).markdown, notebook.results.claims[0]
    (condition,) = finding.conditions
    controls = f"{show(condition.negative)}<br>{show(condition.positive)}"
    assert (
        f"| **T1**<br>supported | gain in accuracy | {show(condition.own)}<br>bound 0.05 | {controls} | 100 images |" in words
    )
    assert finding.sentence() in words


def test_the_manifest_names_the_commit_that_a_run_began_with(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    began, notebook._fingerprint = notebook._commit, {"parameters": {}}
    monkeypatch.setattr(module.provenance, "git_state", lambda: {"commit": "ab" * 20, "dirty": True})
    assert notebook.save()["git"] == began


def test_a_page_of_stored_numbers_has_its_answer(notebook: Notebook) -> None:
    run(notebook, toy_measure, (CLAIM,), toy_evidence)
    told, notebook.results.answer = notebook.results.answer, ""
    notebook.params = Toy(source="stored")
    assert run(notebook, toy_measure, (CLAIM,), toy_evidence) is None
    assert notebook.results.answer == told != ""


def test_pictures_are_words_where_the_page_is_drawn_from_stored_numbers(notebook: Notebook) -> None:
    def draw() -> Any:
        raise UserError("no image is at hand")

    notebook.params = Toy(source="stored")
    assert "pictures are left out" in str(notebook.picture(draw, "a", "b"))
    notebook.params = Toy()
    with pytest.raises(UserError):
        notebook.picture(draw, "a", "b")


def test_a_caption_is_what_the_figure_shows_then_how_to_read_it(notebook: Notebook) -> None:
    def falling(_: Results) -> tuple[Figure, str]:
        return plt.figure(), "The share falls by -0.20 in all."

    for shown in (
        notebook.show(falling(notebook.results), "one", "Bars: intervals."),
        notebook.figure(falling, "Bars: intervals."),
    ):
        assert shown.alt == "The share falls by −0.20 in all."
        assert shown.caption == "The share falls by −0.20 in all. Bars: intervals."
    assert [figure["caption"] for figure in notebook.results.figures] == [shown.caption] * 2


def test_an_interval_in_a_table_stays_in_one_piece_and_may_stand_below_its_value() -> None:
    rows = [{"knn": -0.5, "knn_low": -0.75, "knn_high": None, "value": None}]
    words = table(rows, {"knn": ("kNN", INTERVAL), "value": ("Gain", INTERVAL)}).markdown
    assert words.splitlines()[2] == "| −0.500 [−0.750,\u00a0–] | – |"


def test_what_is_known_of_encoders_is_one_table_for_all_studies(notebook: Notebook) -> None:
    run(notebook, toy_measure)
    swav, untrained = notebook.results.tables["encoders"]
    assert swav["untrained"] == "zoo:untrained"
    assert swav["learned"] in (True, False)
    assert untrained["learned"] is None
    assert "| SwAV | zoo:swav | resnet | clustering | scenes |" in base.encoders_table(notebook.results).markdown


def test_the_mean_of_clusters_is_that_of_their_rows_counted_one_by_one(measured: Measured) -> None:
    rng = np.random.default_rng(1)
    clusters, values = rng.choice(["c", "a", "b", "e"], 200), rng.standard_normal(200)
    values[::7] = np.nan
    weights, given = measured.weights(clusters), np.isfinite(values)
    one_by_one = [(row[given] * values[given]).sum() / row[given].sum() for row in weights]
    np.testing.assert_allclose(measured.mean(values, clusters), one_by_one, rtol=1e-12)
