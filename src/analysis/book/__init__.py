"""The book: runs are staged as pages, pages are built into HTML. Nothing is computed here that a run should compute."""

from analysis.book.html import build
from analysis.book.stage import assemble

__all__ = ["assemble", "build"]
