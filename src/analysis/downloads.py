"""Everything that a run reads and that is not here: how large it is, and fetching it."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from analysis import datasets, encoders, fetch, paths
from analysis.errors import MissingFile, UserError
from analysis.params import STUDIES, resolve
from analysis.remote import Remote
from analysis.run import absolute, check_file


@dataclass(frozen=True)
class Download:
    """What is to be done.

    Attributes:
        name: what was asked for.
        files: file -> its bytes, None where its server does not say.
        problems: one line for each thing that cannot be fetched.
    """

    name: str
    files: Mapping[Remote, int | None]
    problems: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """The files with their sizes and the sum of them, and what cannot be fetched."""
        if not self.files and not self.problems:
            yield f"{self.name}: all files are here"
        if self.files:
            more = " and more (not every server says)" if None in self.files.values() else ""
            total = _readable(sum(size or 0 for size in self.files.values()))
            yield f"{self.name}: {len(self.files)} files to fetch into {paths.data_root()}, {total}{more}"
            yield from (f"{_readable(size):>10}  {file.owner}: {file.url}" for file, size in self.files.items())
            yield from (f"{'-':>10}  {line}" for line in self.problems)

    def fetch(self, say: Callable[[str], None]) -> Iterator[Path]:
        """Fetch file after file; one that fails does not keep the others away.

        Raises:
            UserError: at the end, if anything is still absent; of several lines all but the last are given to `say`.
        """
        problems = list(self.problems)
        for file in self.files:
            try:
                yield fetch.fetch(file)
            except UserError as error:
                problems.append(str(error))
        for line in problems[:-1]:
            say(line)
        if problems:
            raise UserError(problems[-1])


def plan(name: str, preset: str = "default", overrides: Mapping[str, Any] | None = None) -> Download:
    """What is absent of a study's run with these parameters, of a data set or of an encoder, with the sizes asked for.

    Raises:
        UserError: nothing has that name, a wrong parameter, or no host can be reached.
    """
    files, problems = _absent(_readings(name, preset, dict(overrides or {})))
    with ThreadPoolExecutor(max(len(files), 1)) as pool:
        answers = dict(zip(files, pool.map(_size, files), strict=True))
    failures = [answer for answer in answers.values() if isinstance(answer, UserError)]
    if failures and len(failures) == len(files) and all(isinstance(error, fetch.UnreachableError) for error in failures):
        raise failures[0]
    sizes = {file: answer for file, answer in answers.items() if not isinstance(answer, UserError)}
    return Download(name, sizes, tuple(dict.fromkeys([*problems, *map(str, failures)])))


def _readings(name: str, preset: str, overrides: dict[str, Any]) -> list[Callable[[], list[Remote]]]:
    """For each thing that is read, what says which of its files are absent."""
    if name not in STUDIES:
        if name in datasets.SOURCES or name.startswith(("folder:", "scenes:")):
            return [partial(datasets.absent, name)]
        if name != "vit-tiny" and ":" not in name:
            what = f"study ({', '.join(STUDIES)}), no data set ({', '.join(datasets.SOURCES)}) and no encoder"
            raise UserError(f"{name!r} is no {what} (`analysis models` lists them)")
        return [partial(encoders.absent, name)]
    params = resolve(name, preset, absolute(overrides))
    if params.source == "stored":
        return []
    return [
        *(partial(datasets.absent, dataset) for dataset in params.reads["datasets"]),
        *(partial(encoders.absent, encoder) for encoder in params.reads["encoders"]),
        *(partial(_file, name, preset, file) for file in params.reads["files"]),
    ]


def _file(study: str, preset: str, name: str) -> list[Remote]:
    check_file(study, preset, name)
    return []


def _absent(readings: list[Callable[[], list[Remote]]]) -> tuple[list[Remote], list[str]]:
    """The files to fetch, each once, and a line for each thing that no machine can fetch."""
    files: dict[Path, Remote] = {}
    problems = []
    for reading in readings:
        try:
            files |= {file.target: file for file in reading()}
        except MissingFile as error:
            problems.append(str(error))
    return list(files.values()), problems


def _size(file: Remote) -> int | UserError | None:
    try:
        return fetch.size(file)
    except UserError as error:
        return error


def _readable(size: int | None) -> str:
    return "?" if size is None else f"{tqdm.format_sizeof(size, divisor=1000)}B"
