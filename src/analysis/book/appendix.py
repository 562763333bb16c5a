"""What stands behind a page: how to run it again, where its numbers come from, and the library's own documentation."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis import paths
from analysis.params import describe
from analysis.plan import Entry
from analysis.prose import Column, table
from analysis.results import Results

if TYPE_CHECKING:
    from analysis.book.stage import Page

_DIGESTS = {
    "notebook": "Notebook",
    "modules": "Library modules",
    "data": "Data",
    "weights": "Weights",
    "reference": "Stored numbers",
}
_COMMANDS = {"__main__", "cli", "cli_tools"}  # documented by `analysis --help`


def write(pages: Sequence[Page]) -> dict[str, str]:
    """The provenance appendix and one API page per public module: file name -> text."""
    files = {"_generated/provenance.md": _all_runs(pages)}
    return files | {f"api/{name}.md": api_page(name, modules) for name, modules in public_modules().items()}


def rerun(entry: Entry, results: Results) -> str:
    """The section at the foot of a page: the command that made it, and every parameter with its value and meaning."""
    name = f"my-{entry.page or entry.name}"
    changed = "".join(" -p " + shlex.quote(f"{key}={_flat(value, ',')}") for key, value in entry.parameters.items())
    command = f"analysis run {entry.study} --preset {entry.preset}{changed} --name {name}"
    rows = [
        {
            "name": f"`{row['name']}`",
            "value": _flat(results.parameters.get(row["name"])),
            "type": row["type"],
            "meaning": row["meaning"],
        }
        for row in describe(entry.study)
    ]
    values = table(rows, {"name": "Parameter", "value": "Here", "meaning": "Meaning", "type": "Takes"}).markdown
    return (
        f"## Run it again\n\n```bash\n{command}\n```\n\n"
        "Add `-p name=value` for anything in the table; [](#run-again) has the rest.\n\n"
        f":::{{dropdown}} Parameters of this run\n{{.parameters}}\n{values}:::\n\n"
    )


def fold_manifest(manifest: Mapping[str, Any]) -> str:
    """A folded box with everything `manifest.json` says: commit, machine, packages and the digest of each dependency."""
    depends = manifest["fingerprint"]
    digests = "".join(
        f"**{title}**\n\n{_digest_table(_named(kind, depends[kind]))}\n"
        for kind, title in _DIGESTS.items()
        if depends.get(kind)
    )
    packages = ", ".join(f"{name} {version}" for name, version in manifest["packages"].items())
    return (
        f":::{{dropdown}} Provenance: {_commit(manifest)}, {manifest['duration_s']:.0f} s\n{{.provenance}}\n"
        f"{table(_facts(manifest), {'fact': '', 'value': ''}).markdown}\n**Packages.** {packages}\n\n{digests}:::\n"
    )


def public_modules() -> dict[str, list[str]]:
    """Page -> its modules. A package and the modules in it share one page."""
    found: dict[str, list[str]] = {}
    for path in sorted(paths.SOURCE.rglob("*.py")):
        parts = path.relative_to(paths.SOURCE).with_suffix("").parts
        module = ".".join(["analysis", *(part for part in parts if part != "__init__")])
        if module != "analysis" and not any(part in _COMMANDS or part.startswith("_") for part in module.split(".")):
            found.setdefault(parts[0], []).append(module)
    return found


def api_page(name: str, modules: Sequence[str]) -> str:
    """The docstrings of `modules` on one page, that of `analysis.NAME` first, where it has one."""
    top = f"analysis.{name}"
    title = "" if top in modules else f"# {top}\n\n"
    return title + "\n".join(_automodule(module, "#" if module == top else "##") for module in modules)


def _automodule(module: str, level: str) -> str:
    return f"{level} {module}\n\n```{{eval-rst}}\n.. automodule:: {module}\n   :members:\n   :ignore-module-all:\n```\n"


def _all_runs(pages: Sequence[Page]) -> str:
    rows = [
        {
            "page": f"[{page.entry.study}, {page.key}](/{page.document}.ipynb)",
            "commit": _commit(page.manifest),
            "preset": page.entry.preset,
            "seconds": page.manifest["duration_s"],
            "memory": page.manifest["peak_memory_mb"],
        }
        for page in pages
    ]
    heads: dict[str, Column] = {
        "page": "Page",
        "commit": "Commit",
        "preset": "Preset",
        "seconds": ("Seconds", ",.0f"),
        "memory": ("Peak memory, MB", ",.0f"),
    }
    each = "".join(f"## {page.entry.study}: {page.title}\n\n{fold_manifest(page.manifest)}\n" for page in pages)
    return f"{table(rows, heads).markdown}\n{each}" if pages else "No run has been executed yet.\n"


def _facts(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    machine = manifest["machine"]
    facts = {
        "Run": f"{manifest['study']}, {manifest['name']}",
        "Preset": manifest["preset"],
        "Commit": _commit(manifest),
        "Seed": manifest["seed"],
        "Started": manifest["started"],
        "Duration": f"{manifest['duration_s']:.1f} s",
        "Peak memory": f"{manifest['peak_memory_mb']:,} MB",
        **{name.capitalize(): value for name, value in machine.items()},
    }
    return [{"fact": name, "value": value} for name, value in facts.items()]


def _commit(manifest: Mapping[str, Any]) -> str:
    git = manifest["git"]
    return f"commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}" if git["commit"] else "no commit known"


def _named(kind: str, digests: str | Mapping[str, str]) -> Mapping[str, str]:
    return {kind: digests} if isinstance(digests, str) else digests


def _digest_table(digests: Mapping[str, str]) -> str:
    rows = ({"name": f"`{name}`", "digest": f"`{digest}`"} for name, digest in digests.items())
    return table(rows, {"name": "Name", "digest": "blake2b"}).markdown


def _flat(value: Any, separator: str = ", ") -> str:
    return separator.join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)
