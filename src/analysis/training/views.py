"""Random views of a batch, drawn on its own device from an explicit generator.

Everything is batched: a crop with its mirroring is one affine map of the plane, a colour jitter with its greyscale one
affine map of colour space, per image; blur is one separable filter whose weights differ per image.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from analysis.errors import UserError

GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601 luma
# RGB -> YIQ: turning the IQ plane turns the hue and keeps the luma
YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


@dataclass(frozen=True)
class Views:
    """How views are drawn; `IDENTITY` changes nothing.

    Attributes:
        area: least and greatest share of the image's area in a crop.
        aspect: greatest ratio of the sides of a crop; its logarithm is uniform.
        flip: probability of a mirror image.
        jitter: greatest change of brightness, contrast and saturation (factors in 1 +- jitter), with probability 0.8.
        hue: greatest turn of the hue, in turns (0.5 reaches every hue), with the same probability. SimCLR's strengths are
            0.8 and 0.2 (Chen et al. 2020, appendix A).
        grey: probability of a greyscale view.
        blur: probability of a Gaussian blur, and its greatest standard deviation in px.
        disjoint: whether the views of an image share no pixel; they must then be squares of one size.

    Raises:
        UserError: views to be disjoint that are not squares of one size.
    """

    area: tuple[float, float] = (0.4, 1.0)
    aspect: float = 4 / 3
    flip: float = 0.5
    jitter: float = 0.8
    hue: float = 0.2
    grey: float = 0.2
    blur: tuple[float, float] = (0.3, 1.0)
    disjoint: bool = False

    def __post_init__(self) -> None:
        if self.disjoint and (self.area[0] != self.area[1] or self.aspect != 1):
            raise UserError(f"disjoint views must be squares of one size: area {self.area}, aspect {self.aspect:g} are not")

    def __call__(self, images: Tensor, size: int, generator: Generator, place: Tensor | None = None) -> Tensor:
        """One view per image: (n, 3, h, h) float in [0, 1] -> (n, 3, size, size) in [0, 1]; see `crop` for `place`."""
        views = crop(images, size, self.area, self.aspect, self.flip, generator, place)
        views = jitter(views, self.jitter, self.hue, self.grey, generator)
        return blur(views, *self.blur, generator).clamp(0, 1)


IDENTITY = Views(area=(1.0, 1.0), aspect=1.0, flip=0.0, jitter=0.0, hue=0.0, grey=0.0, blur=(0.0, 0.0))


def crop(
    images: Tensor,
    size: int,
    area: tuple[float, float],
    aspect: float,
    flip: float,
    generator: Generator,
    place: Tensor | None = None,
) -> Tensor:
    """A random resized crop (Szegedy et al. 2015), mirrored with probability `flip`, sampled bilinearly.

    Where the crop is larger than the view the image is first averaged down, so that fine texture does not alias. The centre
    is drawn so that the crop lies within the image, or given as `place` (n, 2): x and y, -1 and 1 at the image's edges.
    """
    share = _between(images, *area, generator)
    ratio = _between(images, -1, 1, generator).mul(torch.tensor(aspect).log().item()).exp()
    width, height = (share * ratio).sqrt().clamp(max=1), (share / ratio).sqrt().clamp(max=1)
    if place is None:
        place = torch.stack([_between(images, -1, 1, generator) * (1 - side) for side in (width, height)], 1)
    x, y = place.unbind(1)
    mirrored = 1 - 2 * (_between(images, 0, 1, generator) < flip).to(images.dtype)
    zero = torch.zeros_like(x)
    plane = torch.stack([torch.stack([width * mirrored, zero, x], 1), torch.stack([zero, height, y], 1)], 1)
    if images.shape[-1] >= 2 * size:
        images = F.avg_pool2d(images, images.shape[-1] // size)
    grid = F.affine_grid(plane, [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def apart(n: int, views: int, side: float, generator: Generator) -> Tensor:
    """Centres (n, views, 2), as `crop` takes them, of squares that share no pixel; `side` is a share of the image's.

    The image is cut into one strip per view, across or along at random; in its strip a square lies anywhere. Strips and the
    gaps between them are uniform among all that fit, and so is the order of the views.

    Raises:
        UserError: so many squares do not fit side by side.
    """
    if views * side > 1:
        raise UserError(f"{views} disjoint views of {side:.0%} of an image's side do not fit: at most {int(1 / side)} do")

    def drawn(*shape: int) -> Tensor:
        """Numbers even in [0, 1)."""
        return torch.rand(*shape, generator=generator, device=generator.device)

    strips = torch.arange(views, device=generator.device) * side
    along = drawn(n, views).sort(1).values * (1 - views * side) + strips
    order = drawn(n, views).argsort(1)
    corners = torch.stack([along.gather(1, order), drawn(n, views) * (1 - side)], 2)
    return 2 * torch.where(drawn(n, 1, 1) < 0.5, corners, corners.flip(2)) + side - 1


def jitter(images: Tensor, strength: float, hue: float, grey: float, generator: Generator) -> Tensor:
    """Brightness, contrast, saturation and hue changed at random, and greyscale with probability `grey`.

    All are affine in colour: one (3, 3) matrix and offset per image. Unlike torchvision the order is fixed, and
    values are clipped once, at the end.
    """
    on = (_between(images, 0, 1, generator) < 0.8).to(images.dtype)
    bright, contrast, saturation = (1 + on * strength * _between(images, -1, 1, generator) for _ in range(3))
    angle = on * hue * _between(images, -1, 1, generator) * (2 * torch.pi)
    saturation = saturation * (_between(images, 0, 1, generator) >= grey)
    yiq, luma = images.new_tensor(YIQ), images.new_tensor(GREY)
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    turn = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(-1, 3, 3)
    s = saturation.view(-1, 1, 1)
    matrix = (s * torch.eye(3).to(images) + (1 - s) * luma.expand(3, 3)) @ (torch.linalg.inv(yiq) @ turn @ yiq)
    mean = torch.einsum("nchw,c->n", images, luma) / images[0, 0].numel()  # of the luma: the matrix keeps it
    colours = torch.baddbmm(
        (bright * (1 - contrast) * mean).view(-1, 1, 1), (bright * contrast).view(-1, 1, 1) * matrix, images.flatten(2)
    )
    return colours.view_as(images)


def blur(images: Tensor, probability: float, sigma: float, generator: Generator) -> Tensor:
    """A Gaussian of five taps per axis with a standard deviation of up to `sigma` px, for a share of the images."""
    on = _between(images, 0, 1, generator) < probability
    sigmas = _between(images, 0.1, max(sigma, 0.1), generator)
    rows = on.nonzero()[:, 0]
    if len(rows) == 0:
        return images
    taps = torch.exp(-(torch.arange(-2, 3).to(images) ** 2) / (2 * sigmas[rows, None] ** 2))
    taps = taps / taps.sum(1, keepdim=True)
    part = images[rows].transpose(0, 1)  # (3, m, h, w): one kernel per image
    for axis in ((5, 1), (1, 5)):
        padding = (axis[1] // 2, axis[1] // 2, axis[0] // 2, axis[0] // 2)
        part = F.conv2d(F.pad(part, padding, mode="replicate"), taps.view(-1, 1, *axis), groups=len(rows))
    return images.index_copy(0, rows, part.transpose(0, 1))


def _between(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    return low + (high - low) * torch.rand(len(images), generator=generator, device=images.device, dtype=images.dtype)
