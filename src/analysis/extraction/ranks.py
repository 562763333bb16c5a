"""The processes that share an extraction. They are started by torchrun, or by `launch`, which is torchrun as a function."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from analysis.encoders.backbones import resolve_device
from analysis.errors import UserError

_TIMEOUT = timedelta(days=30)  # ranks wait for the slowest, however long it takes


@dataclass(frozen=True)
class Rank:
    """One of `count` processes; `local` counts those on this machine. They exchange words, not data: gloo is enough."""

    number: int = 0
    count: int = 1
    local: int = 0

    def share(self, batches: Sequence[range]) -> Sequence[range]:
        """Every `count`-th batch; together the ranks have each once. (`DistributedSampler` would repeat images until all
        ranks have the same number.)
        """
        return batches[self.number :: self.count]

    def first(self, action: Callable[[], Any]) -> Any:
        """What `action()` gives in rank 0; it runs there alone, and nobody goes on before."""
        if self.count == 1:
            return action()
        box = [action() if self.number == 0 else None]
        with _patience():
            distributed.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """For all others."""
        if self.count > 1:
            with _patience():
                distributed.barrier()

    def device(self, name: str) -> torch.device:
        """`auto`, `cpu` or `cuda` as a device; each rank of a machine has a GPU of its own.

        Raises:
            UserError: unknown name, or fewer GPUs than processes.
        """
        place = resolve_device(name)
        if place.type == "cuda":
            if self.local >= torch.cuda.device_count():
                raise UserError(f"this machine has {torch.cuda.device_count()} GPUs: use as many --devices, or --device cpu")
            torch.cuda.set_device(self.local)
        return place


def launched() -> bool:
    """Whether torchrun has started this process."""
    return distributed.is_torchelastic_launched()


@contextmanager
def joined() -> Iterator[Rank]:
    """The rank of this process, connected with the others; outside torchrun it is alone."""
    if not launched():
        yield Rank()
        return
    with _patience():
        distributed.init_process_group("gloo", timeout=_TIMEOUT)
    try:
        yield Rank(distributed.get_rank(), distributed.get_world_size(), int(os.environ["LOCAL_RANK"]))
    finally:
        distributed.destroy_process_group()


@contextmanager
def _patience() -> Iterator[None]:
    """A rank that loses another is not the cause of the failure: torchrun shall see the other first, and then ends this one."""
    try:
        yield
    except RuntimeError:
        time.sleep(60)
        raise


def launch(count: int, action: Callable[..., Any], *arguments: Any) -> None:
    """Run `action(*arguments)` in `count` processes of this machine, each `joined`; if one fails, all end.

    torchrun rather than Lightning Fabric: its processes are the same, but it can be called with a function and hands back
    what a process raised, where Fabric runs the whole command line again.

    Raises:
        UserError: a process raised it, or was killed.
        KeyboardInterrupt: this process got a signal to end; the others have ended.
    """
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="localhost",
        max_restarts=0,
    )
    try:
        with _quiet():
            elastic_launch(config, action)(*arguments)
    except ChildFailedError as error:
        raise _reason(error) from None
    except SignalException:
        raise KeyboardInterrupt from None


@contextmanager
def _quiet() -> Iterator[None]:
    """torchrun logs at length what is raised here, and takes over the signals of its process for good: neither stays."""
    level = logging.root.manager.disable
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)}
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _reason(error: ChildFailedError) -> Exception:
    """The `UserError` that ended a process, as it was raised there."""
    rank, failure = error.get_first_failure()
    words = failure.message.get("message", "") if isinstance(failure.message, dict) else ""
    kind, _, line = words.partition(": ")
    if kind in ("UserError", "MissingFile"):
        return UserError(line)
    if failure.exitcode < 0:
        return UserError(f"process {rank} was ended by {failure.signal_name()}; the same command goes on where it stopped")
    return error
