"""Food-101."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from edgesim.errors import NotFoundError
from edgesim.learn.data.base import IMAGENET_MEAN, IMAGENET_STD, Data, Facts
from edgesim.learn.pictures import FileImages

FOLDER = "food-101"  # the top folder of the official archive


class Food101(Data):
    """Food-101: 75 750 + 25 250 colour photographs (longest side 512 pixels) in 101 classes, from a local copy.

    Normalised with ImageNet's mean and deviation.
    Source: L. Bossard, M. Guillaumin, L. Van Gool, Food-101: Mining Discriminative Components with Random Forests, ECCV 2014.

    root      the folder that holds food-101
    download  fetch the archive (5 GB) into `root` if it is not there
    """

    def __init__(self, *, root: str = "data", download: bool = False) -> None:
        self._root = Path(root).expanduser()
        self._download = download

    def facts(self) -> Facts:
        names = json.loads(files("edgesim.learn.data").joinpath("class_names.json").read_text())["food101"]
        return Facts(75_750, 25_250, 101, 3, 512, IMAGENET_MEAN, IMAGENET_STD, tuple(names))

    def train(self) -> FileImages:
        return self._part("train")

    def test(self) -> FileImages:
        return self._part("test")

    def _part(self, part: str) -> FileImages:
        """The official list of a part: class name -> [class/number, ...]."""
        from torchvision.datasets import Food101 as Archive  # the facts need nothing of it

        try:
            Archive(str(self._root), split=part, download=self._download)
            listed: dict[str, list[str]] = json.loads((self._root / FOLDER / "meta" / f"{part}.json").read_text())
        except (RuntimeError, OSError, ValueError) as error:
            raise NotFoundError(
                f"data.root: no Food-101 at {self._root / FOLDER}; unpack food-101.tar.gz there, set data.root to "
                f"where it is, or set data.download: true"
            ) from error
        names = sorted(listed)
        pairs = [(path, label) for label, name in enumerate(names) for path in listed[name]]
        paths = [self._root / FOLDER / "images" / f"{path}.jpg" for path, _ in pairs]
        return FileImages(paths, np.array([label for _, label in pairs], dtype=np.int64))
