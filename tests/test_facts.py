"""Facts of encoders: who belongs to a claim is read from cards and registries, and an encoder that learnt nothing is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from analysis import paths
from analysis.encoders import facts as module
from analysis.encoders import methods
from analysis.encoders.checkpoints import checkpoints
from analysis.encoders.facts import above_untrained, facts, not_learned, probe_or_refuse, self_supervised, untrained_copies
from analysis.encoders.methods import METHODS
from analysis.encoders.seeds import trained_alike
from analysis.errors import UserError
from analysis.training.methods import METHODS as TRAINED

RESNET = {"family": "resnet", "widths": [8], "dim": 16}
VIT = {"family": "vit", "patch": 8}


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty zoo."""
    monkeypatch.setattr(paths, "ZOO", tmp_path)
    return tmp_path


def write(folder: Path, name: str, method: str, score: float | None, architecture: Any = RESNET, data: str = "scenes") -> str:
    """A card whose probe has that accuracy, give or take 0.02."""
    probes: dict[str, Any] = {"data": "scenes:objects" if data == "scenes" else data, "chance": 0.1}
    if score is not None:
        probes["linear"] = {"accuracy": score, "low": score - 0.02, "high": score + 0.02}
    card = {
        "name": name,
        "method": method,
        "architecture": architecture,
        "size": 64,
        "recipe": {"data": data},
        "probes": probes,
    }
    (folder / f"{name}.json").write_text(json.dumps(card))
    return f"zoo:{name}"


@pytest.mark.parametrize("recipe", TRAINED)
def test_every_recipe_of_the_trainer_has_a_method_and_an_objective(recipe: str) -> None:
    assert METHODS[methods.of_recipe(recipe)].objective != "not stated"


@pytest.mark.parametrize("kind", checkpoints())
def test_every_published_checkpoint_has_a_method_and_a_family(kind: str) -> None:
    known = facts(f"hub-file:{kind}")
    assert known.method in METHODS
    assert known.family in ("resnet", "vit")
    assert known.supervision == checkpoints()[kind].supervision


@pytest.mark.parametrize(
    ("name", "method", "family", "objective"),
    [
        ("timm:vit_small_patch14_dinov2.lvd142m", "dinov2", "vit", "self-distillation"),
        ("timm:vit_base_patch16_224.mae", "mae", "vit", "masked-image-modelling"),
        ("timm:vit_base_patch16_224.dino", "dino", "vit", "self-distillation"),
        ("timm:resnet50.a1_in1k", "supervised", "resnet", "supervised"),
        ("timm:wide_resnet50_2.tv_in1k", "supervised", "resnet", "supervised"),
        ("timm:eva02_base_patch14_224.mim_in22k_ft_in1k", "supervised", "vit", "supervised"),
        ("timm:vit_base_patch16_224.some_words", "", "vit", "not stated"),
        ("conv4:protoclr_cub_3query_50bs", "protoclr", "conv4", "joint-embedding"),
        ("conv4:random_init", "untrained", "conv4", "none"),
        ("vit-tiny", "supervised", "vit", "supervised"),
    ],
)
def test_a_published_network_is_what_its_publisher_says(name: str, method: str, family: str, objective: str) -> None:
    known = facts(name)
    assert (known.method, known.family, known.objective) == (method, family, objective)


def test_a_self_distilled_resnet_is_a_resnet(zoo: Path) -> None:
    dino = facts(write(zoo, "dino", "dino", 0.5))
    vit = facts(write(zoo, "mine", "dino-vit", 0.5, VIT))
    assert (dino.objective, dino.family) == ("self-distillation", "resnet")
    assert (vit.method, vit.family, vit.title) == ("dino", "vit", "DINO ViT")


def test_the_name_of_a_file_decides_nothing(zoo: Path) -> None:
    known = facts(write(zoo, "mae-untrained-supervised", "swav", 0.5))
    assert (known.method, known.objective, known.supervision) == ("swav", "clustering", "self")


