"""The words in which tensors and simulated time speak to each other: a value, what it cost, and the two halves of a model."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from edgesim.wire import Manifest, Payload

Message = Payload | Manifest  # a phantom half sends the manifest alone


class Work(NamedTuple):
    """The outcome of a computation and what it took. flops: floating-point operations, 1 multiply-accumulate = 2."""

    value: Any
    flops: float


class Answer(NamedTuple):
    """What a server step gives back: one gradient message per arrival, and the loss (a float tensor or None)."""

    gradients: list[Message]
    loss: Any


class Half(Protocol):
    """What both halves have: weights that can travel, and a state that can be kept."""

    def weights(self, *, optimiser: bool = False) -> Message:
        """Everything that is learned here, as a message of role model; with `optimiser` its moments too."""

    def load(self, message: Message) -> None:
        """Take over what `weights` of another half of the same make gave."""

    def reset(self) -> None:
        """Forget what the optimiser remembers."""

    def state(self) -> dict[str, Any]:
        """All that must survive a restart: mappings from text, lists, tensors, numbers, texts and None.

        Its tensors are those in use: what is to outlive the next step is copied or written before that.
        """

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken. Raises ValueError, saying what, where it does not fit."""


class ClientHalf(Half, Protocol):
    """The client's part of the model, its optimiser, its data and the sending end of its codecs."""

    def forward(self) -> Work:
        """Run the next mini-batch up to the cut. value: what `encode` takes."""

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        """Compress. value: the message to send up.

        setting  which of its codec's sizes, from the least on; 0 where it has one
        """

    def backward(self, gradient: Message) -> Work:
        """Decode the answer, back-propagate and step the optimiser. value: None."""


class UClientHalf(ClientHalf, Protocol):
    """A client's half that also holds the head and keeps its labels."""

    def lead(self, features: Message) -> Work:
        """From features to the loss and back. value: (the message of the features' gradient, the loss)."""


class ServerHalf(Half, Protocol):
    """The server's part of the model, its optimiser and the receiving end of the codecs."""

    def step(self, arrivals: list[Message], senders: Sequence[int] = ()) -> Work:
        """Decode, forward, loss, backward, optimiser step, encode the gradients. value: Answer.

        senders  number of the client that each arrival is from; 0, 1, ... where left out
        """

    def replica(self) -> "ServerHalf":
        """Another half with a copy of the weights and of the optimiser's state, which goes its own way."""


class UServerHalf(ServerHalf, Protocol):
    """A server's half without the head."""

    def features(self, arrival: Message) -> Work:
        """Decode and run the layers. value: the message of the features."""

    def finish(self, gradient: Message) -> Work:
        """From the features' gradient back to what arrived, and step. value: the message of the client's gradient."""
