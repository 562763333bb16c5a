"""What a training of the zoo cost, in the units in which two trainings may be equal: images, patches, pixels, steps."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from analysis.errors import UserError

_NEEDED = ("images", "images_seen", "steps", "full", "full_views", "small", "small_views")


@dataclass(frozen=True)
class Cost:
    """What went through the network that is trained; what a teacher sees besides comes without gradient and is not counted.

    Attributes:
        images: images seen, each as often as it came.
        distinct: different images among them.
        patches: views drawn of them, be they patches or crops of many sizes.
        pixels: pixels of these views at the network's input.
        steps: updates of the weights.
    """

    images: int
    distinct: int
    patches: int
    pixels: int
    steps: int


def cost(card: Mapping[str, Any]) -> Cost:
    """The cost that a card of the zoo records.

    Raises:
        UserError: the card does not say how its encoder was trained.
    """
    recipe = card.get("recipe", {})
    lacking = [key for key in _NEEDED if key not in recipe]
    if lacking:
        raise UserError(f"the card of {card.get('name', 'this encoder')} lacks recipe.{', recipe.'.join(lacking)}")
    seen = recipe["images_seen"]
    views = recipe["full_views"] + recipe["small_views"]
    pixels = recipe["full_views"] * recipe["full"] ** 2 + recipe["small_views"] * recipe["small"] ** 2
    return Cost(seen, min(recipe["images"], seen), seen * views, seen * pixels, recipe["steps"])


def ratios(first: Cost, second: Cost) -> dict[str, float]:
    """Unit -> cost of the first training over that of the second: 1 where they are equal.

    Raises:
        UserError: the second was not trained.
    """
    if not second.steps:
        raise UserError("the cost of a training cannot be held against that of an encoder that was not trained")
    one, other = asdict(first), asdict(second)
    return {unit: one[unit] / other[unit] for unit in one}