def test_the_untrained_copy_is_of_the_same_network_and_if_possible_probed_on_the_same_data(zoo: Path) -> None:
    write(zoo, "untrained", "untrained", 0.2)
    write(zoo, "untrained-vit", "untrained-vit", 0.2, VIT)
    own = write(zoo, "swav", "swav", 0.5, {**RESNET, "projector": {"head": "x"}})
    photographs = write(zoo, "swav-photographs", "swav", 0.5, data="imagenette")
    assert facts(own).untrained == "zoo:untrained"
    assert facts(photographs).untrained == "zoo:untrained"
    write(zoo, "untrained-photographs", "untrained", 0.2, data="imagenette")
    assert untrained_copies([own, photographs, "zoo:untrained"]) == {
        own: "zoo:untrained",
        photographs: "zoo:untrained-photographs",
    }


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({"seed": 1}, True),
        ({"seed": 0}, False),
        ({"seed": None}, False),
        ({"seed": 1, "data": "imagenette"}, False),
        ({"seed": 1, "epochs": 20}, False),
        ({"seed": 1, "method": "vicreg-patch-disjoint"}, False),
    ],
)
def test_only_trainings_of_one_recipe_from_two_seeds_are_alike(zoo: Path, changed: dict[str, Any], alike: bool) -> None:
    recipe = {"method": "vicreg-patch", "data": "scenes", "epochs": 10, "seed": 0}
    names = [write(zoo, name, "vicreg-patch", score) for name, score in (("one", 0.5), ("two", 0.6))]
    for name, own in (("one", recipe), ("two", recipe | changed)):
        card = json.loads((zoo / f"{name}.json").read_text())
        kept = {key: value for key, value in own.items() if value is not None}
        (zoo / f"{name}.json").write_text(json.dumps(card | {"recipe": kept}))
    assert trained_alike(*names) is alike
    wider = write(zoo, "wider", "vicreg-patch", 0.5, {**RESNET, "dim": 32})
    (zoo / "wider.json").write_text(json.dumps(json.loads((zoo / "wider.json").read_text()) | {"recipe": recipe | {"seed": 1}}))
    assert not trained_alike(names[0], wider)
    assert not trained_alike(names[0], "conv4:random_init")


def test_an_encoder_that_does_not_beat_its_untrained_copy_has_not_learned(zoo: Path) -> None:
    write(zoo, "untrained", "untrained", 0.30)
    good, close, worse = (write(zoo, n, n, s) for n, s in (("swav", 0.34), ("byol", 0.32), ("moco", 0.10)))
    assert [above_untrained(name) for name in (good, close, worse)] == [True, False, False]
    assert list(not_learned([good, close, worse, "zoo:untrained", "conv4:random_init", "vit-tiny"])) == [close, worse]
    assert "BYOL is not above its untrained copy" in not_learned([close])[close]


def test_a_missing_probe_is_an_error_where_one_is_needed(zoo: Path) -> None:
    write(zoo, "untrained", "untrained", 0.3)
    bare = write(zoo, "swav", "swav", None)
    elsewhere = write(zoo, "byol", "byol", 0.5, data="imagenette")
    with pytest.raises(UserError, match="zoo:swav has no linear probe on its own data"):
        not_learned([bare])
    with pytest.raises(UserError, match="was probed on imagenette, its untrained copy zoo:untrained on scenes:objects"):
        not_learned([elsewhere])
    with pytest.raises(UserError, match="vit-tiny has no linear probe"):
        probe_or_refuse("vit-tiny")


def test_a_card_with_a_method_of_its_own_must_state_its_objective(zoo: Path) -> None:
    path = zoo / f"{write(zoo, 'x', 'my-method', 0.5).partition(':')[2]}.json"
    with pytest.raises(UserError, match="unknown method 'my-method': add an entry \"objective\""):
        facts("zoo:x")
    path.write_text(json.dumps({**json.loads(path.read_text()), "objective": "clustering"}))
    assert facts("zoo:x").supervision == "self"
    assert facts("zoo:x").title == "my-method"


def test_self_supervised_encoders_are_those_without_labels_that_were_trained(zoo: Path) -> None:
    names = [write(zoo, name, name, 0.5) for name in ("mae", "swav", "supervised", "untrained")]
    assert self_supervised(names) == ["zoo:mae", "zoo:swav"]
    assert module.trained_by(names, ("clustering",)) == ["zoo:swav"]
