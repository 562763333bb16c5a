"""The parameters of each study: types, ranges, defaults, meaning."""

from typing import Annotated, Literal

from pydantic import Field

from analysis.params.base import Names, Pixels, Share, StudyParams


class MaskingCka(StudyParams):
    """Does removing foreground, background or centre change a representation?"""

    encoders: Names = Field(description="encoders to compare")
    datasets: Names = Field(description="data sets; those with foreground masks get every variant, the others occlusion only")
    n: int = Field(400, ge=8, le=1_000_000, description="images per data set (all, if it has fewer)")
    fills: Annotated[tuple[Literal["mean", "black", "blur"], ...], Field(min_length=1)] = Field(
        ("mean", "black", "blur"), description="what is painted over removed pixels; the first is the headline"
    )
    fractions: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.25, 0.5, 0.75), description="sides of the occluding square, as shares of the image side"
    )
    min_coverage: Share = Field(0.01, description="images whose foreground covers less are dropped, everywhere")
    max_coverage: Share = Field(0.99, description="images whose foreground covers more are dropped, everywhere")
    by_layer: bool = Field(True, description="also compare the representations layer by layer")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    n_permutations: int = Field(200, ge=20, le=100_000, description="row permutations of each null")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")


class QScore(StudyParams):
    """Do discriminative features and Q-Score say which images a probe will get right?"""

    encoders: Names = Field(description="encoders to read; claims speak of the self-supervised ones without signs")
    dataset: str = Field("scenes:objects", description="images: D and probes from its training half, verdicts from the other")
    masked: str = Field("", description="data set with masks on which maps of features are judged; empty: none")
    n_train: int = Field(4000, ge=50, le=2_000_000, description="training images")
    n_test: int = Field(2000, ge=20, le=1_000_000, description="images to judge by")
    n_maps: int = Field(200, ge=4, le=100_000, description="images of `masked`")
    eps: float = Field(4.0, ge=0, le=100, description="standard deviations above the mean that make a feature highly active")
    low: float = Field(50.0, ge=0, lt=100, description="lower percentile of discriminative features")
    high: float = Field(95.0, gt=0, le=100, description="upper percentile of discriminative features")
    least_coverage: float = Field(
        0.9, ge=0, le=1, description="share of training images that must have a Q: eps is lowered until they do; 0 keeps eps"
    )
    kept: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.6, 0.45, 0.2), description="shares of the features that compressed representations keep"
    )
    random_draws: int = Field(4, ge=1, le=100, description="random sets of features per share")
    ladder: tuple[str, ...] = Field((), description="further encoders, in which mean Q is held against the probe only")
    retrain: bool = Field(False, description="train encoders further with the regulariser; else data/tuning is read")
    methods: Names = Field(("simclr", "vicreg", "barlow-twins"), description="methods of the zoo that are trained further")
    seeds: int = Field(3, ge=2, le=100, description="trainings of each method and arm")
    epochs: int = Field(2, ge=1, le=1000, description="passes over 10,000 images in each of these trainings")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")

    @property
    def datasets(self) -> tuple[str, ...]:
        """Both data sets, as a run is checked and fingerprinted by them."""
        return tuple(dict.fromkeys(name for name in (self.dataset, self.masked) if name))

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the ladder, and the stored trainings where none are made."""
        names = tuple(dict.fromkeys((*self.encoders, *self.ladder)))
        return {**super().reads, "encoders": names, "files": () if self.retrain else ("tuning/qscore.json",)}


class ModelZoo(StudyParams):
    """What are the small encoders worth that the studies use?"""

    encoders: Names = Field(description="encoders with a card: `zoo:` and `file:`; with a trained one, its untrained twin")
    dataset: Literal["scenes:objects", "tiny-imagenet"] = Field(
        "scenes:objects", description="where encoders are probed; those trained elsewhere are shown by their cards"
    )
    n_train: int = Field(4000, ge=50, le=100_000, description="images on which probes are fitted")
    n_test: int = Field(2000, ge=20, le=10_000, description="other images, on which they are scored")
    n_bootstrap: int = Field(10_000, ge=100, le=1_000_000, description="bootstrap draws of the gains over untrained twins")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The one data set, as a run is checked and fingerprinted by them."""
        return (self.dataset,)


class World(StudyParams):
    """Is the controlled world fit to measure with?"""

    encoders: Names = Field(description="encoders that read the world, beside the pixels themselves")
    n_train: int = Field(4000, ge=50, le=100_000, description="images of each kind on which probes are fitted")
    n_test: int = Field(2000, ge=20, le=10_000, description="other images, on which they are scored")
    size: int = Field(64, ge=16, le=512, multiple_of=4, description="side of the images, px")
    n_permutations: int = Field(1000, ge=20, le=100_000, description="permutations of the classes in the null of confusions")


class LocalVit(StudyParams):
    """What do patch tokens of self-supervised transformers know without tuning?"""

    encoders: Names = Field(description="encoders to compare: vision transformers, or others by their final maps")
    datasets: Names = Field(description="data sets; each is used for everything it has the ground truth of")
    grid: int = Field(8, ge=2, le=64, description="patches per side of a tile: encoders with other patches get larger inputs")
    n_bank: int = Field(36, ge=4, le=100_000, description="labelled images of few-shot segmentation")
    n_test: int = Field(40, ge=4, le=100_000, description="images to be segmented")
    n_views: int = Field(40, ge=4, le=100_000, description="images in which the same patch or object is looked for")
    n_videos: int = Field(12, ge=2, le=10_000, description="videos in which objects are followed")
    n_frames: int = Field(16, ge=9, le=10_000, description="frames of each video (all, if it has fewer)")
    removed: Share = Field(0.26, description="share of dimensions that are removed where nothing else is said")
    shares: Annotated[tuple[Share, ...], Field(min_length=1)] = Field(
        (0.013, 0.065, 0.13, 0.26, 0.52, 0.78), description="shares of dimensions removed, in the curves"
    )
    by_layer: bool = Field(True, description="also compare patches after every block")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")


