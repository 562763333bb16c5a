"""What a decoder can be conditioned on: one name per representation, and how it is read from images."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from analysis.encoders.base import Encoder
from analysis.errors import UserError

THUMBNAIL = 8
TAPS = ("backbone", "hidden", "projector")
CONTROLS = ("thumbnail", "label", "shuffled", "null")


@dataclass(frozen=True)
class Condition:
    """One representation h of an image, and one way for it into the network.

    Attributes:
        name: `METHOD:TAP` for the zoo's encoders, `ENCODER:TAP` for others, `...:adagn` without a map, or a control.
        encoder: name of the encoder; "" where none is needed.
        tap: `backbone`, `hidden` (the projector's hidden layer after its activation), `projector`, or "".
        spatial: whether h also enters as a map beside the image, or through scale and shift of the channels only.
        shuffled: whether the decoder was trained with h of other images than it drew.
    """

    name: str
    encoder: str = ""
    tap: str = ""
    spatial: bool = True
    shuffled: bool = False

    @property
    def bank(self) -> str:
        """Where the bank keeps this representation: ways into the network share it."""
        return f"{self.encoder} {self.tap}" if self.encoder else self.name


def condition(name: str, suffix: str = "") -> Condition:
    """The condition of that name; `suffix` follows the names of zoo encoders (`-imagenette` for those of photographs).

    Raises:
        UserError: no condition can have this name.
    """
    if name == "shuffled":
        return Condition(name, f"zoo:simclr{suffix}", "backbone", shuffled=True)
    if name in CONTROLS:
        return Condition(name)
    rest, _, way = name.rpartition(":")
    if way != "adagn":
        rest, way = name, ""
    encoder, _, tap = rest.rpartition(":")
    if not encoder or tap not in TAPS:
        raise UserError(
            f"unknown condition {name!r}: it is METHOD:TAP, ENCODER:TAP or either with :adagn behind it, "
            f"TAP one of {', '.join(TAPS)}; or one of {', '.join(CONTROLS)}"
        )
    whole = ":" in encoder or encoder == "vit-tiny"
    return Condition(name, encoder if whole else f"zoo:{encoder}{suffix}", tap, not way)


def read(encoder: Encoder, images: np.ndarray, taps: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Representations (n, d) float32 of images (n, s, s, 3) uint8, one per tap, from one pass through the backbone.

    Raises:
        UserError: the encoder has no projector, or a projector without a hidden layer.
    """
    require_taps(encoder, taps)
    embedded = encoder.embed(images)
    found = {"backbone": embedded.numpy()}
    if encoder.projector is not None and set(taps) - {"backbone"}:
        with torch.inference_mode():
            x = embedded.to(encoder.device)
            if "hidden" in taps:
                found["hidden"] = torch.nn.Sequential(*_hidden(encoder.projector, encoder.name))(x).float().cpu().numpy()
            found["projector"] = encoder.projector(x).float().cpu().numpy()
    return {tap: found[tap] for tap in taps}


def require_taps(encoder: Encoder, taps: Iterable[str]) -> None:
    """Make sure that `read` will find these representations; raises what it raises."""
    if set(taps) - {"backbone"} and encoder.projector is None:
        raise UserError(f"encoder {encoder.name!r} has no projector: its file holds the backbone only")
    if "hidden" in taps and encoder.projector is not None:
        _hidden(encoder.projector, encoder.name)


def _hidden(projector: torch.nn.Module, name: str) -> list[torch.nn.Module]:
    """The projector's layers up to its first activation."""
    layers: list[torch.nn.Module] = list(getattr(projector, "layers", projector))  # type: ignore[arg-type]
    ends = [i for i, layer in enumerate(layers, 1) if isinstance(layer, torch.nn.ReLU | torch.nn.GELU)]
    if not ends:
        raise UserError(f"the projector of {name!r} has no hidden layer")
    return layers[: ends[0]]


def thumbnails(images: np.ndarray) -> np.ndarray:
    """Images (n, s, s, 3) uint8 averaged over squares to (n, 8 * 8 * 3) float32 in [-1, 1]."""
    n, side = len(images), images.shape[1] // THUMBNAIL
    cells = images.reshape(n, THUMBNAIL, side, THUMBNAIL, side, 3).astype(np.float32)
    return (cells.mean((2, 4)) / 127.5 - 1).reshape(n, -1)


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Class indices (n,) -> (n, classes) float32."""
    return np.eye(classes, dtype=np.float32)[labels]
