"""Numbers in words: filled in, finite, or refused."""

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from analysis.prose import cell, say, show, table
from analysis.stats import Estimate


def test_a_sentence_shows_the_number_it_is_given() -> None:
    said = say("CKA is **{cka:.2f}** {{cite:p}}`k` ({share:.0%}).", cka=0.5132, share=np.float32(0.25))
    assert said.markdown == "CKA is **0.51** {cite:p}`k` (25%)."
    assert DisplayFormatter().format(said)[0]["text/markdown"] == said.markdown


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), np.float64("nan"), np.float32("nan")])
def test_a_sentence_refuses_a_number_that_is_none(value: object) -> None:
    with pytest.raises(ValueError, match="'cka'"):
        say("CKA is {cka}.", cka=value)


def test_a_sentence_refuses_a_number_that_is_not_given() -> None:
    with pytest.raises(KeyError, match="low"):
        say("CKA is at least {low:.2f}.", high=1.0)


def test_a_table_aligns_numbers_and_shows_gaps_as_dashes() -> None:
    rows = [{"name": "a | b", "value": -0.5}, {"name": "c\nd", "value": float("nan")}, {"name": None}]
    lines = table(rows, {"name": "Name", "value": ("Value", ".1f")}).markdown.splitlines()
    assert lines == ["| Name | Value |", "| :--- | ---: |", "| a \\| b | −0.5 |", "| c d | – |", "| – | – |"]


def test_a_number_that_rounds_to_zero_has_no_sign() -> None:
    assert cell(-0.0001, ".2f") == "0.00"
    assert cell(-0.006, ".2f") == "−0.01"
    assert cell(-0.0001, ".1%") == "0.0%"
    assert cell(12345, ",d") == "12,345"


def test_numbers_in_words_have_minus_signs_and_no_signed_zero() -> None:
    words = say(
        "From {low:+.2f} to {high:+.2f}, {none:.2f} at {name} {count}.", low=-0.62, high=0.86, none=-0.001, name="a-1", count=-3
    )
    assert words.markdown == "From −0.62 to +0.86, 0.00 at a-1 −3."
    assert show(Estimate(0.0001, -0.0004, 0.013)) == "0.000\u00a0[0.000,\u00a00.013]"
