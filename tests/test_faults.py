"""Every command against every fault: one line or the right result, the last good thing kept, and the same command works after.

One helper drives them all: `say` types a command in this process and hands back its exit code and what it wrote.
"""

import errno
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from analysis import cli, engine, paths, provenance, reference, results
from analysis import run as runs
from analysis.decoders import train as training
from analysis.locks import only_one
from analysis.results import write_json
from analysis.training import pretrain
from analysis.training.recipe import Recipe

RNG = np.random.default_rng(0)
RUN = ("run", "masking_cka", "--preset", "smoke", "--name", "a")
SWEEP = ("sweep", "masking_cka", "--preset", "smoke", "-p", "n=20,21")


def say(*words: str) -> tuple[int, str]:
    """Exit code and standard error of a command, as a user types it; never a traceback, and one line if it is refused."""
    before, err = sys.argv, io.StringIO()
    sys.argv = ["analysis", *words]
    try:
        with redirect_stderr(err), redirect_stdout(io.StringIO()), pytest.raises(SystemExit) as end:
            cli.main()
    finally:
        sys.argv = before
    code, said = int(end.value.code or 0), err.getvalue()
    assert code in (0, 2), said
    assert "Traceback" not in said
    if code:
        assert [line.startswith("analysis: ") for line in said.splitlines()] == [True], said
    return code, said


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(paths, "RUNS_FILE", runs_file().absolute())
    for module in (reference, results):
        monkeypatch.setattr(module, "REFERENCE", tmp_path / "reference")
    monkeypatch.setattr(runs, "_execute", _executed)
    monkeypatch.setattr(pretrain, "RECIPE", Recipe(epochs=1, images=16, batch=8, full=32, probes=(24, 16), watched=(24, 16)))


def _executed(study: str, values: dict[str, Any], folder: Path, failed: Path) -> None:
    """What a notebook leaves, without its minute."""
    results = {"study": study, "name": "a", "preset": "smoke", "parameters": values, "claims": []}
    results["tables"] = {"scores": [{"encoder": "zoo:mae", "value": 0.5}]}
    write_json(folder / "results.json", results)
    write_json(folder / "notebook.ipynb", {"cells": [], "metadata": {}})
    params = runs.resolve(study, "smoke")
    provenance.write_manifest(folder, {"fingerprint": provenance.fingerprint(study, "smoke", params)})


# --- damaged files


def damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    middle = len(content) // 2
    if how == "a folder":
        path.unlink()
        path.mkdir()
        return
    bad = {
        "empty": b"",
        "truncated": content[:middle],
        "flipped": content[:middle] + bytes([content[middle] ^ 0x55]) + content[middle + 1 :],
        "of another shape": b"[[1, 2], 3]",
        "no text": b"\xff\xfe\x00\x81" * 20,
    }
    path.write_bytes(bad[how])


DAMAGE = ("empty", "truncated", "flipped", "of another shape", "no text", "a folder")


def images() -> Path:
    for label in "ab":
        for number in range(6):
            path = Path(f"pics/{label}/{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(RNG.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
    return Path("pics/a/0.png")


def own_encoder() -> Path:
    for suffix in ("safetensors", "json"):
        Path(f"own.{suffix}").write_bytes((paths.ZOO / f"untrained.{suffix}").read_bytes())
    return Path("own.safetensors")


def matrix(name: str) -> Path:
    np.save(name, RNG.standard_normal((60, 5)))
    return Path(name)


def two_matrices() -> Path:
    matrix("b.npy")
    return matrix("a.npy")


def ids(name: str) -> Callable[[], Path]:
    def make() -> Path:
        two_matrices()
        known = np.array([f"i{number}" for number in range(60)])
        np.save(name, known) if name.endswith(".npy") else Path(name).write_text("\n".join(known) + "\n")
        return Path(name)

    return make


def released() -> Path:
    from analysis.decoders.released import Released

    torch.save(Released(dim=20, width=32, multiples=(1, 2), blocks=1, attending=(1,)).state_dict(), "released.pt")
    return Path("released.pt")


def own_decoder(suffix: str) -> Path:
    """A decoder beside those that come with this version."""
    own = Path("build/decoders")
    own.mkdir(parents=True)
    for name in ("safetensors", "json"):
        (own / f"own.{name}").write_bytes((paths.DATA / f"decoders/scenes.{name}").read_bytes())
    return own / f"own.{suffix}"


def a_reference(name: str = "") -> Path:
    """A run, its numbers as the reference, and the file `name` of these."""
    Path("reference").mkdir(exist_ok=True)
    Path("reference/tolerances.yaml").write_text("default: 0.005\n")
    a_run()
    assert say("verify", "--store")[0] == 0
    return Path(name)


def runs_file() -> Path:
    Path("runs.yaml").write_text("runs:\n- {study: masking_cka, name: a, preset: smoke}\n")
    return Path("runs.yaml")


def archive() -> Path:
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, "png")
    with zipfile.ZipFile("grabcut.zip", "w") as bundle:
        for name in ("images/a.png", "masks/a.png"):
            bundle.writestr(f"grabcut/{name}", content.getvalue())
    return Path("grabcut.zip")


