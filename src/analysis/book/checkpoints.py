"""What the page of published checkpoints says: every file, its terms, how it is read and what is easily got wrong."""

from itertools import groupby

from analysis.encoders.checkpoints import IMAGENET_STD, Checkpoint, checkpoints, not_read
from analysis.prose import table


def write() -> dict[str, str]:
    """The generated parts of `book/checkpoints.md`: file name -> text."""
    by_method = groupby(checkpoints().values(), key=lambda row: row.method)
    absent = "".join(f"{name}\n: {reason[0].upper()}{reason[1:]}.\n\n" for name, reason in not_read().items())
    return {
        "_generated/checkpoints.md": "\n".join(f"### {method}\n\n{_method(list(rows))}" for method, rows in by_method),
        "_generated/not_read.md": absent,
    }


def _method(rows: list[Checkpoint]) -> str:
    """The files of a method, and below them how each layout is read."""
    cells = [
        {
            "kind": f"`{row.kind}`",
            "network": row.network,
            "file": f"[`{row.file}`]({row.url})",
            "top1": row.published,
            "licence": f"[{row.licence}]({row.page})",
            "digest": _digest(row.digest),
        }
        for row in rows
    ]
    heads = {"kind": "KIND", "network": "Network", "file": "File", "top1": "Top-1, %", "licence": "Licence", "digest": "Digest"}
    layouts: dict[str, list[str]] = {}
    for row in rows:
        layouts.setdefault(_layout(row), []).append(f"`{row.kind}`")
    read = "".join(f"- {', '.join(kinds)}: {layout}\n" for layout, kinds in layouts.items())
    return f"{{.checkpoints}}\n{table(cells, heads).markdown}\n{read}"


def _digest(digest: str) -> str | None:
    kind, _, digits = digest.partition(":")
    return f"{kind.upper()} `{digits}`…" if digits else None


def _layout(row: Checkpoint) -> str:
    """One layout in a few sentences."""
    where = " or ".join(f"under `{name}`" if name else "at the top of the file" for name in row.containers)
    parts = [f"weights {where}" + (f", keys `{row.prefix}*`" if row.prefix else "")]
    if row.projector:
        layers = row.projector.replace("-", "").replace("bn0", "BN").replace("bn", "BN").replace("relu", "ReLU")
        parts.append(f"projector `{row.head}*` ({layers.replace('gelu', 'GELU').replace(' ', '–')})")
    if row.ignored:
        parts.append(f"left aside {', '.join(f'`{prefix}*`' for prefix in row.ignored)}")
    std = "" if row.std == IMAGENET_STD else f", deviation {', '.join(map(str, row.std))}"
    parts.append(f"{row.interpolation}{std}")
    return f"{'; '.join(parts)}. *Trap.* {row.trap}"
