"""What a model is: its geometry, and two parts that meet at the cut."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from edgesim.learn.data.base import Facts, View

if TYPE_CHECKING:
    from edgesim.learn.closed_form import ClosedForm


class Geometry(NamedTuple):
    """The shape of a split model.

    tokens             tokens at the cut, class token included
    width              features of a token
    depth              blocks in all
    heads              attention heads
    prefix_tokens      tokens before the patches: the class token, and registers if any
    image_size         side of the pictures it sees [pixels]
    client_parameters  trainable numbers before the cut
    server_parameters  trainable numbers after the cut
    """

    tokens: int
    width: int
    depth: int
    heads: int
    prefix_tokens: int
    image_size: int
    client_parameters: int
    server_parameters: int


class ClientPart(nn.Module, ABC):
    """The layers before the cut."""

    @property
    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The blocks before the cut, in the order of the signal; each gives one tensor."""

    @property
    @abstractmethod
    def with_attention(self) -> bool:
        """Whether `forward` gives the class token's attention as well; off until set."""

    @with_attention.setter
    @abstractmethod
    def with_attention(self, wanted: bool) -> None:
        """Raises RunError if the last block before the cut has no attention of a known kind."""

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """[B, C, S, S] -> activations [B, n, d] float32, and attention [B, n] float32 (detached) or None."""


class ServerPart(nn.Module, ABC):
    """The layers after the cut."""

    @property
    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """The blocks after the cut, in the order of the signal; each gives one tensor."""

    @property
    @abstractmethod
    def head(self) -> nn.Module:
        """The last layer: features [T, d] -> logits [T, classes]."""

    @abstractmethod
    def features(self, tokens: Tensor) -> Tensor:
        """[T, k, d] with the class token first, any k >= 1 -> what the head takes, [T, d] float32.

        Raises RunError where a model that pools over patches gets none.
        """

    @abstractmethod
    def forward(self, tokens: Tensor) -> Tensor:
        """[T, k, d] -> logits [T, classes] float32: the head after `features`."""


class Model(ABC):
    """A model that can be cut. Abstract: subclass it, one final subclass a file; keyword-only parameters come from YAML."""

    @abstractmethod
    def view(self, facts: Facts) -> View:
        """How this model wants to see the pictures of such data."""

    @abstractmethod
    def geometry(self, facts: Facts) -> Geometry:
        """The shape for such data. No weights are loaded. Raises ValueError for an impossible cut or model."""

    def closed_form(self, facts: Facts) -> "ClosedForm | None":
        """What it holds and computes, by formula; None where it must be counted. Raises ValueError for an impossible cut."""
        return None

    @abstractmethod
    def sketch(self, facts: Facts) -> tuple[ClientPart, ServerPart]:
        """Both parts on torch's meta device: shapes without numbers, for counting."""

    @abstractmethod
    def build(self, facts: Facts, seed: int, accelerator: str) -> tuple[ClientPart, ServerPart]:
        """Both parts with weights on the host's torch device. `seed` fixes what is random; no global generator moves.

        Raises ValueError for an impossible cut or model, NotFoundError for weights that are not there.
        """
