"""Small worlds to learn in, and real pictures in the layouts that people have them in."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

Strip = Callable[[str, int], NDArray[np.uint8]]


@pytest.fixture(scope="session")
def strip(shared_data: Path) -> Strip:
    """Real CIFAR-100: (part, class number) -> its pictures [N, 32, 32, 3]; stored as one tall picture a class."""
    folder = shared_data / "cifar100"
    if not folder.is_dir():
        pytest.skip(f"no CIFAR-100 at {folder}: set EDGESIM_SHARED_DATA to a folder with cifar100/train/NN.webp")

    def read(part: str, number: int) -> NDArray[np.uint8]:
        with Image.open(folder / part / f"{number:02d}.webp") as tall:
            return np.asarray(tall.convert("RGB")).reshape(-1, 32, 32, 3)

    return read


@pytest.fixture(scope="session")
def cifar_tree(strip: Strip, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A few classes of CIFAR-100 as folders of PNG files: (class numbers, pictures a class) -> root of an ImageFolder tree."""
    names: list[str] = json.loads((shared_data / "cifar100" / "labels.json").read_text())["fine"]

    def write(classes: Sequence[int], *, train: int, test: int) -> Path:
        root = tmp_path_factory.mktemp("cifar")
        for part, count in (("train", train), ("test", test)):
            for number in classes:
                folder = root / part / names[number]
                folder.mkdir(parents=True)
                for place, pixels in enumerate(strip(part, number)[:count]):
                    Image.fromarray(pixels).save(folder / f"{place:03d}.png")
        return root

    return write


@pytest.fixture(scope="session")
def deit_weights(shared_data: Path) -> Path:
    """Published weights of DeiT-T, stored as 16-bit floats."""
    file = shared_data / "models" / "deit_tiny_patch16_224.fp16.safetensors"
    if not file.is_file():
        pytest.skip(f"no DeiT-T weights at {file}: set EDGESIM_SHARED_DATA to a folder with models/{file.name}")
    return file
