"""The verbs that take no study: comparing and extracting features, encoders, data sets."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1)]


@app.command()
def similarity(
    a: Path,
    b: Path,
    ids: Annotated[
        list[Path] | None, typer.Option(help="text or .npy file of sample ids of A; give it twice for A and B")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table")] = False,
    n_bootstrap: Annotated[int, typer.Option(min=50)] = 1000,
    n_permutations: Annotated[int, typer.Option(min=20)] = 200,
    seed: Seed = 0,
) -> None:
    """Every similarity measure of two feature files (n, p) and (n, q), of any number of rows, with interval and null."""
    from analysis.feature_files import read_features, read_ids
    from analysis.results import plain
    from analysis.similarity import MOST, compare, compare_large

    id_lists = [read_ids(path).tolist() for path in ids or []]
    x, y = read_features(a), read_features(b)
    rows = (compare_large if len(x) > MOST else compare)(
        x,
        y,
        ids_x=id_lists[0] if id_lists else None,
        ids_y=id_lists[-1] if id_lists else None,
        n_bootstrap=n_bootstrap,
        n_permutations=n_permutations,
        seed=seed,
    )
    if as_json:
        typer.echo(json.dumps(plain(rows), indent=1))
        return
    typer.echo(f"{'measure':<16}{'value':>9}{'interval':>20}{'null mean':>11}{'null 95 %':>11}  note")
    for row in rows:
        interval = f"[{row.low:.3f}, {row.high:.3f}]"
        typer.echo(f"{row.measure:<16}{row.value:>9.4f}{interval:>20}{row.null_mean:>11.3f}{row.null_high:>11.3f}  {row.note}")


@app.command()
def features(
    encoder: str,
    dataset: str,
    out: Annotated[Path, typer.Option(help="folder for LAYER.npy, ids.txt and manifest.json")],
    layers: Annotated[str, typer.Option(help="names of layers, separated by commas")] = "embed",
    dtype: Annotated[str, typer.Option(help="float16 or float32")] = "float16",
    split: Annotated[str | None, typer.Option(help="default: test; of a folder every image")] = None,
    n: Annotated[int | None, typer.Option("-n", help="images; default: all")] = None,
    seed: Annotated[int, typer.Option(help="of the choice of n images; of scenes, the world")] = 0,
    size: Annotated[int | None, typer.Option(help="side of the images, px; default: the encoder's")] = None,
    batch_size: Annotated[int | None, typer.Option(help="default: the encoder's")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    devices: Annotated[int, typer.Option(help="processes, each with a GPU or a processor core of its own")] = 1,
) -> None:
    """Features of a data set of any size into files; interrupted, the same command goes on where it stopped."""
    from analysis.extraction import extract_to

    typer.echo(
        extract_to(
            out,
            encoder,
            dataset,
            split=split,
            n=n,
            seed=seed,
            size=size,
            layers=[name.strip() for name in layers.split(",") if name.strip()],
            dtype=dtype,
            batch_size=batch_size,
            device=device,
            ranks=devices,
        )
    )


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="JSON, with sources and files")] = False) -> None:
    """Every encoder that can be named: network, licence, and whether its file is here."""
    from analysis.encoders import checkpoint_listing

    rows = checkpoint_listing.models()
    typer.echo(json.dumps([vars(row) for row in rows], indent=1) if as_json else "\n".join(checkpoint_listing.lines()))


@app.command()
def pdf() -> None:
    """Print the book of the runs that exist into one PDF, beside its HTML; needs Chromium or Chrome."""
    from analysis import plan
    from analysis.book.pdf import print_book

    typer.echo(print_book(plan.entries(real=True)))


@app.command()
def claims(as_json: Annotated[bool, typer.Option("--json", help="every claim as one line of JSON")] = False) -> None:
    """Every claim with its rule, its controls and its verdicts, by your own runs where there are some, else published ones."""
    from analysis import ledger
    from analysis.results import plain

    for line in (json.dumps(plain(row), ensure_ascii=False) for row in ledger.rows()) if as_json else ledger.lines():
        typer.echo(line)


@app.command()
def pretrain(
    method: str,
    data: Annotated[str, typer.Option(help="scenes, imagenette, tiny-imagenet or folder:PATH")] = "scenes",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    epochs: Annotated[int | None, typer.Option(help="default: the recipe's", min=1)] = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="folder for the weights and their card; default: build/zoo")] = None,
) -> None:
    """Train one small encoder; interrupted, the same command goes on where it stopped."""
    from analysis.training.pretrain import train

    typer.echo(train(method, data=data, device=device, epochs=epochs, seed=seed, out=out))


rcdm = typer.Typer(no_args_is_help=True, help="Decoders that draw what a representation keeps.")
app.add_typer(rcdm, name="rcdm")


@rcdm.callback()
def _rcdm() -> None:
    """Decoders that draw what a representation keeps."""


@rcdm.command("train")
def rcdm_train(
    encoder: Annotated[str, typer.Option(help="any encoder; with --tap, the representation to decode")] = "",
    tap: Annotated[str, typer.Option(help="backbone, hidden (of the projector) or projector")] = "backbone",
    inject: Annotated[
        str, typer.Option(help="adagn+map, or adagn: no map of the representation beside the image")
    ] = "adagn+map",
    trunk: Annotated[str, typer.Option(help="instead: one decoder of many representations, scenes or imagenette")] = "",
    dataset: Annotated[str, typer.Option(help="images to draw; default: scenes:objects, or the trunk's")] = "",
    preset: Annotated[
        str, typer.Option(help="smoke, narrow32, tiny32, base32 or full128; otherwise the trunk's own, or tiny32")
    ] = "",
    steps: Annotated[int | None, typer.Option(help="default: the preset's", min=1)] = None,
    images: Annotated[int | None, typer.Option(help="default: the preset's", min=1)] = None,
    start: Annotated[str, typer.Option(help="decoder to go on from, NAME or PATH/NAME; otherwise random weights")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    devices: Annotated[int, typer.Option(help="processes, each with a GPU of its own", min=1)] = 1,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="folder for the weights and their card; default: build/decoders")] = None,
) -> None:
    """Train one decoder; interrupted, the same command goes on where it stopped."""
    from analysis.decoders.recipe import chosen
    from analysis.decoders.train import train

    name, conditions, suffix, recipe = chosen(encoder, tap, inject, trunk, dataset, preset, steps, images, start)
    typer.echo(train(name, conditions, recipe, suffix=suffix, device=device, devices=devices, seed=seed, out=out))


@rcdm.command("draw")
def rcdm_draw(
    checkpoint: Annotated[Path, typer.Option(help="a released decoder, rcdm_ema_*.pt")],
    encoder: Annotated[str, typer.Option(help="the encoder it was trained on, e.g. hub-file:simclr_rn50")],
    dataset: Annotated[str, typer.Option(help="images to draw from, e.g. folder:PATH")],
    out: Annotated[Path, typer.Option(help="folder for samples.npz and samples.png")],
    tap: Annotated[str, typer.Option(help="backbone (files _trunk) or projector (files _head)")] = "backbone",
    n: Annotated[int, typer.Option("-n", help="images", min=1)] = 4,
    samples: Annotated[int, typer.Option(help="of each image", min=1)] = 8,
    steps: Annotated[int, typer.Option(help="of the 1,000 noise levels", min=2, max=1000)] = 100,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
) -> None:
    """Draw from the representations of images with a decoder that Bordes et al. released."""
    from analysis.decoders.draw import draw

    for path in draw(checkpoint, encoder, dataset, out, tap=tap, n=n, samples=samples, steps=steps, seed=seed, device=device):
        typer.echo(path)
