"""From stored pictures to normalised tensors, a batch at a time: the parts that augmentations are made of."""

from collections.abc import Callable

import torch
from PIL import Image
from torch import Generator, Tensor

from edgesim.learn.ahead import moved
from edgesim.learn.data.base import View
from edgesim.learn.pictures import ImageSet, Indices, fit, in_channels, scaled
from edgesim.learn.randomness import borrowed_generators


class Plain:
    """Resize, optionally flip left to right with probability 1/2, scale to [0, 1], normalise; on whole batches."""

    def __init__(self, view: View, *, flip: bool = False) -> None:
        self._size = view.image_size
        self._normalise = Normalise(view)
        self._flip = flip

    def __call__(self, images: ImageSet, rows: Indices, seed: int) -> tuple[Tensor, Tensor]:
        pixels = images.pixels(rows, self._size)
        if self._flip:
            pixels = flipped(pixels, seed)
        return self._normalise(pixels), images.targets(rows)


class Varied:
    """A random transform of each stored picture by a function of PIL pictures, then `Plain` with flips.

    The order is: vary, resize, flip, scale, normalise. Resizing of equally large pictures and everything after it runs on
    whole batches.
    """

    def __init__(self, view: View, vary: Callable[[Image.Image], Image.Image]) -> None:
        self._size = view.image_size
        self._vary = vary
        self._normalise = Normalise(view)

    def __call__(self, images: ImageSet, rows: Indices, seed: int) -> tuple[Tensor, Tensor]:
        stored = images.pictures(rows)
        with borrowed_generators(seed):
            varied = [self._vary(picture) for picture in stored]
        pixels = _stack(varied, self._size, images.accelerator)
        return self._normalise(flipped(pixels, seed)), images.targets(rows)


class Normalise:
    """[B, C, S, S] uint8 -> (x / 255 - mean) / std, float32."""

    def __init__(self, view: View) -> None:
        self._scale = torch.tensor([1.0 / (255.0 * std) for std in view.std]).view(-1, 1, 1)  # [C, 1, 1]
        self._shift = torch.tensor([-mean / std for mean, std in zip(view.mean, view.std, strict=True)]).view(-1, 1, 1)

    def __call__(self, pixels: Tensor) -> Tensor:
        scale, shift = moved(self._scale, pixels.device), moved(self._shift, pixels.device)
        return torch.addcmul(shift, pixels.float(), scale)


def flipped(pixels: Tensor, seed: int) -> Tensor:
    """[B, C, H, W], each picture mirrored left to right with probability 1/2."""
    heads = torch.rand(len(pixels), generator=Generator().manual_seed(seed)) < 0.5
    return torch.where(moved(heads.view(-1, 1, 1, 1), pixels.device), pixels.flip(-1), pixels)


def _stack(pictures: list[Image.Image], size: int, accelerator: str) -> Tensor:
    """PIL pictures -> [B, C, size, size] uint8 on the accelerator."""
    if len({picture.size for picture in pictures}) == 1:
        return fit(moved(torch.stack([in_channels(picture) for picture in pictures]), accelerator), size)
    return moved(torch.stack([in_channels(scaled(picture, size)) for picture in pictures]), accelerator)
