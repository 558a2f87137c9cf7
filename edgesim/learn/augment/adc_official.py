"""What the published code of ADC does to training pictures."""

from edgesim.learn.augment.base import Augment, Pipeline
from edgesim.learn.data.base import View
from edgesim.learn.pipeline import Varied


class AdcOfficial(Augment):
    """The ADC code's transform: RandAugment (2 operations, magnitude 9), colour jitter, resize, flip.

    In this order, the first two on the picture at its original size: RandAugment(2, 9), ColorJitter(0.4, 0.4, 0.4, 0), resize
    without cropping, left-right flip with probability 1/2, normalise. Source: compression.md 3.3 (both official repositories).
    """

    def pipeline(self, view: View) -> Pipeline:
        from torchvision.transforms import ColorJitter, Compose, RandAugment  # not where nobody trains

        return Varied(view, Compose([RandAugment(num_ops=2, magnitude=9), ColorJitter(0.4, 0.4, 0.4, 0.0)]))
