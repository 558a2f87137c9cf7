"""The DeiT recipe."""

from typing import Annotated, Any, ClassVar

import torch
from PIL import Image
from timm.data import auto_augment
from timm.data.mixup import Mixup
from timm.data.transforms_factory import create_transform
from torch import Tensor

from edgesim.errors import RunError
from edgesim.learn.augment.base import Augment, Pipeline
from edgesim.learn.data.base import View
from edgesim.learn.pictures import ImageSet, Indices
from edgesim.learn.randomness import borrowed_generators


class Deit(Augment):
    """DeiT's recipe by timm: random crops, RandAugment, random erasing, Mixup, CutMix, smoothed labels.

    Labels become rows of probabilities, which cost 32 bits a class on the wire. Needs an even batch size.
    Source: H. Touvron et al., Training data-efficient image transformers, ICML 2021, table 9.

    rand_augment     timm's name of the RandAugment policy
    random_erasing   probability that a rectangle of a picture is replaced by noise
    mixup            alpha of Mixup
    cutmix           alpha of CutMix
    label_smoothing  probability given to all classes alike
    """

    soft_labels: ClassVar[bool] = True

    def __init__(
        self,
        *,
        rand_augment: str = "rand-m9-mstd0.5-inc1",
        random_erasing: Annotated[float, "[0, 1]"] = 0.25,
        mixup: Annotated[float, "[0, inf)"] = 0.8,
        cutmix: Annotated[float, "[0, inf)"] = 1.0,
        label_smoothing: Annotated[float, "[0, 1]"] = 0.1,
    ) -> None:
        for name, value in (("random_erasing", random_erasing), ("label_smoothing", label_smoothing)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        if mixup < 0.0 or cutmix < 0.0 or mixup + cutmix == 0.0:
            raise ValueError(f"mixup and cutmix must be >= 0 and not both 0, got {mixup} and {cutmix}")
        self._rand_augment, self._random_erasing = rand_augment, random_erasing
        self._mixing = {"mixup_alpha": mixup, "cutmix_alpha": cutmix, "label_smoothing": label_smoothing}

    def pipeline(self, view: View) -> Pipeline:
        return _Recipe(view, self._rand_augment, self._random_erasing, self._mixing)


class _Recipe:
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
