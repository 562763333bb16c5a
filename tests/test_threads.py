"""Work side by side: in order, one core each, and the pools as they were afterwards."""

import time
from collections.abc import Iterator

import pytest
import torch
from threadpoolctl import threadpool_info

from analysis.threads import one_thread, side_by_side


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ANALYSIS_WORKERS", "2")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items_whoever_is_done_first() -> None:
    def slow_at_first(item: int) -> int:
        time.sleep(0.05 * (3 - item))
        return item * item

    assert list(side_by_side(slow_at_first, [0, 1, 2, 3], "items", "item")) == [0, 1, 4, 9]


def test_within_every_pool_has_one_thread_and_afterwards_as_many_as_before() -> None:
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    with one_thread():
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
    assert torch.get_num_threads() == 2
    assert {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()} == before


def test_an_item_takes_one_core_and_its_error_is_the_callers() -> None:
    assert list(side_by_side(lambda _: torch.get_num_threads(), [0, 1, 2], "items", "item")) == [1, 1, 1]

    def fails(item: int) -> int:
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item"):
        list(side_by_side(fails, [0, 1], "items", "item"))
    assert torch.get_num_threads() == 2
