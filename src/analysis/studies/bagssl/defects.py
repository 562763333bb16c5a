"""Errors that can be made with bags of patches, made on purpose, and what they cost."""

import numpy as np
import torch
from lightly.loss import EMPSSLLoss

from analysis.results import Row
from analysis.studies.bagssl.geometry import expected_overlap
from analysis.studies.bagssl.losses import tcr
from analysis.threads import one_thread

ROWS, WIDTH = 100, 1024  # images in a batch and width of a projection, as in EMP-SSL
WEIGHT = 200.0  # of the agreement of views, as in EMP-SSL


def reversed_sign(seed: int) -> list[Row]:
    """The loss of EMP-SSL, to be made small, for directions that are spread, random, or all one: right, and as lightly has it.

    Both views are equal, so that they agree in all three and only the coding rate differs.
    """
    generator = torch.Generator().manual_seed(seed)
    random = torch.nn.functional.normalize(torch.randn(ROWS, WIDTH, generator=generator), dim=1)
    cases = {"orthogonal": torch.eye(ROWS, WIDTH), "at random": random, "all the same": random[:1].expand(ROWS, -1)}
    theirs = EMPSSLLoss(inv_coef=WEIGHT)
    with one_thread():  # its determinants are by LU, which torch was seen to get wrong on several threads
        return [
            {
                "directions": name,
                "rate": float(tcr(z)),
                "right": float(-tcr(z)) - WEIGHT,
                "reversed": float(theirs([z.contiguous(), z.contiguous()])),
            }
            for name, z in cases.items()
        ]


def shared_pixels(size: int, sides: list[int]) -> list[Row]:
    """How often two random patches of an image share a pixel, and how much of their area on average."""
    rows = []
    for side in sides:
        found = expected_overlap(size, side)
        rows.append({"side": side, "size": size, "probability": found.probability, "shared": found.share})
    return rows


def mean_of(rows: list[Row], names: list[str], **wanted: object) -> float:
    """Mean value of the rows of some encoders that have the wanted entries; NaN where there are none."""
    found = [row["value"] for row in rows if row["encoder"] in names and all(row[k] == v for k, v in wanted.items())]
    return float(np.mean(found)) if found else float("nan")
