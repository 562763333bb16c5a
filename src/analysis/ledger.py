"""Every claim of the five papers. A claim gets a verdict from the runs of its study; until then it is not tested."""

from analysis.bagssl.claims import CLAIMS as BAGSSL
from analysis.claims import Claim
from analysis.local_vit.claims import CLAIMS as LOCAL_VIT
from analysis.masking.claims import CLAIMS as MASKING
from analysis.qscore.claims import CLAIMS as QSCORE
from analysis.rcdm.claims import CLAIMS as RCDM

LEDGER: tuple[Claim, ...] = (*MASKING, *RCDM, *QSCORE, *BAGSSL, *LOCAL_VIT)
