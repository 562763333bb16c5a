"""A training goes on from its own checkpoint and from no other, and what it makes is published whole or not at all."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis import encoders, paths, publish
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.training import pretrain
from analysis.training.keeper import Keeper
from analysis.training.recipe import Recipe

TINY = Recipe(epochs=3, images=32, batch=16, full=32, probes=(24, 16), watched=(24, 16))
Train = Callable[..., Path]


@pytest.fixture
def train(build: Path, tmp_path: Path) -> Train:
    def run(out: str = "out", method: str = "simclr", **options: Any) -> Path:
        return pretrain.train(method, device="cpu", out=tmp_path / out, **{"recipe": TINY, **options})

    return run


@pytest.fixture
def killed(train: Train, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A training that is killed after its first epoch."""
    save = Keeper.save

    def die(self: Keeper, trainer: Any, module: Any) -> None:
        save(self, trainer, module)
        raise RuntimeError("killed")

    def run(**options: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Keeper, "save", die)
            with pytest.raises(RuntimeError, match="killed"):
                train(**options)

    return run


@pytest.fixture
def epochs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The epochs that were really trained."""
    seen: list[int] = []
    save = Keeper.save
    monkeypatch.setattr(Keeper, "save", lambda self, t, m: (seen.append(t.current_epoch), save(self, t, m)))
    return seen


def photographs(folder: Path, seed: int) -> str:
    folder.mkdir(parents=True)
    for number, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return f"folder:{folder}"


OTHERS: dict[str, dict[str, Any]] = {
    "epochs": {"epochs": 2},
    "recipe": {"recipe": Recipe(**{**vars(TINY), "lr": 1e-3})},
}


@pytest.mark.parametrize("key", OTHERS)
def test_the_checkpoint_of_another_training_is_left_alone_with_one_line(
    key: str, train: Train, killed: Callable[..., None], epochs: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    alone = train("alone", **OTHERS[key])
    killed()
    epochs.clear()
    other = train("other", **OTHERS[key])
    assert other.read_bytes() == alone.read_bytes()
    assert epochs[0] == 0
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"for its {key} differs" in line
    assert line.endswith("this training begins anew")
    epochs.clear()
    train()
    assert epochs == [1, 2], "the first goes on where it stopped"


def test_folders_of_one_name_with_other_images_are_other_trainings(
    train: Train, killed: Callable[..., None], epochs: list[int], tmp_path: Path
) -> None:
    names = [photographs(tmp_path / where / "pics", seed) for seed, where in enumerate("AB")]
    alone = train("alone", data=names[1])
    killed(data=names[0])
    epochs.clear()
    assert train("other", data=names[1]).read_bytes() == alone.read_bytes()
    assert epochs == [0, 1, 2]


@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "from another folder"])
def test_a_damaged_checkpoint_counts_as_absent(
    damage: str, train: Train, killed: Callable[..., None], epochs: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    whole = train("whole")
    killed()
    (checkpoint,) = (paths.build() / "training").glob("simclr-*/*.ckpt")
    content = bytearray(checkpoint.read_bytes())
    if damage == "from another folder":
        killed(seed=1)
        (other,) = (path for path in (paths.build() / "training").glob("simclr-*/*.ckpt") if path != checkpoint)
        checkpoint.unlink()
        other.rename(checkpoint.with_name(other.name))
    else:
        content[len(content) // 2] ^= 1
        checkpoint.write_bytes({"flipped": content, "truncated": content[:-100], "empty": b""}[damage])
    epochs.clear()
    caplog.clear()
    assert train().read_bytes() == whole.read_bytes()
    assert epochs == [0, 1, 2]
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["it is left aside"]


def test_without_out_nothing_that_is_shipped_is_touched_and_no_other_training_replaced(build: Path, epochs: list[int]) -> None:
    shipped = (paths.ZOO / "simclr.safetensors").stat().st_mtime_ns
    first = pretrain.train("simclr", device="cpu", recipe=TINY)
    assert first == build / "zoo" / "simclr.safetensors"
    before, done = first.read_bytes(), len(epochs)
    assert pretrain.train("simclr", device="cpu", recipe=TINY) == first
    assert len(epochs) == done, "what is finished is not trained again"
    with pytest.raises(UserError, match="is another training"):
        pretrain.train("simclr", device="cpu", recipe=TINY, epochs=2)
    again = pretrain.train("simclr", device="cpu", recipe=TINY, seed=1)
    assert again == build / "zoo" / "simclr-seed1.safetensors"
    assert again.read_bytes() != before
    assert first.read_bytes() == before
    first.write_bytes(before[:-1])
    assert pretrain.train("simclr", device="cpu", recipe=TINY).read_bytes() == before, "what is damaged is made again"
    assert (paths.ZOO / "simclr.safetensors").stat().st_mtime_ns == shipped


def test_two_of_one_training_at_once_are_refused_in_one_line(train: Train, killed: Callable[..., None]) -> None:
    killed()
    (folder,) = (paths.build() / "training").iterdir()
    with (
        only_one(paths.build() / "locks" / "training" / folder.name, "held"),
        pytest.raises(UserError, match="simclr is already in training"),
    ):
        train()


@pytest.mark.parametrize("renamed", [0, 1])
def test_weights_and_card_change_together_wherever_a_kill_falls(renamed: int, train: Train, tmp_path: Path) -> None:
    old = train("old")
    new = train("new", epochs=2)
    settled = old.parent / ".simclr.settled"
    settled.mkdir()
    for number, path in enumerate((new, new.with_suffix(".json"))):
        path.rename((settled if number >= renamed else old.parent) / path.name)
    encoder = encoders.load(f"file:{old}")
    assert json.loads(old.with_suffix(".json").read_text())["recipe"]["epochs"] == 2
    assert encoder.dim > 0
    assert not settled.exists()


def test_files_of_a_block_that_fails_never_appear(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), publish.files(tmp_path / "place", "a") as making:
        (making / "a.txt").write_text(str(1 / len(list(making.iterdir()))))
    assert list((tmp_path / "place").iterdir()) == []


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_whole(can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not can_exchange:
        monkeypatch.setattr(publish, "_exchanged", lambda *_: False)
    final, work = tmp_path / "runs" / "a", tmp_path / "work"
    for n in range(3):
        (work / "a").mkdir(parents=True)
        (work / "a" / "n").write_text(str(n))
        publish.folder(work / "a", final)
        assert (final / "n").read_text() == str(n)
        assert not list(work.iterdir())
    final.rename(work / ".previous")
    publish.recover(work, final)
    assert (final / "n").read_text() == "2"


def test_readers_never_find_a_folder_absent(tmp_path: Path) -> None:
    final, absent, looks, stop = tmp_path / "a", [], [0], threading.Event()
    (tmp_path / "work").mkdir()

    def look() -> None:
        while not stop.is_set():
            looks[0] += 1
            if not final.exists():
                absent.append(looks[0])

    def put() -> None:
        (tmp_path / "work" / "a").mkdir()
        publish.folder(tmp_path / "work" / "a", final)

    put()
    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(300):
        put()
    stop.set()
    reader.join()
    assert looks[0] > 300
    assert not absent
