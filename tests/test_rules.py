"""The engine of verdicts: for any estimates exactly one verdict, monotone, and changed by its controls."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_ind

from analysis.prose import show
from analysis.results import plain
from analysis.rules import (
    VERDICTS,
    Claim,
    Condition,
    Evidence,
    Published,
    Rule,
    judge,
    load,
    published_verdict,
    state,
    units_needed,
)
from analysis.stats import Estimate, between_units, cluster_counts, over_units, within_strata
from analysis.studies.base import Measured

NO, YES = Estimate(-5.0, -6.0, -4.0), Estimate(5.0, 4.0, 6.0)
VALUES = st.floats(-3, 3)
BOUNDS = st.floats(-2, 2)
ESTIMATES = st.builds(lambda v, a, b: Estimate(v, v - a, v + b), VALUES, st.floats(0, 3), st.floats(0, 3))
COMBINE = st.sampled_from(["all", "any"])


def claim(bounds: list[float], combine: str = "all") -> Claim:
    conditions = tuple(Condition(f"c{i}", f"quantity {i}", bound, "it is a test") for i, bound in enumerate(bounds))
    return Claim("X1", "demo", "A statement.", Rule(conditions, "nothing", "everything", combine))  # type: ignore[arg-type]


def evidence(own: list[Estimate], negative: Estimate = NO, positive: Estimate = YES, n: int = 100) -> Evidence:
    sides = ({f"c{i}": e for i, e in enumerate(own)}, *({f"c{i}": e for i in range(len(own))} for e in (negative, positive)))
    return Evidence(*sides, n=n)


@given(st.lists(st.tuples(ESTIMATES, BOUNDS), min_size=1, max_size=4), COMBINE)
def test_exactly_one_verdict_holds_and_it_is_the_one_that_the_printed_rule_names(cells, combine):
    own, bounds = [list(part) for part in zip(*cells, strict=True)]
    found = judge(claim(bounds, combine), evidence(own))
    above = [e.low > t for e, t in cells]
    below = [e.high < t for e, t in cells]
    yes, no = (all(above), any(below)) if combine == "all" else (any(above), all(below))
    assert not (yes and no)
    assert found.verdict == ("supported" if yes else "not supported" if no else "inconclusive")
    assert found.verdict in VERDICTS
    assert found.deciding is not None


@given(st.lists(st.tuples(ESTIMATES, BOUNDS), min_size=1, max_size=4), COMBINE, st.integers(0, 3), st.floats(0, 5))
def test_raising_a_quantity_never_lowers_the_verdict(cells, combine, which, by):
    own, bounds = [list(part) for part in zip(*cells, strict=True)]
    order = ["not supported", "inconclusive", "supported"]
    before = judge(claim(bounds, combine), evidence(own)).verdict
    which %= len(own)
    own[which] = Estimate(*(x + by for x in (own[which].value, own[which].low, own[which].high)))
    assert order.index(judge(claim(bounds, combine), evidence(own)).verdict) >= order.index(before)


@given(st.lists(st.tuples(ESTIMATES, BOUNDS), min_size=1, max_size=3), ESTIMATES, ESTIMATES, COMBINE)
def test_controls_decide_whether_the_rule_may_speak(cells, negative, positive, combine):
    own, bounds = [list(part) for part in zip(*cells, strict=True)]
    x = claim(bounds, combine)
    found = judge(x, evidence(own, negative, positive))
    sides = [x.rule.verdict({f"c{i}": e for i in range(len(own))}) for e in (negative, positive)]
    assert (found.verdict == "not testable here") == (sides != ["not supported", "supported"])
    if found.verdict == "not testable here":
        assert ("nothing" in found.reason) or ("everything" in found.reason)
        assert judge(x, evidence(own)).verdict != "not testable here"


@given(st.lists(st.tuples(ESTIMATES, BOUNDS), min_size=1, max_size=4), COMBINE, st.sets(st.integers(0, 3)), ESTIMATES)
def test_what_cannot_be_tested_turns_no_verdict_that_the_rest_has_settled(cells, combine, which, other):
    own, bounds = [list(part) for part in zip(*cells, strict=True)]
    withheld = {f"c{i}": "it is not to be seen" for i in which if i < len(own)}
    found = judge(claim(bounds, combine), replace(evidence(own), withheld=withheld))
    seen = [cell for i, cell in enumerate(cells) if f"c{i}" not in withheld]
    if combine == "all":
        settled = "not supported" if any(e.high < bound for e, bound in seen) else ""
    else:
        settled = "supported" if any(e.low > bound for e, bound in seen) else ""
    if withheld:
        assert found.verdict == (settled or "not testable here")
        assert (found.reason == "it is not to be seen") == (not settled)
    hidden = [other if f"c{i}" in withheld else e for i, e in enumerate(own)]
    assert judge(claim(bounds, combine), replace(evidence(hidden), withheld=withheld)).verdict == found.verdict
    assert [c.verdict == "not testable here" for c in found.conditions] == [c.name in withheld for c in found.conditions]


def test_controls_are_judged_by_the_conditions_that_can_be_tested():
    x, hidden = claim([0.0, 0.0]), {"c0": "it is not to be seen"}
    sides = {"c0": NO, "c1": YES}, {"c0": NO, "c1": NO}, {"c0": NO, "c1": YES}
    assert judge(x, Evidence(*sides, n=9, withheld=hidden)).reason == "it is not to be seen"
    blind = judge(x, Evidence({"c0": NO, "c1": NO}, {"c0": NO, "c1": YES}, sides[2], n=9, withheld=hidden))
    assert "negative control" in blind.reason


def test_a_count_of_its_own_is_said_where_its_condition_decides():
    found = judge(claim([0.0, 0.0]), replace(evidence([YES, NO], n=3), counts={"c1": 8}))
    assert (found.decided_by, found.n) == ("c1", 8)
    assert judge(claim([0.0, 0.0]), replace(evidence([NO, YES], n=3), counts={"c1": 8})).n == 3


def test_what_a_condition_needs_is_said_with_its_quantity():
    first, second = claim([0.0, 0.0]).rule.conditions
    rule = Rule((replace(first, needs="light"), second), "nothing", "everything", preconditions=("a table",))
    assert rule.sentence().endswith("Before: a table; light (needed by the quantity 0).")


def test_an_unmet_precondition_comes_before_any_number():
    x = claim([0.0])
    found = judge(x, replace(evidence([YES]), unmet=("the encoder is not above its untrained copy",)))
    assert found.verdict == "not testable here"
    assert "untrained copy" in found.sentence()
    assert judge(x, Evidence(unmet=("it needs masks",))).conditions == ()


def test_an_interval_that_is_not_finite_decides_nothing():
    nothing = Estimate(1.0, float("nan"), float("nan"))
    assert state(nothing, 0.0) == "inconclusive"
    assert judge(claim([0.0]), evidence([Estimate(1.0, float("-inf"), float("inf"))])).verdict == "inconclusive"


@given(st.floats(0.02, 2), st.floats(0.01, 2), st.integers(5, 1000))
def test_the_units_that_are_said_to_decide_would_decide(distance, half, n):
    found = Estimate(distance, distance - half, distance + half)
    needed = units_needed(found, 0.0, n)
    if half > 10.01 * distance:  # a hundred times as many and more
        assert needed is None
    if needed is None:
        assert half > 9.99 * distance
        return
    shrunk = half * np.sqrt(n / needed)
    assert distance - shrunk > 0
    if half > distance:  # inconclusive now: it takes more than there are
        assert needed > n


def test_an_estimate_on_its_bound_is_not_promised_to_be_decided():
    assert units_needed(Estimate(0.0, -1.0, 1.0), 0.0, 100) is None
    assert units_needed(Estimate(0.01, -0.3, 0.3), 0.0, 3) is None  # thousands of encoders are no promise either
    assert "hardly decide" in judge(claim([0.0]), evidence([Estimate(0.0, -1.0, 1.0)])).sentence()


def test_the_scale_runs_from_the_negative_to_the_positive_control():
    found = judge(claim([0.0]), evidence([Estimate(2.5, 2.0, 3.0)]))
    assert found.conditions[0].scaled == pytest.approx(0.75)


def test_the_condition_that_failed_is_the_one_that_is_said_to_have_decided():
    own = [Estimate(1.0, 0.5, 1.5), Estimate(-1.0, -1.5, -0.5)]
    assert judge(claim([0.0, 0.0]), evidence(own)).decided_by == "c1"
    assert judge(claim([0.0, 0.0], "any"), evidence(own)).decided_by == "c0"


def test_rule_and_finding_print_the_same_quantity_and_bound():
    x = claim([0.25])
    words = judge(x, evidence([Estimate(1.0, 0.5, 1.5)])).sentence()
    assert "quantity 0" in words
    assert "quantity 0" in x.rule.sentence()
    assert "0.25" in x.rule.sentence()


def test_a_finding_survives_its_file_also_with_infinite_intervals():
    found = judge(claim([0.0]), evidence([Estimate(1.0, float("-inf"), float("inf"))]))
    again = load(json.loads(json.dumps(plain(found))))
    assert again.verdict == "inconclusive"
    assert np.isnan(again.conditions[0].own.low)
    known = judge(claim([0.0]), evidence([YES]))
    assert load(json.loads(json.dumps(plain(known)))) == known


def test_the_papers_own_numbers_go_through_the_same_rule():
    x = claim([0.0])
    assert published_verdict(x) == "not run"
    told = replace(x, published=Published("+2.0 points", "table 1", {"c0": Estimate(2.0, 1.0, 3.0)}))
    assert published_verdict(told) == "supported"


def test_clusters_come_and_go_together():
    clusters = np.repeat([3, 1, 7], [2, 4, 1])
    counts = cluster_counts(clusters, 500, 0)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 2:6] == counts[:, 2:3]).all()
    assert (counts[:, 0] + counts[:, 2] + counts[:, 6] == 3).all()
    assert counts.mean(0) == pytest.approx(np.ones(7), abs=0.12)


def test_an_interval_over_units_covers_their_mean_nineteen_times_in_twenty():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(600):
        truth = rng.normal(0.3, 0.2, 4)  # four encoders of a population with mean 0.3
        shared = rng.normal(0, 0.1)  # the images they are measured on
        values = truth + shared
        draws = values[:, None] + rng.normal(0, 0.1, 200)[None]
        found = over_units(values, draws)
        hits += found.low <= 0.3 <= found.high
    assert 0.93 <= hits / 600 <= 1.0


def test_one_unit_says_nothing_of_others():
    found = over_units(np.array([0.3]), np.zeros((1, 10)))
    assert state(found, -100) == "inconclusive"


def test_a_difference_between_units_is_welchs_where_images_do_not_vary():
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 0.1, 4), rng.normal(0.2, 0.3, 6)
    found = between_units(first, second, np.zeros((4, 10)), np.zeros((6, 10)))
    expected = ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high])
    assert found.value == pytest.approx(first.mean() - second.mean())
    alone = between_units(first[:1], second, np.zeros((1, 10)), np.zeros((6, 10)))
    assert (alone.low, alone.high) == (-math.inf, math.inf)


def test_where_images_vary_most_few_units_do_not_widen_the_interval():
    """Student's quantile is for what few units estimate: the variance between them, not that over images."""
    draws = np.random.default_rng(0).normal(0, 0.1, 20_000)
    found = over_units(np.array([0.5, 0.5 + 1e-6, 0.5 - 1e-6]), np.tile(draws, (3, 1)))
    assert found.high - found.value == pytest.approx(0.196, rel=0.03)


