"""Pictures made up on the spot, for checks where real ones are absent."""

from typing import Annotated

import numpy as np
import torch

from edgesim.learn.data.base import Data, Facts
from edgesim.learn.pictures import ArrayImages, Indices
from edgesim.rng import seed

GRID = 4  # a class is a pattern of GRID x GRID random grey blocks: coarse enough to survive resizing


class Synthetic(Data):
    """Made-up pictures that can be learnt: each class is a blocky pattern, each picture its class's pattern in noise.

    x = clip(0.5 + 0.2 pattern[class] + 0.15 noise, 0, 1), both standard normal, always from the same seed.

    train       training pictures
    test        test pictures
    classes     number of classes; the labels go round them in turn
    image_size  side [pixels]
    channels    1 (grey) or 3 (colour)
    """

    def __init__(
        self,
        *,
        train: Annotated[int, "[1, inf)"] = 2048,
        test: Annotated[int, "[1, inf)"] = 512,
        classes: Annotated[int, "[2, inf)"] = 10,
        image_size: Annotated[int, "[4, inf)"] = 32,
        channels: Annotated[int, "[1, 3]"] = 3,
    ) -> None:
        least_allowed = (("train", train, 1), ("test", test, 1), ("classes", classes, 2), ("image_size", image_size, GRID))
        for name, value, least in least_allowed:
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels}")
        self._facts = Facts(
            train=train,
            test=test,
            classes=classes,
            channels=channels,
            image_size=image_size,
            mean=(0.5,) * channels,
            std=(0.25,) * channels,  # sqrt(0.2^2 + 0.15^2)
            names=tuple(f"class{number}" for number in range(classes)),
        )

    def facts(self) -> Facts:
        return self._facts

    def train(self) -> ArrayImages:
        return self._part("train", self._facts.train)

    def test(self) -> ArrayImages:
        return self._part("test", self._facts.test)

    def _part(self, part: str, count: int) -> ArrayImages:
        labels = np.arange(count, dtype=np.int64) % self._facts.classes
        patterns = self._patterns()
        noise = np.random.default_rng(seed(0, "synthetic", part))
        pictures = np.stack([_picture(patterns[label], noise) for label in labels])  # [N, C, S, S]
        return ArrayImages(torch.from_numpy(pictures), labels)

    def _patterns(self) -> np.ndarray:
        """[classes, C, S, S] float32."""
        facts = self._facts
        shape = (facts.classes, facts.channels, GRID, GRID)
        coarse = np.random.default_rng(seed(0, "synthetic", "patterns")).standard_normal(shape, dtype=np.float32)
        block: Indices = np.arange(facts.image_size) * GRID // facts.image_size  # the block of each pixel
        return coarse[:, :, block[:, None], block[None, :]]


def _picture(pattern: np.ndarray, noise: np.random.Generator) -> np.ndarray:
    values = 0.5 + 0.2 * pattern + 0.15 * noise.standard_normal(pattern.shape, dtype=np.float32)
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
