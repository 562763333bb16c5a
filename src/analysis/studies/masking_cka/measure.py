"""From data sets and encoders to numbers: the tables of the study `masking_cka`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from analysis import datasets, encoders
from analysis.datasets.base import Dataset
from analysis.encoders.base import Encoder
from analysis.encoders.facts import self_supervised
from analysis.encoders.seeds import trained_alike
from analysis.errors import UserError
from analysis.features import extract
from analysis.results import Row
from analysis.similarity import MEASURES, CkaEstimate, cka_pairs, compare
from analysis.stats import estimate
from analysis.studies.base import Measured
from analysis.studies.masking_cka import masks, planted
from analysis.studies.masking_cka.masks import COMPLETE
from analysis.studies.masking_cka.overlap import direction_overlap
from analysis.studies.masking_cka.params import MaskingCka
from analysis.studies.masking_cka.stimuli import HEADLINE, PARTS, Stimuli, load_stimuli

PERMUTATIONS = 10  # of the panel, for orientation
ON_COMPONENTS = ("mean_cca", "squared_cca", "pwcca")  # measured after projection on n / 10 principal components
SEPARATE, MEAN_GREY = "made:separate", "made:mean-grey"
READERS = {f"made:reader-{share}": share / 100 for share in (10, 70, 75, 80, 85, 90)}  # share of the object in what is read
Features = dict[
    tuple[str, str], dict[str, np.ndarray]
]  # (fill, variant) -> layer -> (n, d); fill "none" where nothing is painted


def thin(encoder: str) -> str:
    """The name of the representation that differs from the encoder's by chance only."""
    return f"{encoder}/thinned"


def trained_again(params: MaskingCka) -> dict[str, str]:
    """Of the encoders trained again, those whose first training is in the run -> that one."""
    found = {name: [first for first in params.encoders if trained_alike(name, first)] for name in params.again}
    return {name: first[0] for name, first in found.items() if first}


def measure(params: MaskingCka) -> Measured:
    """Compare the variants of every data set under every encoder. Encoders see one and the same list of images.

    Draws: ("cka" or "overlap", data set, encoder, fill, a, b) -> (1 + B,), also of the made representations.

    Raises:
        UserError: no data set has foreground masks, without which nothing is there to be judged.
    """
    if not any("foreground" in datasets.load(name, size=32, n=1, seed=params.seed).masks for name in params.datasets):
        raise UserError(
            f"none of {', '.join(params.datasets)} has foreground masks; name one that has (of a folder: images/ and masks/)"
        )
    measured = Measured(params.seed, params.n_bootstrap, params.level)
    again = [name for name in trained_again(params) if name not in params.encoders]
    models = [encoders.load(name, params.device) for name in (*params.encoders, *again)]
    for name in params.datasets:
        stimuli, row = load_stimuli(name, params)
        measured.tables["samples"].append(row)
        features = _features(stimuli, models, params)
        for encoder in models[len(params.encoders) :]:
            if stimuli[encoder.size].masked:
                embeddings = {key: layers["embed"] for key, layers in features[encoder.name].items()}
                _measure_reliance(measured, embeddings, stimuli[encoder.size].complete, encoder.name, params)
        for encoder in models[: len(params.encoders)]:
            _measure_cell(measured, stimuli[encoder.size], encoder, features[encoder.name], params)
        _measure_made(measured, stimuli[min(stimuli)], features, params)
    return measured


def _measure_cell(measured: Measured, stimuli: Stimuli, encoder: Encoder, features: Features, params: MaskingCka) -> None:
    embeddings = {key: layers["embed"] for key, layers in features.items()}
    dataset, where = stimuli.complete, {"dataset": stimuli.complete.name, "encoder": encoder.name}
    for (fill, a, b), known in _cka(measured, embeddings, stimuli.pairs(params), dataset, encoder.name, params).items():
        measured.tables["pairs"].append({**where, "fill": fill, "a": a, "b": b, **_cka_row(known, params)})
    measured.tables["neighbours"].extend({**where, **row} for row in _neighbours(measured, embeddings, dataset))
    if not stimuli.masked:
        return
    _overlap(measured, embeddings, dataset, encoder.name, params)
    if encoder.name in self_supervised(params.encoders):
        _measure_thinned(measured, embeddings, dataset, encoder.name, params)
    measured.tables["panel"].extend({**where, **row} for row in _panel(embeddings, params))
    for layer in encoder.layers if params.by_layer else ():
        by_layer = {key: layers[layer] for key, layers in features.items() if layer in layers}
        wanted = [_pair(by_layer, params.fills[0], a, b) for a, b in HEADLINE]
        values = cka_pairs(_named(by_layer), wanted, n_bootstrap=0, n_permutations=0, clusters=dataset.clusters)
        for (a, b), pair in zip(HEADLINE, wanted, strict=True):
            measured.tables["layers"].append({**where, "layer": layer, "a": a, "b": b, "cka": values[pair].value})


