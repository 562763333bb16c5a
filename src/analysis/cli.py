"""The command line `analysis`: thin wrappers, one per verb."""

import itertools
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
import yaml

from analysis import cli_tools, paths, plan
from analysis import params as parameters
from analysis.errors import UserError, one_line
from analysis.params import PRESETS
from analysis.processes import PARENT, end_with_parent
from analysis.results import write_text

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=__doc__)
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}

Set = Annotated[list[str] | None, typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="a parameter; repeatable")]
PresetOption = Annotated[str, typer.Option("--preset", help="smoke, default, real or paper")]
Cores = Annotated[int, typer.Option(help="processor cores to use")]


def main() -> None:
    """Entry point: whatever a user can cause is one line and exit code 2."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    if parent := os.environ.pop(PARENT, ""):
        end_with_parent(int(parent))
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # more cores are used by more workers: see `analysis.threads`
    try:
        for name in ("DATA_ROOT", "ANALYSIS_BUILD"):  # meant from where the user stands; kernels and Snakemake stand elsewhere
            if folder := os.environ.get(name):
                os.environ[name] = str(paths.user_path(folder))
        sys.exit(app(standalone_mode=False) or 0)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:  # `analysis list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if hasattr(error, "format_message"):  # what the parser of the command line says
            _end(error.format_message(), 2)
        if (line := one_line(error)) is None:
            _end(f"this should not happen ({type(error).__name__}: {error}); {_kept_traceback()}", 1)
        _end(line, 2)


def _end(line: str, code: int) -> NoReturn:
    print("analysis: " + " ".join(line.split()), file=sys.stderr)
    sys.exit(code)


def _kept_traceback() -> str:
    """Where the traceback of the present error has been written."""
    path = paths.build() / "logs" / "traceback.txt"
    try:
        write_text(path, traceback.format_exc())
    except OSError:
        return traceback.format_exc()
    return f"please report it with {path}"


@app.command("list")
def list_studies(study: Annotated[str | None, typer.Argument(help="only this one")] = None) -> None:
    """Studies, presets and parameters with type, meaning and values."""
    for name in [study] if study else parameters.STUDIES:
        model = parameters.study_model(name)
        typer.echo(f"{name}: {(model.__doc__ or '').splitlines()[0]}")
        for row in parameters.describe(name):
            typer.echo(f"  {row['name']} ({row['type']}): {row['meaning']}")
            for presets, value in _grouped(row):
                typer.echo(f"      {'/'.join(presets)}: {_short(value)}")


@app.command()
def run(
    study: Annotated[str | None, typer.Argument()] = None,
    p: Set = None,
    preset: PresetOption = "default",
    name: Annotated[str | None, typer.Option(help="folder of the run; default: from preset and parameters")] = None,
    plan_file: Annotated[Path | None, typer.Option("--plan", hidden=True)] = None,
) -> None:
    """Execute one study and publish its folder build/runs/STUDY/NAME."""
    from analysis.run import run as execute

    if plan_file is not None:  # one job of Snakemake
        entry = plan.load_plan(plan_file)
        folder = execute(entry.study, entry.preset, dict(entry.parameters), entry.name)
    elif study is None:
        raise UserError(f"name a study: {', '.join(parameters.STUDIES)}")
    else:
        folder = execute(study, preset, {k: _value(v) for k, v in _pairs(p).items()}, name)
    typer.echo(folder)


@app.command(context_settings=PASS_ON)
def sweep(context: typer.Context, study: str, p: Set = None, preset: PresetOption = "default", cores: Cores = 2) -> None:
    """Run every combination of comma-separated values; further options go to Snakemake (`--executor slurm`)."""
    from analysis.engine import execute
    from analysis.run import absolute, default_name, preflight

    parameters.resolve(study, preset)
    grid = {name: _values(name, text) for name, text in _pairs(p).items()}
    if not grid:
        raise UserError("name at least one parameter: -p n=100,200")
    entries = []
    for values in itertools.product(*grid.values()):
        overrides = absolute(dict(zip(grid, values, strict=True)))
        preflight(study, preset, parameters.resolve(study, preset, overrides))
        line = {"study": study, "name": default_name(preset, overrides), "preset": preset, "parameters": overrides}
        entries.append(plan.Entry.model_validate(line))
    file = paths.build() / "sweeps" / f"{study}-{default_name(preset, grid)}.yaml"
    write_text(file, yaml.safe_dump({"runs": [entry.model_dump() for entry in entries]}))
    execute(file, cores=cores, extra=context.args)
    for entry in entries:
        typer.echo(f"{entry.folder}  {json.dumps(entry.parameters)}")


@app.command()
def cost(study: str, p: Set = None, preset: PresetOption = "paper") -> None:
    """Time of the networks of a run on this machine, measured with random weights on a few images; nothing is fetched."""
    from analysis import costs

    for line in costs.lines(study, preset, {k: _value(v) for k, v in _pairs(p).items()}):
        typer.echo(line)


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="a study: all that its run reads; or one data set or encoder")],
    p: Set = None,
    preset: PresetOption = "default",
) -> None:
    """Fetch what a run reads into DATA_ROOT (terms of their own apply); interrupted, the same command goes on."""
    from analysis import downloads

    wanted = downloads.plan(name, preset, {k: _value(v) for k, v in _pairs(p).items()})
    for line in wanted.lines():
        typer.echo(line, err=True)
    for path in wanted.fetch(lambda line: typer.echo(f"analysis: {line}", err=True)):
        typer.echo(path)


@app.command()
def status(
    features: Annotated[list[Path] | None, typer.Argument(help="also these folders of `analysis features`")] = None,
    check: Annotated[bool, typer.Option("--check", help="read every file of them, whatever its time says")] = False,
) -> None:
    """Which runs of the book, and which folders of features, are fresh, which are stale, and why."""
    from analysis.feature_files import why_stale

    for entry in plan.entries(real=True):
        reasons = entry.why_stale(check)
        if reasons == ["never ran"] and entry.needs:
            reasons = [f"never ran (needs {entry.needs}; `make real` runs it)"]
        typer.echo(_state(f"{entry.study}/{entry.name}", reasons))
    for folder in features or []:
        typer.echo(_state(str(folder), why_stale(folder, check)))


def _state(name: str, reasons: list[str]) -> str:
    return f"{name}: {'stale: ' + '; '.join(reasons) if reasons else 'fresh'}"


@app.command(context_settings=PASS_ON)
def book(
    context: typer.Context,
    real: Annotated[bool, typer.Option("--real", help="also the runs on real data under DATA_ROOT")] = False,
    cores: Cores = 2,
) -> None:
    """Run what is stale and build the book; further options go to Snakemake (`--executor slurm`)."""
    from analysis import book as pages
    from analysis.engine import execute

    execute(real=real, cores=cores, extra=context.args)
    typer.echo(f"The book is at {pages.build(plan.entries(real=True)).as_uri()}")


@app.command()
def verify(
    store: Annotated[bool, typer.Option("--store", help="make the present runs the reference")] = False,
) -> None:
    """Compare the runs with data/reference within the stated tolerances and print the drift."""
    from analysis.reference import compare_runs, store_runs

    if store:
        for path in store_runs(plan.entries(real=True)):
            typer.echo(f"stored {path}")
        return
    drifts = compare_runs(plan.entries(real=True))
    for drift in drifts:
        typer.echo(drift.line())
    if not drifts:
        raise UserError("nothing to compare: run `analysis book` first")
    if not all(drift.within for drift in drifts):
        raise UserError("some numbers drifted further than data/reference/tolerances.yaml allows")


app.add_typer(cli_tools.app)  # after these, without a name in front


def _pairs(texts: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(f"-p {text!r}: write -p name=value")
        if name in pairs:
            raise UserError(f"-p {name} is given twice: {pairs[name]!r} and {value!r}")
        pairs[name] = value
    return pairs


def _values(name: str, text: str) -> list[Any]:
    """The comma-separated values of a sweep."""
    found = _value(f"[{text}]")
    if not isinstance(found, list):  # brackets in a name
        found = [_value(part.strip()) for part in text.split(",")]
    if not found or any(value in (None, "") for value in found):
        raise UserError(f"-p {name}={text}: name its values, such as {name}=1,2")
    return found


def _value(text: str) -> Any:
    if not text.strip():
        return ""  # an empty list, or none
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _grouped(row: dict[str, Any]) -> list[tuple[list[str], Any]]:
    groups: list[tuple[list[str], Any]] = []
    for preset in PRESETS:
        match = next((presets for presets, value in groups if value == row[preset]), None)
        if match is None:
            groups.append(([preset], row[preset]))
        else:
            match.append(preset)
    return groups


def _short(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
