"""Patches cut out of images, as large as an encoder wants them."""

import hashlib
from threading import Lock

import numpy as np

from analysis.encoders.transform import Transform

Array = np.ndarray
LIMIT = 2**30  # bytes


def cut_out(images: Array, corners: Array, side: int) -> Array:
    """Windows of images (n, h, h, 3) at corners (n, m, 2): (n, m, side, side, 3), gathered from a view of all there are."""
    windows = np.lib.stride_tricks.sliding_window_view(images, (side, side), axis=(1, 2))  # (n, places, places, 3, side, side)
    chosen = windows[np.arange(len(images))[:, None], corners[..., 0], corners[..., 1]]
    return chosen.transpose(0, 1, 3, 4, 2)


class Cutter:
    """Cuts and resizes patches, and keeps them, so that twenty encoders that read the same patches have them resized once.

    Attributes:
        limit: bytes to keep; what comes when they are full is cut and forgotten.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._kept: dict[bytes, Array] = {}
        self._bytes = 0
        self._lock = Lock()

    def cut(self, images: Array, corners: Array, side: int, transform: Transform) -> Array:
        """Patches at corners (n, m, 2) of images (n, h, h, 3), of the size of `transform`: (n m, size, size, 3) uint8."""
        asked = f"{images.shape} {corners.shape} {side} {transform.size}".encode()
        digest = hashlib.blake2b(asked, digest_size=16)
        for part in (images, np.asarray(corners, dtype=np.int64)):
            digest.update(np.ascontiguousarray(part).data)
        key = digest.digest()
        with self._lock:  # encoders are read side by side, and ask for the same patches at the same time
            if key not in self._kept:
                patches = transform.pixels(cut_out(images, corners, side).reshape(-1, side, side, 3)).numpy()
                if self._bytes + patches.nbytes > self.limit:
                    return patches
                self._kept[key], self._bytes = patches, self._bytes + patches.nbytes
            return self._kept[key]
