"""No augmentation."""

from edgesim.learn.augment.base import Augment, Pipeline
from edgesim.learn.data.base import View
from edgesim.learn.pipeline import Plain


class NoAugment(Augment):
    """Nothing: pictures are resized and normalised, as at test time."""

    def pipeline(self, view: View) -> Pipeline:
        return Plain(view)
