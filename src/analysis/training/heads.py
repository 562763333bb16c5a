"""Projectors of lightly by their widths, as methods and recipes name them. No torch."""

from typing import Any


def projector(name: str, *, dim: int = 512, hidden: int = 128, out: int = 128, **more: Any) -> dict[str, Any]:
    """A head of lightly for `Method.head`: `name`ProjectionHead from `dim` to `out` numbers."""
    return {"head": f"{name}ProjectionHead", "input_dim": dim, "hidden_dim": hidden, "output_dim": out, **more}
