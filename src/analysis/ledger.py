"""Every claim of the five papers. A claim gets a verdict from the runs of its study; until then it is not tested."""

from importlib import import_module

from analysis.claims import Claim
from analysis.params import STUDIES

LEDGER: tuple[Claim, ...] = tuple(
    claim
    for study, model in STUDIES.items()
    if model.paper
    for claim in import_module(f"analysis.studies.{study}.claims").CLAIMS
)
