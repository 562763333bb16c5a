"""`analysis download`: everything that a run reads, from a web server of this machine with small files of the real layout."""

import copy
import hashlib
import io
import re
import socket
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from analysis import cli, datasets, downloads, encoders, fetch
from analysis.encoders import files
from analysis.encoders.checkpoint_listing import models
from analysis.encoders.checkpoints import checkpoints, place
from analysis.errors import MissingFile
from analysis.params import STUDIES, resolve
from analysis.run import preflight
from web_server import Web, serve

BY_HAND = {  # by a person, with the page where to get it
    "masking_cka": {},
    "qscore": {"folder:imagenet-100": "https://image-net.org/download"},
    "bagssl": {"folder:imagenet-100": "imagenet100.txt"},
    "local_vit": {
        "cityscapes": "https://www.cityscapes-dataset.com .* after registration",
        "fair1m": "https://www.gaofen-challenge.com/benchmark, after registration",
        "bdd100k": "https://bdd-data.berkeley.edu",
    },
    "rcdm": {
        "folder:imagenet": "https://image-net.org/download",
        "rcdm": "decoders/imagenet.json, .* not come with this project",
    },
    "model_zoo": {},
    "world": {},
}
MEMBERS = {  # what makes an archive one of the official layout
    "images.tar.gz": ("images/cat_1.jpg",),
    "annotations.tar.gz": ("annotations/trimaps/cat_1.png",),
    "102flowers.tgz": ("jpg/image_00001.jpg",),
    "102segmentations.tgz": ("segmim/segmim_00001.jpg",),
    "CUB_200_2011.tgz": ("CUB_200_2011/images.txt",),
    "segmentations.tgz": ("segmentations/1/a.png",),
    "dtd-r1.0.1.tar.gz": ("dtd/labels/test1.txt", "dtd/images/a.jpg"),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is cached, and nothing lies in the present folder."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def archive(*names: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as bundle:
        for name in names:
            bundle.addfile(tarfile.TarInfo(name))
    return content.getvalue()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Every file of the registries at its own path, on this machine instead of at its publisher's."""
    with serve() as running:
        for name, source in datasets.SOURCES.items():
            parts = []
            for part in source.parts:
                path, content = f"/{name}/{part.target}", archive(*MEMBERS.get(part.target.split("/")[-1], ("x",)))
                running.files[path] = content
                digest = f"md5:{hashlib.md5(content).hexdigest()}"
                parts.append(replace(part, url=running.root + path if part.url else "", digest=digest))
            monkeypatch.setitem(datasets.SOURCES, name, replace(source, parts=tuple(parts)))
        rows = {kind: copy.copy(row) for kind, row in checkpoints().items()}
        for kind, row in rows.items():
            running.files[f"/{kind}/x.pth"] = content = kind.encode() * 100
            object.__setattr__(row, "url", f"{running.root}/{kind}/x.pth")
            object.__setattr__(row, "digest", row.digest and f"sha256:{hashlib.sha256(content).hexdigest()[:8]}")
        monkeypatch.setattr(files, "checkpoints", lambda: rows)
        monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda repo, name: f"{running.root}/{repo}/{name}")
        for encoder in resolve("masking_cka", "paper").reads["encoders"]:
            running.files[f"/timm/{encoder.removeprefix('timm:')}/model.safetensors"] = encoder.encode()
        yield running


