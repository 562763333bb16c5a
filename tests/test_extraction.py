"""Extraction at scale: any number of processes, any interruption, the same bytes."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from analysis import datasets, paths
from analysis.cli import app
from analysis.datasets.reader import open_reader
from analysis.encoders.backbones import Stages
from analysis.encoders.base import Encoder
from analysis.encoders.conv4 import Conv4
from analysis.encoders.transform import IMAGENET, RAW, Transform
from analysis.errors import UserError
from analysis.extraction import extract_to, job
from analysis.extraction import ranks as ranks_module
from analysis.extraction.pipeline import fill
from analysis.extraction.ranks import Rank, joined, launch
from analysis.extraction.store import Store
from analysis.feature_files import read_ids

pytestmark = pytest.mark.usefixtures("build")
N, BATCH = 21, 4
WIDTHS = {"a": 5, "embed": 7}
CONV = {"n": 13, "batch_size": 2, "layers": ("block1", "embed"), "device": "cpu"}  # seven batches, the last of one image


def network() -> Encoder:
    torch.manual_seed(0)
    head = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    stages = {"a": torch.nn.Conv2d(3, 5, 3, padding=1), "b": torch.nn.Conv2d(5, 7, 3, stride=2)}
    return Encoder("tiny", Stages(stages, head, dim=7), IMAGENET, size=12)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, 12, 12, 3), dtype=np.uint8)


@pytest.fixture
def conv4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An encoder with a name, so that other processes can load it; quick to import."""
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "real"))
    file = tmp_path / "real" / "weights" / "conv4" / "random.safetensors"
    file.parent.mkdir(parents=True)
    torch.manual_seed(0)
    save_file(Conv4().state_dict(), file)
    return "conv4:random"


def store(folder: Path, n: int = N, **changes: object) -> Store:
    return Store(folder, {"n": n, "batch_size": BATCH, "dtype": "float32", "layers": WIDTHS, **changes})


def names(n: int = N) -> list[str]:
    return [f"image {row}" for row in range(n)]


