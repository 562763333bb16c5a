"""Who made this copy of the book, from what, and how to cite it."""

import re
from typing import Any

import yaml

from analysis import paths
from analysis.provenance import git, git_state

_REMOTE = re.compile(r"(?:https?://|ssh://)?(?:[^@/]*@)?([\w.-]+\.[a-z]+)[:/]([\w./-]+?)(?:\.git)?/?")
_BINDER = "https://mybinder.org/v2/gh"


def write() -> dict[str, str]:
    """The lines of the front page that say what this copy is, and how to cite it: file name -> text."""
    return {"_generated/colophon.md": colophon(), "_generated/cite.md": bibtex()}


def colophon() -> str:
    """Version, commit, date, licence, authors, where the source is and where it starts in a browser."""
    facts = citation()
    authors = ", ".join(author["name"] for author in facts["authors"])
    parts = [f"Version {facts['version']}", *_commit(), f"{facts['license']} licence", authors]
    links = [f"[source]({address})" for address in [repository()] if address]
    links += [f"[start it in a browser]({address})" for address in [binder()] if address]
    return " · ".join([*parts, *links]) + "\n"


def cite(paper: str) -> str:
    """The section at the foot of a study page: this report and, by its key in `references.bib`, the paper it is about."""
    about = f", and the paper whose claims it measures, {{cite:t}}`{paper}`," if paper else ""
    page = binder()
    launch = f"[Start this notebook in a browser]({page}).\n\n" if page else ""
    return f"## Cite\n\nPlease cite this report{about} if you use its numbers, figures or code.\n\n{bibtex()}\n{launch}"


def bibtex() -> str:
    """The entry of this report, with the commit of this copy as note."""
    preferred = citation()["preferred-citation"]
    fields = {
        "title": "{" + preferred["title"] + "}",
        "author": "{" + " and ".join(author["name"] for author in preferred["authors"]) + "}",
        "year": preferred["year"],
        "note": ", ".join([f"version {preferred['version']}", *_commit()]),
        "url": repository(),
    }
    lines = "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items() if value)
    return f"```bibtex\n@techreport{{recomputed{preferred['year']},\n{lines}}}\n```\n"


def citation() -> dict[str, Any]:
    """`CITATION.cff` of the project."""
    facts: dict[str, Any] = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    return facts


def repository() -> str | None:
    """Where this checkout came from, as an address for a browser; None for a copy without such a place."""
    found = _REMOTE.fullmatch(git("config", "--get", "remote.origin.url") or "")
    return f"https://{found[1]}/{found[2]}" if found and git_state()["commit"] else None


def binder() -> str | None:
    """Where this commit starts in a browser, without anything installed: for checkouts from GitHub."""
    place, commit = repository() or "", git_state()["commit"]
    path = place.removeprefix("https://github.com/")
    return f"{_BINDER}/{path}/{commit}?urlpath=lab/tree/notebooks" if path != place and commit else None


def _commit() -> list[str]:
    commit, day = git_state()["commit"], git("log", "-1", "--format=%cs")
    return [f"commit {commit[:10]}", str(day)] if commit else []
