"""Data that are too easy: where no image is misclassified, a difference to those that are is no number."""

import matplotlib.pyplot as plt
import numpy as np

from analysis.studies.qscore import plots


def test_a_figure_of_activations_is_drawn_where_every_image_is_right():
    rows = [
        {"encoder": encoder, "what": what, "features": kind, "value": value, "low": value, "high": value}
        for encoder in ("zoo:simclr", "zoo:supervised")
        for what, value in (("effect", np.nan), ("eta", 0.4))
        for kind in ("D", "random", "all", "gain")
    ]
    fig, caption = plots.activity(rows, {"zoo:simclr": "SimCLR", "zoo:supervised": "Supervised"})
    assert "in 0 of 2 encoders" in caption
    assert "average feature in 2" in caption
    plt.close(fig)