def _measure_made(measured: Measured, stimuli: Stimuli, features: Mapping[str, Features], params: MaskingCka) -> None:
    """The same comparisons of representations whose truth is known, from the same masks and images."""
    dataset = stimuli.complete
    foreground = stimuli.keep.get("object", np.zeros(dataset.images.shape[:3], dtype=bool))
    keep = {COMPLETE: np.ones_like(foreground), **stimuli.keep}
    if stimuli.absent is not None:
        keep["background"] = ~foreground
    local, shared = (planted.codes(keep, foreground, local=one, seed=params.seed) for one in (True, False))
    made = {name: planted.weighed(local, share) for name, share in READERS.items()}
    made[SEPARATE] = planted.weighed(shared, 0.5)
    squares = {name for name in masks.occlusion_masks(8, params.fraction) if not name.startswith("centre")}
    used = squares | {b for _, b in HEADLINE}
    for name, by_variant in made.items():
        embeddings = {("none", variant): rows for variant, rows in by_variant.items()}
        wanted = [(fill, a, b) for fill, a, b in stimuli.pairs(params) if b in used]
        _cka(measured, embeddings, wanted, dataset, name, params, permutations=0)
        if name == SEPARATE and stimuli.masked:
            _overlap(measured, embeddings, dataset, name, params)
    if stimuli.masked:
        every = {variant for pair in HEADLINE for variant in pair}
        shown = [part for part in stimuli.variants(params) if part[1] in every]
        embeddings = {(fill, variant): planted.mean_grey(images) for fill, variant, images in shown}
        wanted = [(fill, a, b) for fill in params.fills for a, b in HEADLINE]
        _cka(measured, embeddings, wanted, dataset, MEAN_GREY, params, permutations=0)
        _overlap(measured, embeddings, dataset, MEAN_GREY, params)


def _measure_thinned(
    measured: Measured, embeddings: dict[tuple[str, str], np.ndarray], dataset: Dataset, name: str, params: MaskingCka
) -> None:
    """A representation that differs from that of the encoder by chance only, for the control of M3."""
    used = {_key(embeddings, fill, variant) for fill, a, b in _relied(params) for variant in (a, b)}
    rows = {key: planted.thinned(embeddings[key], params.seed) for key in used}
    _measure_reliance(measured, rows, dataset, thin(name), params)


def _measure_reliance(
    measured: Measured, embeddings: dict[tuple[str, str], np.ndarray], dataset: Dataset, name: str, params: MaskingCka
) -> None:
    """Only the comparisons that M3 rests on."""
    _cka(measured, embeddings, _relied(params), dataset, name, params, permutations=0)


def _relied(params: MaskingCka) -> list[tuple[str, str, str]]:
    return [(fill, *pair) for fill in params.fills for pair in HEADLINE[:2]]


def _features(stimuli: Mapping[int, Stimuli], models: Sequence[Encoder], params: MaskingCka) -> dict[str, Features]:
    """Features of every encoder; a variant is painted once for all encoders of one input size.

    Layers other than the embedding are read only where the study looks at them.
    """
    in_depth = {variant for pair in HEADLINE for variant in pair} if params.by_layer else set()
    known: dict[str, Features] = {encoder.name: {} for encoder in models}
    for size, shown in stimuli.items():
        for fill, variant, images in shown.variants(params):
            deep = variant in in_depth and fill in ("none", params.fills[0]) and shown.masked
            for encoder in (model for model in models if model.size == size):
                layers = tuple(dict.fromkeys(("embed", *(encoder.layers if deep else ()))))
                about = f"{encoder.name} {shown.complete.name} {variant}"
                known[encoder.name][fill, variant] = extract(encoder, images, layers=layers, description=about)
    return known


