"""What a round does to models and clocks, against the same thing written down plainly."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.load import load
from edgesim.rows import Round, Step
from edgesim.session import Session

SCENARIO: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 16, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 8},
    "clients": {"count": 3, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "optimiser": {"kind": "sgd", "lr": 0.05, "momentum": 0.9},  # linear in the gradients, whose sums differ in their order
    "host": {"threads": 1},
}


@pytest.fixture
def prepared(tmp_path: Path) -> Any:
    """A session of a scenario with some sections replaced."""

    def prepare(timing_only: bool = False, **sections: Any) -> Session:
        path = tmp_path / "scenario.yaml"
        path.write_text(json.dumps(SCENARIO | sections))
        return Session(load(path), timing_only=timing_only)

    return prepare


class Alone:
    """Both halves on one machine, with an optimiser each, and the batches of any client."""

    def __init__(self, session: Session) -> None:
        self.client, self.server = session.task.model.build(session.task.facts, session.scenario.seed, "cpu")
        self._clients = session.world.clients
        for one in self._clients:
            batches = vars(one.half)["batches"]
            batches.restore(batches.state() | {"epoch": 0, "position": 0})
        self.server_sgd = sgd(self.server)
        self.client_sgd = sgd(self.client)

    def step(self, number: int) -> None:
        """On the next mini-batch of a client."""
        images, labels = vars(self._clients[number].half)["batches"].next()
        self.server_sgd.zero_grad()
        self.client_sgd.zero_grad()
        cross_entropy(self.server(self.client(images)[0]), labels).backward()
        self.server_sgd.step()
        self.client_sgd.step()


def sgd(part: torch.nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(part.parameters(), lr=0.05, momentum=0.9)


def parts(session: Session, number: int) -> list[Tensor]:
    """The parameters of a client's half and of the server's."""
    halves = session.world.clients[number].half, session.world.server.half
    return [parameter.detach() for half in halves for parameter in vars(half)["part"].parameters()]


def close(mine: Sequence[Tensor], alone: Alone) -> bool:
    wanted = (*alone.client.parameters(), *alone.server.parameters())
    return all(torch.allclose(one, other, rtol=1e-5, atol=1e-7) for one, other in zip(mine, wanted, strict=True))


@pytest.mark.parametrize("hand_over", ["direct", "server"])
@pytest.mark.parametrize("optimiser", ["carry", "reset"])
def test_a_half_that_goes_round_learns_as_if_it_stayed(hand_over: str, optimiser: str, prepared: Any) -> None:
    """Two rounds of three clients with two steps each; a reset forgets the client half's moments at each of five hand-overs."""
    protocol = {"kind": "sequential", "hand_over": hand_over, "optimiser": optimiser, "order": "fixed", "local_steps": 2}
    session = prepared(protocol=protocol, budget={"rounds": 2})
    session.run()
    alone, other = Alone(session), []
    for turn in range(6):
        if turn and optimiser == "reset":
            other.append(alone.client_sgd)
            alone.client_sgd = sgd(alone.client)
        for _ in range(2):
            alone.step(turn % 3)
    assert session.world.steps == 12
    assert close(parts(session, 2), alone)
    up, down = (session.world.ledger.traffic.by_direction[name] for name in ("up", "down"))
    assert (up.by_label["model"][0], down.by_label.get("model", [0])[0]) == (5, 5 * (hand_over == "server"))


@pytest.mark.parametrize("kind", ["splitfed_v1", "splitfed_v2"])
def test_a_reset_forgets_moments_at_the_beginning_of_a_round(kind: str, prepared: Any) -> None:
    """One client, three rounds of a step; V2's server half has no rounds and keeps its moments."""
    protocol = {"kind": kind, "local_steps": 1, "optimiser": "reset"}
    session = prepared(clients={"device": "raspberry_pi_4"}, protocol=protocol, budget={"rounds": 3})
    session.run()
    alone = Alone(session)
    for _ in range(3):
        alone.client_sgd = sgd(alone.client)
        alone.server_sgd = sgd(alone.server) if kind == "splitfed_v1" else alone.server_sgd
        alone.step(0)
    assert close(parts(session, 0), alone)


@pytest.mark.parametrize(("weighting", "share"), [("samples", 0.75), ("equal", 0.5)])
@pytest.mark.parametrize("kind", ["splitfed_v1", "splitfed_v2", "fedavg"])
def test_averages_are_weighted_as_asked(kind: str, weighting: str, share: float, prepared: Any) -> None:
    groups = [{"device": "raspberry_pi_4"}, {"device": "raspberry_pi_4", "data_share": 3}]
    protocol = {"kind": kind, "weighting": weighting, "local_steps": 1}
    session = prepared(clients=groups, protocol=protocol, budget={"rounds": 1})
    session.run()
    halves = [client.half.weights().tensors["model"] for client in session.world.clients]
    assert not torch.allclose(halves[0], halves[1], atol=1e-5)
    wanted = (1.0 - share) * halves[0] + share * halves[1]
    assert torch.allclose(session.world.model.tensors["model"], wanted, atol=1e-7)
    if kind == "splitfed_v1":
        copies = [session.world.server.replica(number).weights().tensors["model"] for number in range(2)]
        mean = (1.0 - share) * copies[0] + share * copies[1]
        assert torch.allclose(session.world.server.half.weights().tensors["model"], mean, atol=1e-7)


