"""Any pictures of yours, one folder a class."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgesim.errors import NotFoundError
from edgesim.learn.data.base import IMAGENET_MEAN, IMAGENET_STD, Data, Facts
from edgesim.learn.pictures import FileImages, opened

if TYPE_CHECKING:
    from torchvision.datasets import ImageFolder


class Folder(Data):
    """Pictures in folders: root/train/<class>/* and root/test/<class>/* (or root/val/<class>/*).

    Classes are the folder names in alphabetical order, the same in both parts. Pixels are normalised with ImageNet's mean and
    deviation, so that no pass over the files is needed.

    root  the folder that holds `train` and `test`
    """

    def __init__(self, *, root: str) -> None:
        self._root = Path(root).expanduser()

    def facts(self) -> Facts:
        train, test = self._train_files, self._test_files
        if train.classes != test.classes:
            only = sorted(set(train.classes) ^ set(test.classes))
            raise NotFoundError(f"data.root: {self._root}: train and test must hold the same classes, only one has {only}")
        with opened(Path(train.samples[0][0])) as first:
            side = max(first.size)
        names = tuple(train.classes)
        return Facts(len(train), len(test), len(names), 3, side, IMAGENET_MEAN, IMAGENET_STD, names)

    def train(self) -> FileImages:
        return _images(self._train_files)

    def test(self) -> FileImages:
        return _images(self._test_files)

    @cached_property
    def _train_files(self) -> "ImageFolder":
        return self._open("train")

    @cached_property
    def _test_files(self) -> "ImageFolder":
        return self._open("test" if (self._root / "test").is_dir() or not (self._root / "val").is_dir() else "val")

    def _open(self, part: str) -> "ImageFolder":
        from torchvision.datasets import ImageFolder  # what imports it takes longer to load than a light run takes

        _check_links(self._root / part)
        try:
            return ImageFolder(str(self._root / part))
        except FileNotFoundError as error:
            raise NotFoundError(
                f"data.root: no pictures under {self._root / part} ({error.strerror or error}); "
                f"expected {self._root}/train/<class>/*.jpg and {self._root}/test/<class>/*.jpg"
            ) from error


def _check_links(part: Path) -> None:
    """A class may be a link to a folder; links further down could lead in circles, and ImageFolder follows every one."""
    for home in part.glob("*/"):
        for above, folders, _files in os.walk(home):
            for linked in (path for path in (Path(above, name) for name in folders) if path.is_symlink()):
                raise NotFoundError(f"data.root: {linked} is a link to a folder, inside a class; put the folder itself there")


def _images(files: "ImageFolder") -> FileImages:
    return FileImages([Path(path) for path, _ in files.samples], np.array(files.targets, dtype=np.int64))
