"""The one trainer of all networks here, and its checkpoints: none but the same training ever goes on from them."""

import hashlib
import logging
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, Checkpoint

from analysis import paths, publish
from analysis.digests import value_digest
from analysis.errors import UserError
from analysis.locks import only_one
from analysis.processes import announced, end_with_parent
from analysis.progress import track
from analysis.results import plain, read_json, write_json

_log = logging.getLogger(__name__)
MADE_OF = "made_of.json"


class Keeper(Checkpoint):
    """Progress on the terminal, and checkpoints of one training in a folder that belongs to all that makes it.

    A checkpoint is one file, named by its step and the digest of its content and of `made_of`; so a damaged one, and one of
    another training, are known and left aside. The module says its number of `steps` and keeps its `seconds`.

    It is a `Checkpoint` because Lightning calls those after the module's own hooks: the history is then complete.

    Args:
        name: of the training, for people.
        made_of: everything its weights depend on: method, recipe, data, seed, code.
        every: steps between checkpoints; by default there is one after each epoch.
        before: called with the module before each checkpoint.
    """

    def __init__(
        self, name: str, made_of: Mapping[str, Any], every: int = 0, before: Callable[[Any], None] = lambda module: None
    ) -> None:
        self.name, self.made_of, self.every, self.before = name, plain(dict(made_of)), every, before
        self.digest = value_digest(self.made_of)
        self.folder = paths.build() / "training" / f"{name}-{self.digest[:12]}"
        self._bar: Any = None
        self._tick = 0.0

    def finished(self, weights: Path, card: Callable[[Path], Mapping[str, Any]], replace: bool) -> bool:
        """Whether `weights` are those of this training, whole, by what `card` reads of them.

        Raises:
            UserError: they are those of another training, and not to be replaced.
        """
        publish.finish(weights.parent, weights.stem)
        try:
            same = weights.exists() and card(weights).get("made_of") == self.digest
        except UserError:  # damaged: made again
            return False
        if weights.exists() and not same and not replace:
            raise UserError(f"{weights} is another training (its data, seed, length or code differ): name a folder with --out")
        return same

    def last(self) -> Path | None:
        """The last good checkpoint of this training."""
        for path in sorted(self.folder.glob("*.ckpt"), reverse=True):
            if path.stem.rpartition("-")[2] == self._checksum(path):
                return path
            _log.warning("%s is damaged: it is left aside", path)
        return None

    def _checksum(self, path: Path) -> str:
        with path.open("rb") as file:
            key = bytes.fromhex(self.digest)
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8, key=key)).hexdigest()

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        """Open the bar where the training stands."""
        self._bar = track(None, self.name, total=module.steps, unit="step")
        self._bar.update(trainer.global_step)
        self._tick = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, module: Any, *_: Any) -> None:
        """One step further."""
        self._bar.update(1)
        if self.every and (trainer.global_step % self.every == 0 or trainer.global_step >= module.steps):
            self.save(trainer, module)

    def on_train_epoch_end(self, trainer: Trainer, module: Any) -> None:
        """The end of an epoch."""
        if not self.every:
            self.save(trainer, module)

    def save(self, trainer: Trainer, module: Any) -> None:
        """Save to a file beside, then rename: a kill leaves the old or the new checkpoint, never half of one."""
        now = time.perf_counter()
        module.seconds, self._tick = module.seconds + now - self._tick, now
        self.before(module)
        fresh = self.folder / "fresh"
        trainer.save_checkpoint(fresh)
        if trainer.is_global_zero:
            old = list(self.folder.glob("*.ckpt"))
            new = self.folder / f"{trainer.global_step:09d}-{self._checksum(fresh)}.ckpt"
            os.replace(fresh, new)
            for path in old:
                if path != new:
                    path.unlink()

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        """Close the bar."""
        self._bar.close()


def refuse_other(weights: Path, **asked: Any) -> None:
    """Refuse, before any image is read, a training where another lies, if already the card says so; `finished` asks for all.

    Raises:
        UserError: the card beside `weights` has another value of what is `asked`.
    """
    try:
        card = read_json(weights.with_suffix(".json"))
        was = {**card, **card["recipe"]} if weights.exists() else {}
    except (UserError, KeyError, TypeError):  # absent or damaged: made again
        return
    for key, value in asked.items():
        if (before := was.get(key, value)) != value:
            raise UserError(f"{weights} is another training ({key} {before} instead of {value}): name a folder with --out")


@contextmanager
def training(keeper: Keeper) -> Iterator[None]:
    """Hold the folder of a training within, and delete it when all is done.

    Raises:
        UserError: another process trains the same.
    """
    if "LOCAL_RANK" in os.environ:  # one of several processes of the training that holds the folder
        end_with_parent(os.getppid())
        yield
        return
    busy = f"{keeper.name} is already in training; wait for it, or train with another seed"
    with only_one(paths.build() / "locks" / "training" / keeper.folder.name, busy):
        _say_what_else_was_begun(keeper)
        write_json(keeper.folder / MADE_OF, keeper.made_of)
        with announced():  # Lightning starts this command again, once per further device
            yield
        shutil.rmtree(keeper.folder, ignore_errors=True)


def _say_what_else_was_begun(keeper: Keeper) -> None:
    """One line for an interrupted training of the same name that was made otherwise: its checkpoint is not used."""
    if keeper.folder.exists():
        return
    for path in sorted(keeper.folder.parent.glob(f"{keeper.name}-{'?' * 12}/{MADE_OF}")):
        try:
            other = read_json(path)
        except UserError:
            continue
        key = next((key for key in keeper.made_of if other.get(key) != keeper.made_of[key]), "")
        was, now = other.get(key), keeper.made_of.get(key)
        values = f": {was} instead of {now}" if len(f"{was}{now}") < 60 else ""
        _log.warning("%s is left as it is, for its %s differs%s; this training begins anew", path.parent, key, values)


def train_with(
    keeper: Keeper, module: LightningModule, place: torch.device, watching: Sequence[Callback] = (), **options: Any
) -> None:
    """Train `module` to its end, from the last good checkpoint of `keeper`; `options` are Lightning's own."""
    for logger in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(logger).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on workers and loggers that this trainer does without on purpose
        trainer = Trainer(
            accelerator="gpu" if place.type == "cuda" else "cpu",
            precision=precision(place),
            callbacks=[*watching, keeper],
            default_root_dir=keeper.folder,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **options,
        )
        module.to(memory_format=torch.channels_last)
        trainer.fit(module, ckpt_path=keeper.last())


def precision(place: torch.device) -> Any:
    """bfloat16 on a GPU, float32 on a processor, so that a training goes the same way on every processor.

    Measured per image on one core that has bfloat16 instructions, float32 and bfloat16: SimCLR 0.96 and 0.67 ms, DINOv2 4.6
    and 5.1 ms, SimMIM 4.4 and 4.7 ms; without such instructions it takes three times as long as float32.
    """
    return "bf16-mixed" if place.type == "cuda" else "32-true"


def device_name(place: torch.device) -> str:
    """What a card says of the device."""
    return torch.cuda.get_device_name(place) if place.type == "cuda" else "cpu"