def test_parallel_halves_meet_every_so_many_steps(prepared: Any) -> None:
    """Averaged after the second step of three: the same halves then, and others after the third."""
    are_same = []
    for rounds in (2, 3):
        session = prepared(protocol={"kind": "parallel", "sync_every": 2}, budget={"rounds": rounds})
        session.run()
        first, *others = (client.half.weights().tensors["model"] for client in session.world.clients)
        are_same.append([torch.equal(first, other) for other in others])
        size = 32 * session.task.geometry.client_parameters
        assert [total.model for total in session.world.ledger.traffic.by_direction.values()] == [3 * size, 3 * size]
    assert are_same == [[True, True], [False, False]]


@pytest.mark.parametrize(("chosen", "expected"), [({"fraction": 0.4}, 4), ({"participants": 7}, 7), ({"fraction": 0.01}, 1)])
@pytest.mark.parametrize("kind", ["sequential", "parallel", "splitfed_v1", "splitfed_v2", "fedavg"])
def test_so_many_take_part_in_a_round(kind: str, chosen: dict[str, Any], expected: int, prepared: Any) -> None:
    """Of ten; each at most once a round, and in thirty rounds everybody: left out by chance with at most 10 x 0.9^30 = 0.42
    where one of ten is drawn, so that is asked of more only (10 x 0.6^30 = 2e-6).
    """
    protocol = {"kind": kind, **chosen} | ({} if kind == "parallel" else {"local_steps": 1})
    clients = {"count": 10, "device": "raspberry_pi_4"}
    session = prepared(timing_only=True, clients=clients, protocol=protocol, budget={"rounds": 30})
    rounds: list[Round] = []
    steps: list[Step] = []
    session.world.hear_round = rounds.append
    session.world.watch = lambda row, _loss: steps.append(row)
    session.run()
    assert [(row.clients, row.finished) for row in rounds] == [(expected, expected)] * 30
    took = [[row.client for row in steps[begin : begin + expected]] for begin in range(0, 30 * expected, expected)]
    assert all(len(set(one)) == expected for one in took)
    assert expected == 1 or {client for one in took for client in one} == set(range(10))


@pytest.mark.parametrize(("cores", "waits"), [(1, [0.0, 1.0, 2.0, 3.0]), (2, [0.0, 0.0, 2.0, 2.0]), (4, [0.0, 0.0, 0.0, 0.0])])
def test_batches_that_arrive_together_queue_for_the_cores_of_the_server(cores: int, waits: list[float], prepared: Any) -> None:
    """Four alike, one step each: with c cores c are served at once, each in c times the seconds of the whole server."""
    session = prepared(
        timing_only=True,
        clients={"count": 4, "device": "raspberry_pi_4"},
        server={"device": "edge_server_cpu", "cores": cores},
        protocol={"kind": "splitfed_v2", "local_steps": 1},
        budget={"rounds": 1},
    )
    steps: list[Step] = []
    session.world.watch = lambda row, _loss: steps.append(row)
    session.run()
    job_s = min(row.server_s for row in steps) / cores
    assert [row.server_s for row in steps] == pytest.approx([cores * job_s] * 4)
    assert sorted(row.wait_s / job_s for row in steps) == pytest.approx(waits, abs=1e-6)


def test_what_meets_at_the_access_point_is_booked_as_it_is_rehearsed(prepared: Any) -> None:
    """Merging takes nothing off the air: bits and air time are those without it; the server computes less, on fewer rows."""
    up = SCENARIO["uplink"] | {"codec": {"kind": "adc_tokens", "k": 9}}
    books = {}
    for merge in (None, 0.25):
        protocol = {"kind": "parallel"} | ({"merge": merge} if merge else {})
        for timing_only in (False, True):
            session = prepared(timing_only, uplink=up, protocol=protocol, budget={"rounds": 2, "joules": 1e9})
            session.run()
            summary = session.summary("done")
            assert all(summary["checks"].values())
            sent = [summary["bits"][direction] for direction in ("up", "down")]
            books[merge, timing_only] = [sent, *(summary[name] for name in ("symbols", "latency_s", "energy_j", "simulated_s"))]
    assert books[None, False] == books[None, True]
    assert books[0.25, False] == books[0.25, True]
    plain, merged = books[None, True], books[0.25, True]
    assert plain[:2] == merged[:2]
    for phase in ("uplink", "downlink", "encode"):
        assert merged[2]["by_phase"][phase] == plain[2]["by_phase"][phase]
    assert merged[2]["by_phase"]["server"] < plain[2]["by_phase"]["server"]