def command(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, list[str], list[str]]:
    """Exit code and the lines of both streams of `analysis download`."""
    monkeypatch.setattr(sys, "argv", ["analysis", "download", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    output = capsys.readouterr()
    return int(ended.value.code or 0), output.out.splitlines(), output.err.splitlines()


def is_here(name: str) -> bool:
    """Whether the check before a run finds this data set or encoder."""
    try:
        (datasets.check if name in datasets.SOURCES or name.startswith(("folder:", "scenes:")) else encoders.check)(name)
    except MissingFile:
        return False
    return True


@pytest.mark.parametrize("study", STUDIES)
def test_all_that_a_papers_run_reads_is_fetched_or_named_with_its_page(study: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "size", lambda file: 10)
    found, reads = downloads.plan(study, "paper"), resolve(study, "paper").reads
    absent = {name for name in (*reads["datasets"], *reads["encoders"]) if not is_here(name)}
    assert {file.owner for file in found.files} == absent - BY_HAND[study].keys()
    assert len(found.problems) == len(BY_HAND[study]) + (study == "rcdm")  # of its decoder there are two files
    for page in BY_HAND[study].values():
        assert any(re.search(page, line) for line in found.problems)


def test_after_a_download_the_run_finds_all_it_reads(
    web: Web, real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def check() -> None:
        preflight("masking_cka", "paper", resolve("masking_cka", "paper"))

    with pytest.raises(MissingFile):
        check()
    code, out, err = command(capsys, monkeypatch, "masking_cka", "--preset", "paper")
    check()
    assert code == 0
    assert out == [str(path) for path in map(Path, out) if path.is_file() and path.is_relative_to(real)]
    total = sum(path.stat().st_size for path in map(Path, out))
    assert err[0] == f"masking_cka: {len(out)} files to fetch into {real}, {total / 1000:.2f}kB"
    size = len(web.files["/pets/oxford-iiit-pet/images.tar.gz"])
    assert err[1].split() == [f"{size}B", "pets:", f"{web.root}/pets/oxford-iiit-pet/images.tar.gz"]
    assert {path.name for path in real.rglob("*.partial")} == set()
    web.asked.clear()
    assert command(capsys, monkeypatch, "masking_cka", "--preset", "paper") == (0, [], ["masking_cka: all files are here"])
    assert web.asked == []


def test_one_file_that_fails_does_not_keep_the_others_away(
    web: Web, real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    web.files.pop("/dino_vitb16/x.pth")
    web.files["/mae_vitb16/x.pth"] = b"another file"
    web.cut["/ade20k/ADEChallengeData2016.zip"] = 40
    web.pages.add("/simmim_vitb16/x.pth")
    code, out, err = command(capsys, monkeypatch, "local_vit", "--preset", "paper")
    assert code == 2
    got = {Path(line).relative_to(real).as_posix() for line in out}
    kinds = ("scalemae_vitl16", "ibot_vitb16", "dinov2_vitb14", "supervised_vitb16")
    assert got == {*(f"weights/{place(kind)}" for kind in kinds), "DAVIS-2017-trainval-480p.zip"}
    ends = [line.removeprefix("analysis: ") for line in err if line.startswith("analysis: ")]
    assert len(ends) == 7
    for says in (
        *(*(rf"^{name}: .* is missing; get it from https" for name in ("cityscapes", "fair1m", "bdd100k")),),
        r"/dino_vitb16/x.pth cannot be fetched \(HTTP Error 404: Not Found\)$",
        r"^\S*/simmim_vitb16/x.pth is a page for people: get simmim_pretrain__vit_base__img224__800ep.pth there by hand",
        r"/mae_vitb16/x.pth is not the official file: its SHA256 is",
        r"/ADEChallengeData2016.zip broke off after 40 of \d+ bytes; the same command goes on from there$",
    ):
        assert len([line for line in ends if re.search(says, line)]) == 1, says
    web.cut.clear()
    assert command(capsys, monkeypatch, "ade20k")[:2] == (0, [str(real / "ADEChallengeData2016.zip")])
    assert web.asked[-1] == ("/ade20k/ADEChallengeData2016.zip", "bytes=39-")


def test_without_a_network_there_is_one_line(
    web: Web, real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", refuse)
    for name in ("local_vit", "dtd", "hub-file:swav_rn50"):
        code, out, err = command(capsys, monkeypatch, name, "--preset", "paper")
        assert (code, out, len(err)) == (2, [], 1)
        assert "cannot be reached ([Errno -3] Temporary failure in name resolution); is there a network?" in err[0]
    assert not real.exists()
    assert fetch.PATIENCE < 3


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("dtd", "dtd/dtd-r1.0.1.tar.gz"),
        ("hub-file:vicreg_rn50", "weights/vicreg_rn50/resnet50.pth"),
        ("hub-file:swav_rn50=mine.pth", "../mine.pth"),
        ("timm:vit_base_patch16_224.mae", "weights/timm/vit_base_patch16_224.mae.safetensors"),
    ],
)
def test_one_data_set_or_encoder_is_fetched_to_where_it_is_looked_for(
    name: str, place: str, web: Web, real: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert not is_here(name)
    code, out, _ = command(capsys, monkeypatch, name)
    assert (code, out) == (0, [str((real / place).resolve())])
    assert is_here(name)
    assert encoders.absent(name) == [] if ":" in name else datasets.absent(name) == []


def test_a_folder_that_a_preset_names_is_found_under_the_data_root(real: Path, tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    for folder in (real / "imagenet" / "train" / "a", real / "imagenet" / "val" / "a"):
        folder.mkdir(parents=True)
        image.save(folder / "x.png")
    assert datasets.source_files("folder:imagenet") == sorted((real / "imagenet").rglob("*.png"))
    (tmp_path / "imagenet").mkdir()
    image.save(tmp_path / "imagenet" / "mine.png")
    assert datasets.source_files("folder:imagenet") == [tmp_path / "imagenet" / "mine.png"]


def test_weights_of_timm_under_the_data_root_are_listed(real: Path) -> None:
    file = files.timm_stored("vit_base_patch16_224.mae")
    file.parent.mkdir(parents=True)
    file.touch()
    rows = {row.name: row for row in models()}
    assert rows["timm:vit_base_patch16_224.mae"].present
    assert rows["timm:vit_base_patch16_224.mae"].file == str(file)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["eth80"], "^analysis: eth80: eth80-cropped256.tgz or .* is missing; get it from the Max Planck Institute"),
        (["folder:imagenet"], "^analysis: folder:imagenet: there is no .*real/imagenet; put there .* .https://image-net.org"),
        (["folder:mine"], "^analysis: folder:mine: there is no .*/mine; give a folder with images"),
        (["conv4:random_init"], "^analysis: encoder 'conv4:random_init': there is no"),
        (["nobody"], "^analysis: 'nobody' is no study .masking_cka, .* no data set .*pets.* and no encoder"),
        (["hub-file:nobody"], "^analysis: encoder 'hub-file:nobody': write hub-file:KIND"),
        (["qscore", "-p", "n=1"], "^analysis: qscore has no parameter 'n'"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    code, out, err = command(capsys, monkeypatch, *words)
    assert (code, out, len(err)) == (2, [], 1)
    assert re.search(says, err[0])


def test_only_what_the_parameters_read_is_fetched(
    web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    words = ("local_vit", "--preset", "paper", "-p", "datasets=davis", "-p", "encoders=hub-file:dinov2_vitb14,zoo:mae")
    code, out, _ = command(capsys, monkeypatch, *words)
    assert code == 0
    assert [Path(line).name for line in out] == ["DAVIS-2017-trainval-480p.zip", "dinov2_vitb14_pretrain.pth"]
    assert command(capsys, monkeypatch, "qscore") == (0, [], ["qscore: all files are here"])


def test_every_official_address_of_a_data_set_has_a_whole_digest() -> None:
    parts = [part for source in datasets.SOURCES.values() for part in source.parts if part.url]
    assert parts
    for part in parts:
        assert re.fullmatch("md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", part.digest)
        assert part.url.endswith(part.target.split("/")[-1])
