"""Every folder of the project, once."""

import os
from pathlib import Path

from analysis.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
BOOK = ROOT / "book"
SOURCE = ROOT / "src" / "analysis"
DATA = ROOT / "data"
ZOO = DATA / "zoo"
REFERENCE = DATA / "reference"
RUNS_FILE = DATA / "runs.yaml"
CHECKPOINTS = DATA / "checkpoints.yaml"


def build() -> Path:
    """Folder of everything produced; `ANALYSIS_BUILD` moves it (tests do)."""
    return Path(os.environ.get("ANALYSIS_BUILD", ROOT / "build")).resolve()


def runs() -> Path:
    """Folder of the runs: one folder per study, in it one per run."""
    return build() / "runs"


def cache() -> Path:
    """Folder of whatever may be deleted at any time: features, unpacked archives, digests."""
    return build() / "cache"


def data_root() -> Path:
    """Folder of the real data sets and weights; `DATA_ROOT` moves it."""
    return Path(os.environ.get("DATA_ROOT", DATA / "real")).resolve()


def decoder(name: str) -> Path:
    """Card of the decoder of that name: of those that come with this version, else of those trained here (`build/decoders`)."""
    shipped, own = (folder / "decoders" / f"{name}.json" for folder in (DATA, build()))
    return own if own.exists() and not shipped.exists() else shipped


def user_path(text: str) -> Path:
    """A path given by a user, `~` expanded, relative to where the user stands.

    Raises:
        UserError: there is no such user, or the path cannot be one.
    """
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{text!r} is no path: {error}") from None
