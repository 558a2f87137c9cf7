"""CIFAR-100."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from edgesim.errors import NotFoundError
from edgesim.learn.data.base import Data, Facts
from edgesim.learn.pictures import ArrayImages


class Cifar100(Data):
    """CIFAR-100: 50 000 + 10 000 colour pictures of 32x32 pixels in 100 classes, from a local copy.

    The copy is the folder cifar-100-python of the official archive; torchvision checks its MD5 sums before it is opened.
    Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

    root      the folder that holds cifar-100-python
    download  fetch the archive (170 MB) into `root` if it is not there
    """

    def __init__(self, *, root: str = "data", download: bool = False) -> None:
        self._root = Path(root).expanduser()
        self._download = download

    def facts(self) -> Facts:
        names = json.loads(files("edgesim.learn.data").joinpath("class_names.json").read_text())["cifar100"]
        return Facts(50_000, 10_000, 100, 3, 32, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), tuple(names))

    def train(self) -> ArrayImages:
        return self._part(train=True)

    def test(self) -> ArrayImages:
        return self._part(train=False)

    def _part(self, *, train: bool) -> ArrayImages:
        from torchvision.datasets import CIFAR100  # the facts need nothing of it

        try:
            stored = CIFAR100(str(self._root), train=train, download=self._download)
        except (RuntimeError, OSError) as error:
            raise NotFoundError(
                f"data.root: no intact CIFAR-100 at {self._root / CIFAR100.base_folder}; unpack {CIFAR100.filename} there, "
                f"set data.root to where it is, or set data.download: true"
            ) from error
        pixels = torch.from_numpy(stored.data).permute(0, 3, 1, 2).contiguous()  # [N, 3, 32, 32]
        return ArrayImages(pixels, np.array(stored.targets, dtype=np.int64))
