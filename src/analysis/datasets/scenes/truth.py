"""Ground truth read off a rendered scene: what is visible where, and how much of it is hidden."""

import numpy as np

from analysis.datasets.scenes.render import Picture
from analysis.datasets.scenes.scene import Scene

Array = np.ndarray
MOST = 5  # instances in a scene at most


def masks(scene: Scene, picture: Picture) -> dict[str, Array]:
    """Maps (h, w) of the visible pixels: `foreground` and `part` bool, `semantic` and `instance` uint8, 0 the ground,
    clutter and occluders. A scene without creatures has no maps."""
    if not any(actor.instance for actor in scene.actors):
        return {}
    instance = np.array([0, *(actor.instance for actor in scene.actors)], np.uint8)[picture.owner]
    semantic = np.array([0, *(actor.semantic for actor in scene.actors)], np.uint8)[picture.owner]
    return {"foreground": instance > 0, "part": picture.part & (instance > 0), "semantic": semantic, "instance": instance}


def occlusion(scene: Scene, picture: Picture) -> dict[str, float | Array]:
    """Hidden share of what each instance would show within the image if it stood alone.

    One number where the scene has one creature, else `MOST` numbers in order of the instances, NaN where there is none
    or it lies outside the image.
    """
    shares = np.full(MOST, np.nan)
    for index, actor in enumerate(scene.actors):
        if actor.instance and picture.alone[index]:
            shares[actor.instance - 1] = 1 - np.count_nonzero(picture.owner == index + 1) / picture.alone[index]
    instances = sum(actor.instance > 0 for actor in scene.actors)
    if instances == 0:
        return {}
    return {"occlusion": float(shares[0]) if instances == 1 else shares}
