"""Halves without tensors: the same messages and the same FLOPs as the torch halves, and nothing computed.

Every answer is prepared once, so that one phantom can stand in for any number of clients.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from edgesim.learn import cargo
from edgesim.learn.flops import Costs, whole_flops
from edgesim.learn.ushaped_sizes import features_manifest, shares, unlabelled
from edgesim.wire import Manifest
from edgesim.work import Answer, Message, Work

if TYPE_CHECKING:
    from edgesim.codecs.exchange import Exchange
    from edgesim.learn.access_point import AccessPoint


class Phantom:
    """What both phantom halves have in common: they carry nothing.

    numbers  weights of the half, its end of the codec included; moments: what its optimiser remembers of them
    """

    def __init__(self, numbers: int, moments: int) -> None:
        self._weights = cargo.manifest(numbers)
        self._with_moments = cargo.manifest(numbers, moments)

    def weights(self, *, optimiser: bool = False) -> Message:
        return self._with_moments if optimiser else self._weights

    def load(self, message: Message) -> None:
        """There is nothing to load."""

    def reset(self) -> None:
        """There is nothing to forget."""

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """There is nothing to restore."""


class PhantomClient(Phantom):
    """The client of a timing-only run; see `TorchClient`.

    batch  samples per mini-batch
    """

    def __init__(self, exchange: "Exchange", costs: Costs, batch: int, numbers: int = 0, moments: int = 0) -> None:
        super().__init__(numbers, moments)
        self._forward = Work(None, batch * costs.client_forward)
        self._encode = [Work(pair.up_manifest(batch), pair.flops(batch).encode_up) for pair in exchange.settings]
        backward = batch * costs.client_backward
        self._backward = {p.down_manifest(batch): Work(None, backward + p.flops(batch).decode_down) for p in exchange.settings}

    def forward(self) -> Work:
        return self._forward

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        return self._encode[setting]

    def backward(self, gradient: Message) -> Work:
        return self._backward[_sizes(gradient)]


class PhantomHeadedClient(PhantomClient):
    """A U-shaped client of a timing-only run; see `HeadedClient`."""

    def __init__(self, exchange: "Exchange", costs: Costs, batch: int, numbers: int, moments: int) -> None:
        super().__init__(exchange, costs, batch, numbers, moments)
        self._unlabelled = [Work(unlabelled(work.value), work.flops) for work in self._encode]
        self._leads = [
            Work((features_manifest(pair.up.decoded(batch)[0], costs.width), None), shares(pair, costs, batch).head)
            for pair in exchange.settings
        ]
        self._setting = 0

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        self._setting = setting
        return self._unlabelled[setting]

    def lead(self, features: Message) -> Work:
        return self._leads[self._setting]


class PhantomWhole(Phantom):
    """A whole model of a timing-only run; see `TorchWhole`."""

    def __init__(self, costs: Costs, batch: int, numbers: int, moments: int) -> None:
        super().__init__(numbers, moments)
        forward, backward = whole_flops(costs, batch)
        self._forward, self._backward = Work(None, forward), Work(None, backward)

    def forward(self) -> Work:
        return self._forward

    def encode(self, smashed: Any, setting: int = 0) -> Work:
        raise ValueError("a whole model has no cut: nothing is encoded")

    def backward(self, gradient: Any) -> Work:
        return self._backward


class PhantomServer(Phantom):
    """The server of a timing-only run; see `TorchServer`."""

    def __init__(
        self,
        exchange: "Exchange",
        costs: Costs,
        batch: int,
        numbers: int = 0,
        moments: int = 0,
        merging: "AccessPoint | None" = None,
    ) -> None:
        super().__init__(numbers, moments)
        self._costs, self._batch, self._merging = costs, batch, merging
        self._pairs = {pair.up_manifest(batch): pair for pair in exchange.settings}
        self._answers = {sizes: pair.down_manifest(batch) for sizes, pair in self._pairs.items()}
        self._alone = {sizes: self._step([sizes]) for sizes in self._pairs}

    def step(self, arrivals: Sequence[Message], senders: Sequence[int] = ()) -> Work:
        if len(arrivals) == 1:
            return self._alone[_sizes(arrivals[0])]
        return self._step([_sizes(arrival) for arrival in arrivals])

    def _step(self, sizes: Sequence[Manifest]) -> Work:
        flops = step_flops([self._pairs[size] for size in sizes], self._costs, self._batch, self._merging)
        return Work(Answer([self._answers[size] for size in sizes], None), flops)

    def replica(self) -> "PhantomServer":
        return self


class PhantomHeadlessServer(PhantomServer):
    """A U-shaped server of a timing-only run; see `HeadlessServer`."""

    def __init__(self, exchange: "Exchange", costs: Costs, batch: int, numbers: int, moments: int) -> None:
        super().__init__(exchange, costs, batch, numbers, moments)
        self._visits: dict[Manifest, tuple[Work, Work]] = {}
        for pair in exchange.settings:
            own = shares(pair, costs, batch)
            features = Work(features_manifest(pair.up.decoded(batch)[0], costs.width), own.server_forward)
            self._visits[unlabelled(pair.up_manifest(batch))] = features, Work(pair.down_manifest(batch), own.server_backward)
        self._finish = next(iter(self._visits.values()))[1]

    def features(self, arrival: Message) -> Work:
        features, self._finish = self._visits[_sizes(arrival)]
        return features

    def finish(self, gradient: Message) -> Work:
        return self._finish


def _sizes(message: Message) -> Manifest:
    if not isinstance(message, Manifest):
        raise ValueError("a message with tensors came to a half that has none; a run has tensors everywhere or nowhere")
    return message


def step_flops(pairs: Sequence["Exchange"], costs: Costs, batch: int, merging: "AccessPoint | None" = None) -> float:
    """FLOPs of a server step for arrivals over these codecs, merged first where an access point does that."""
    if merging is None:
        return sum(server_flops(pair, costs, batch) for pair in pairs)
    samples = batch * len(pairs)
    _rows, tokens, width = pairs[0].up.decoded(batch)
    codecs = sum(flops.decode_up + flops.encode_down for flops in (pair.flops(batch) for pair in pairs))
    return codecs + merging.flops(samples, tokens, width) + merging.rows(samples) * sum(costs.server(tokens))


def server_flops(exchange: "Exchange", costs: Costs, batch: int) -> float:
    """FLOPs of a server step per arrival: decode, forward and backward of the decoded rows, encode the gradient."""
    rows, tokens, _width = exchange.up.decoded(batch)
    forward, backward = costs.server(tokens)
    flops = exchange.flops(batch)
    return rows * (forward + backward) + flops.decode_up + flops.encode_down
