"""Twenty classes of CIFAR-100 as folders of PNG files, from the official archive as torchvision keeps it.

python experiments/codecs_cifar100/subset.py --cifar DATA --out cifar20            # add --download to fetch it into DATA

Every fifth class in alphabetical order (apple, bed, ..., whale), and of each the pictures whose pixels have the smallest
SHA-256: drawn blindly, and the same from any copy of the data, whatever its order.
"""

import argparse
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import CIFAR100

EVERY = 5  # of 100 classes


def chosen(pictures: np.ndarray, count: int) -> list[np.ndarray]:
    """`count` of the pictures [N, 32, 32, 3] of one class."""
    return sorted(pictures, key=lambda pixels: sha256(pixels.tobytes()).digest())[:count]


def write(source: CIFAR100, folder: Path, count: int) -> None:
    """folder/<class>/<number>.png."""
    labels = np.array(source.targets)
    for number in range(0, len(source.classes), EVERY):
        here = folder / source.classes[number]
        here.mkdir(parents=True, exist_ok=True)
        for place, pixels in enumerate(chosen(source.data[labels == number], count)):
            Image.fromarray(pixels).save(here / f"{place:03d}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", type=Path, required=True, help="folder that holds cifar-100-python")
    parser.add_argument("--out", type=Path, required=True, help="gets the folders train/<class> and test/<class>")
    parser.add_argument("--train", type=int, default=100, help="training pictures a class, at most 500")
    parser.add_argument("--test", type=int, default=25, help="test pictures a class, at most 100")
    parser.add_argument("--download", action="store_true", help="fetch the archive first")
    given = parser.parse_args()
    for part, count in (("train", given.train), ("test", given.test)):
        write(CIFAR100(str(given.cifar), train=part == "train", download=given.download), given.out / part, count)


if __name__ == "__main__":
    main()
