"""Mirror images."""

from edgesim.learn.augment.base import Augment, Pipeline
from edgesim.learn.data.base import View
from edgesim.learn.pipeline import Plain


class Flip(Augment):
    """Each picture is mirrored left to right with probability 1/2."""

    def pipeline(self, view: View) -> Pipeline:
        return Plain(view, flip=True)
