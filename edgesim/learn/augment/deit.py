"""The DeiT recipe."""

from typing import Annotated, ClassVar

from edgesim.learn.augment.base import Augment, Pipeline
from edgesim.learn.data.base import View


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
        from edgesim.learn.deit_recipe import Recipe  # by timm, which nobody needs who does not train

        return Recipe(view, self._rand_augment, self._random_erasing, self._mixing)
