"""Which trainings differ by their seed alone, as their cards say."""

from typing import Any

from analysis.encoders import files
from analysis.encoders.facts import network
from analysis.results import read_json

SETTINGS = ("method", "data", "world", "images", "epochs", "batch", "lr", "weight_decay")


def trained_alike(name: str, other: str) -> bool:
    """Whether two encoders were trained by one recipe on the same images from different seeds; no, where there is no card."""
    cards = [_card(each) for each in (name, other)]
    if not all("seed" in card.get("recipe", {}) for card in cards):
        return False
    one, two = cards
    alike = all(one["recipe"].get(key) == two["recipe"].get(key) for key in SETTINGS) and network(one) == network(two)
    return alike and one["recipe"]["seed"] != two["recipe"]["seed"]


def _card(name: str) -> dict[str, Any]:
    kind, _, rest = name.partition(":")
    return read_json(files.named(kind, rest).with_suffix(".json")) if kind in ("zoo", "file") else {}
