"""Numbers in words: filled in, finite, or refused."""

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from analysis.prose import cell, say, table


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