def _still(values: np.ndarray) -> np.ndarray:
    """Units without any spread over images, (k, 1 + B)."""
    return np.repeat(values[:, None], 11, axis=1)


def test_a_single_stratum_is_the_t_test_of_equal_variances() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(1, 1, 6), rng.normal(0, 1, 4)
    found = within_strata([(_still(one), _still(other))])
    low, high = ttest_ind(one, other).confidence_interval(0.95)
    assert (found.value, found.low, found.high) == pytest.approx((one.mean() - other.mean(), low, high))


def test_strata_are_least_squares_with_a_mean_for_each() -> None:
    """Against the normal equations, with groups as far apart as networks of two kinds are."""
    rng = np.random.default_rng(4)
    sizes, level = ((2, 5), (1, 4), (2, 2)), (0.0, 4.6, -3.0)
    both = zip(sizes, level, strict=True)
    strata = [tuple(rng.normal(base + (side == 0), 0.3, n) for side, n in enumerate(size)) for size, base in both]
    y = np.concatenate([group for pair in strata for group in pair])
    design = np.zeros((len(y), 4))
    row = 0
    for index, pair in enumerate(strata):
        for side, group in enumerate(pair):
            design[row : row + len(group), index] = 1
            design[row : row + len(group), 3] = side == 0
            row += len(group)
    fitted, left, *_ = np.linalg.lstsq(design, y, rcond=None)
    free = len(y) - 4
    error = math.sqrt(left[0] / free * np.linalg.inv(design.T @ design)[3, 3])
    found = within_strata([(_still(one), _still(other)) for one, other in strata])
    assert found.value == pytest.approx(fitted[3])
    assert found.high - found.value == pytest.approx(student.ppf(0.975, free) * error)


