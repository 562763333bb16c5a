"""The one encoder type: uint8 images in, float32 features out, whatever the network behind it."""

import hashlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from analysis.encoders import transform as transform_module
from analysis.encoders.backbones import Activation, Backbone
from analysis.encoders.transform import Channels, Transform
from analysis.encoders.weights import state_digest
from analysis.errors import UserError


class Encoder:
    """A frozen network with its own preprocessing, read at any of its layers.

    Images are (n, h, h, 3) uint8 arrays of any h; results are float32 tensors on the CPU, computed in float32. bfloat16
    autocast was measured and left out: on a processor without bf16 instructions it takes 1.3 (Conv4) to 3 times as long
    (ViT-Ti, ResNet-50), on one with them the same run would give other numbers. It moves a CKA by up to 0.0003.

    Attributes:
        name: the name it was loaded by.
        size: side of the network's input, px.
        mean, std: normalisation per channel, of pixels in [0, 1].
        dim: width d of `embed`.
        layers: names for `pooled` and `patches`, in forward order.
        has_projector: whether `project` is there.
        batch_size: images per forward pass.
    """

    def __init__(
        self,
        name: str,
        backbone: Backbone,
        normalisation: tuple[Channels, Channels],
        *,
        size: int,
        interpolation: str = "bicubic",
        projector: nn.Module | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.name = name
        self.transform = Transform(size, *normalisation, interpolation)
        self.device = device or torch.device("cpu")
        backbone = backbone.at_size(size)
        # channels_last halves the time of convolutions on CPUs; transformers do not care
        self.backbone = backbone.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.projector = projector.eval().to(self.device) if projector is not None else None
        self.size, self.mean, self.std = size, self.transform.mean, self.transform.std
        self.dim, self.layers = backbone.dim, backbone.layers
        self.has_projector = projector is not None
        self.batch_size = 256 if self.device.type == "cuda" else max(16, backbone.pixels // size**2)

    @cached_property
    def digest(self) -> str:
        """Content address: weights, architecture, preprocessing and the code of ours that runs them."""
        modules = [self.backbone, *([self.projector] if self.projector is not None else [])]
        digest = hashlib.blake2b(digest_size=16)
        for module in modules:
            digest.update(state_digest(module.state_dict()))
            digest.update(repr(module).encode())
        digest.update(repr(self.transform).encode())
        for path in sorted(_sources(modules)):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def at_size(self, size: int) -> "Encoder":
        """The same encoder with inputs of `size` x `size`; it shares the weights, and this one stays as it is."""
        if size == self.size:
            return self
        return Encoder(
            self.name,
            self.backbone,
            (self.mean, self.std),
            size=size,
            interpolation=self.transform.interpolation,
            projector=self.projector,
            device=self.device,
        )

    def embed(self, images: np.ndarray) -> Tensor:
        """The network's standard representation, (n, d)."""
        return self.pooled(images, ("embed",))["embed"]

    def pooled(self, images: np.ndarray, layers: Sequence[str], batch_size: int | None = None) -> dict[str, Tensor]:
        """One vector per image and layer, (n, d) each, from one forward pass for all of `layers`.

        Raises:
            UserError: an unknown layer.
        """
        return self._collect(images, layers, lambda activation: activation.vector, batch_size)

    def project(self, images: np.ndarray) -> Tensor:
        """The output of the pre-training head on top of `embed`, (n, p).

        Raises:
            UserError: this encoder was stored without its head.
        """
        if self.projector is None:
            raise UserError(f"encoder {self.name!r} has no projector: its file holds the backbone only")
        with torch.inference_mode():
            batches = self._forward(images, ("embed",), self.batch_size)
            parts = [self.projector(taps["embed"].vector).float().cpu() for taps in batches]
        return torch.cat(parts)

    def patches(self, images: np.ndarray, layer: str | None = None) -> Tensor:
        """One vector per place, (n, h, w, d), row 0 at the top, column 0 at the left; by default of the last layer."""
        layer = layer or "embed"
        return self._collect(images, (layer,), lambda activation: activation.grid)[layer]

    def _collect(
        self,
        images: np.ndarray,
        layers: Sequence[str],
        pick: Callable[[Activation], Tensor],
        batch_size: int | None = None,
    ) -> dict[str, Tensor]:
        unknown = [layer for layer in layers if layer not in self.layers]
        if unknown:
            raise UserError(f"encoder {self.name!r} has no layer {unknown[0]!r}; it has {', '.join(self.layers)}")
        with torch.inference_mode():
            batches = self._forward(images, layers, batch_size or self.batch_size)
            parts = [{layer: pick(tap).float().cpu() for layer, tap in taps.items()} for taps in batches]
        return {layer: torch.cat([part[layer] for part in parts]) for layer in layers}  # outside: ordinary tensors

    def _forward(self, images: np.ndarray, layers: Sequence[str], batch_size: int) -> Iterator[dict[str, Activation]]:
        for start in range(0, len(images), batch_size):
            x = self.transform(images[start : start + batch_size])
            yield self.backbone.forward_layers(x.to(self.device, memory_format=torch.channels_last), layers)


def _sources(modules: Sequence[nn.Module]) -> set[Path]:
    """Files of this package whose classes take part in the forward pass."""
    classes = {type(part) for module in modules for part in module.modules()}
    ours = {Path(inspect.getfile(cls)) for cls in classes if cls.__module__.split(".")[0] == "analysis"}
    return ours | {Path(__file__), Path(transform_module.__file__)}
