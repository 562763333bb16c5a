"""Weight files: every key accounted for, damage noticed, the official layouts understood."""

import argparse
import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from analysis import encoders
from analysis.encoders import files
from analysis.encoders.weights import load_strict, read_safetensors, read_torch
from analysis.errors import MissingFile, UserError
from analysis.results import sealed

State = dict[str, Tensor]


def random_state(model: nn.Module, seed: int = 0) -> State:
    """A state of that shape with small random numbers, variances positive."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda tensor: torch.randn(tensor.shape, generator=generator) * 0.02 + 0.02  # noqa: E731
    return {k: v if not v.is_floating_point() else draw(v).abs() for k, v in model.state_dict().items()}


def pictures(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


# --- strictness ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("0.bias"), r"missing 0\.bias$"),
        (lambda s: s.update({"head.weight": torch.zeros(1)}), r"unexpected head\.weight$"),
        (lambda s: s.update({"0.bias": torch.zeros(3)}), r"wrong shape 0\.bias \(3,\) instead of \(2,\)$"),
        (lambda s: s.update({f"x{i}": torch.zeros(1) for i in range(9)}), r"unexpected x0, x1, x2 and 6 more$"),
        (lambda s: (s.pop("1.weight"), s.update(y=torch.zeros(1))), r"missing 1\.weight; unexpected y$"),
    ],
)
def test_a_key_that_does_not_fit_is_named(change: Callable[[State], object], says: str) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = random_state(model)
    change(state)
    with pytest.raises(UserError, match=says):
        load_strict(model, state, "x.pth")
    assert all((value == before[key]).all() for key, value in model.state_dict().items())


def test_half_precision_weights_become_float32() -> None:
    model = nn.BatchNorm2d(2)
    state = {k: v.half() if v.is_floating_point() else v for k, v in random_state(model).items()}
    load_strict(model, state, "x")
    assert model.weight.dtype == torch.float32
    assert model.num_batches_tracked.dtype == torch.int64
    assert (model.weight == state["weight"].float()).all()


@pytest.mark.parametrize("content", [b"", b"garbage" * 50, b"\xff" * 8 + b"{}"])
def test_a_file_that_is_not_safetensors_is_one_clear_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.safetensors is not a readable safetensors file") as error:
        read_safetensors(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "list"])
def test_a_file_that_is_no_checkpoint_is_one_clear_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save([1] if damage == "list" else {"a": torch.zeros(1000)}, path)
    if damage in ("empty", "garbage"):
        path.write_bytes(b"" if damage == "empty" else b"garbage" * 50)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"x\.pth (is not a readable checkpoint|holds a list)") as error:
        read_torch(path)
    assert "\n" not in str(error.value)


def test_a_record_of_a_zip_that_lost_its_checksum_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save({"a": torch.randn(5000), "b": torch.randn(5000)}, path)
    content = bytearray(path.read_bytes())
    content[content.index(torch.load(path)["b"].numpy().tobytes()[:64]) + 100] ^= 0xFF
    path.write_bytes(content)
    assert len(torch.load(path)["b"]) == 5000  # torch does not look
    with pytest.raises(UserError, match=r"x\.pth is damaged \(\S*data/1 does not have its checksum\): copy it again$"):
        read_torch(path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older format"])
def test_a_file_cut_anywhere_is_one_clear_line(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    state = {f"layer{i}.weight": torch.randn(3, 4) for i in range(3)}
    torch.save({"state_dict": state, "args": argparse.Namespace(lr=0.1)}, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for cut in range(0, len(whole), 1 if not zipped else 7):
        path.write_bytes(whole[:cut])
        with pytest.raises(UserError, match=r"x\.pth (is not a readable checkpoint|is damaged|holds a )") as error:
            read_torch(path)
        assert "\n" not in str(error.value)
    path.write_bytes(whole)
    assert read_torch(path)["state_dict"].keys() == state.keys()


def test_a_file_flipped_anywhere_is_read_or_is_a_clear_error(tmp_path: Path) -> None:
    path, rng = tmp_path / "x.pth", np.random.default_rng(0)
    torch.save({"a": torch.randn(3, 4), "b": {"c": torch.randn(2)}}, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    for at in rng.integers(0, len(whole), 100):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ int(rng.integers(1, 256))]) + whole[at + 1 :])
        with contextlib.suppress(UserError):
            read_torch(path)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (torch.zeros(2, dtype=torch.int8), "wrong type weight int8 instead of floats"),
        (torch.zeros(2, dtype=torch.int64), "wrong type weight int64 instead of floats"),
        (torch.zeros(2, dtype=torch.bool), "wrong type weight bool instead of floats"),
        (torch.zeros(2, dtype=torch.complex64), "wrong type weight complex64 instead of floats"),
        (torch.zeros(2).to_sparse(), "wrong type weight is sparse"),
        (torch.zeros(2, device="meta"), "wrong type weight is without values"),
        (torch.tensor([1.0, torch.nan]), "is damaged: values that are not finite in weight"),
        (torch.tensor([1.0, -torch.inf]), "is damaged: values that are not finite in weight"),
        (torch.tensor([1.0, 1e300], dtype=torch.float64), "is damaged: values that are not finite in weight"),
    ],
)
def test_weights_that_are_no_finite_floats_are_one_line_and_load_nothing(value: Tensor, says: str) -> None:
    model = nn.BatchNorm2d(2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(UserError, match=f"{says}$"):
        load_strict(model, random_state(model) | {"weight": value}, "x.pth")
    with pytest.raises(UserError, match="num_batches_tracked float32 instead of integers"):
        load_strict(model, random_state(model) | {"num_batches_tracked": torch.tensor(1.0)}, "x.pth")
    assert all((value == before[key]).all() for key, value in model.state_dict().items())


def test_the_reason_torch_gives_ends_with_a_whole_word(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"<html>" * 100)
    with pytest.raises(UserError, match=r"\([^()]*[\w.']\): copy it again$|\(.* \.\.\.\): copy it again$"):
        read_torch(tmp_path / "x.pth")


# --- timm ------------------------------------------------------------------------------------------------------------


def test_a_timm_model_is_loaded_from_the_local_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    name = "resnet10t.c3_in1k"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / f"models--timm--{name}" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    model = timm.create_model(name, pretrained=False).eval()
    state = random_state(model)
    model.load_state_dict(state)
    save_file(state, snapshot / "model.safetensors")
    assert encoders.weight_files(f"timm:{name}") == [snapshot / "model.safetensors"]
    encoder = encoders.load(f"timm:{name}")
    images = pictures(1, encoder.size)
    with torch.inference_mode():
        expected = model.forward_head(model.forward_features(encoder.transform(images)), pre_logits=True)
    torch.testing.assert_close(encoder.embed(images), expected, rtol=1e-4, atol=1e-5)
    save_file({**state, "extra": torch.zeros(1)}, snapshot / "model.safetensors")
    with pytest.raises(UserError, match="unexpected extra"):
        encoders.load(f"timm:{name}")


# --- this project's own format ---------------------------------------------------------------------------------------

ARCHITECTURES = {
    "resnet": {"family": "resnet", "widths": [8, 8, 8, 8], "dim": 16},
    "vit": {"family": "vit", "patch": 8, "width": 24, "depth": 2, "heads": 2, "mlp": 4.0, "pool": "token"},
}
HEAD = {"head": "SimCLRProjectionHead", "input_dim": 16, "hidden_dim": 12, "output_dim": 6}


def write(folder: Path, architecture: dict, change: Callable[[State], object] = lambda state: None) -> Path:
    """A small encoder in this project's format, float16 on disk."""
    from analysis.encoders import zoo

    state = {f"backbone.{k}": v for k, v in random_state(zoo.build(architecture)).items()}
    projector = zoo.build_projector(architecture)
    if projector is not None:
        state |= {f"projector.{k}": v for k, v in random_state(projector).items()}
    change(state)
    path = folder / "small.safetensors"
    save_file({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, path)
    card = {"name": "small", "method": "none", "architecture": architecture, "size": 64}
    card |= {"mean": [0.5] * 3, "std": [0.25] * 3, "digest": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    return path


@pytest.mark.parametrize("family", ARCHITECTURES)
@pytest.mark.parametrize("head", [False, True])
def test_a_file_of_ones_own_gives_its_network(family: str, head: bool, tmp_path: Path) -> None:
    from analysis.encoders import zoo

    architecture = {
        **ARCHITECTURES[family],
        **({"projector": {**HEAD, "input_dim": 16 if family == "resnet" else 24}} if head else {}),
    }
    path = write(tmp_path, architecture)
    encoder = encoders.load(f"file:{path}")
    model = zoo.build(architecture).eval()
    model.load_state_dict({k[9:]: v.float() if v.is_floating_point() else v for k, v in load_file(path).items() if k[0] == "b"})
    images = pictures(3, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder.embed(images), model(encoder.transform(images)), rtol=1e-4, atol=1e-5)
    assert (encoder.size, encoder.mean, encoder.std) == (64, (0.5,) * 3, (0.25,) * 3)
    assert encoder.has_projector == head
    if head:
        assert encoder.project(images).shape == (3, 6)
    assert all(rows.shape[0] == 3 for rows in encoder.pooled(images, encoder.layers).values())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("backbone.stem.0.weight"), r"missing stem\.0\.weight"),
        (lambda s: s.update({"backbone.fc.weight": torch.zeros(1)}), r"unexpected fc\.weight"),
        (lambda s: s.update({"optimizer": torch.zeros(1)}), r"key 'optimizer' is neither backbone\.\* nor projector\.\*"),
        (lambda s: s.update({"projector.0.weight": torch.zeros(1)}), r"the architecture on its card has none"),
    ],
)
def test_a_file_of_ones_own_that_does_not_fit_is_refused(change: Callable[[State], object], says: str, tmp_path: Path) -> None:
    path = write(tmp_path, ARCHITECTURES["resnet"], change)
    with pytest.raises(UserError, match=says):
        encoders.load(f"file:{path}")