EXTRACT = ("features", "zoo:untrained", "folder:pics", "--out", "feats")
SIMILAR = ("similarity", "a.npy", "b.npy", "--n-bootstrap", "50", "--n-permutations", "20")
DECODER = (
    *("rcdm", "train", "--encoder", "zoo:untrained", "--preset", "smoke", "--steps", "1", "--images", "16"),
    *("--device", "cpu"),
)
DRAW = (
    "rcdm",
    "draw",
    "--checkpoint",
    "released.pt",
    "--encoder",
    "zoo:untrained",
    "--dataset",
    "scenes:objects",
    "--out",
    "drawn",
)
DRAWN = ("run", "rcdm", "--preset", "smoke", "-p", "decoder=own")
LENIENT = ("image", "features", "ids, text", "ids, npy", "reference")  # where other bytes may be as good
READ: dict[str, tuple[Callable[[], Path], tuple[str, ...]]] = {
    "image": (images, EXTRACT),
    "features": (two_matrices, SIMILAR),
    "ids, text": (ids("ids.txt"), (*SIMILAR, "--ids", "ids.txt", "--ids", "ids.txt")),
    "ids, npy": (ids("ids.npy"), (*SIMILAR, "--ids", "ids.npy", "--ids", "ids.npy")),
    "weights": (own_encoder, ("features", "file:own.safetensors", "scenes:objects", "-n", "4", "--out", "feats")),
    "card": (
        lambda: own_encoder().with_suffix(".json"),
        ("features", "file:own.safetensors", "scenes:objects", "-n", "4", "--out", "feats"),
    ),
    "archive": (archive, ("features", "zoo:untrained", "grabcut", "--out", "feats")),
    "released decoder": (released, DRAW),
    "reference": (
        lambda: a_reference("reference/smoke/masking_cka.json"),
        ("verify",),
    ),
    "tolerances": (lambda: a_reference("reference/tolerances.yaml"), ("verify",)),
    "results": (lambda: a_reference("build/runs/masking_cka/a/results.json"), ("verify",)),
    "decoder": (lambda: own_decoder("safetensors"), DRAWN),
    "card of a decoder": (lambda: own_decoder("json"), DRAWN),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("kind", READ)
def test_a_users_file_that_is_damaged_is_named_or_read_as_what_it_says(
    kind: str, how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATA_ROOT", str(tmp_path))
    make, words = READ[kind]
    path = make()
    damaged(path, how)
    code, said = say(*words)
    if code:
        assert path.stem in said or (kind == "reference" and "drifted" in said), said
        assert not Path("feats").exists()
    else:  # a picture with one other pixel is a picture; a list of other ids is a list of ids
        assert how != "a folder" or kind == "image", "a folder among images is no image"
        assert kind in LENIENT
    if kind not in LENIENT:
        assert code == 2


def a_run() -> None:
    assert say(*RUN)[0] == 0


def features() -> None:
    if not Path("pics").exists():
        images()
    assert say(*EXTRACT)[0] == 0


def a_training() -> None:
    assert say("pretrain", "untrained", "--device", "cpu")[0] == 0


def a_decoder() -> None:
    assert say(*DECODER)[0] == 0


# What is derived -> the command that makes it, and where it is.
DERIVED: dict[str, tuple[Callable[[], None], str]] = {
    "manifest of a run": (a_run, "build/runs/masking_cka/a/manifest.json"),
    "results of a run": (a_run, "build/runs/masking_cka/a/results.json"),
    "notebook of a run": (a_run, "build/runs/masking_cka/a/notebook.ipynb"),
    "rows": (features, "feats/embed.npy"),
    "ids": (features, "feats/ids.txt"),
    "manifest of features": (features, "feats/manifest.json"),
    "weights": (a_training, "build/zoo/untrained.safetensors"),
    "card": (a_training, "build/zoo/untrained.json"),
    "weights of a decoder": (a_decoder, "build/decoders/untrained-backbone.safetensors"),
    "card of a decoder": (a_decoder, "build/decoders/untrained-backbone.json"),
}


@pytest.mark.parametrize("how", [*(how for how in DAMAGE if how != "a folder"), "gone"])
@pytest.mark.parametrize("kind", DERIVED)
def test_a_derived_file_that_is_damaged_is_made_again_by_the_same_command(kind: str, how: str) -> None:
    make, name = DERIVED[kind]
    make()
    path = Path(name)
    good = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        damaged(path, how)
    if (kind, how) == ("manifest of features", "gone"):  # then nothing says that the folder is ours to replace
        assert say(*EXTRACT)[0] == 2
        return
    make()
    if "manifest" in kind or "card" in kind:
        assert json.loads(path.read_text()).keys() == json.loads(good).keys()  # times differ
    else:
        assert path.read_bytes() == good


@pytest.mark.parametrize("how", [*DAMAGE, "gone"])
@pytest.mark.parametrize("name", ["manifest.json", "results.json", "notebook.ipynb"])
def test_status_sees_what_was_edited_or_lost_and_never_stops(name: str, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    from analysis.plan import Entry

    a_run()
    entry = Entry(study="masking_cka", name="a", preset="smoke")
    assert entry.why_stale() == []
    path = entry.folder / name
    if how == "gone":
        path.unlink()
    else:
        damaged(path, how)
    assert entry.why_stale()
    assert say("status")[0] == 0


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_runs_file_or_plan_is_one_line_or_made_again(how: str) -> None:
    from analysis import plan

    path = runs_file()
    (first,) = plan.plan(plan.entries(path))
    good = first.plan.read_bytes()
    if how != "a folder":
        damaged(first.plan, how)
        assert plan.plan(plan.entries(path))[0].plan.read_bytes() == good
    damaged(first.plan, how)
    assert say("run", "--plan", str(first.plan))[0] == 2
    damaged(path, how)
    with pytest.raises(plan.UserError, match=r"cannot read|unknown study"):  # one other letter may still be YAML
        plan.entries(path)


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["embed.npy", "ids.txt"])
def test_status_sees_features_that_were_edited(name: str, how: str) -> None:
    from analysis.feature_files import why_stale

    features()
    assert why_stale(Path("feats"), check=True) == []
    path = Path("feats") / name
    before = path.stat()
    damaged(path, how)
    if how == "flipped":  # as a failing disk would leave it: nothing but its content says so
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert why_stale(Path("feats")) == []
    assert why_stale(Path("feats"), check=True) == [f"{name} was edited"]
    assert say("status", "feats", "--check")[0] == 0
    Image.new("RGB", (9, 9)).save("pics/a/0.png")
    assert why_stale(Path("feats"))[0] == "data folder:pics changed"
    assert say("status", "pics")[0] == 2


# --- what is known before any work

REFUSED = {
    "no such images": ("pretrain", "simclr", "--data", "folder:nothing"),
    "too few images": ("pretrain", "simclr", "--data", "folder:pics"),
    "nothing to go on from": ("pretrain", "ibot"),
    "another training there": ("pretrain", "untrained", "--data", "folder:others/pics", "--device", "cpu"),
    "a file in the way": ("pretrain", "simclr", "--out", "own.json"),
    "decoder: no such encoder": ("rcdm", "train", "--encoder", "zoo:nothing"),
    "decoder: no such tap": ("rcdm", "train", "--encoder", "zoo:simclr", "--tap", "nothing"),
    "decoder: no projector": ("rcdm", "train", "--encoder", "zoo:untrained", "--tap", "projector"),
    "decoder: no such images": ("rcdm", "train", "--encoder", "zoo:simclr", "--dataset", "folder:nothing"),
    "decoder: a file in the way": ("rcdm", "train", "--encoder", "zoo:simclr", "--out", "own.json"),
    "decoder: another training there": (*DECODER, "--seed", "1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_training_that_cannot_be_is_refused_before_an_image_is_read(
    case: str, build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images()
    own_encoder()
    if case.endswith("another training there"):
        shutil.copytree("pics", "others/pics")
        (a_decoder if "decoder" in case else lambda: say("pretrain", "untrained", "--data", "folder:pics", "--device", "cpu"))()
    before = sorted(build.rglob("*"))
    for module, name in ((pretrain, "_source"), (training, "bank")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("images were read"))
    code, said = say(*REFUSED[case])
    assert code == 2, said
    assert sorted(build.rglob("*")) == before


# --- a disk that fails

ERRORS = {"full": errno.ENOSPC, "not ours": errno.EACCES, "read only": errno.EROFS, "too large": errno.EFBIG}


@contextmanager
def failing(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Within, nothing can be renamed or made in the folders of this test."""

    def fails(what: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            raise OSError(number, os.strerror(number), str(given[0]))

        return call

    with monkeypatch.context() as patch:
        for name in ("replace", "rename", "mkdir"):
            patch.setattr(os, name, fails(getattr(os, name)))
        yield


COMMANDS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "run": (lambda: None, RUN),
    "features": (images, EXTRACT),
    "pretrain": (lambda: None, ("pretrain", "untrained", "--device", "cpu")),
    "sweep": (lambda: None, SWEEP),
    "book": (lambda: None, ("book",)),
    "rcdm train": (lambda: None, DECODER),
    "verify": (a_reference, ("verify", "--store")),
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_fails_is_one_line_and_the_same_command_works_afterwards(
    command: str, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare, words = COMMANDS[command]
    prepare()
    with failing(ERRORS[error], monkeypatch):
        code, said = say(*words)
    assert code == 2
    assert os.strerror(ERRORS[error]) in said
    if command not in ("sweep", "book"):  # these start Snakemake
        assert say(*words)[0] == 0


def test_the_last_good_run_survives_a_disk_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    a_run()
    good = Path("build/runs/masking_cka/a/results.json").read_bytes()
    for number in ERRORS.values():
        with failing(number, monkeypatch):
            say(*RUN)
    assert Path("build/runs/masking_cka/a/results.json").read_bytes() == good


@pytest.mark.parametrize("place", ["a file", "/proc/nothing/here", "x" * 300, "~nobody-of-this-name/build"])
def test_a_build_folder_that_cannot_be_is_one_line(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a file").write_text("")
    monkeypatch.setenv("ANALYSIS_BUILD", place)
    assert say(*RUN)[0] == 2


# --- two at once, and the dead


@pytest.mark.parametrize(("words", "lock"), [(RUN, "masking_cka/a"), (SWEEP, "sweep"), (("book",), "sweep")])
def test_the_second_of_two_at_once_is_refused_in_one_line(words: tuple[str, ...], lock: str, build: Path) -> None:
    with only_one(build / "locks" / lock, "held"):
        code, said = say(*words)
    assert code == 2
    assert "already running" in said or "at work here" in said


def test_the_second_book_is_refused_even_where_no_run_is_stale(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "execute", lambda **_: None)
    with only_one(build / "locks" / "html", "held"):
        code, said = say("book")
    assert code == 2
    assert "at work here" in said


@pytest.mark.parametrize(
    ("words", "product"),
    [
        (("pretrain", "untrained", "--device", "cpu"), "build/zoo/untrained.safetensors"),
        (DECODER, "build/decoders/untrained-backbone.safetensors"),
    ],
)
def test_the_second_of_two_equal_trainings_is_refused_in_one_line(words: tuple[str, ...], product: str, build: Path) -> None:
    assert say(*words)[0] == 0
    Path(product).unlink()
    (lock,) = (build / "locks" / "training").iterdir()  # it belongs to all that makes the training
    with only_one(lock, "held"):
        code, said = say(*words)
    assert code == 2
    assert "already in training" in said


def test_the_second_to_write_the_same_features_is_refused_in_one_line() -> None:
    images()
    with only_one(Path("feats.partial/lock"), "held"):
        code, said = say(*EXTRACT)
    assert code == 2
    assert "another process writes" in said


SLEEPER = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(60)"
ORPHANS = {
    "a worker": f"""
import subprocess, sys
worker = "from analysis.processes import end_with_parent; import os; end_with_parent(os.getppid()); {SLEEPER}"
subprocess.Popen([sys.executable, "-c", worker]).wait()
""",
    "a foreign program": f"""
import subprocess, sys
from analysis.processes import tied
subprocess.Popen([sys.executable, "-c", {SLEEPER!r}], preexec_fn=tied()).wait()
""",
    "a worker that waits for work": """
import time
from joblib.externals.loky import reusable_executor
from analysis.datasets.scenes import make
make("objects", 129, size=16, workers=2)
print(next(iter(reusable_executor._executor._processes)), flush=True)
time.sleep(60)
""",
    "a kernel": """
import time
from pathlib import Path
from jupyter_client.manager import start_new_kernel
from analysis.kernel import KERNEL, own_kernel
with own_kernel(Path.cwd()):
    manager, client = start_new_kernel(kernel_name=KERNEL)
client.execute("import re; re.match('(a+)+$', 'a' * 60 + 'b')")  # for years, and no other thread gets a turn
time.sleep(1)
print(manager.provisioner.pid, flush=True)
time.sleep(60)
""",
}


@pytest.mark.parametrize("kind", ORPHANS)
def test_what_a_process_started_ends_within_seconds_after_its_death(kind: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS[kind]], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20  # one second on a quiet machine
    try:
        while time.monotonic() < deadline and _alive(child):
            time.sleep(0.1)
        assert not _alive(child)
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)


LATE = {
    "tied": "from analysis.processes import tie; tie(0)",
    "a worker": "import time; from analysis.processes import end_with_parent; end_with_parent(0); time.sleep(60)",
    "a command": "import os, sys; os.environ['ANALYSIS_PARENT'] = '0'; sys.argv = ['', 'status']; "
    "from analysis import cli; cli.main()",
}


@pytest.mark.parametrize("kind", LATE)
def test_what_begins_after_the_death_of_its_parent_ends_at_once(kind: str) -> None:
    code = f"{LATE[kind]}; print('alive')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are found in /proc")
@pytest.mark.parametrize("words", [RUN, SWEEP, ("book",)], ids=["run", "sweep", "book"])
def test_nothing_that_a_command_started_outlives_its_kill(words: tuple[str, ...], build: Path) -> None:
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = subprocess.Popen([sys.executable, "-P", "-m", "analysis", *words], start_new_session=True, **quiet)
    deadline = time.monotonic() + 300  # half a minute on a quiet machine
    while not any(b"analysis.kernel" in line for line in _started(build)):
        assert time.monotonic() < deadline, "no kernel was started"
        assert command.poll() is None, "it ended by itself"
        time.sleep(0.1)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    deadline = time.monotonic() + 60  # one second on a quiet machine
    while time.monotonic() < deadline and _started(build):
        time.sleep(0.1)
    assert not _started(build)


def _started(build: Path) -> list[bytes]:
    """Command lines of all processes that work for a build folder."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"ANALYSIS_BUILD={build}".encode() in (process / "environ").read_bytes().split(b"\0"):
                lines.append((process / "cmdline").read_bytes())
    return lines


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


# --- names


@pytest.mark.parametrize("name", ["../../../x", "a b", "a||touch x", "", ".hidden", "x" * 65])
@pytest.mark.parametrize("key", ["name", "page"])
def test_names_in_a_runs_file_obey_the_rule_of_the_command_line(name: str, key: str) -> None:
    from analysis import plan

    if key == "page" and not name:
        pytest.skip("no page: that of the name")
    line = {"study": "masking_cka", "name": "a", "preset": "smoke", key: name}
    Path("runs.yaml").write_text(json.dumps({"runs": [line]}))
    with pytest.raises(plan.UserError, match="use up to 64 letters"):
        plan.entries(Path("runs.yaml"))


def test_a_file_name_that_is_no_unicode_is_read_like_any_other() -> None:
    images()
    os.rename(b"pics/a/0.png", b"pics/a/caf\xe9.png")
    assert say(*EXTRACT)[0] == 0
    assert "a/café" in Path("feats/ids.txt").read_text()
