"""Feature files that grow batch by batch, survive a kill, and are published whole."""

import fcntl
import hashlib
import logging
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from analysis import publish
from analysis.digests import same_file, stamp
from analysis.errors import UserError
from analysis.results import read_json, write_json, write_text

MANIFEST, IDS = "manifest.json", "ids.txt"
_CHECKSUMS, _LOCK = "checksums.npy", "lock"  # there while the folder grows
_WRITTEN = 1 << 32  # tells the checksum 0 from no checksum
_log = logging.getLogger(__name__)
_TOO_LARGE = 65520.0  # from here on, float16 rounds to infinity


class Store:
    """One memory-mapped .npy file (n, d) per layer, written in batches into `FOLDER.partial`, then renamed to `FOLDER`.

    Beside the rows lies one checksum per batch (CRC-32 of its rows in all layers), written after them. A batch whose rows
    do not have their checksum was never written: that holds after a kill and after a power failure, without a wait for
    the disk per batch. Several processes may write different batches at the same time.

    `made` is everything the bytes depend on; it must hold `n`, `batch_size`, `dtype` and `layers` (name -> width d). A
    folder made from anything else is refused.
    """

    def __init__(self, folder: Path, made: Mapping[str, Any]) -> None:
        self.folder, self.partial = folder, folder.with_name(f"{folder.name}.partial")
        self.made = dict(made)
        self._lock: IO[str] | None = None
        n, size = self.made["n"], self.made["batch_size"]
        self.batches = [range(start, min(start + size, n)) for start in range(0, n, size)]

    def prepare(self, ids: Iterable[str]) -> bool:
        """Make the files, or check those of an interrupted run; False if the folder is complete. For one process only.

        The space of all rows is reserved here, so that a full disk shows before the work and not after it.

        Raises:
            UserError: other contents are in the way, another process is at work, or the disk is full.
        """
        if self._complete():
            _log.warning("%s is already complete", self.folder)
            return False
        ours = (self.folder / MANIFEST).exists()
        if self.folder.exists() and not ours and not (self.folder.is_dir() and not any(self.folder.iterdir())):
            raise UserError(f"{self.folder} exists and holds no features of this program; name a new folder")
        try:
            self.partial.mkdir(parents=True, exist_ok=True)
            self._lock = (self.partial / _LOCK).open("w")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the process, however that ends
        except BlockingIOError:
            raise UserError(f"another process writes {self.partial}; wait for it, or name another folder") from None
        except OSError as error:
            raise UserError(f"cannot write {self.partial}: {error.strerror}; name a folder that can be written") from None
        if self._manifest(self.partial) is not None:
            self._compare(self.partial)
            try:
                self._forget_damaged()
                return True
            except (OSError, ValueError, EOFError, IndexError):
                _log.warning("%s is damaged: it is begun anew", self.partial)
        self._create(ids)
        return True

    def _complete(self) -> bool:
        """Whether the finished folder is there with every file as it was written; a damaged one is made again."""
        manifest = self._manifest(self.folder)
        if manifest is None:
            return False
        self._compare(self.folder)
        for name, known in manifest.get("files", {}).items():
            if not same_file(self.folder / name, known):
                _log.warning("%s is damaged: the folder is made again", self.folder / name)
                return False
        return all((self.folder / f"{layer}.npy").exists() for layer in self.made["layers"])

    def _manifest(self, folder: Path) -> dict[str, Any] | None:
        """What a folder says it was made of; None where it says nothing that can be read."""
        path = folder / MANIFEST
        if not path.exists():
            return None
        try:
            content = read_json(path)
        except UserError:
            content = None
        if isinstance(content, dict) and isinstance(content.get("made"), dict):
            return content
        _log.warning("%s is damaged: the folder is made again", path)
        return None

    def open(self) -> None:
        """Map the files that `prepare` made."""
        self._rows = {layer: _mapped(self.partial / f"{layer}.npy") for layer in self.made["layers"]}
        self._checksums = _mapped(self.partial / _CHECKSUMS)

    def close(self) -> None:
        """Let other processes have the folder."""
        if self._lock is not None:
            self._lock.close()

    def missing(self, batches: Sequence[range]) -> list[range]:
        """Those of `batches` that are not written."""
        return [batch for batch in batches if not self._checksums[self._number(batch)]]

    def write(self, batch: range, rows: Mapping[str, np.ndarray]) -> None:
        """The rows of one batch, float32 (len(batch), d) per layer.

        Raises:
            UserError: a feature is too large for float16.
        """
        for layer, target in self._rows.items():
            if target.dtype == np.float16 and not (rows[layer].max() < _TOO_LARGE and rows[layer].min() > -_TOO_LARGE):
                _refuse_large(layer, rows[layer])
            # torch rounds to half precision as numpy does, thirty times as fast
            torch.from_numpy(target[batch.start : batch.stop]).copy_(torch.from_numpy(rows[layer]))
        self._checksums[self._number(batch)] = self._checksum(batch)

    def publish(self, **run: Any) -> None:
        """Give the complete folder its name, and its manifest the facts of this `run`. For one process, after all have written.

        Raises:
            UserError: the disk fails.
        """
        self.open()
        assert not self.missing(self.batches), "published before all batches were written"
        try:
            for layer in self._rows:
                with (self.partial / f"{layer}.npy").open("rb+") as file:
                    os.fsync(file.fileno())
            files = {name: stamp(self.partial / name) for name in (*(f"{layer}.npy" for layer in self._rows), IDS)}
            write_json(self.partial / MANIFEST, {"made": self.made, "run": run, "files": files})
            publish.folder(self.partial, self.folder)
        except OSError as error:
            raise UserError(f"cannot finish {self.folder}: {error.strerror}; the same command tries again") from None
        for name in (_CHECKSUMS, _LOCK):
            (self.folder / name).unlink()

    def _create(self, ids: Iterable[str]) -> None:
        n, dtype = self.made["n"], np.dtype(self.made["dtype"])
        files: dict[Path, tuple[tuple[int, ...], np.dtype]] = {
            self.partial / f"{layer}.npy": ((n, width), dtype) for layer, width in self.made["layers"].items()
        }
        files[self.partial / _CHECKSUMS] = (len(self.batches),), np.dtype(np.uint64)
        try:
            for path, (shape, kind) in files.items():
                _reserve(path, shape, kind)
            write_text(self.partial / IDS, "".join(f"{name}\n" for name in ids))
            write_json(self.partial / MANIFEST, {"made": self.made})  # the last: before it nothing here counts
        except OSError as error:
            for path in (*files, self.partial / IDS, self.partial / _LOCK):
                path.unlink(missing_ok=True)
            self.partial.rmdir()
            size = sum(np.prod(shape) * kind.itemsize for shape, kind in files.values())
            raise UserError(f"no room for {self.folder}: it takes {size / 1e6:.1f} MB ({error.strerror})") from None

    def _forget_damaged(self) -> None:
        self.open()
        for batch in self.batches:
            if self._checksums[self._number(batch)] != self._checksum(batch):
                self._checksums[self._number(batch)] = 0

    def _checksum(self, batch: range) -> int:
        check = 0
        for rows in self._rows.values():
            check = zlib.crc32(rows[batch.start : batch.stop].data, check)
        return check | _WRITTEN

    def _number(self, batch: range) -> int:
        return batch.start // self.made["batch_size"]

    def _compare(self, folder: Path) -> None:
        before = (self._manifest(folder) or {"made": {}})["made"]
        for key, value in self.made.items():
            if before.get(key) != value:
                raise UserError(
                    f"{folder} was made with {key} {before.get(key)}, not {value}; name another folder, or delete that one"
                )


def ids_digest(ids: Iterable[str]) -> str:
    """blake2b of the ids in their order, 16 bytes, hex."""
    digest = hashlib.blake2b(digest_size=16)
    for name in ids:
        digest.update(f"{name}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _refuse_large(layer: str, rows: np.ndarray) -> None:
    finite = np.abs(rows[np.isfinite(rows)])  # what the network itself makes infinite or NaN stays so
    if (finite >= _TOO_LARGE).any():
        raise UserError(f"layer {layer} reaches {finite.max():.3g}, float16 ends at 65504; use --dtype float32")


def _mapped(path: Path) -> np.ndarray:
    """The array in a file, memory-mapped; an ordinary array to look at, which is much quicker to slice than a memmap."""
    return np.asarray(np.load(path, mmap_mode="r+"))


def _reserve(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """An array of zeros in a .npy file whose space on the disk is taken: writing to its map cannot fail later."""
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        file.flush()
        size = file.tell() + int(np.prod(shape)) * dtype.itemsize
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:  # macOS has no such call; there the file starts sparse
            file.truncate(size)