def test_strata_with_nothing_left_to_tell_the_spread_have_no_interval() -> None:
    assert within_strata([(_still(np.ones(1)), _still(np.zeros(1)))]).low == -math.inf


def test_an_interval_within_strata_covers_the_difference_nineteen_times_in_twenty() -> None:
    """With a spread over images that all units share, and one of units."""
    rng, covered = np.random.default_rng(5), 0
    for _ in range(400):
        strata = []
        shared = rng.normal(0, 0.2, 201)  # all labelled encoders move with the images
        for base, (k, j) in ((0.0, (2, 5)), (3.0, (1, 4))):
            one = base + 1 + rng.normal(0, 0.3, (k, 1)) + shared
            other = np.repeat(base + rng.normal(0, 0.3, (j, 1)), 201, axis=1)
            strata.append((one, other))
        found = within_strata(strata)
        covered += found.low <= 1 <= found.high
    assert 0.92 <= covered / 400 <= 0.985


def test_an_interval_without_ends_is_not_called_close_to_its_bound():
    alone = Estimate(5.0, -math.inf, math.inf)
    assert "of so few images no interval can be told" in judge(claim([0.0]), evidence([alone])).sentence()


def test_a_single_cluster_gives_no_interval_and_settles_nothing() -> None:
    counts = cluster_counts(np.array(["one drive"] * 9), 50, seed=0)
    assert counts.shape == (50, 9)
    assert np.isnan(counts).all()
    measured = Measured(0, 50)
    found = measured.estimate(measured.mean(np.arange(9.0), np.array(["one drive"] * 9)))
    assert found.value == 4
    assert state(found, 0.0) == state(found, 9.0) == "inconclusive"
    assert show(found) == "4.000 (no interval)".replace(" ", "\u00a0")


def test_a_rule_in_words_has_minus_signs() -> None:
    rule = Rule((Condition("gap", "gap between the two", -0.05, "no worse by more than a twentieth"),), "chance", "truth")
    assert "above −0.05 (no worse" in rule.sentence()
