"""What a run will cost, before it is run: the same world with phantom halves."""

import time
from typing import Any

import torch
from torch import nn

from edgesim import build
from edgesim.codecs.base import Codec
from edgesim.learn import cargo
from edgesim.learn.halves import parameters_of
from edgesim.learn.randomness import borrowed_generators
from edgesim.scenario import Scenario
from edgesim.session import Session
from edgesim.wire import ROLES, Manifest, Smashed


def plan(scenario: Scenario) -> dict[str, Any]:
    """Predict a run without training: sizes, steps, simulated time, energy, and roughly the wall time on this host.

    Runs the scenario's own world with phantom halves. Under the same seed the channel is the same, so what `run` books
    is what this predicts; only codecs that find less to send than announced may do better (`payload_bits.*.at_most`).
    Raises ScenarioError like `run`.
    """
    session = Session(scenario, timing_only=True)
    session.run()
    task, facts = session.task, session.summary("planned")
    exchange = task.exchange
    up, down = exchange.up_manifest(task.batch), exchange.down_manifest(task.batch)
    return {
        "scenario": {"name": scenario.name, "hash": scenario.hash8, "seed": scenario.seed},
        "resolved": scenario.resolved(),
        "split": _split(task),
        "payload_bits": {"up": _roles(up, exchange.up), "down": _roles(down, exchange.down)},
        "xi": facts["xi"],
        "xi_target": facts["xi_target"],
        "steps": facts["steps"],
        "epochs": facts["epochs"],
        "stopped_by": facts["stopped_by"],
        "budget": facts["budget"],
        "simulated_s": facts["simulated_s"],
        "latency_s": facts["latency_s"],
        "energy_j": facts["energy_j"],
        "bits": facts["bits"],
        "symbols": facts["symbols"],
        "wall_s_estimate": _wall_estimate(scenario, task, facts["steps"]),
    }


def _roles(manifest: Manifest, codec: Codec) -> dict[str, int | bool]:
    """Bits by role and in all, and whether a message may turn out smaller, since its size depends on data."""
    return {**{role: manifest.by_role[role] for role in ROLES}, "total": manifest.bits, "at_most": not codec.fixed_size}


def _split(task: build.Learning) -> dict[str, Any]:
    geometry, costs, exchange = task.geometry, task.costs, task.exchange
    rows, tokens = exchange.up.decoded(task.batch)[:2]
    forward, backward = costs.server(tokens)
    codec = exchange.flops(task.batch)
    moved = costs.head_numbers if task.protocol.halves == "ushaped" else 0  # from the server to the client
    return {
        "tokens": geometry.tokens,
        "width": geometry.width,
        "blocks": geometry.depth,
        "client_parameters": geometry.client_parameters + moved + cargo.numbers(parameters_of(exchange.up, "client")),
        "server_parameters": geometry.server_parameters - moved + cargo.numbers(parameters_of(exchange.up, "server")),
        "server_rows": rows,
        "server_tokens": tokens,
        "client_forward_flops": task.batch * costs.client_forward,
        "client_backward_flops": task.batch * costs.client_backward,
        "encode_flops": codec.encode_up,
        "server_flops": rows * (forward + backward) + codec.decode_up + codec.encode_down,
    }


def _wall_estimate(scenario: Scenario, task: build.Learning, steps: int) -> float:
    """Wall seconds of training alone, from one step of blocks as wide as the model's and of the codec, on a few samples [s].

    The model itself is not built: that takes longer than the rest of a plan.
    """
    rows, shape, cut = min(task.batch, 8), task.geometry, scenario.model.knobs()["cut"]
    generator = torch.Generator().manual_seed(scenario.seed)
    z = torch.randn(rows, shape.tokens, shape.width, generator=generator)
    attention = torch.rand(rows, shape.tokens, generator=generator).softmax(1)
    labels = torch.arange(rows) % task.facts.classes
    codec = task.exchange.copy().up
    if codec.one_off_bits:
        codec.calibrate(z)
    with borrowed_generators(scenario.seed):
        block = nn.TransformerEncoderLayer(
            shape.width, shape.heads, 4 * shape.width, 0.0, "gelu", batch_first=True, norm_first=True
        )

    def step() -> None:
        here = z
        for _ in range(cut):
            here = block(here)
        payload = codec.encode(Smashed(here, labels, attention), generator)
        wire = codec.receive(payload).detach().requires_grad_()
        there = codec.expand(wire, payload).x
        for _ in range(shape.depth - cut):
            there = block(there)
        torch.autograd.backward(there.sum())
        assert payload.handle is not None
        assert wire.grad is not None
        torch.autograd.backward((payload.handle * wire.grad).sum())  # told the gradient itself, torch would import sympy

    step()  # the first call warms up
    started = time.perf_counter()
    step()
    return steps * (time.perf_counter() - started) * task.batch / rows
