"""What a data set is: facts known without decoding it, and two sets of labelled pictures."""

from abc import ABC, abstractmethod
from typing import NamedTuple

from edgesim.learn.pictures import ImageSet

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # the usual constants, e.g. timm.data.IMAGENET_DEFAULT_MEAN
IMAGENET_STD = (0.229, 0.224, 0.225)


class Facts(NamedTuple):
    """What is known about a data set without decoding it.

    train, test  pictures in each part
    classes      number of classes
    channels     1 or 3
    image_size   side of a stored picture [pixels]; the longest one where sizes differ
    mean, std    per channel, of pixel values scaled to [0, 1]
    names        name of each class
    """

    train: int
    test: int
    classes: int
    channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    names: tuple[str, ...]


class View(NamedTuple):
    """How a model wants to see the pictures.

    image_size  side [pixels]
    channels    1 or 3
    classes     number of classes
    mean, std   per channel, what the pixel values (in [0, 1]) are normalised with
    """

    image_size: int
    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Data(ABC):
    """A data set. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML.

    Everything is a function of the parameters alone: the run's seed changes neither pictures nor their split.
    """

    @abstractmethod
    def facts(self) -> Facts:
        """Cheap facts. Raises NotFoundError where they can only come from files that are not there."""

    @abstractmethod
    def train(self) -> ImageSet:
        """The training part. Raises NotFoundError if it is not there."""

    @abstractmethod
    def test(self) -> ImageSet:
        """The test part. Raises NotFoundError if it is not there."""
