"""From data sets and encoders to numbers: the tables of the study `masking_cka`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from analysis import datasets, encoders
from analysis.datasets.base import Dataset
from analysis.encoders.base import Encoder
from analysis.encoders.facts import facts
from analysis.errors import UserError
from analysis.features import extract
from analysis.results import Row
from analysis.similarity import MEASURES, CkaEstimate, cka_pairs, compare
from analysis.stats import estimate
from analysis.studies.masking_cka import masks
from analysis.studies.masking_cka.masks import COMPLETE, percent
from analysis.studies.masking_cka.params import MaskingCka

MASK_PAIRS = (
    (COMPLETE, "foreground"),
    (COMPLETE, "background"),
    ("foreground", "background"),
    (COMPLETE, "background_box"),
    (COMPLETE, "random_kept"),
    (COMPLETE, "random_removed"),
    ("random_kept", "random_removed"),
)
DEEP_PAIRS = (MASK_PAIRS[0], MASK_PAIRS[1], MASK_PAIRS[2], MASK_PAIRS[6])  # also layer by layer
PANEL_PAIRS = (MASK_PAIRS[0], MASK_PAIRS[2])  # also under every measure
PANEL_HALVES, PANEL_PERMUTATIONS = 40, 20  # resampling of the panel: rough intervals, for orientation
ON_COMPONENTS = ("mean_cca", "squared_cca", "pwcca")  # measured after projection on n / 10 principal components
Key = tuple[str, str, str, str, str]  # dataset, encoder, fill, variant a, variant b
Features = dict[tuple[str, str], dict[str, np.ndarray]]  # (fill, variant) -> layer -> (n, d)


@dataclass
class Measured:
    """Rows for the page, and the bootstrap draws behind them for the claims."""

    tables: dict[str, list[Row]] = field(
        default_factory=lambda: {"samples": [], "pairs": [], "layers": [], "panel": [], "neighbours": []}
    )
    draws: dict[Key, CkaEstimate] = field(default_factory=dict)


def measure(params: MaskingCka) -> Measured:
    """Compare the variants of every data set under every encoder. Encoders see one and the same list of images.

    Raises:
        UserError: no data set has foreground masks, without which nothing is there to be judged.
    """
    if not any("foreground" in datasets.load(name, size=32, n=1, seed=params.seed).masks for name in params.datasets):
        raise UserError(
            f"none of {', '.join(params.datasets)} has foreground masks; name one that has (of a folder: images/ and masks/)"
        )
    measured = Measured()
    models = [encoders.load(name, params.device) for name in params.encoders]
    for name in params.datasets:
        sets, row = load_common(name, params)
        measured.tables["samples"].append(row)
        features = _features(sets, models, params)
        for encoder in models:
            _measure_cell(measured, sets[encoder.size], encoder, features[encoder.name], params)
    return measured


def load_common(name: str, params: MaskingCka) -> tuple[dict[int, Dataset], Row]:
    """A data set at each encoder's input size, cut to the images whose foreground is neither missing nor everything."""
    sizes = sorted({facts(encoder).size for encoder in params.encoders})
    loaded = {size: datasets.load(name, size=size, n=params.n, seed=params.seed) for size in sizes}
    ids = masks.common_ids(loaded, params.min_coverage, params.max_coverage)
    sets = {size: dataset.align(ids) for size, dataset in loaded.items()}
    largest = sets[sizes[-1]]
    has_masks = "foreground" in largest.masks
    return sets, {
        "dataset": name,
        "loaded": len(loaded[sizes[-1]]),
        "kept": len(ids),
        "classes": len(largest.classes),
        "masks": has_masks,
        "foreground_share": float(masks.coverage(largest).mean()) if has_masks else None,
    }