def _cka(
    measured: Measured,
    embeddings: dict[tuple[str, str], np.ndarray],
    wanted: Iterable[tuple[str, str, str]],
    dataset: Dataset,
    encoder: str,
    params: MaskingCka,
    permutations: int | None = None,
) -> dict[tuple[str, str, str], CkaEstimate]:
    """Debiased CKA of each (fill, a, b), entered among the draws."""
    pairs = {(fill, a, b): _pair(embeddings, fill, a, b) for fill, a, b in wanted}
    values = cka_pairs(
        _named(embeddings),
        list(dict.fromkeys(pairs.values())),
        n_bootstrap=params.n_bootstrap,
        n_permutations=params.n_permutations if permutations is None else permutations,
        seed=params.seed,
        clusters=dataset.clusters,
    )
    known = {key: values[pair] for key, pair in pairs.items()}
    for (fill, a, b), pair in known.items():
        measured.draws["cka", dataset.name, encoder, fill, a, b] = np.concatenate([[pair.value], pair.draws])
    return known


def _overlap(
    measured: Measured, embeddings: dict[tuple[str, str], np.ndarray], dataset: Dataset, encoder: str, params: MaskingCka
) -> None:
    weights = measured.weights(dataset.clusters)
    for fill in params.fills:
        for a, b in PARTS:
            x, y = (embeddings[_key(embeddings, fill, variant)] for variant in (a, b))
            found = direction_overlap(x, y, weights, dataset.clusters)
            measured.draws["overlap", dataset.name, encoder, fill, a, b] = found


def _key(embeddings: Mapping[tuple[str, str], object], fill: str, variant: str) -> tuple[str, str]:
    """Where the features of a variant are: under its fill, or none where nothing was painted."""
    return (fill, variant) if (fill, variant) in embeddings else ("none", variant)


def _named(embeddings: Mapping[tuple[str, str], np.ndarray]) -> dict[str, np.ndarray]:
    return {"/".join(key): values for key, values in embeddings.items()}


def _pair(embeddings: Mapping[tuple[str, str], np.ndarray], fill: str, a: str, b: str) -> tuple[str, str]:
    return "/".join(_key(embeddings, fill, a)), "/".join(_key(embeddings, fill, b))


def _cka_row(known: CkaEstimate, params: MaskingCka) -> Row:
    interval = estimate(known.value, known.draws, params.level)
    null = {"null_mean": float(np.mean(known.null)), "null_high": float(np.quantile(known.null, params.level))}
    return {"cka": known.value, "low": interval.low, "high": interval.high, **null}


def _panel(embeddings: dict[tuple[str, str], np.ndarray], params: MaskingCka) -> Iterator[Row]:
    """Object against background, and region against rest, under every measure. CCA sees n / 10 principal components: with as
    many dimensions as images its correlations are 1 whatever the features."""
    for a, b in PARTS:
        x, y = (embeddings[_key(embeddings, params.fills[0], variant)] for variant in (a, b))
        few = max(2, len(x) // 10)
        for u, v, names in (
            (x, y, [name for name in MEASURES if name not in (*ON_COMPONENTS, "minibatch_cka")]),
            (_components(x, few), _components(y, few), ON_COMPONENTS),
        ):
            for row in compare(u, v, measures=names, n_bootstrap=0, n_permutations=PERMUTATIONS, seed=params.seed):
                yield {"a": a, "b": b, "measure": row.measure, "value": row.value, "null_mean": row.null_mean}


def _components(values: np.ndarray, count: int) -> np.ndarray:
    """Scores (n, count) on the first principal components."""
    centred = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :count] * scale[:count]


def _neighbours(measured: Measured, embeddings: dict[tuple[str, str], np.ndarray], dataset: Dataset) -> Iterator[Row]:
    """An outside check: is the nearest complete image (cosine; those of its own cluster left out) of the variant's class?"""
    complete, labels = _unit(embeddings["none", COMPLETE]), dataset.labels
    own = dataset.clusters[:, None] == dataset.clusters[None]
    for (fill, variant), values in embeddings.items():
        cosine = np.where(own, -np.inf, _unit(values) @ complete.T)
        correct = labels[cosine.argmax(axis=1)] == labels
        interval = measured.estimate(measured.mean(correct, dataset.clusters))
        yield {"fill": fill, "variant": variant, "accuracy": interval.value, "low": interval.low, "high": interval.high}


def _unit(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean(axis=0)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