def written(folder: Path, images: np.ndarray, count: int = 1) -> dict[str, bytes]:
    """What `count` processes leave, one after the other in this one."""
    target = store(folder, len(images))
    assert target.prepare(names(len(images)))
    for number in reversed(range(count)):
        fill(store(folder, len(images)), network(), lambda a, b: images[a:b], Rank(number, count))
    target.publish()
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """All files but the manifest, whose number of processes may differ."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.json"}


def one_line(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text
    assert "\n" not in text
    return text


@pytest.mark.parametrize("n", [1, 3, 4, 9, 20, 21])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_any_number_of_ranks_gives_the_bytes_of_one(images: np.ndarray, tmp_path: Path, n: int, count: int) -> None:
    expected = written(tmp_path / "one", images[:n])
    assert sorted(expected) == ["a.npy", "embed.npy", "ids.txt"]
    assert written(tmp_path / "many", images[:n], count) == expected


def test_ranks_share_out_every_batch_once() -> None:
    batches = store(Path("x")).batches
    assert [row for batch in batches for row in batch] == list(range(N))
    for count in range(1, 10):
        shares = [Rank(number, count).share(batches) for number in range(count)]
        assert sorted((batch for share in shares for batch in share), key=batches.index) == batches


def test_rows_are_the_encoders_features_of_the_images_in_order(images: np.ndarray, tmp_path: Path) -> None:
    written(tmp_path / "x", images, 2)
    for layer, width in WIDTHS.items():
        rows = np.load(tmp_path / "x" / f"{layer}.npy", mmap_mode="r")
        assert rows.shape == (N, width)
        assert rows.dtype == np.float32
        np.testing.assert_array_equal(rows, network().pooled(images, (layer,), BATCH)[layer].numpy())
    assert read_ids(tmp_path / "x" / "ids.txt").tolist() == names()


def test_half_precision_is_the_nearest_to_single(images: np.ndarray, tmp_path: Path) -> None:
    written(tmp_path / "single", images)
    half = store(tmp_path / "half", dtype="float16")
    half.prepare(names())
    fill(half, network(), lambda a, b: images[a:b], Rank())
    half.publish()
    for layer in WIDTHS:
        rows = np.load(tmp_path / "half" / f"{layer}.npy")
        np.testing.assert_array_equal(rows, np.load(tmp_path / "single" / f"{layer}.npy").astype(np.float16))


def test_a_feature_beyond_half_precision_is_refused_and_not_called_written(tmp_path: Path) -> None:
    half = store(tmp_path / "x", dtype="float16", layers={"a": 1})
    half.prepare(names())
    half.open()
    half.write(range(4), {"a": np.full((4, 1), 65504, np.float32)})
    half.write(range(4, 8), {"a": np.full((4, 1), np.inf, np.float32)})  # the network's own infinity stays
    with pytest.raises(UserError, match="layer a reaches 1e\\+05, float16 ends at 65504") as error:
        half.write(range(8, 12), {"a": np.full((4, 1), 1e5, np.float32)})
    one_line(error)
    assert half.missing(half.batches) == half.batches[2:]


def test_images_are_read_by_whole_batches_and_one_batch_ahead(images: np.ndarray, tmp_path: Path) -> None:
    events: list[tuple[str, int]] = []

    def read(start: int, stop: int) -> np.ndarray:
        events.append(("read", start))
        assert stop == min(start + BATCH, N)
        return images[start:stop]

    class Noting(Store):
        def write(self, batch, rows):  # type: ignore[no-untyped-def]
            events.append(("write", batch.start))
            super().write(batch, rows)

    target = Noting(tmp_path / "x", store(tmp_path / "x").made)
    target.prepare(names())
    fill(target, network(), read, Rank(1, 2))
    assert [start for what, start in events if what == "read"] == [4, 12, 20]
    assert [start for what, start in events if what == "write"] == [4, 12, 20]
    assert events.index(("write", 4)) < events.index(("read", 20))


@pytest.mark.parametrize("ranks", [2, 3])
def test_real_processes_give_the_bytes_of_one(conv4: str, tmp_path: Path, ranks: int) -> None:
    one = extract_to(tmp_path / "one", conv4, "scenes:objects", **CONV)  # type: ignore[arg-type]
    many = tmp_path / "many"
    if ranks == 2:
        extract_to(many, conv4, "scenes:objects", ranks=2, **CONV)  # type: ignore[arg-type]
    else:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "3", "-m", "analysis"]
        command += ["features", conv4, "scenes:objects", "--out", str(many), "-n", "13", "--batch-size", "2"]
        command += ["--layers", "block1,embed", "--device", "cpu"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert contents(many) == contents(one)
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (one, many)]
    assert manifests[0]["made"] == manifests[1]["made"]
    assert [manifest["run"]["processes"] for manifest in manifests] == [1, ranks]


def _refuse() -> None:
    with joined() as rank:
        if rank.number == 1:
            raise UserError("no such thing: use another")
        rank.wait()


def test_what_one_process_refuses_ends_all_with_that_line_and_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(UserError, match=r"^no such thing: use another$"):
        launch(2, _refuse)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def _lose_the_other() -> None:
    """What process 0 sees when process 1 has given up while the two were still being connected."""
    if os.environ["RANK"] == "0":

        def lost(*_: object, **__: object) -> None:
            raise RuntimeError("Connection closed by peer")

        ranks_module.distributed.init_process_group = lost  # type: ignore[assignment]
        with joined():
            return
    time.sleep(3)
    raise UserError("no such thing: use another")


def test_a_process_that_loses_another_while_joining_is_not_the_one_that_is_named() -> None:
    with pytest.raises(UserError, match=r"^no such thing: use another$"):
        launch(2, _lose_the_other)


KILLED = """
import os, signal, sys
from pathlib import Path
from analysis.extraction import extract_to
from analysis.extraction.store import Store

class Killing(Store):
    written = 0
    def _checksum(self, batch):
        Killing.written += 1
        if Killing.written == 4:  # its rows are in the file, its checksum is not
            os.kill(os.getpid(), signal.SIGKILL)
        return Store._checksum(self, batch)