def variants(dataset: Dataset, params: MaskingCka) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every (fill, variant, images) of a data set, one at a time. Occlusions use the headline fill."""
    yield "none", COMPLETE, dataset.images
    if "foreground" in dataset.masks:
        for variant, keep in masks.object_masks(dataset, params.seed).items():
            for fill in params.fills:
                yield fill, variant, masks.paint(dataset.images, keep, fill)
    for fraction in params.fractions:
        for variant, keep in masks.occlusion_masks(dataset.ids, dataset.size, fraction, params.seed).items():
            yield params.fills[0], variant, masks.paint(dataset.images, keep, params.fills[0])


def occlusion_pairs(fraction: float) -> tuple[tuple[str, str], ...]:
    """The comparisons made for one size of the occluding square."""
    tag = percent(fraction)
    removed, centre, elsewhere = f"occluded_{tag}", f"centre_{tag}", f"elsewhere_{tag}"
    return (COMPLETE, removed), (COMPLETE, centre), (COMPLETE, elsewhere), (removed, centre)


def _measure_cell(measured: Measured, dataset: Dataset, encoder: Encoder, features: Features, params: MaskingCka) -> None:
    embeddings = {key: layers["embed"] for key, layers in features.items()}
    where = {"dataset": dataset.name, "encoder": encoder.name}
    wanted = [(fill, a, b) for fill in params.fills for a, b in MASK_PAIRS if "foreground" in dataset.masks]
    wanted += [(params.fills[0], a, b) for fraction in params.fractions for a, b in occlusion_pairs(fraction)]
    for (fill, a, b), found in _compare(embeddings, wanted, params).items():
        measured.draws[dataset.name, encoder.name, fill, a, b] = found
        measured.tables["pairs"].append({**where, "fill": fill, "a": a, "b": b, **_cka_row(found, len(dataset), params)})
    measured.tables["neighbours"].extend({**where, **row} for row in _neighbours(embeddings, dataset.labels, params))
    if "foreground" not in dataset.masks:
        return
    measured.tables["panel"].extend({**where, **row} for row in _panel(embeddings, params))
    if params.by_layer:
        headline = [(params.fills[0], a, b) for a, b in DEEP_PAIRS]
        for layer in encoder.layers:
            by_layer = {key: layers[layer] for key, layers in features.items() if layer in layers}
            for (_, a, b), found in _compare(by_layer, headline, params).items():
                row = _cka_row(found, len(dataset), params)
                measured.tables["layers"].append({**where, "layer": layer, "a": a, "b": b, **row})


def _features(sets: Mapping[int, Dataset], models: Sequence[Encoder], params: MaskingCka) -> dict[str, Features]:
    """Features of every encoder; a variant is painted once for all encoders of one input size.

    Layers other than the embedding are read only where the study looks at them.
    """
    in_depth = {variant for pair in DEEP_PAIRS for variant in pair} if params.by_layer else set()
    found: dict[str, Features] = {encoder.name: {} for encoder in models}
    for size in dict.fromkeys(encoder.size for encoder in models):
        for fill, variant, images in variants(sets[size], params):
            deep = variant in in_depth and fill in ("none", params.fills[0]) and "foreground" in sets[size].masks
            for encoder in (model for model in models if model.size == size):
                layers = tuple(dict.fromkeys(("embed", *(encoder.layers if deep else ()))))
                about = f"{encoder.name} {sets[size].name} {variant}"
                found[encoder.name][fill, variant] = extract(encoder, images, layers=layers, description=about)
    return found


def _compare(
    features: dict[tuple[str, str], np.ndarray], wanted: Sequence[tuple[str, str, str]], params: MaskingCka
) -> dict[tuple[str, str, str], CkaEstimate]:
    pairs = {key: (_name(key[0], key[1]), _name(key[0], key[2])) for key in wanted}
    found = cka_pairs(
        {_name(*key): values for key, values in features.items()},
        list(dict.fromkeys(pairs.values())),
        n_bootstrap=params.n_bootstrap,
        n_permutations=params.n_permutations,
        seed=params.seed,
    )
    return {key: found[pair] for key, pair in pairs.items()}


def _name(fill: str, variant: str) -> str:
    return COMPLETE if variant == COMPLETE else f"{fill}/{variant}"


def _cka_row(found: CkaEstimate, n: int, params: MaskingCka) -> Row:
    interval = estimate(found.value, found.draws, params.level)
    return {
        "cka": found.value,
        "low": interval.low,
        "high": interval.high,
        "null_mean": float(np.mean(found.null)),
        "null_high": float(np.quantile(found.null, params.level)),
        "n": n,
    }


def _panel(embeddings: dict[tuple[str, str], np.ndarray], params: MaskingCka) -> Iterator[Row]:
    """Every measure but the headline one, which has its own table. CCA sees n / 10 principal components: with as many
    dimensions as images its correlations are 1 whatever the features."""
    named = {_name(*key): values for key, values in embeddings.items()}
    fill = params.fills[0]
    others = [name for name in MEASURES if name not in ("debiased_cka", "minibatch_cka")]
    for a, b in PANEL_PAIRS:
        x, y = named[_name(fill, a)], named[_name(fill, b)]
        few = max(2, len(x) // 10)
        for (u, v), measures in (
            ((x, y), [name for name in others if name not in ON_COMPONENTS]),
            ((_components(x, few), _components(y, few)), [name for name in others if name in ON_COMPONENTS]),
        ):
            rows = compare(
                u,
                v,
                measures=measures,
                n_bootstrap=PANEL_HALVES,
                n_permutations=PANEL_PERMUTATIONS,
                level=params.level,
                seed=params.seed,
            )
            for row in rows:
                yield {
                    **{
                        "fill": fill,
                        "a": a,
                        "b": b,
                        "measure": row.measure,
                        "value": row.value,
                        "low": row.low,
                        "high": row.high,
                    },
                    **{"null_mean": row.null_mean, "null_high": row.null_high, "note": row.note},
                }


def _components(values: np.ndarray, count: int) -> np.ndarray:
    """Scores (n, count) on the first principal components."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * scale[:count]


def _neighbours(embeddings: dict[tuple[str, str], np.ndarray], labels: np.ndarray, params: MaskingCka) -> Iterator[Row]:
    """An outside check: is the nearest complete image (cosine; the image itself left out) of the variant's class?"""
    bank = _unit(embeddings["none", COMPLETE])
    rng = np.random.default_rng(params.seed)
    resample = rng.integers(0, len(labels), (params.n_bootstrap, len(labels)))
    for (fill, variant), values in embeddings.items():
        cosine = _unit(values) @ bank.T
        np.fill_diagonal(cosine, -np.inf)
        correct = labels[cosine.argmax(axis=1)] == labels
        interval = estimate(correct.mean(), correct[resample].mean(axis=1), params.level)
        yield {"fill": fill, "variant": variant, "accuracy": interval.value, "low": interval.low, "high": interval.high}


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
