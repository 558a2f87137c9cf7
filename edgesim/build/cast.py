"""The halves of every client and of the server, where they learn."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import NamedTuple

import torch

from edgesim.build.learning import Learning, dealt
from edgesim.build.makers import checked, make
from edgesim.build.stand_ins import access_point
from edgesim.codecs.exchange import Exchange
from edgesim.errors import UsageError
from edgesim.learn import weights
from edgesim.learn.batches import Batches
from edgesim.learn.compiled import check_compiler, compile_blocks
from edgesim.learn.evaluate import Evaluator, Score
from edgesim.learn.finite import Findings, all_finite
from edgesim.learn.halves import TorchClient, TorchServer
from edgesim.learn.local import TorchWhole
from edgesim.learn.models.base import ClientPart, ServerPart
from edgesim.learn.pipeline import Plain
from edgesim.learn.readings import STEPS_AT_ONCE, Readings
from edgesim.learn.trip import Trip
from edgesim.learn.ushaped import HeadedClient, HeadlessServer
from edgesim.rng import seed as seed_of
from edgesim.rows import Step
from edgesim.scenario import Scenario
from edgesim.work import ClientHalf, Message


class Examination(NamedTuple):
    """A look at the test set. each: accuracy of every client looked at by itself, by its number."""

    score: Score
    each: dict[int, float]


class TorchCast:
    """Halves that learn. Loads data and weights; every client has weights, codec and optimiser of its own.

    rows, labels  the images of each client, and the class of every image

    Raises NotFoundError where data or weights are not there, UsageError where the accelerator is not.
    """

    def __init__(self, scenario: Scenario, task: Learning) -> None:
        accelerator, seed = scenario.host.accelerator, scenario.seed
        self._pool = ThreadPoolExecutor(1, "prefetch") if scenario.host.prefetch else None
        if accelerator == "cuda" and not torch.cuda.is_available():
            raise UsageError("host.accelerator: torch finds no CUDA device on this host; leave it, and --accelerator cuda, out")
        self._scenario, self._task = scenario, task
        self._train, self._test = task.data.train().to(accelerator), task.data.test().to(accelerator)
        self.rows, self.labels = dealt(scenario, self._train.labels), self._train.labels
        self._optimiser = make(scenario, "optimiser", scenario.optimiser, ("optimiser",))
        self._parts: tuple[ClientPart, ServerPart] = self._built()
        task.exchange.to(accelerator)
        self._view = task.model.view(task.facts)
        self._pipeline = task.augment.pipeline(self._view)
        self._alone = len(self.rows) == 1
        server_part = deepcopy(self._parts[1]) if task.protocol.halves == "whole" else self._parts[1]
        given = (server_part, task.exchange, self._optimiser, task.costs, task.batch)
        if task.protocol.halves == "ushaped":
            self.server: TorchServer = HeadlessServer(*given, seed=seed, policy=scenario.non_finite)
        else:
            self.server = TorchServer(*given, seed=seed, policy=scenario.non_finite, merging=access_point(task))
        self._calibrate()
        self._clients = [self._make(number) for number in range(len(self.rows))]

    def _built(self) -> tuple[ClientPart, ServerPart]:
        """Both parts, as the host is to compute them."""
        host, task = self._scenario.host, self._task
        if host.compile:
            check_compiler(host.accelerator)
        client, server = checked(
            self._scenario, ("model",), lambda: task.model.build(task.facts, self._scenario.seed, host.accelerator)
        )
        if host.channels_last:
            client, server = (part.to(memory_format=torch.channels_last) for part in (client, server))
        if host.compile:  # but for the block in which attention is listened for
            compile_blocks([*(client.blocks[:-1] if task.exchange.up.needs_attention else client.blocks), *server.blocks])
        return client, server

    def _calibrate(self) -> None:
        """Show the uplink codec a batch of the first client's images as the untrained model sees them."""
        if self._task.exchange.up.one_off_bits:
            rows = self.rows[0][: self._task.batch]
            images, _labels = Plain(self._view)(self._train, rows, seed_of(self._scenario.seed, "calibration"))
            with torch.no_grad():
                self._task.exchange.up.calibrate(self._parts[0](images.to(self._scenario.host.accelerator))[0])

    def client(self, number: int) -> ClientHalf:
        half: ClientHalf = self._clients[number]
        return half

    def examine(self, clients: Sequence[int], common: Message | None) -> Examination:
        """Look at the test set with the halves of these clients, one after the other, or with the `common` model.

        The score is the mean over the clients looked at.
        """
        if not clients and common is not None:
            return Examination(self._score(self._filled(common)), {})
        scores = {number: self._score(self._clients[number]) for number in clients}
        count = len(scores)
        mean = Score(*(sum(values) / count for values in zip(*scores.values(), strict=True)))
        mean = mean._replace(samples=len(self._test), bits=sum(score.bits for score in scores.values()))
        return Examination(mean if count > 1 else next(iter(scores.values())), {n: s.accuracy for n, s in scores.items()})

    def readings(self, take: Callable[[Step, dict[str, float]], None]) -> Readings:
        """What completes the rows of steps with their losses; on a CPU, where nothing waits, every row at once."""
        return Readings(take, 1 if self._scenario.host.accelerator == "cpu" else STEPS_AT_ONCE)

    def seen(self, client: int) -> Trip | Findings:
        """What was measured of a client's latest step; less where its model is not cut."""
        half = self._clients[client]
        return half.trip if isinstance(half, TorchClient) and half.trip is not None else half.findings

    def findings(self, client: int) -> Findings:
        """Where a client's step, under way or the latest, met numbers that are not finite."""
        return self._clients[client].findings

    def troubled(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Clients whose latest step met numbers that are not finite, and how large they were from place to place."""
        for number, half in enumerate(self._clients):
            if peaks := half.findings.troubled():
                yield number, peaks

    def spoilt(self) -> list[str]:
        """Names of the weights that are not finite."""
        parts = {f"client{number}": half.part for number, half in enumerate(self._clients)}
        named = [(f"{who}.{name}", weight) for who, part in parts.items() for name, weight in part.named_parameters()]
        named += [(f"server.{name}", weight) for name, weight in self.server.part.named_parameters()]
        return [name for name, weight in named if not all_finite([weight])]

    def weights(self, clients: Sequence[int], common: Message | None) -> bytes:
        """The trained model as a .safetensors file: the `common` one, or the first of these clients' with the server's."""
        half = self._filled(common) if not clients and common is not None else self._clients[clients[0]]
        return weights.whole(half.part, self._rest(half))

    def _filled(self, common: Message) -> TorchClient | TorchWhole:
        """A half with the weights that are common to all."""
        scratch = self._make(0, copies=True)
        scratch.load(common)
        return scratch

    def _rest(self, half: TorchClient | TorchWhole) -> ServerPart:
        return half.rest if isinstance(half, TorchWhole) else self.server.part

    def _make(self, number: int, *, copies: bool = False) -> TorchClient | TorchWhole:
        """A client's half; the only client needs no copy of the built parts."""
        task, seed = self._task, self._scenario.seed
        accelerator = self._scenario.host.accelerator
        own = copies or not self._alone
        part, rest = deepcopy(self._parts) if own else self._parts
        batches = Batches(
            self._train,
            self.rows[number],
            task.batch,
            self._pipeline,
            seed=seed,
            client=number,
            accelerator=accelerator,
            pool=self._pool,
        )
        policy = self._scenario.non_finite
        if task.protocol.halves == "whole":
            return TorchWhole(part, rest, self._optimiser, batches, task.costs, policy=policy)
        given = (task.exchange.copy() if own else task.exchange, self._optimiser, batches, task.costs)
        if task.protocol.halves == "ushaped":
            return HeadedClient(part, rest.head, *given, seed=seed, client=number, policy=policy)
        return TorchClient(part, *given, seed=seed, client=number, policy=policy)

    def _score(self, half: TorchClient | TorchWhole) -> Score:
        asked, is_cut = self._scenario.evaluate, isinstance(half, TorchClient)
        score = self._look(half, codec=asked.codec and is_cut)
        if asked.codec_too and is_cut:
            second = score if asked.codec else self._look(half, codec=True)
            score = score._replace(accuracy_codec=second.accuracy)
        return score

    def _look(self, half: TorchClient | TorchWhole, *, codec: bool) -> Score:
        task = self._task
        sender: Exchange = task.exchange if isinstance(half, TorchWhole) else half.exchange
        return Evaluator(
            half.part,
            self._rest(half),
            sender,
            self._test,
            Plain(self._view),
            batch=task.batch,
            codec=codec,
            seed=self._scenario.seed,
            receiver=self.server.exchange,
            pool=self._pool,
        ).run()
