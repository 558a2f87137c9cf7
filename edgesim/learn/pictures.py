"""Sets of labelled pictures, in memory or in files, read one by one or a batch at a time."""

import os
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from edgesim.errors import NotFoundError
from edgesim.learn.ahead import moved

Indices = NDArray[np.int64]
MOST_PIXELS = 50_000_000  # of a picture; a file of a few bytes may claim any number
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")  # whatever a file is called: PostScript is a program, for one
BROKEN = (OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, struct.error, zlib.error)


class ImageSet(Dataset[tuple[Image.Image, int]], ABC):
    """Pictures with class numbers; `labels` [N] int64 is known without decoding a picture."""

    labels: Indices
    accelerator: str  # the host's torch device that pixels are delivered on

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return self.pictures([index])[0], int(self.labels[index])

    @abstractmethod
    def pictures(self, rows: Sequence[int] | Indices) -> list[Image.Image]:
        """The pictures of these rows as they are stored, in the order asked for."""

    @abstractmethod
    def pixels(self, rows: Indices, size: int) -> Tensor:
        """The pictures of these rows, resized to size x size: [B, C, size, size] uint8 on the accelerator."""

    def targets(self, rows: Indices) -> Tensor:
        """Class numbers of these rows, [B] int64."""
        return torch.from_numpy(self.labels[rows])

    @abstractmethod
    def to(self, accelerator: str) -> "ImageSet":
        """The same set, delivering pixels on this torch device of the host (and held there, if held in memory)."""


class ArrayImages(ImageSet):
    """Pictures held in memory, as bytes: a copy is on the accelerator from when pixels are first asked for there.

    images  [N, C, H, W] uint8 on the CPU, C = 1 or 3
    labels  [N] class numbers
    """

    def __init__(self, images: Tensor, labels: Indices, accelerator: str = "cpu") -> None:
        if images.dtype != torch.uint8 or images.ndim != 4 or len(images) != len(labels):
            got = f"{images.dtype} {tuple(images.shape)}"
            raise ValueError(f"images must be uint8 [N, C, H, W] with N = {len(labels)}, got {got}")
        self.images = images
        self.labels = np.asarray(labels, dtype=np.int64)
        self.accelerator = accelerator

    def pictures(self, rows: Sequence[int] | Indices) -> list[Image.Image]:
        channels_last = self.images[torch.as_tensor(rows)].permute(0, 2, 3, 1).numpy()  # [B, H, W, C]
        return [Image.fromarray(picture.squeeze(-1) if picture.shape[-1] == 1 else picture) for picture in channels_last]

    def pixels(self, rows: Indices, size: int) -> Tensor:
        return fit(self._near[moved(torch.from_numpy(rows), self.accelerator)], size)

    @cached_property
    def _near(self) -> Tensor:
        return self.images.to(self.accelerator)

    def to(self, accelerator: str) -> "ArrayImages":
        return ArrayImages(self.images, self.labels, accelerator)


class FileImages(ImageSet):
    """Pictures in files, decoded when asked for by a few threads (in order, so nothing depends on their timing).

    paths   N files
    labels  [N] class numbers
    """

    def __init__(self, paths: Sequence[Path], labels: Indices, accelerator: str = "cpu") -> None:
        self.paths = list(paths)
        self.labels = np.asarray(labels, dtype=np.int64)
        self.accelerator = accelerator

    def pictures(self, rows: Sequence[int] | Indices) -> list[Image.Image]:
        with ThreadPoolExecutor(_threads(len(rows))) as pool:
            return list(pool.map(self._decode, rows))

    def pixels(self, rows: Indices, size: int) -> Tensor:
        def prepared(row: int) -> Tensor:
            return in_channels(scaled(self._decode(row), size))

        with ThreadPoolExecutor(_threads(len(rows))) as pool:
            return moved(torch.stack(list(pool.map(prepared, rows))), self.accelerator)

    def to(self, accelerator: str) -> "FileImages":
        return FileImages(self.paths, self.labels, accelerator)

    def _decode(self, row: int) -> Image.Image:
        with opened(self.paths[row]) as picture:
            try:
                return picture.convert("RGB")
            except BROKEN as error:
                raise _unreadable(self.paths[row], error) from error


def opened(path: Path) -> Image.Image:
    """A picture, not decoded yet. Raises NotFoundError for what is none, or unpacks to more than `MOST_PIXELS`."""
    if not path.is_file():
        raise _unreadable(path, FileNotFoundError("not a regular file"))
    try:
        picture = Image.open(path, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(path) from error
    except BROKEN as error:
        raise _unreadable(path, error) from error
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise _too_large(path)
    return picture


def _unreadable(path: Path, error: Exception) -> NotFoundError:
    return NotFoundError(f"{path} is not a picture that can be read ({error}); replace or remove it")


def _too_large(path: Path) -> NotFoundError:
    return NotFoundError(f"{path} has more than {MOST_PIXELS} pixels and would fill the memory; replace, shrink or remove it")


def in_channels(picture: Image.Image) -> Tensor:
    """A decoded picture as [C, H, W] uint8."""
    return torch.from_numpy(np.array(picture)).view(picture.height, picture.width, -1).permute(2, 0, 1)


def scaled(picture: Image.Image, size: int) -> Image.Image:
    """A picture resized to size x size without cropping (bilinear, antialiased)."""
    return picture if picture.size == (size, size) else picture.resize((size, size), Image.Resampling.BILINEAR)


def fit(images: Tensor, size: int) -> Tensor:
    """[B, C, H, W] uint8 -> [B, C, size, size] uint8, the batched counterpart of `scaled`."""
    if images.shape[-2:] == (size, size):
        return images
    from torchvision.transforms.functional import InterpolationMode, resize  # not where nobody looks at a picture

    resized: Tensor = resize(images, [size, size], InterpolationMode.BILINEAR, antialias=True)
    return resized


def _threads(pictures: int) -> int:
    return max(1, min(8, os.cpu_count() or 1, pictures))