class BagSSL(StudyParams):
    """Is the embedding of an image a bag of the embeddings of its patches?"""

    encoders: Names = Field(description="encoders to read; those trained on patches of one size with their multi-scale twins")
    followed: tuple[str, ...] = Field((), description="encoders, of these, that get the curves over patch size and number")
    dataset: str = Field("scenes:objects", description="images: probes from its training half, everything else from the other")
    n_train: int = Field(800, ge=50, le=2_000_000, description="training images")
    n_test: int = Field(800, ge=20, le=1_000_000, description="images to judge by")
    n_local: int = Field(400, ge=8, le=100_000, description="of these, those whose single patches are compared")
    n_counts: int = Field(200, ge=8, le=100_000, description="of these, those with a regular grid and with `most` patches")
    side: int = Field(32, ge=2, le=1024, description="side of a patch, px, where nothing else is said")
    small: int = Field(16, ge=2, le=1024, description="side of a small patch, px")
    large: int = Field(48, ge=2, le=1024, description="side of a large patch, px")
    sides: Annotated[tuple[Pixels, ...], Field(min_length=1)] = Field(
        (4, 8, 16, 48), description="further sides of patches, px, in the curves"
    )
    n_patches: int = Field(8, ge=2, le=4096, description="patches of each image in a mean")
    most: int = Field(256, ge=2, le=4096, description="patches of each image at the end of the curves")
    retrain: bool = Field(
        False, description="train VICReg and SimCLR, on patches and on crops, with further seeds; else data/tuning"
    )
    seeds: int = Field(3, ge=2, le=100, description="trainings of each, the zoo's own among them")
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The one data set, as a run is checked and fingerprinted by them."""
        return (self.dataset,)

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the stored trainings, which are about Scenes, where none are made."""
        stored = self.dataset == "scenes:objects" and not self.retrain
        return {**super().reads, "files": ("tuning/bagssl.json",) if stored else ()}


class Rcdm(StudyParams):
    """What does a representation keep of an image?"""

    decoder: str = Field("scenes", pattern=r"^[a-z0-9-]+$", description="decoder that draws: a name in data/decoders")
    alone: tuple[str, ...] = Field((), description="decoders of one representation each, that draw the same beside it")
    histories: tuple[str, ...] = Field((), description="more such decoders, of which the training is shown and no sample")
    encoders: Names = Field(description="encoders whose representations are drawn; the decoder must know them")
    judge: str = Field("zoo:moco", description="encoder held out: samples are compared and read in its features only")
    dataset: str = Field("scenes:objects", description="images that are represented")
    unfamiliar: tuple[str, ...] = Field((), description="data sets unlike those the decoder was trained on")
    n_bank: int = Field(2000, ge=64, le=1_000_000, description="images among which the represented one is looked for")
    n_train: int = Field(2000, ge=100, le=1_000_000, description="images on which the readers of factors are fitted")
    n_images: int = Field(96, ge=8, le=50_000, description="images that are represented and drawn, of the bank")
    n_again: int = Field(32, ge=2, le=50_000, description="of them, how many are drawn from a second noise")
    n_changed: int = Field(12, ge=2, le=50_000, description="of them, how many are drawn after each change of the image")
    n_unfamiliar: int = Field(16, ge=2, le=50_000, description="images of each unfamiliar data set that are drawn")
    n_attacked: int = Field(40, ge=2, le=50_000, description="images that are attacked")
    n_shown: int = Field(12, ge=2, le=50_000, description="of them, how many are drawn after each attack")
    n_edited: int = Field(24, ge=2, le=50_000, description="pairs of images between which representations are edited and mixed")
    n_timed: int = Field(24, ge=2, le=50_000, description="images drawn by every sampler of the comparison")
    eps: Annotated[tuple[float, ...], Field(min_length=1)] = Field(
        (1.0, 2.0, 4.0, 8.0), description="greatest change of a pixel in attacks, of 255"
    )
    sampler: Literal["heun", "dpm"] = Field("dpm", description="deterministic solver that draws every sample")
    steps: int = Field(12, ge=2, le=1000, description="its steps")
    ancestral: Annotated[tuple[int, ...], Field(min_length=1)] = Field(
        (100, 250), description="steps of ancestral sampling that it is compared with"
    )
    n_bootstrap: int = Field(1000, ge=50, le=100_000, description="bootstrap draws of each interval")
    level: Annotated[float, Field(ge=0.5, lt=1)] = Field(0.95, description="level of the intervals")

    @property
    def datasets(self) -> tuple[str, ...]:
        """All data sets, as a run is checked and fingerprinted by them."""
        return tuple(dict.fromkeys((self.dataset, *self.unfamiliar)))

    @property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Also the encoder that judges, and the decoder."""
        names = tuple(dict.fromkeys((*self.encoders, self.judge)))
        files = tuple(f"decoders/{name}.{kind}" for name in (self.decoder, *self.alone) for kind in ("safetensors", "json"))
        cards = tuple(f"decoders/{name}.json" for name in self.histories)
        return {**super().reads, "encoders": names, "files": (*files, *cards)}
