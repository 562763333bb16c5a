"""Any module as a backbone: its output and the outputs of named submodules, whatever their shape."""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from analysis.encoders.backbones import Activation, Backbone
from analysis.errors import UserError


class Hooked(Backbone):
    """A module of which nothing is known but that it takes (n, 3, size, size).

    Layers are the submodules named, in that order, and `embed`, the output. Their outputs may be (n, d), (n, t, d) or
    (n, c, h, w). Tokens are averaged, all of them; as a grid they are taken in raster order if their number is a square, and
    without the first if it is one more than a square.
    """

    def __init__(self, module: nn.Module, layers: Sequence[str], size: int) -> None:
        super().__init__()
        known = dict(module.named_modules())
        unknown = [layer for layer in layers if layer not in known or layer in ("", "embed")]
        if unknown:
            raise UserError(f"the network has no submodule {unknown[0]!r}; see module.named_modules()")
        self.model, self.layers = module, (*layers, "embed")
        with torch.inference_mode():
            device = next((value.device for value in module.parameters()), torch.device("cpu"))
            self.dim = (
                self.eval().forward_layers(torch.zeros(1, 3, size, size, device=device), ("embed",))["embed"].vector.shape[1]
            )

    def forward_layers(self, x: Tensor, layers: Collection[str]) -> dict[str, Activation]:
        """See `Backbone`."""
        outputs: dict[str, Any] = {}
        modules = dict(self.model.named_modules())
        handles = [modules[name].register_forward_hook(_keep(outputs, name)) for name in layers if name != "embed"]
        try:
            outputs["embed"] = self.model(x)
        finally:
            for handle in handles:
                handle.remove()
        return {name: _activation(name, outputs[name]) for name in layers}


def _keep(outputs: dict[str, Any], name: str) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        """Keep what the layer returned."""
        outputs[name] = output

    return hook


def _activation(name: str, output: Any) -> Activation:
    if not isinstance(output, Tensor) or output.ndim not in (2, 3, 4):
        shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise UserError(f"layer {name!r} returned {shape}; it must be (n, d), (n, t, d) or (n, c, h, w)")
    if output.ndim == 2:
        return Activation(output, output[:, None, None])
    if output.ndim == 4:
        return Activation(output.mean((2, 3)), output.movedim(1, -1))
    count = output.shape[1]
    for start in (0, 1):
        side = round((count - start) ** 0.5)
        if side**2 == count - start:
            return Activation(output.mean(1), output[:, start:].unflatten(1, (side, side)))
    return Activation(output.mean(1), output[:, :, None])
