"""What an augmentation does to the pictures of a mini-batch."""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol

from torch import Tensor

from edgesim.learn.data.base import View
from edgesim.learn.pictures import ImageSet, Indices


class Pipeline(Protocol):
    """From rows of a set to what the model takes. A function of its arguments alone."""

    def __call__(self, images: ImageSet, rows: Indices, seed: int) -> tuple[Tensor, Tensor]:
        """[B] rows -> pictures [B, C, S, S] float32, normalised, and labels [B] int64 or [B, classes] float32."""


class Augment(ABC):
    """How training pictures are varied. Abstract: one final subclass a file; keyword-only parameters come from YAML.

    Test pictures are never varied: resize, scale to [0, 1], normalise (compression.md 3.3), see `edgesim.learn.pipeline.Plain`.
    """

    soft_labels: ClassVar[bool] = False  # labels are rows of probabilities, paid for on the wire

    @abstractmethod
    def pipeline(self, view: View) -> Pipeline:
        """The training pipeline for a model that sees pictures as `view` says."""
