"""How a run stands between two units, as one mapping: taken, and put back into a new session.

Made of mappings from text, lists, numbers, texts, None, NumPy arrays and torch tensors. A new session of the same scenario that
is given it goes on as the old one would, to the last bit, and tells nothing again: no message, no row, no look.

The scenario may be another one, a fork, where what was learned and used fits it: as many clients with the same devices, model
and trained codecs of the same shapes, the same batch size, optimiser and protocol. Limits, learning rates, channels, links'
radios, transports, looks, and codecs that remember nothing may differ; a medium of another kind begins anew.
"""

import time
from typing import TYPE_CHECKING, Any

from edgesim.errors import UsageError
from edgesim.rows import Evaluation
from edgesim.sim import resume

if TYPE_CHECKING:
    from edgesim.session import Session


def state(session: "Session") -> dict[str, Any]:
    """How it stands. Its tensors are those in use, to be written before the next unit begins."""
    assert session.quiescent, "work is under way from unit to unit"
    return {
        "timing_only": session.cast is None,
        "protocol": [session.scenario.protocol.kind, session.scenario.protocol.knobs()],
        "told_once": session._tells_once is None,
        "sizes": _sizes(session),
        "earlier": session.earlier,
        "world": resume.state(session.world),
        "totals": session._totals.state(),
        "evaluations": [list(row) for row in session.evaluations],
        "evaluation_bits": session._evaluation_bits,
        "each": [[client, accuracy] for client, accuracy in session.each.items()],
        "loss": session._loss,
        "health": session.health.state(),
        "wall_s": time.monotonic() - session.started,
    }


def restore(session: "Session", state: dict[str, Any]) -> None:
    """Put a session that has not run where `state` was taken. Raises UsageError, saying what, where it does not fit."""
    if state["timing_only"] != (session.cast is None):
        had, has = ("no tensors", "some") if state["timing_only"] else ("tensors", "none")
        raise UsageError(f"the checkpoint is of a run with {had}, and this one has {has}: --timing-only must be as it was")
    try:
        _check_fit(session, state)
        resume.restore(session.world, state["world"])
    except ValueError as error:
        raise UsageError(f"the checkpoint does not fit this scenario: {error}") from error
    mine, its = _sizes(session), state["sizes"]
    if state["told_once"] and mine["one_off"] == its["one_off"]:
        session._tells_once = None
    session.earlier = state["earlier"]
    if mine["messages"] != its["messages"]:  # a fork over other codecs
        sent = session.world.ledger.traffic.by_direction
        session.earlier = {name: {label: list(row) for label, row in total.by_label.items()} for name, total in sent.items()}
    session._totals.restore(state["totals"])
    session.evaluations = [Evaluation(*row) for row in state["evaluations"]]
    session._evaluation_bits, session._loss = state["evaluation_bits"], state["loss"]
    session.each = dict(state["each"])
    session.health.restore(state["health"])
    session._looked = session.world.steps // session._every if session._every else 0
    session.started -= state["wall_s"]


def _check_fit(session: "Session", state: dict[str, Any]) -> None:
    """Raises ValueError, saying what, where the rounds or the batches are others."""
    (kind, knobs), protocol = state["protocol"], session.scenario.protocol
    if kind != protocol.kind:
        raise ValueError(f"protocol: it is {protocol.kind}, and the checkpoint was taken in {kind}")
    if knobs != protocol.knobs() and state["world"]["cursor"]:
        raise ValueError(f"protocol: the checkpoint was taken in the middle of {kind}, which must go on as it was")
    mine, its = _sizes(session)["base"], state["sizes"]["base"]
    if mine != its:
        raise ValueError(f"data.batch_size and model.cut: Base sends {mine[0]} bits a step, and {its[0]} in the checkpoint")


def _sizes(session: "Session") -> dict[str, list[int]]:
    """What a step sends uncompressed and as announced, up and down, and what is told once [bit]."""
    exchange, batch = session.task.exchange, session.task.batch
    return {
        "base": [manifest.bits for manifest in exchange.base_manifests(batch)],
        "messages": [exchange.up_manifest(batch).bits, exchange.down_manifest(batch).bits, exchange.fixed_size],
        "one_off": [exchange.up.one_off_bits, exchange.down.one_off_bits],
    }
