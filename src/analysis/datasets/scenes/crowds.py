"""The kinds of scenes with several creatures: `multi` (still), `video` (moving) and `pairs` (a scene seen twice)."""

import math

import numpy as np

from analysis.datasets.scenes import draw
from analysis.datasets.scenes.bones import similarity
from analysis.datasets.scenes.creatures import PARTS
from analysis.datasets.scenes.draw import Fixed, between, pick
from analysis.datasets.scenes.kinds import Factors, Sample, placed
from analysis.datasets.scenes.scene import Actor, Scene
from analysis.datasets.scenes.species import SPECIES
from analysis.datasets.scenes.truth import MOST

Array = np.ndarray
NAMES = tuple(SPECIES)
TURN = 2 * math.pi


def _centres(actors: tuple[Actor, ...]) -> Array:
    """Where the instances stand, (MOST, 2) in scene units, NaN where there is none."""
    centres = np.full((MOST, 2), np.nan)
    for actor in actors:
        if actor.instance:
            centres[actor.instance - 1] = actor.pose[:, 2]
    return centres


def _creature(lots: Array, label: int | None, instance: int) -> Actor:
    q = lots.tolist()
    kind = int(q[0] * len(NAMES)) if label is None else label
    pose = draw.pose(lots[2:7], {}, reach=0.62, scales=(0.36, 0.58), tilt=0.4)
    coat = draw.coat(lots[7 : 7 + draw.COAT_LOTS])
    return draw.animal(lots[-draw.BUILD_LOTS :], NAMES[kind], pick(tuple(PARTS), q[1]), placed(pose), coat, kind + 1, instance)


def draw_multi(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """Two to five creatures of any species, later ones before earlier ones; the label is the foremost one's species."""
    label = index % len(NAMES)
    ground = draw.ground(rng.random(draw.GROUND_LOTS), fixed.get("background"))
    light = draw.light(rng.random(draw.LIGHT_LOTS), fixed.get("light"))
    amount, props = rng.random(), rng.random((2, draw.PROP_LOTS))
    lots = rng.random((MOST, 7 + draw.COAT_LOTS + draw.BUILD_LOTS))
    count = int(fixed.get("objects", 2 + amount * (MOST - 1)))
    creatures = [_creature(lots[k], label if k == 0 else None, k + 1) for k in range(count)]
    actors = (*(draw.prop(q, (0, 0), 1.2, (0.10, 0.22)) for q in props), *creatures[::-1])
    factors: Factors = {
        "background": ground.family, "objects": count, "light": math.atan2(light[1], light[0]), "centre": _centres(actors),
    }  # fmt: skip
    return Sample(Scene(ground, light, actors), label, factors)


def _walker(lots: Array, look: Array, label: int, time: float, instance: int) -> Actor:
    """A creature that paces to and fro, facing the way it goes; `look` are the lots of its coat and part."""
    phase, period, x, y, reach, scale, bob = lots[:7].tolist()
    beat = TURN * (time / between(28, 52, period) + phase)
    side = between(-0.3, 0.3, x) + between(0.35, 0.65, reach) * math.sin(beat)
    height = between(-0.5, 0.5, y) + 0.10 * math.sin(beat * 0.7 + TURN * bob) + 0.015 * math.cos(TURN * time / 4)
    pose = similarity(side, height, between(0.42, 0.56, scale), 0.12 * math.sin(beat * 1.3), mirror=math.cos(beat) < 0)
    stride = 0.35 * math.sin(TURN * time / 8)
    coat = draw.coat(look[1:])
    return draw.animal(lots[7:], NAMES[label], pick(tuple(PARTS), look[0]), pose, coat, label + 1, instance, stride)


def draw_video(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """One frame: instance 1 is the target, 2 and perhaps 3 look just like it, the others do not; a thing stands before."""
    video, frame = divmod(index, fixed["frames"])
    label = video % len(NAMES)
    ground = draw.ground(rng.random(draw.GROUND_LOTS), fixed.get("background"))
    light = draw.light(rng.random(draw.LIGHT_LOTS), fixed.get("light"))
    twins, others = 1 + int(rng.random() * 2), 1 + int(rng.random() * 2)
    order, prop = rng.random(MOST), rng.random(draw.PROP_LOTS)
    looks, builds, kinds = rng.random((MOST, 1 + draw.COAT_LOTS)), rng.random((MOST, 7 + draw.BUILD_LOTS)), rng.random(MOST)
    walkers = []
    for k in range(1 + twins + others):
        same = k <= twins
        kind = label if same else (label + 1 + int(kinds[k] * (len(NAMES) - 1))) % len(NAMES)
        walkers.append(_walker(builds[k], looks[0] if same else looks[k], kind, float(frame), k + 1))
    nearest_last = [walkers[k] for k in np.argsort(order[: len(walkers)], kind="stable")]
    actors = (*nearest_last, draw.prop(prop, (0, 0), 0.6, (0.22, 0.34)))
    factors: Factors = {
        "video": video, "frame": frame, "background": ground.family, "objects": len(walkers), "twins": twins,
        "light": math.atan2(light[1], light[0]), "centre": _centres(actors),
    }  # fmt: skip
    return Sample(Scene(ground, light, actors), label, factors)


def draw_pairs(rng: np.random.Generator, index: int, fixed: Fixed) -> Sample:
    """A scene of `multi`, and how the second view differs: lots up to the amounts in the options."""
    q = rng.random(8).tolist()
    change: Factors = {
        "shift": np.array([between(-1, 1, q[0]), between(-1, 1, q[1])]) * fixed["shift"],
        "turn": between(-1, 1, q[2]) * fixed["turn"],
        "zoom": (1 + fixed["zoom"]) ** between(-1, 1, q[3]),
        "blur": q[4] * fixed["blur"],
        "noise": q[5] * fixed["noise"],
        "jitter": q[6] * fixed["jitter"],
    }
    scene = draw_multi(rng, index, fixed)
    return Sample(scene.scene, scene.label, {**scene.factors, **change})
