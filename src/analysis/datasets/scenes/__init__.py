"""Scenes: a procedural image world in which everything is known."""

from analysis.datasets.scenes.world import KINDS, SPLITS, class_names, make, stream

__all__ = ["KINDS", "SPLITS", "class_names", "make", "stream"]
