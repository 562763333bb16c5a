"""What known defects of earlier implementations do to the number, recomputed on small features.

Each function returns rows with the correct and the defective value on the same features. `seen_in` names a release in whose
source we read the defect, not a judgement of the package.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.similarity.cca import directions, mean_cca, pwcca, squared_cca, svcca
from analysis.similarity.cka import debiased_cka, double_centre, linear_cka, minibatch_cka, rbf_cka
from analysis.similarity.inputs import centred
from analysis.similarity.products import products
from analysis.similarity.resampling import cka_pairs


@dataclass(frozen=True)
class Defect:
    """One measured effect: what was done wrong, on which features, and the two values."""

    defect: str
    features: str
    correct: float
    defective: float
    seen_in: str = ""


def demo_features() -> tuple[np.ndarray, np.ndarray]:
    """The published test features of Kornblith et al. (2019): X = randn(100, 10), Y = randn(100, 10) + X, legacy seed 1337."""
    rng = np.random.RandomState(1337)  # the published values belong to this legacy stream
    x = rng.randn(100, 10)
    return x, rng.randn(100, 10) + x


def uncentred_float32() -> list[Defect]:
    """Gram matrices of raw float32 features: the common offset is squared before it is subtracted."""
    x, y = demo_features()
    rows = []
    for offset in (0, 10, 100, 1000):
        a, b = ((side + offset).astype(np.float32) for side in (x, y))
        value = _song(a @ a.T, b @ b.T)
        rows.append(
            Defect(
                "no centring, float32", f"offset {offset}", debiased_cka(a, b), value, "pytorch-cka 1.1.3, cka-pytorch 1.1.3"
            )
        )
    return rows


def epsilon_under_root() -> list[Defect]:
    """1e-4 added under the square root: the value depends on the unit of the features."""
    x, y = demo_features()
    rows = []
    for scale in (1.0, 0.1, 0.01):
        a, b = scale * x, scale * y
        xy, xx, yy = (term.item() / (100 * 97) for term in products([centred(a)], [centred(b)]).hsic1())
        value = float(xy / np.sqrt(xx * yy + 1e-4))
        rows.append(Defect("1e-4 under the root", f"features x {scale:g}", debiased_cka(a, b), value, "cka-pytorch 1.1.3"))
    return rows


def clamped_at_zero() -> list[Defect]:
    """Negative estimates set to 0: unrelated features score above 0 on average."""
    rng = np.random.default_rng(0)
    values = np.array([debiased_cka(rng.standard_normal((32, 64)), rng.standard_normal((32, 64))) for _ in range(400)])
    clamped = float(np.clip(values, 0, 1).mean())
    return [
        Defect(
            "clamped to [0, 1]", "unrelated, n = 32, p = 64, mean of 400", values.mean().item(), clamped, "pytorch-cka 1.1.3"
        )
    ]


def batches() -> list[Defect]:
    """Ratios averaged over batches, or only the last batch kept, instead of averaging the three HSICs and dividing once."""
    x, y = demo_features()
    parts = [debiased_cka(x[i : i + 5], y[i : i + 5]) for i in range(0, 100, 5)]
    correct = minibatch_cka(x, y, batch_size=5)
    return [
        Defect("mean of per-batch CKAs", "batches of 5", correct, float(np.mean(parts))),
        Defect("only the last batch counts", "batches of 5", correct, parts[-1], "ckatorch 1.0.3"),
    ]


def qr_of_deficient_features() -> list[Defect]:
    """Orthonormal bases by QR: duplicate or dead columns become invented directions."""
    x, y = demo_features()
    seen = "representation_similarity demo (Kornblith et al. 2019)"
    rows = [Defect("QR of uncentred features", "full rank", squared_cca(x, y), _qr_squared_cca(x, y), seen)]
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    for what, wide in (
        ("3 duplicate columns", np.hstack([x, x[:, :3]])),
        ("2 dead columns", np.hstack([x, np.zeros((100, 2))])),
    ):
        rows.append(Defect("QR instead of SVD with tolerance", what, squared_cca(wide, y), _qr_squared_cca(wide, y), seen))
    # the invented directions depend on rounding: another basis of the same space invents others
    wide = np.hstack([x, x[:, :3]])
    value = _qr_squared_cca(wide, wide[:, ::-1])
    rows.append(
        Defect(
            "QR instead of SVD with tolerance",
            "3 duplicate columns, with its columns reversed",
            squared_cca(wide, wide[:, ::-1]),
            value,
            seen,
        )
    )
    return rows


def directions_by_length() -> list[Defect]:
    """SVCCA keeping 99 % of the sum of s_i instead of s_i^2, or of features not centred, whose mean is then a direction."""
    rng = np.random.default_rng(0)
    z, of_x, of_y = rng.standard_normal((3, 1000, 100))
    shared = np.arange(100) < 20
    x, y = (np.where(shared, z, own) / np.arange(1, 101) for own in (of_x, of_y))
    features, seen, rows = "the largest 20 of 100 directions shared", "anatome (015ccc4)", []
    for what, offset in (("sum of s_i, not of s_i^2", 0), ("sum of s_i, not centred", 10), ("sum of s_i, not centred", 30)):
        a, b = (centred(side) + offset for side in (x, y))
        value = mean_cca(_longest(a), _longest(b))
        rows.append(Defect(what, f"{features}, offset {offset}", svcca(a, b), value, seen))
    return rows


def projected_without_whitening() -> list[Defect]:
    """PWCCA's weights from directions that lack the whitening matrix, or to which the mean of the features is added back."""
    x, y = demo_features()
    x, seen = centred(x), "google/svcca (1f9f7ea)"
    uneven = x * np.logspace(0, -2, 10)
    rows = [Defect("no whitening", "columns scaled from 1 to 0.01", pwcca(uneven, y), _projected(uneven, y), seen)]
    for offset in (10, 100):
        a = x + offset
        rows.append(Defect("no whitening, mean added back", f"offset {offset}", pwcca(a, y), _projected(a, y), seen))
    return rows