def test_a_card_that_was_edited_after_it_was_sealed_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ARCHITECTURES["resnet"])
    card = sealed(json.loads(path.with_suffix(".json").read_text()))
    path.with_suffix(".json").write_text(json.dumps(card))
    assert encoders.load(f"file:{path}").mean == (0.5,) * 3
    path.with_suffix(".json").write_text(json.dumps({**card, "mean": [0.4] * 3}))
    with pytest.raises(UserError, match=r"small\.json was damaged or edited"):
        encoders.load(f"file:{path}")


def test_a_second_card_may_name_the_weights_of_the_first_and_no_file_elsewhere(tmp_path: Path) -> None:
    path = write(tmp_path, ARCHITECTURES["resnet"])
    card = json.loads(path.with_suffix(".json").read_text())
    (tmp_path / "other.json").write_text(json.dumps({**card, "name": "other", "weights": "small"}))
    other = f"file:{tmp_path / 'other.safetensors'}"
    assert encoders.weight_files(other) == [path, tmp_path / "other.json"]
    assert torch.equal(encoders.load(other).embed(pictures(2, 64)), encoders.load(f"file:{path}").embed(pictures(2, 64)))
    for name in ("nothing", "../small"):
        (tmp_path / "below").mkdir(exist_ok=True)
        (tmp_path / "below" / "other.json").write_text(json.dumps({**card, "weights": name}))
        with pytest.raises(MissingFile, match=f"there is no {tmp_path}/below/{Path(name).name}.safetensors"):
            encoders.check(f"file:{tmp_path / 'below' / 'other.safetensors'}")


