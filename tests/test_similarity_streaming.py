"""Linear CKA of a stream is that of the whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import UserError
from analysis.similarity import LinearCka, debiased_cka, linear_cka


def features(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5))
    return x, x[:, :3] @ rng.standard_normal((3, 7)) + rng.standard_normal((n, 7))


def streamed(x: np.ndarray, y: np.ndarray, cuts: list[int]) -> LinearCka:
    stream = LinearCka()
    for a, b in zip(np.split(x, cuts), np.split(y, cuts), strict=True):
        if len(a):
            stream.update(a, b)
    return stream


def check(stream: LinearCka, x: np.ndarray, y: np.ndarray, tolerance: float = 1e-10) -> None:
    assert stream.n == len(x)
    assert stream.value() == pytest.approx(debiased_cka(x, y), abs=tolerance)
    assert stream.value(debiased=False) == pytest.approx(linear_cka(x, y), abs=tolerance)


@given(cuts=st.lists(st.integers(0, 50), max_size=6), offset=st.floats(-1e4, 1e4), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_any_batches_at_any_offset_give_the_value_of_the_whole(cuts: list[int], offset: float, seed: int) -> None:
    x, y = features(50, seed)
    x, y = x + offset, y - 2 * offset
    check(streamed(x, y, sorted(cuts)), x, y)


@pytest.mark.parametrize("offset", [1e6, 1e8])
def test_large_offsets_cost_only_the_digits_that_storing_them_costs(offset: float) -> None:
    x, y = features(200)
    check(streamed(x + offset, y - offset, [17, 90]), x + offset, y - offset, tolerance=1e-9)


def test_a_first_batch_far_from_the_rest_does_no_harm() -> None:
    x, y = features(200)
    x[:20] += 1e6
    y[:20] += 1e6
    check(streamed(x, y, [10, 50]), x, y, tolerance=1e-8)
    drift = np.linspace(0, 1e5, 200)[:, None]
    check(streamed(x[1:] + drift[1:], y[1:], list(range(1, 199))), x[1:] + drift[1:], y[1:], tolerance=1e-8)


def test_two_streams_merge_into_the_whole() -> None:
    x, y = features(120)
    x[60:] += 50
    first, second, empty = streamed(x[:60], y[:60], [7]), streamed(x[60:], y[60:], [3, 30]), LinearCka()
    empty.merge(first)
    empty.merge(second)
    check(empty, x, y)
    check(second, x[60:], y[60:])
    empty.merge(LinearCka())
    check(empty, x, y)


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    stream = LinearCka()
    sizes = set()
    for seed in range(5):
        stream.update(*features(100, seed))
        sizes.add(sum(np.asarray(value).nbytes for moments in stream._moments for value in vars(moments).values()))
    assert len(sizes) == 1


def test_float32_batches_are_summed_in_float64() -> None:
    x, y = (side.astype(np.float32) + np.float32(1000) for side in features(300))
    check(streamed(x, y, [100, 150]), x, y)


def test_unusable_batches_and_too_few_images_are_refused() -> None:
    x, y = features(10)
    stream = LinearCka()
    with pytest.raises(UserError, match="0 images seen so far"):
        stream.value()
    stream.update(x[:3], y[:3])
    with pytest.raises(UserError, match="3 images seen so far"):
        stream.value()
    with pytest.raises(UserError, match="widths"):
        stream.update(x, y[:, :2])
    with pytest.raises(UserError, match="rows"):
        stream.update(x, y[:2])
    with pytest.raises(UserError, match="finite"):
        stream.update(x * np.nan, y)
    with pytest.raises(UserError, match="merged"):
        stream.merge(streamed(y, x, []))
    assert stream.n == 3


def test_constant_features_give_nan() -> None:
    x, y = features(30)
    stream = streamed(np.full_like(x, 0.1), y, [7, 20])
    assert np.isnan([stream.value(), stream.value(debiased=False)]).all()
