"""A network of one's own takes part like any other: in Python, by name, on the command line."""

import re
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

from analysis import encoders, paths
from analysis.encoders.facts import facts
from analysis.encoders.own import of_module
from analysis.errors import UserError
from analysis.run import absolute

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)

MINE = """
import torch
from torch import nn
from analysis.encoders.own import of_module
from parts import WIDTH  # a module beside this one

WEIGHTS = ["mine.pt"]
OBJECTIVE = "joint-embedding"

def load():
    model = nn.Sequential(nn.Conv2d(3, WIDTH, 4, stride=4), nn.ReLU())
    model.load_state_dict(torch.load("mine.pt", weights_only=True))
    return of_module(model, size=32, mean=(0, 0, 0), std=(1, 1, 1), layers=["0"])

def wrong():
    return 3

def broken():
    raise KeyError("head.weight")
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())
    torch.save(model.state_dict(), tmp_path / "mine.pt")
    (tmp_path / "parts.py").write_text("WIDTH = 6\n")
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path / "mine.py"


def test_maps_of_any_module_are_averaged_and_kept_as_patches() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())
    encoder = of_module(model, size=32, mean=(0, 0, 0), std=(1, 1, 1), layers=["0"])
    x = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        torch.testing.assert_close(encoder.embed(IMAGES), model(x).mean((2, 3)))
        torch.testing.assert_close(encoder.patches(IMAGES, "0"), model[0](x).movedim(1, -1))
    assert encoder.dim == 6


@pytest.mark.parametrize(("tokens", "side", "first"), [(16, 4, 0), (17, 4, 1), (15, 15, 0)])
def test_tokens_become_a_grid_in_raster_order(tokens: int, side: int, first: int) -> None:
    class Tokens(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.arange(tokens, dtype=torch.float32)[None, :, None].expand(len(x), tokens, 2)

    patches = of_module(Tokens(), size=32).patches(IMAGES)
    assert patches.shape[1] == side
    assert patches[0, ..., 0].flatten().tolist() == list(range(first, tokens))


def test_a_timm_model_is_read_at_all_its_layers() -> None:
    encoder = of_module(timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0), size=32)
    assert encoder.layers[:2] == ("block1", "block2")
    assert encoder.patches(IMAGES).shape == (5, 2, 2, 192)


@pytest.mark.parametrize(("layers", "output", "wrong"), [(["nope"], 4, "no submodule 'nope'"), ([], 5, "must be")])
def test_what_cannot_be_read_is_refused(layers: list[str], output: int, wrong: str) -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if output == 4 else x[None]

    with pytest.raises(UserError, match=wrong):
        of_module(Odd(), size=32, layers=layers)


def test_by_name_it_gives_what_it_gives_in_python(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    by_file = encoders.load(f"python:{mine}:load")
    assert by_file.name == f"python:{mine}:load"
    assert torch.equal(by_file.embed(IMAGES), encoders.load("python:mine:load").embed(IMAGES))
    assert Path.cwd() == mine.parent


def test_its_file_and_its_weights_decide_whether_a_run_is_fresh(mine: Path) -> None:
    assert encoders.weight_files(f"python:{mine}:load") == [mine.parent / "mine.pt", mine]


def test_what_its_file_states_decides_which_claims_speak_of_it(mine: Path) -> None:
    assert facts(f"python:{mine}:load").supervision == "self"
    mine.write_text(MINE.replace("joint-embedding", "magic"))
    with pytest.raises(UserError, match="OBJECTIVE is 'magic'"):
        facts(f"python:{mine}:load")
    mine.write_text(MINE.replace('OBJECTIVE = "joint-embedding"', ""))
    assert facts(f"python:{mine}:load").objective == "not stated"


def test_a_run_is_told_the_whole_path(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.parent)
    told = absolute({"encoders": ["python:mine:load", "python:mine.py:load", "zoo:dino"]})
    assert told == {"encoders": [f"python:{mine}:load"] * 2 + ["zoo:dino"]}


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        ("{}/mine.py:nothing", "defines no function 'nothing'"),
        ("{}/absent.py:load", "there is no .*absent.py"),
        ("{}/mine.py", "write python:FILE.py:FUNCTION"),
        ("absent_module:load", "no module 'absent_module'"),
        ("{}/text.py:load", "not Python that can be read"),
    ],
)
def test_a_wrong_name_is_one_line_before_anything_runs(mine: Path, argument: str, wrong: str) -> None:
    (mine.parent / "text.py").write_text("def load(:\n")
    with pytest.raises(UserError, match=wrong) as refused:
        encoders.check("python:" + argument.format(mine.parent))
    assert "\n" not in str(refused.value)


def test_absent_weights_are_named_before_anything_runs(mine: Path) -> None:
    (mine.parent / "mine.pt").unlink()
    with pytest.raises(UserError, match=r"there is no .*mine\.pt"):
        encoders.check(f"python:{mine}:load")


@pytest.mark.parametrize(("function", "wrong"), [("wrong", "returned int"), ("broken", "KeyError: 'head.weight'")])
def test_a_function_that_fails_is_one_line(mine: Path, function: str, wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        encoders.load(f"python:{mine}:{function}")


def test_the_examples_of_the_page_run_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (paths.BOOK / "own_model.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    torch.save(timm.create_model("resnet18", num_classes=0).state_dict(), tmp_path / "mine.pt")
    for block in blocks:
        if block.startswith("# mine.py"):
            (tmp_path / "mine.py").write_text(block)
        else:
            exec(compile(block, "own_model.md", "exec"), {})
    encoder = encoders.load("python:mine.py:load")
    assert encoder.embed(IMAGES[:1]).shape == (1, 512)
    assert len(blocks) == 3
