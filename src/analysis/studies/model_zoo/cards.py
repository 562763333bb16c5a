"""The cards of the zoo, read and laid out: who was trained how, and by how much that differs from the recipe."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from analysis import encoders
from analysis.encoders import facts
from analysis.encoders.methods import METHODS, of_recipe
from analysis.errors import UserError
from analysis.results import Row, plain, read_json
from analysis.training.recipe import PHOTOGRAPHS, RECIPE, Recipe, adapted

RANDOM = "random weights"  # what a card calls the start of an encoder that goes on from no other
FAMILIES = {"resnet": "ResNet", "vit": "ViT"}
_WORDS = {
    "lr": "learning rate",
    "clip": "greatest norm of the gradient",
    "predictor": "learning rate of a predictor, relative",
    "warmup": "warm-up",
    "start": "begins as",
    "endless": "images without end",
    "fresh": "new images in each epoch",
    "fresh_images": "new images in each epoch",
    "full": "side of a view, px",
    "full_views": "views of an image",
    "small": "side of a small view, px",
    "small_views": "small views of an image",
    "head": "head stored with the encoder",
}
_NEEDED = ("name", "method", "architecture", "parameters", "digest", "recipe", "probes")


@dataclass(frozen=True)
class Card:
    """A card: attributes for what the study asks often, `content` for the rest."""

    encoder: str
    content: dict[str, Any]

    @property
    def method(self) -> str:
        """Its method."""
        return str(self.content["method"])

    @property
    def title(self) -> str:
        """Short, for figures."""
        return facts.card_title(self.content)

    @property
    def family(self) -> str:
        """`ResNet` or `ViT`."""
        return FAMILIES[self.content["architecture"]["family"]]

    @property
    def supervision(self) -> str:
        """`images`, `labels` or `nothing`: what it was trained with."""
        return {"none": "nothing", "supervised": "labels"}.get(METHODS[of_recipe(self.method)].objective, "images")

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """How it was trained."""
        return dict(self.content["recipe"])

    @cached_property
    def probes(self) -> dict[str, Any]:
        """What it scored when that was over."""
        return dict(self.content["probes"])

    @property
    def start(self) -> str:
        """The method whose encoder it began as, or `RANDOM`."""
        return str(self.recipe.get("start", RANDOM))

    def measurable(self, dataset: str) -> bool:
        """Whether a run on `dataset` probes it: it was trained on such images, or not at all."""
        return self.supervision == "nothing" or self.probes["data"] == dataset


def read(encoder: str) -> Card:
    """The card of `zoo:NAME` or `file:PATH`.

    Raises:
        UserError: an encoder of another kind has no card; or the card lacks an entry, as those of earlier versions do.
    """
    if not encoder.startswith(("zoo:", "file:")):
        raise UserError(f"encoder {encoder!r} has no card: this study takes zoo:NAME and file:PATH")
    path = encoders.weight_files(encoder)[1]
    content = read_json(path)
    probes = content.get("probes", {})
    lacking = [key for key in _NEEDED if key not in content]
    lacking += [f"probes.{key}" for key in ("knn", "linear", "rankme", "factors") if probes and key not in probes]
    if lacking:
        raise UserError(f"{path} lacks {', '.join(lacking)}: train {encoder} anew with `analysis pretrain`")
    if of_recipe(content["method"]) not in METHODS:
        raise UserError(f"{path}: unknown method {content['method']!r}; there are {', '.join(METHODS)}")
    return Card(encoder, content)


def chosen(names: Sequence[str], dataset: str) -> tuple[list[Card], list[Card]]:
    """The cards of all encoders, and of those that a run on `dataset` probes.

    Raises:
        UserError: as `read`; or there is none to probe.
    """
    listed = [read(name) for name in names]
    here = [card for card in listed if card.measurable(dataset)]
    if not here:
        raise UserError(f"none of these encoders was trained on {dataset} or is untrained: name another dataset")
    return listed, here


def copies(cards: Sequence[Card]) -> dict[str, str]:
    """Trained encoder -> the untrained one of the same architecture.

    Raises:
        UserError: a trained encoder comes without its untrained copy.
    """
    untrained = {str(facts.network(card.content)): card.encoder for card in cards if card.supervision == "nothing"}
    trained = [card for card in cards if card.supervision != "nothing"]
    alone = [card for card in trained if str(facts.network(card.content)) not in untrained]
    if alone:
        other = "zoo:untrained-vit" if alone[0].family == "ViT" else "zoo:untrained"
        raise UserError(f"{alone[0].encoder} comes without its untrained copy: add {other} to encoders")
    return {card.encoder: untrained[str(facts.network(card.content))] for card in trained}


def starts(cards: Sequence[Card]) -> dict[str, str]:
    """Encoder that did not begin with random weights -> the one of these it began as, where that is among them."""
    made = {(card.method, card.recipe["data"]): card.encoder for card in cards}
    keys = {card.encoder: (card.start, card.recipe["data"]) for card in cards if card.start != RANDOM}
    return {encoder: made[key] for encoder, key in keys.items() if key in made}


def row(card: Card) -> Row:
    """What the card says of network and training, for the tables of the page."""
    recipe, weights = card.recipe, encoders.weight_files(card.encoder)[0]
    return {
        **{"encoder": card.encoder, "title": card.title, "family": card.family, "method": card.method},
        **{"paper": METHODS[of_recipe(card.method)].paper, "supervision": card.supervision, "data": recipe["data"]},
        **{key: recipe[key] for key in ("images", "images_seen", "epochs", "steps", "batch", "device", "threads", "seed")},
        **{"precision": recipe["precision"], "wall_seconds": recipe["wall_seconds"], "collapsed": recipe["collapsed"]},
        **{"parameters": card.content["parameters"]["backbone"], "head": card.content["parameters"].get("projector")},
        **{"bytes": weights.stat().st_size, "start": card.start, "command": recipe["command"], "world": recipe["world"]},
    }


def curves(card: Card) -> list[Row]:
    """Loss, spread and effective rank after each epoch."""
    pairs = zip(card.recipe["curve"], card.recipe["spread_and_rank"], strict=True)
    return [
        {"encoder": card.encoder, "epoch": epoch, "loss": loss, "spread": spread, "rank": rank}
        for epoch, (loss, (spread, rank)) in enumerate(pairs, start=1)
    ]


def recipe_rows(recipe: Recipe, cards: Sequence[Card]) -> list[Row]:
    """The common recipe, one setting a row; the optimiser as the cards name it."""
    flat = {**plain(asdict(recipe)), "warmup": f"{recipe.warmup:.0%} of the steps", "start": recipe.start or RANDOM}
    views = {f"views: {key}": value for key, value in flat.pop("views").items()}
    headless = flat.pop("headless")
    flat["head"] = (
        f"yes, but of {', '.join(METHODS[of_recipe(method)].title for method in headless)}" if headless else recipe.head
    )
    flat["probes"] = "fitted on {:,} images, scored on {:,}".format(*recipe.probes)
    flat["optimiser"] = "; ".join(sorted({card.recipe["optimiser"] for card in cards}))
    return [{"setting": _words(key), "value": _text(value)} for key, value in (flat | views).items()]


def deviation(card: Card) -> Row:
    """What the card says was done otherwise than by the recipe of its data, and the reason it gives."""
    base = RECIPE if card.recipe["data"] == "scenes" else PHOTOGRAPHS
    wanted = {**plain(asdict(base)), "fresh_images": base.fresh, "augmentation": plain(asdict(base.views))}
    wanted["start"] = base.start or RANDOM
    changes = []
    for key, value in card.recipe.items():
        if key == "augmentation":
            parts = {part: (value[part], wanted[key].get(part)) for part in value}
            changes += [f"{part} {_text(new)} ({_text(old)})" for part, (new, old) in parts.items() if new != old]
        elif key in wanted and key != "images" and value != wanted[key]:
            changes.append(f"{_words(key)} {_text(value)} ({_text(wanted[key])})")
    fewer = card.recipe["epochs"] < adapted(card.method, base)[0].epochs
    reasons = (card.recipe["deviation"], "trained for fewer epochs than that, for want of time" if fewer else "")
    return {
        "encoder": card.encoder,
        "title": card.title,
        "changes": "; ".join(changes),
        "reason": "; ".join(filter(None, reasons)),
    }


def from_card(card: Card) -> Row:
    """Scores as the card gives them, of an encoder that this run does not probe."""
    probes = card.probes
    ends = {"": "accuracy", "_low": "low", "_high": "high"}
    scores = {f"{probe}{end}": probes[probe][key] for probe in ("knn", "linear") for end, key in ends.items()}
    sizes = {key: probes[key] for key in ("data", "n_train", "n_test", "chance", "rankme")}
    return {"encoder": card.encoder, "title": card.title, "family": card.family, **sizes, **scores}


def _words(key: str) -> str:
    return _WORDS.get(key, key.replace("_", " "))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " to ".join(_text(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if isinstance(value, float) else str(value)
