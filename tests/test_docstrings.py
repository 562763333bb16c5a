"""The library pages: docstrings written for people, rendered without a warning."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from analysis import paths
from analysis.book import appendix, extension


def test_docstrings_written_for_people_become_valid_restructured_text() -> None:
    lines = ["Norm |x|_F of `a * b` and *more.", "    |x| = 1", "and x_ goes on.", "", "Args:", "    x: the *rows."]
    extension.plain_docstring(None, "function", "f", appendix, None, lines)  # type: ignore[arg-type]
    assert lines[0] == r"Norm \|x\|_F of ``a * b`` and \*more."
    assert lines[1:6] == ["", "::", "", "    |x| = 1", ""]
    assert lines[6] == r"and x\_ goes on."
    assert lines[-1] == r"    x: the \*rows."


def with_examples() -> list[str]:
    """Modules of the library whose docstrings hold an example."""
    found = [path for path in sorted(paths.SOURCE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
    return [".".join(path.relative_to(paths.SOURCE.parent).with_suffix("").parts) for path in found]


@pytest.mark.parametrize("module", with_examples())
def test_the_examples_in_docstrings_give_what_they_say(module: str) -> None:
    done = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert done.attempted > 0
    assert done.failed == 0


@pytest.mark.slow
def test_every_public_docstring_of_the_library_renders_without_a_warning(tmp_path: Path) -> None:
    config = yaml.safe_load((paths.ROOT / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]
    kept = {
        key: value for key, value in config.items() if key.split("_")[0] in ("autodoc", "napoleon", "nitpick", "add", "python")
    }
    kept |= {"extensions": ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "analysis.book.extension"]}
    (tmp_path / "conf.py").write_text("".join(f"{key} = {value!r}\n" for key, value in kept.items()))
    modules = appendix.public_modules()
    for name, parts in modules.items():
        (tmp_path / f"{name}.md").write_text(appendix.api_page(name, parts))
    (tmp_path / "index.md").write_text("# Library\n\n```{toctree}\n" + "\n".join(modules) + "\n```\n")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        "dummy",
        "-W",
        "-n",
        "-q",
        "--keep-going",
        str(tmp_path),
        str(tmp_path / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
