"""Feature and id files of a user's own."""

from pathlib import Path

import numpy as np

from analysis.errors import MissingFile, UserError
from analysis.provenance import altered, data_digest
from analysis.results import read_json


def read_features(path: Path) -> np.ndarray:
    """A feature matrix (n, p) from a .npy file; more axes are flattened behind the first.

    Raises:
        UserError: absent or unreadable file, or an array that is not numeric with at least two axes.
    """
    if not path.exists():
        raise MissingFile(f"{path} does not exist; give a .npy file with one row of features per image")
    array = _loaded(path)
    if array.ndim < 2 or array.dtype.kind not in "fiu" or not array.size:
        raise UserError(f"{path} holds {array.dtype}{array.shape}; it takes numbers (n, p)")
    return array.reshape(len(array), -1)


def _loaded(path: Path) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path} as .npy: {error}") from None
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path} holds {type(array).__name__}; it takes one array")
    return array


def why_stale(folder: Path, check: bool = False) -> list[str]:
    """Why a folder of `analysis features` is not what the same command would leave now; [] when it is.

    `check` reads every file, whatever its time says.

    Raises:
        UserError: it is no such folder.
    """
    try:
        content = read_json(folder / "manifest.json")
        made, files = content["made"], content["files"]
        dataset, data = made["data set"], made["data digest"]
    except (UserError, KeyError, TypeError):
        unfinished = folder.with_name(f"{folder.name}.partial").exists()
        more = "it is not finished: the same command goes on" if unfinished else "name a folder that `analysis features` made"
        raise UserError(f"{folder} holds no features with a readable manifest; {more}") from None
    try:
        changed = [] if data_digest(dataset) == data else [f"data {dataset} changed"]
    except UserError as error:  # data that were there are gone
        changed = [str(error)]
    return [*changed, *altered(folder, {"files": files}, check)]


def read_ids(path: Path) -> np.ndarray:
    """Sample ids (n,) from a .npy file or a text file with one id a line."""
    if not path.exists():
        raise MissingFile(f"{path} does not exist; give a .npy file or a text file with one sample id a line")
    if path.suffix == ".npy":
        ids = _loaded(path)
        if ids.dtype.kind not in "iuUS":
            raise UserError(f"{path} holds {ids.dtype}; ids are text or whole numbers")
        return ids.astype(str).reshape(-1)
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        # str.splitlines would also break an id at a form feed or the like
        return np.array([line.removesuffix("\n") for line in lines], dtype=str)
