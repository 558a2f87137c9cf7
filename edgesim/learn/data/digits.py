"""The small data set that comes with the package."""

from importlib.resources import files

import numpy as np
import torch

from edgesim.learn.data.base import Data, Facts
from edgesim.learn.pictures import ArrayImages

TRAIN, TEST = 1437, 360
WHITE = 16  # the largest stored value


class Digits(Data):
    """1797 real 8x8 pictures of hand-written digits, bundled: 1437 to train, 360 to test.

    Source: Optical Recognition of Handwritten Digits (test part), E. Alpaydin and C. Kaynak, UCI, 1998, CC BY 4.0; see
    digits.md beside this file. The split is stratified and fixed. Values 0..16 are spread over 0..255.
    """

    def facts(self) -> Facts:
        names = tuple(str(digit) for digit in range(10))
        return Facts(TRAIN, TEST, 10, 1, 8, mean=(0.3054,), std=(0.3757,), names=names)

    def train(self) -> ArrayImages:
        return _part(slice(0, TRAIN))

    def test(self) -> ArrayImages:
        return _part(slice(TRAIN, TRAIN + TEST))


def _part(rows: slice) -> ArrayImages:
    with files("edgesim.learn.data").joinpath("digits.npz").open("rb") as stored, np.load(stored, allow_pickle=False) as arrays:
        ink, labels = arrays["images"][rows], arrays["labels"][rows]
    pixels = np.rint(ink * (255.0 / WHITE)).astype(np.uint8)
    return ArrayImages(torch.from_numpy(pixels)[:, None], labels.astype(np.int64))  # [N, 1, 8, 8]
