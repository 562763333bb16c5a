"""Following objects through videos, by neighbours between frames and by a classifier of the first frame's patches.

Quantities are kept under (`tracking`, data set, encoder, setting), also from tokens with noise (`controls`).
"""

from collections.abc import Callable, Iterable

import numpy as np

from analysis.encoders.base import Encoder
from analysis.studies.local_vit import controls
from analysis.studies.local_vit.frames import layout, videos
from analysis.studies.local_vit.measured import LINEAR, UNTUNED, Tokens
from analysis.studies.local_vit.params import LocalVit
from analysis.studies.local_vit.tokens import tokens
from analysis.studies.local_vit.tracking import by_first_frame, propagate
from analysis.studies.local_vit.video_scores import VOID, sequence

Array = np.ndarray


def follow(measured: Tokens, params: LocalVit, name: str, models: Iterable[Encoder]) -> None:
    """Objects of the first frame followed by propagating labels; J and F as in the DAVIS evaluation."""
    clips = list(videos(name, params.n_videos, params.n_frames, params.seed))
    followers: dict[str, Callable[[Array, Array], Array]] = {UNTUNED: propagate, LINEAR: by_first_frame}
    for encoder in models:
        scores: dict[str, list[tuple[int, float, float]]] = {}
        for number, (_, images, truth) in enumerate(clips):
            grids = tokens(encoder, images, tiles=layout(name).tiles)
            measured.keep(name, encoder.name, grids)
            first = np.where(truth[0] == VOID, 0, truth[0])
            for kind, shown in controls.variants(grids, params.removed, params.seed).items():
                changed = shown(grids)
                for setting, follower in followers.items():
                    rows = sequence(follower(changed, first), truth)
                    scores.setdefault(kind + setting, []).extend((number, row["J_mean"], row["F_mean"]) for row in rows)
        for setting, rows_of in scores.items():
            video, j, f = (np.array(column) for column in zip(*rows_of, strict=True))
            measured.draws["tracking", name, encoder.name, setting] = measured.mean((j + f) / 2, video)
            if setting in followers:
                row = {"dataset": name, "encoder": encoder.name, "by": setting, "objects": len(j)}
                for score, values in (("J", j), ("F", f), ("J&F", (j + f) / 2)):
                    measured.add("tracking", {**row, "score": score}, measured.mean(values, video))