def median_conventions() -> list[Defect]:
    """The RBF width from the lower median, or from the median without the diagonal."""
    x, y = demo_features()
    correct = rbf_cka(x, y)
    lower = _rbf_with(x, y, lambda d: np.sort(d, axis=None)[(d.size - 1) // 2].item())
    off_diagonal = _rbf_with(x, y, lambda d: np.median(d[~np.eye(len(d), dtype=bool)]).item())
    return [
        Defect("lower median for the RBF width", "n = 100", correct, lower, "ckatorch 1.0.3"),
        Defect("median without the diagonal", "n = 100", correct, off_diagonal),
    ]


def masked_diagonal() -> list[Defect]:
    """The diagonal of H K H set to zero, taken for U-centring."""
    x, y = demo_features()
    k, l = (double_centre(side @ side.T) for side in (x, y))
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    value = _cosine(k, l)
    return [Defect("diagonal masked, not U-centred", "n = 100", debiased_cka(x, y), value, "repsim AngularCKA (12d157b)")]


def repeated_images() -> list[Defect]:
    """Rows that repeat: in a naive bootstrap, or because variants of one image were pooled."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((100, 64)), rng.standard_normal((100, 64))
    draws = [debiased_cka(x[i], y[i]) for i in rng.integers(0, 100, (200, 100))]
    estimate = cka_pairs({"x": x, "y": y}, [("x", "y")], n_bootstrap=200, n_permutations=0)["x", "y"]
    rows = [
        Defect(
            "naive bootstrap, mean of draws", "unrelated, n = 100, p = 64", estimate.draws.mean().item(), float(np.mean(draws))
        )
    ]
    for n in (100, 500):
        x, y = rng.standard_normal((n, 768)), rng.standard_normal((n, 768))
        twice = debiased_cka(np.repeat(x, 2, axis=0), np.repeat(y, 2, axis=0))
        rows.append(Defect("each image pooled twice", f"unrelated, n = {n}, p = 768", debiased_cka(x, y), twice))
    return rows


def dimension_bias() -> list[Defect]:
    """Biased CKA and raw mean CCA of unrelated features; the correct value is 0."""
    rng = np.random.default_rng(0)
    rows = []
    for n, p in ((1000, 96), (1000, 384), (1000, 768)):
        x, y = rng.standard_normal((n, p)), rng.standard_normal((n, p))
        features = f"unrelated, n = {n}, p = {p}"
        rows.append(Defect("biased linear CKA", features, debiased_cka(x, y), linear_cka(x, y)))
        rows.append(Defect("raw mean CCA", features, debiased_cka(x, y), mean_cca(x, y, allow_trivial=True)))
    return rows


def _song(k: np.ndarray, l: np.ndarray) -> float:
    """Debiased CKA from Gram matrices as they come, in their own precision (Song et al. 2007)."""
    n = len(k)

    def hsic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """n (n - 3) times the unbiased HSIC of two Gram matrices, diagonals left out."""
        a, b = (g - np.diag(np.diag(g)) for g in (a, b))
        means = a.sum() * b.sum() / np.float32((n - 1) * (n - 2))
        return (a * b).sum() + means - np.float32(2 / (n - 2)) * (a.sum(axis=0) @ b.sum(axis=0))

    with np.errstate(invalid="ignore", divide="ignore"):
        return float(hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l)))


def _qr_squared_cca(x: np.ndarray, y: np.ndarray) -> float:
    """||Qy' Qx||_F^2 / min(p, q) with QR bases and nominal widths."""
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    return float(np.linalg.norm(qy.T @ qx) ** 2 / min(x.shape[1], y.shape[1]))


def _longest(x: np.ndarray) -> np.ndarray:
    """The projection of x as it comes on its first singular directions, those before 99 % of the sum of s_i is reached."""
    _, lengths, neurons = np.linalg.svd(x, full_matrices=False)
    return x @ neurons[np.cumsum(lengths) < 0.99 * lengths.sum()].T


def _projected(x: np.ndarray, y: np.ndarray) -> float:
    """PWCCA weighted along Q of QR(Xc V u + mean of X); the canonical variates are Xc V diag(1/s) u, with Xc = U diag(s) V'.

    Where a mean is added, the third digit depends on the signs of u, which are the linear algebra library's choice.
    """
    a, b = directions(x), directions(y)
    left, rho, _ = np.linalg.svd(a.rows.T @ b.rows, full_matrices=False)
    basis = np.linalg.qr(centred(x) @ a.neurons.T @ left + x.mean(axis=0))[0]
    weights = np.abs(basis.T @ x).sum(axis=1)
    return float(weights @ rho / weights.sum())


def _rbf_with(x: np.ndarray, y: np.ndarray, median: Callable[[np.ndarray], float], threshold: float = 0.5) -> float:
    """RBF CKA with another convention for the median."""
    kernels = []
    for side in (x, y):
        distances = ((side[:, None] - side) ** 2).sum(axis=-1)
        kernels.append(double_centre(np.exp(-distances / (2 * threshold**2 * median(distances)))))
    return _cosine(*kernels)


def _cosine(k: np.ndarray, l: np.ndarray) -> float:
    return float(np.vdot(k, l) / (np.linalg.norm(k) * np.linalg.norm(l)))
