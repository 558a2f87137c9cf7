"""Special = general: one client makes every protocol vanilla; one step a round makes averaging the mean gradient."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from edgesim.learn.phantom import server_flops
from edgesim.learn.ushaped_sizes import shares
from edgesim.load import load
from edgesim.session import Session

SCENARIO: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 16, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}},
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 12},
    "host": {"threads": 1},
}
ADC = {"kind": "adc", "xi": 0.3}
RANDOM = {"kind": "randtopk", "rate": 0.2}


@pytest.fixture
def trained(tmp_path: Path) -> Any:
    """Run a scenario with some sections replaced, to its end."""

    def run(**sections: Any) -> Session:
        path = tmp_path / "scenario.yaml"
        path.write_text(json.dumps(SCENARIO | sections))
        session = Session(load(path))
        session.run()
        return session

    return run


def weights(session: Session) -> dict[str, Tensor]:
    """The trained model: what a look at the test set uses."""
    client = session.world.clients[0].half
    parts = {"client": vars(client)["part"], "server": vars(client).get("rest") or vars(session.world.server.half)["part"]}
    return {f"{side}.{name}": value for side, part in parts.items() for name, value in part.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("codec", [ADC, RANDOM], ids=["adc", "randtopk"])
@pytest.mark.parametrize("protocol", ["sequential", "parallel", "splitfed_v1", "splitfed_v2"])
def test_with_one_client_every_split_protocol_is_vanilla(protocol: str, codec: object, trained: Any) -> None:
    """Bit for bit, over two epochs in two rounds (one step is a round of parallel); optimisers carry on."""
    uplink = SCENARIO["uplink"] | {"codec": codec}
    plain = trained(uplink=uplink)
    other = trained(uplink=uplink, protocol=protocol, budget={"rounds": 12 if protocol == "parallel" else 2})
    assert other.world.steps == plain.world.steps == 12
    assert same(weights(plain), weights(other))


def test_with_one_client_federated_averaging_is_central_training(trained: Any) -> None:
    """And central training is what vanilla split learning without compression is."""
    plain, federated = trained(), trained(protocol="fedavg", budget={"rounds": 2})
    assert same(weights(plain), weights(federated))


SGD = {"kind": "sgd", "lr": 0.05}


def test_splitfed_v1_with_one_local_step_is_data_parallel_sgd(trained: Any) -> None:
    """Averaging weights after one step of SGD from common weights is one step along the mean gradient."""
    sections = {"clients": SCENARIO["clients"] | {"count": 3}, "optimiser": SGD}
    session = trained(protocol={"kind": "splitfed_v1", "local_steps": 1}, budget={"rounds": 1}, **sections)
    start = trained(budget={"steps": 1}, optimiser=SGD)  # for its untrained twin below
    client, server = start.task.model.build(start.task.facts, start.scenario.seed, "cpu")
    halves = [vars(each.half) for each in session.world.clients]
    losses = []
    for half in halves:
        half["batches"].restore(half["batches"].state() | {"epoch": 0, "position": 0})
        images, labels = half["batches"].next()
        losses.append(cross_entropy(server(client(images)[0]), labels))
    torch.stack(losses).mean().backward()
    wanted = [p.detach() - 0.05 * p.grad for p in (*client.parameters(), *server.parameters())]
    session.world.clients[0].half.load(session.world.model)
    parts = halves[0]["part"], vars(session.world.server.half)["part"]
    got = [p.detach() for part in parts for p in part.parameters()]
    for mine, theirs in zip(got, wanted, strict=True):
        assert torch.allclose(mine, theirs, rtol=1e-5, atol=1e-7)  # sums in another order


def test_parallel_gives_each_client_its_slice_of_the_mean_gradient(trained: Any) -> None:
    """One parallel step of SGD with three clients: each half moves by a third of what it would alone."""
    sections = {"clients": SCENARIO["clients"] | {"count": 3}, "optimiser": SGD}
    session = trained(protocol="parallel", budget={"rounds": 1}, **sections)
    client, server = session.task.model.build(session.task.facts, session.scenario.seed, "cpu")
    for each in session.world.clients:
        half = vars(each.half)
        half["batches"].restore(half["batches"].state() | {"epoch": 0, "position": 0})
        images, labels = half["batches"].next()
        for parameter in client.parameters():
            parameter.grad = None
        cross_entropy(server(client(images)[0]), labels).backward()
        for before, after in zip(client.parameters(), half["part"].parameters(), strict=True):
            assert torch.allclose(after, before - 0.05 / 3 * before.grad, rtol=1e-5, atol=1e-7)


def test_weights_are_averaged_by_samples(trained: Any) -> None:
    """Two clients of unequal shares: the mean of their halves weighs them by the images they hold."""
    groups = [SCENARIO["clients"], SCENARIO["clients"] | {"data_share": 3}]
    session = trained(clients=groups, protocol={"kind": "splitfed_v2", "local_steps": 1}, budget={"rounds": 1})
    small, large = session.world.clients
    assert (small.samples, large.samples) == (24, 72)
    flat = [each.half.weights().tensors["model"] for each in (small, large)]
    assert torch.allclose(session.world.model.tensors["model"], flat[0] / 4 + 3 * flat[1] / 4, atol=1e-7)


@pytest.mark.parametrize(("optimiser", "numbers"), [("reset", 1), ("carry", 3)])
def test_a_hand_over_costs_the_half_and_if_it_is_carried_adams_two_moments(optimiser: str, numbers: int, trained: Any) -> None:
    """compression.md 4.2: M_c, or 3 M_c (and the one number of steps) with Adam's state; nothing for the first client."""
    protocol = {"kind": "sequential", "optimiser": optimiser, "local_steps": 1}
    session = trained(clients=SCENARIO["clients"] | {"count": 3}, protocol=protocol, budget={"rounds": 1})
    half = 32 * session.task.geometry.client_parameters
    sent = sum(total.model for total in session.world.ledger.traffic.by_direction.values())
    assert sent == 2 * (numbers * half + (32 if numbers == 3 else 0))


