"""Benchmark of linear CKA against other packages on the same features: time, peak memory and the value each returns.

Run `python tests/bench/bench_similarity.py`; other packages take part when they are installed (`pip install --no-deps
ckatorch cka-pytorch pytorch-cka`, with `--target DIR` and `PYTHONPATH=DIR` if the environment is to stay as it is). Every
contestant runs in a process of its own on 2 threads. Features are float32 with a non-zero mean, as encoders give them. A
contestant that would take minutes on the layer matrix computes a part of it, and its time is scaled up (marked ~). Besides
the wall clock stands the processor time of all threads: on a busy machine it is the steadier of the two.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.update({"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"})

import numpy as np  # the thread counts above must be set first

N, LAYERS = 5000, 12
CASES = {"d=384": 384, "d=768": 768, "d=2048": 2048, "12x12": 384}
Run = tuple[float, Callable[[], Any]]  # share of the work that is done, and how to do it; the value is that of (0, 0)


def write_features(case: str, folder: str) -> None:
    """Two stacks of layers (L, n, d): a shared signal of falling spectrum, noise, and an offset as after a ReLU."""
    layers, d = LAYERS if case == "12x12" else 1, CASES[case]
    rng = np.random.default_rng(d)
    signal = rng.standard_normal((N, 64)) / np.sqrt(np.arange(1, 65))
    for side in "xy":
        stack = np.empty((layers, N, d), dtype=np.float32)
        for layer in stack:
            layer[:] = 1 + signal @ rng.standard_normal((64, d)) / 8 + 0.5 * rng.standard_normal((N, d))
        np.save(Path(folder) / f"{side}.npy", stack)


def ours(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    from analysis.similarity import cka_matrix

    return 1, lambda: cka_matrix(list(x), list(y), debiased=debiased)[0, 0]


def numpy_gram(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    """What one writes first: float64 Gram matrices; scikit-learn centres them for the biased form."""
    from sklearn.preprocessing import KernelCenterer

    def hsic(k: np.ndarray, l: np.ndarray) -> float:
        n = len(k)
        mean = k.sum() * l.sum() / ((n - 1) * (n - 2))
        return float((k * l).sum() + mean - 2 / (n - 2) * (k.sum(axis=0) @ l.sum(axis=0)))

    def gram(z: np.ndarray) -> np.ndarray:
        k = z.astype(np.float64) @ z.T.astype(np.float64)
        if debiased:
            np.fill_diagonal(k, 0)
            return k
        return KernelCenterer().fit_transform(k)

    def cka() -> float:
        k, l = gram(x[0]), gram(y[0])
        if debiased:
            return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
        return float((k * l).sum() / (np.linalg.norm(k) * np.linalg.norm(l)))

    return 1 / (len(x) * len(y)), cka


def numpy_features(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    """The textbook feature form in float64, biased only, one pair after the other."""
    if debiased:
        raise NotImplementedError

    def pair(a: np.ndarray, b: np.ndarray) -> float:
        a, b = (z.astype(np.float64) - z.mean(axis=0, dtype=np.float64) for z in (a, b))
        return float(np.linalg.norm(a.T @ b) ** 2 / (np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)))

    return 1, lambda: np.array([[pair(a, b) for b in y] for a in x])[0, 0]


def ckatorch(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    torch, package = importlib.import_module("torch"), importlib.import_module("ckatorch")
    a, b = torch.from_numpy(x[0]), torch.from_numpy(y[0])
    return 1 / (len(x) * len(y)), lambda: package.cka_base(a, b, unbiased=debiased)


def cka_pytorch(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    """Debiased only; its models are stand-ins that replay the features, all images in one batch."""
    if not debiased:
        raise NotImplementedError
    torch, package = importlib.import_module("torch"), importlib.import_module("cka_pytorch")
    part = min(len(x), 2)

    class Replay(torch.nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self, stack: np.ndarray) -> None:
            super().__init__()
            self.stack = [torch.from_numpy(layer) for layer in stack[:part]]
            self.taps = torch.nn.ModuleList(torch.nn.Identity() for _ in self.stack)
            self.anchor = torch.nn.Parameter(torch.zeros(1))  # the package asks the model for its device

        def forward(self, rows: Any) -> None:
            for tap, layer in zip(self.taps, self.stack, strict=True):
                tap(layer[rows])

    def cka() -> Any:
        # one layer pair at a time: its default stacks 64 Gram matrices, which does not fit into memory here
        calculator = package.CKACalculator(
            Replay(x), Replay(y), [torch.nn.Identity], [torch.nn.Identity], batched_feature_size=1, verbose=False
        )
        return calculator.calculate_cka_matrix([(torch.arange(N), None)], num_epochs=1)[0, 0]

    return (part * part + 2 * part) / (len(x) * len(y) + len(x) + len(y)), cka


def pytorch_cka(x: np.ndarray, y: np.ndarray, debiased: bool) -> Run:
    if not debiased:
        raise NotImplementedError
    torch, package = importlib.import_module("torch"), importlib.import_module("cka")
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    return 1, lambda: package.cka_from_features(a, b)[0, 0]


CONTESTANTS = {
    "ours": ours,
    "numpy features": numpy_features,
    "numpy + sklearn Gram": numpy_gram,
    "ckatorch": ckatorch,
    "cka-pytorch": cka_pytorch,
    "pytorch-cka": pytorch_cka,
}


def measure(name: str, folder: str, debiased: bool, repeats: int) -> dict[str, float]:
    """Best times of at most `repeats`, growth of the peak memory over the loaded features, and the value."""
    x, y = (np.load(Path(folder) / f"{side}.npy") for side in "xy")
    share, run = CONTESTANTS[name](x, y, debiased)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    walls: list[float] = []
    cpus: list[float] = []
    while len(walls) < repeats and sum(walls) < 8:
        wall, cpu = time.perf_counter(), time.process_time()
        value = float(run())
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {"seconds": min(walls) / share, "cpu": min(cpus) / share, "share": share, "mib": peak / 1024, "value": value}


def contest(name: str, folder: str, debiased: bool, repeats: int) -> dict[str, Any]:
    """`measure` in a fresh process, or why there is no result."""
    command = [sys.executable, __file__, name, folder, str(int(debiased)), str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    last = (done.stderr.strip().splitlines() or ["killed"])[-1]
    if "NotImplementedError" in last:
        return {"why": "does not offer it"}
    return {"why": "not installed" if "No module named" in last else last[:60]}


def line(name: str, row: dict[str, Any], first: dict[str, Any]) -> str:
    """One line of the table, against the first contestant that returned a value."""
    if "why" in row:
        return f"{name:22s}  {row['why']}"
    wall = ("" if row["share"] == 1 else "~") + format(row["seconds"], ".3f")
    times = f"{wall:>9s} {row['seconds'] / first['seconds']:>7.2f} {row['cpu']:>8.3f} {row['cpu'] / first['cpu']:>7.2f}"
    return f"{name:22s}{times} {row['mib']:>9.0f}  {row['value']:.9f} ({row['value'] - first['value']:+.1e})"


def main(repeats: int = 20) -> None:
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            # not in this process: a child would inherit its peak memory
            subprocess.run([sys.executable, __file__, case, folder], check=True)
            for debiased in (True, False):
                print(f"\n{case}, n={N}, {'debiased' if debiased else 'biased'} linear CKA")
                print(" " * 22 + "  seconds  / ours    cpu s  / ours  peak MiB  value (difference from ours)", flush=True)
                first: dict[str, Any] = {}
                for name in CONTESTANTS:
                    row = contest(name, folder, debiased, repeats)
                    first = first or row
                    print(line(name, row, first), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        write_features(*sys.argv[1:])
    elif len(sys.argv) == 5:
        print(json.dumps(measure(sys.argv[1], sys.argv[2], bool(int(sys.argv[3])), int(sys.argv[4]))))
    else:
        main()
