"""Data that are too easy: where no image is misclassified, a difference to those that are is no number."""

import matplotlib.pyplot as plt
import numpy as np

from analysis.results import Results
from analysis.studies.masking_cka.plots import ARM_WORDS, arm_agreement
from analysis.studies.qscore import figures
from analysis.studies.qscore.evidence import judged
from analysis.studies.qscore.measure import QMeasured

ENCODERS = ("zoo:simclr", "zoo:supervised")


def test_a_figure_of_activations_is_drawn_where_every_image_is_right():
    results = Results("qscore", "default", "default", {})
    results.tables["encoders"] = [{"encoder": encoder, "title": encoder} for encoder in ENCODERS]
    results.tables["activity"] = [
        {"encoder": encoder, "what": what, "features": kind, "value": value, "low": value, "high": value}
        for encoder in ENCODERS
        for what, pairs in (
            ("activity", {"D": np.nan, "random": np.nan}),
            ("selectivity", {"D": 0.4, "all": 0.3}),
        )
        for kind, value in pairs.items()
    ]
    fig, caption = figures.activity(results)
    assert "in 0 of 2 encoders" in caption
    assert "average feature in 2" in caption
    plt.close(fig)


def test_where_every_image_is_right_q1_is_not_testable_and_says_why():
    measured = QMeasured(0, 50)
    measured.tables["representations"] = [
        {"encoder": encoder, "two_sided": False, "value": 1.0, "coverage": 1.0, "eps": 4.0}
        for encoder in ("zoo:simclr", "zoo:vicreg")
    ]
    assert "no probe has both right and wrong answers" in judged(measured)["Q1"].unmet


def test_where_no_true_mask_was_measured_no_arm_agrees_with_it_and_nothing_stops():
    rows = [
        {"dataset": "objects", "encoder": encoder, "arm": arm, "value": np.nan if arm == "true" else value}
        for encoder, value in zip("abc", (0.1, 0.3, 0.2), strict=True)
        for arm in ARM_WORDS
    ]
    assert arm_agreement(rows) == {}
    known = [{**row, "value": 0.2 if np.isnan(row["value"]) else row["value"]} for row in rows]
    for row, value in zip([row for row in known if row["arm"] == "true"], (0.1, 0.3, 0.2), strict=True):
        row["value"] = value
    assert set(arm_agreement(known).values()) == {1.0}
