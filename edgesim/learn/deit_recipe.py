"""The transforms of the DeiT recipe, by timm."""

from typing import Any

import torch
from PIL import Image
from timm.data import auto_augment
from timm.data.mixup import Mixup
from timm.data.transforms_factory import create_transform
from torch import Tensor

from edgesim.errors import RunError
from edgesim.learn.data.base import View
from edgesim.learn.pictures import ImageSet, Indices
from edgesim.learn.randomness import borrowed_generators


class Recipe:
    """The pipeline of `edgesim.learn.augment.deit`, which see."""

    def __init__(self, view: View, rand_augment: str, random_erasing: float, mixing: dict[str, float]) -> None:
        self._transform = create_transform(
            view.image_size,
            is_training=True,
            auto_augment=rand_augment or None,
            interpolation="bicubic",
            re_prob=random_erasing,
            re_mode="pixel",
            mean=view.mean,
            std=view.std,
        )
        _allow_black(self._transform)
        self._mix = Mixup(num_classes=view.classes, **mixing)  # type: ignore[no-untyped-call]  # timm does not type it

    def __call__(self, images: ImageSet, rows: Indices, seed: int) -> tuple[Tensor, Tensor]:
        if len(rows) % 2:
            raise RunError(f"augment deit mixes pictures in pairs: data.batch_size must be even, got {len(rows)}")
        stored = images.pictures(rows)
        with borrowed_generators(seed):
            pictures = torch.stack([self._transform(picture) for picture in stored])
            mixed: tuple[Tensor, Tensor] = self._mix(pictures, images.targets(rows))
        return mixed


def _allow_black(transform: Any) -> None:
    """Posterising to 0 bits gives black, as Pillow used to; timm asks for it at the highest level, and Pillow 13 raises."""
    for step in transform.transforms:
        if isinstance(step, auto_augment.RandAugment):
            for operation in step.ops:
                if operation.aug_fn is auto_augment.posterize:
                    operation.aug_fn = _posterised


def _posterised(picture: Image.Image, bits: int, **options: Any) -> Image.Image:
    if bits < 1:
        return Image.new(picture.mode, picture.size)
    posterised: Image.Image = auto_augment.posterize(picture, bits, **options)  # type: ignore[no-untyped-call]  # timm's
    return posterised