import analysis.extraction.job
analysis.extraction.job.Store = Killing
extract_to(Path(sys.argv[1]), sys.argv[2], "scenes:objects", n=13, batch_size=2, layers=("block1", "embed"), device="cpu")
"""


def test_after_a_kill_only_what_is_missing_is_computed_and_the_bytes_are_the_same(
    conv4: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(extract_to(tmp_path / "whole", conv4, "scenes:objects", **CONV))  # type: ignore[arg-type]
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "x", conv4], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "x").exists()
    computed: list[range] = []
    write = Store.write

    def noting(self: Store, batch: range, rows: dict[str, np.ndarray]) -> None:
        computed.append(batch)
        write(self, batch, rows)

    monkeypatch.setattr(Store, "write", noting)
    extract_to(tmp_path / "x", conv4, "scenes:objects", **CONV)  # type: ignore[arg-type]
    assert computed == [range(6, 8), range(8, 10), range(10, 12), range(12, 13)]
    assert contents(tmp_path / "x") == expected
    assert not (tmp_path / "x.partial").exists()


@pytest.mark.parametrize("damage", ["rows", "checksum", "manifest"])
def test_what_a_power_failure_loses_is_computed_again(images: np.ndarray, tmp_path: Path, damage: str) -> None:
    expected = written(tmp_path / "whole", images)
    target = store(tmp_path / "x")
    target.prepare(names())
    fill(target, network(), lambda a, b: images[a:b], Rank(0, 2))
    if damage == "manifest":  # it is the last file that `prepare` writes: nothing before it counts
        (target.partial / "manifest.json").unlink()
    else:
        name, row = ("a.npy", BATCH * 2) if damage == "rows" else ("checksums.npy", 2)
        np.load(target.partial / name, mmap_mode="r+")[row] = 0
    again = store(tmp_path / "x")
    target.close()
    again.prepare(names())
    again.open()
    lost = again.batches if damage == "manifest" else [*again.batches[1:3], *again.batches[3::2]]
    assert again.missing(again.batches) == lost
    fill(again, network(), lambda a, b: images[a:b], Rank())
    again.publish()
    assert contents(tmp_path / "x") == expected


def test_a_complete_folder_is_left_alone(conv4: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = extract_to(tmp_path / "x", conv4, "scenes:objects", **CONV)  # type: ignore[arg-type]
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]}
    extract_to(tmp_path / "x", conv4, "scenes:objects", **CONV)  # type: ignore[arg-type]
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.iterdir()]} == before
    assert [record.getMessage() for record in caplog.records] == [f"{folder} is already complete"]


CHANGES: dict[str, object] = {"n": 12, "seed": 1, "split": "train", "size": 32, "dtype": "float32", "batch_size": 3}
CHANGES |= {"layers": ("embed",)}


def test_other_parameters_are_refused_by_name_before_and_after_the_end(
    conv4: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {**CONV, "n": 3}
    extract_to(tmp_path / "x", conv4, "scenes:objects", **kept)  # type: ignore[arg-type]
    for folder in (tmp_path / "x", tmp_path / "y.partial"):
        if folder.name == "y.partial":
            (tmp_path / "x").rename(folder)
        before = contents(folder)
        for key, value in CHANGES.items():
            with pytest.raises(UserError, match="name another folder") as error:
                extract_to(tmp_path / folder.stem, conv4, "scenes:objects", **{**kept, key: value})  # type: ignore[arg-type]
            assert f"{folder} was made with {key} " in one_line(error)
        assert {name: content for name, content in contents(folder).items() if name != "lock"} == before
    monkeypatch.setattr(job, "version", lambda package: "another")
    with pytest.raises(UserError, match="version of torch 2"):
        extract_to(tmp_path / "y", conv4, "scenes:objects", **kept)  # type: ignore[arg-type]


def test_images_that_changed_under_the_same_names_are_refused(conv4: str, tmp_path: Path) -> None:
    from PIL import Image

    photos = tmp_path / "photos"
    photos.mkdir()
    for row in range(3):
        Image.new("RGB", (20, 20), (row, 0, 0)).save(photos / f"{row}.png")
    extract_to(tmp_path / "x", conv4, f"folder:{photos}", device="cpu")
    Image.new("RGB", (40, 30), (row, 0, 0)).save(photos / "1.png")
    with pytest.raises(UserError, match="data digest"):
        extract_to(tmp_path / "x", conv4, f"folder:{photos}", device="cpu")


@pytest.mark.parametrize(
    "wrong", [{"dtype": "int8"}, {"ranks": 0}, {"batch_size": 0}, {"layers": ()}, {"layers": ("x",)}, {"n": 0}]
)
def test_an_impossible_argument_is_refused_and_nothing_is_left(conv4: str, tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(UserError) as error:
        extract_to(tmp_path / "out" / "x", conv4, "scenes:objects", **{**CONV, **wrong})  # type: ignore[arg-type]
    one_line(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_no_feature_folder_is_not_touched(tmp_path: Path, what: str) -> None:
    place = tmp_path / "x"
    if what == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine").touch()
    with pytest.raises(UserError, match="name a new folder"):
        store(place).prepare(names())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["build", "x"][-1:]


def test_a_second_run_at_the_same_time_is_refused(images: np.ndarray, tmp_path: Path) -> None:
    first = store(tmp_path / "x")
    first.prepare(names())
    with pytest.raises(UserError, match="another process writes"):
        store(tmp_path / "x").prepare(names())
    fill(first, network(), lambda a, b: images[a:b], Rank())
    first.publish()


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("when", ["reserving", "writing", "file too large"])
def test_a_full_disk_is_one_line_at_the_start_and_leaves_nothing(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = store(tmp_path / "x", n=10_000, layers={"a": 10})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if when == "file too large":  # a real limit of the system
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    else:
        monkeypatch.setattr(os, "posix_fallocate" if when == "reserving" else "replace", full)
    try:
        with pytest.raises(UserError, match=r"no room for .*/x: it takes 0\.4 MB") as error:
            big.prepare(names(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    one_line(error)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fails_at_the_end_keeps_the_work(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = store(tmp_path / "x")
    target.prepare(names())
    fill(target, network(), lambda a, b: images[a:b], Rank())
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UserError, match=r"cannot finish .*/x: No space left on device"):
            target.publish()
    assert not (tmp_path / "x").exists()
    target.publish()
    assert contents(tmp_path / "x") == written(tmp_path / "whole", images)


def test_an_image_that_cannot_be_read_is_named_and_what_was_done_stays(images: np.ndarray, tmp_path: Path) -> None:
    def read(start: int, stop: int) -> np.ndarray:
        if start == 8:
            raise UserError("8.png is not a readable image")
        return images[start:stop]

    target = store(tmp_path / "x")
    target.prepare(names())
    with pytest.raises(UserError, match=r"^8\.png is not a readable image$"):
        fill(target, network(), read, Rank())
    assert target.missing(target.batches) == target.batches[2:]


def test_a_rank_without_a_gpu_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert [Rank(6 + local, 8, local).device("auto").type for local in (0, 1)] == ["cuda", "cuda"]
    assert chosen == [0, 1]
    with pytest.raises(UserError, match="this machine has 2 GPUs"):
        Rank(2, 3, 2).device("cuda")
    assert Rank(2, 3, 2).device("cpu").type == "cpu"


@pytest.mark.parametrize("name", [*(f"scenes:{kind}" for kind in datasets.SCENES), "folder"])
def test_a_data_set_read_in_pieces_is_the_one_that_load_gives(name: str, tmp_path: Path) -> None:
    from PIL import Image

    if name == "folder":
        rng = np.random.default_rng(0)
        for row in range(40):
            for folder, shape in (("images", (20 + row, 30, 3)), ("masks", (20 + row, 30))):
                file = tmp_path / "photos" / folder / "abc"[row % 3] / f"{row}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(file)
        name = f"folder:{tmp_path / 'photos'}"
    options: dict = {"size": 24, "n": 19, "seed": 3}
    whole, reader = datasets.load(name, **options), open_reader(name, **options)
    assert len(reader) == 19
    assert list(reader.ids) == whole.ids.tolist()
    for start, stop in ((0, 4), (15, 19), (7, 8)):
        np.testing.assert_array_equal(reader.read(start, stop), whole.images[start:stop])


@pytest.mark.parametrize("wrong", [{"split": "holiday"}, {"n": 0}, {"size": 0}, {"name": "nothing"}])
def test_a_reader_refuses_what_load_refuses(wrong: dict) -> None:
    options: dict = {"name": "scenes:objects", "size": 24, **wrong}
    lines = []
    for door in (datasets.load, open_reader):
        with pytest.raises(UserError) as error:
            door(**options)  # type: ignore[operator]
        lines.append(one_line(error))
    assert lines[0] == lines[1]


@pytest.mark.parametrize("normalisation", [RAW, IMAGENET])
def test_the_transform_is_its_formula_bit_for_bit(images: np.ndarray, normalisation: tuple) -> None:
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in normalisation)
    expected = (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / std
    found = Transform(12, *normalisation)(images)
    assert torch.equal(found, expected)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_the_command_writes_what_similarity_reads(conv4: str, tmp_path: Path) -> None:
    run: Callable = CliRunner().invoke
    words = ["features", conv4, "scenes:objects", "--out", str(tmp_path / "x"), "-n", "30", "--layers", "block1,block2"]
    done = run(app, [*words, "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert done.output == f"{tmp_path / 'x'}\n"
    a, b, ids = (str(tmp_path / "x" / name) for name in ("block1.npy", "block2.npy", "ids.txt"))
    done = run(app, ["similarity", a, b, "--ids", ids, "--json", "--n-bootstrap", "60", "--n-permutations", "20"])
    assert done.exit_code == 0, done.output
    assert {row["n"] for row in json.loads(done.output)} == {30}


def test_an_id_with_a_form_feed_is_one_id(tmp_path: Path) -> None:
    target = store(tmp_path / "x", n=2)
    ids = ["a\x0cb\u2028c", "d"]
    target.prepare(ids)
    assert read_ids(target.partial / "ids.txt").tolist() == ids
    assert paths.user_path(str(target.partial)) == target.partial