@pytest.mark.parametrize("protocol", ["splitfed_v1", "splitfed_v2", "fedavg"])
def test_a_round_moves_the_model_down_and_up_once_for_each_participant(protocol: str, trained: Any) -> None:
    """compression.md 4.7."""
    sections = {"clients": SCENARIO["clients"] | {"count": 4}, "budget": {"rounds": 3}}
    session = trained(protocol={"kind": protocol, "local_steps": 1, "participants": 2}, **sections)
    shape = session.task.geometry
    numbers = shape.client_parameters + (shape.server_parameters if protocol == "fedavg" else 0)
    for total in session.world.ledger.traffic.by_direction.values():
        assert total.model == 3 * 2 * 32 * numbers
    assert session.world.rounds == 3
    assert session.world.steps == 6


@pytest.mark.parametrize("codec", [ADC, RANDOM], ids=["adc", "randtopk"])
def test_a_u_shaped_step_trains_as_vanilla_does_and_sends_no_label(codec: object, trained: Any) -> None:
    """The chain rule does not mind where the head is; what crosses in between is a row of 48 numbers each way for each row."""
    uplink = SCENARIO["uplink"] | {"codec": codec}
    plain, shaped = trained(uplink=uplink), trained(uplink=uplink, protocol="ushaped")
    for name, value in weights(plain).items():
        assert torch.allclose(value, weights(shaped)[name], rtol=1e-4, atol=1e-6)  # the mean of losses, in another order
    rows = plain.task.exchange.up.decoded(16)[0]
    up, down = (shaped.world.ledger.traffic.by_direction[name] for name in ("up", "down"))
    assert up.labels == 0
    assert (up.by_label["feature_gradient"][1], down.by_label["features"][1]) == (12 * rows * 48 * 32,) * 2
    assert shaped.summary("done")["xi"]["paper"] == plain.summary("done")["xi"]["paper"]


def test_u_shaped_work_is_the_same_work_shared_out_in_another_way(trained: Any) -> None:
    """All FLOPs of a step together are vanilla's; the head's 6 d C for each row have moved to the client."""
    plain, shaped = trained(), trained(protocol="ushaped")
    batch = plain.task.batch

    own = shares(shaped.task.exchange, shaped.task.costs, batch)
    assert own.head == batch * 6 * 48 * 10
    assert sum(own) == server_flops(plain.task.exchange, plain.task.costs, batch)


def test_clients_are_looked_at_one_by_one_and_on_average(trained: Any) -> None:
    """After an averaging and its broadcast all halves are the average, so every look finds the same."""
    protocol = {"kind": "parallel", "sync_every": 2}
    sections = {"clients": SCENARIO["clients"] | {"count": 3}, "budget": {"rounds": 2}, "evaluate": {"clients": True}}
    session = trained(protocol=protocol, **sections)
    summary = session.summary("done")
    found = summary["accuracy_clients"]
    assert found["lowest"] == found["highest"] == summary["accuracy"]
    assert found["mean"] == pytest.approx(found["of_average"], abs=1e-12)
    assert [row.accuracy for row in session.clients()] == [summary["accuracy"]] * 3
    apart = trained(protocol="parallel", **sections).summary("done")["accuracy_clients"]
    assert apart["lowest"] <= apart["mean"] <= apart["highest"]