@pytest.mark.parametrize("damage", ["truncated", "one bit"])
def test_a_damaged_file_is_noticed_before_any_work(damage: str, tmp_path: Path) -> None:
    path = write(tmp_path, ARCHITECTURES["resnet"])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content if damage == "one bit" else content[:-10])
    with pytest.raises(UserError, match="is damaged or not the file its card describes"):
        encoders.check(f"file:{path}")


def test_a_file_without_its_card_names_the_card(tmp_path: Path) -> None:
    path = write(tmp_path, ARCHITECTURES["resnet"])
    path.with_suffix(".json").unlink()
    with pytest.raises(UserError, match=r"there is no .*small\.json"):
        encoders.load(f"file:{path}")


# --- real weights ----------------------------------------------------------------------------------------------------


def conv4_by_hand(state: State, x: Tensor) -> Tensor:
    for i in range(4):
        at = f"blocks.{i}."
        x = F.conv2d(x, state[at + "conv.weight"], state[at + "conv.bias"], padding=1)
        statistics = state[at + "bn.running_mean"], state[at + "bn.running_var"]
        x = F.max_pool2d(F.batch_norm(x, *statistics, state[at + "bn.weight"], state[at + "bn.bias"]).relu(), 2)
    return x


def test_every_real_conv4_file_loads_strictly_and_as_written(real_root: Path) -> None:
    from safetensors import safe_open

    images, paths = pictures(1, 84), sorted((real_root / "weights" / "conv4").glob("*.safetensors"))
    if not paths:
        pytest.skip("no Conv4 weights")
    for path in paths:
        encoder = encoders.load(f"conv4:{path.stem}")
        with safe_open(path, "pt") as file:
            raw = "raw [0,1] RGB" in file.metadata()["input"]
        assert (encoder.mean == (0.0, 0.0, 0.0)) == raw, path.stem
        with torch.inference_mode():
            expected = conv4_by_hand(load_file(path), encoder.transform(images))
        torch.testing.assert_close(encoder.embed(images), expected.flatten(1), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(encoder.patches(images), expected.permute(0, 2, 3, 1), rtol=1e-3, atol=1e-4)


def test_the_real_vit_tiny_loads_strictly(real_root: Path) -> None:
    if not files.vit_tiny().exists():
        pytest.skip("no ViT-Tiny weights")
    encoder = encoders.load("vit-tiny")
    assert (encoder.size, encoder.dim, encoder.mean, encoder.std) == (224, 192, (0.5,) * 3, (0.5,) * 3)
    assert encoder.layers[-3:] == ("block12", "embed", "patch_mean")
    assert encoder.patches(pictures(1, 64), "block3").shape == (1, 14, 14, 192)


KNN = {"protoclr_miniimagenet_3query_50bs": 0.429, "sup_Conv4_baseline_aug": 0.365}  # one per normalisation


def test_the_real_encoders_have_their_published_nearest_neighbour_accuracy(real_root: Path) -> None:
    """First 25 classes of wnids.txt, 40 training images each, cosine 20-NN, T = 0.07; nothing but the loader is ours."""
    archive = real_root / "tiny-imagenet-200-subset.zip"
    if not archive.exists():
        pytest.skip("no Tiny-ImageNet")
    train, train_labels, test, test_labels = tiny_imagenet(archive)
    for name, published in KNN.items():
        encoder = encoders.load(f"conv4:{name}")
        x, y = F.normalize(encoder.embed(train)), F.normalize(encoder.embed(test))
        similarity, index = (y @ x.T).topk(20)
        votes = torch.zeros(len(y), 25).scatter_add_(1, train_labels[index], (similarity / 0.07).exp())
        assert (votes.argmax(1) == test_labels).double().mean().item() == pytest.approx(published, abs=0.0011), name


def tiny_imagenet(archive: Path, classes: int = 25, each: int = 40) -> tuple[np.ndarray, Tensor, np.ndarray, Tensor]:
    import io
    import zipfile

    from PIL import Image

    root = "tiny-imagenet-200"
    with zipfile.ZipFile(archive) as z:
        read = lambda names: np.stack([np.asarray(Image.open(io.BytesIO(z.read(n))).convert("RGB")) for n in names])  # noqa: E731
        wnids = z.read(f"{root}/wnids.txt").decode().split()[:classes]
        train = [f"{root}/train/{w}/images/{w}_{i}.JPEG" for w in wnids for i in range(500)]
        present = set(z.namelist())
        train = [name for w in wnids for name in [n for n in train if f"/{w}_" in n and n in present][:each]]
        rows = [line.split("\t")[:2] for line in z.read(f"{root}/val/val_annotations.txt").decode().splitlines()]
        test = [(f"{root}/val/images/{file}", wnids.index(w)) for file, w in rows if w in wnids]
        test = [(file, label) for file, label in test if file in present]
        labels = torch.arange(classes).repeat_interleave(each)
        return read(train), labels, read([f for f, _ in test]), torch.tensor([label for _, label in test])
