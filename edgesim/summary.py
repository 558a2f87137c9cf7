"""summary.json of a run: renderings of the ledger's totals, and the checks that they agree with each other."""

from array import array
from collections.abc import Mapping
from typing import Any

import numpy as np

from edgesim.codecs.base import Codec
from edgesim.codecs.exchange import Exchange
from edgesim.codecs.target import aims
from edgesim.rows import Block, ClientTotal, Step
from edgesim.sim.account import PHASES
from edgesim.sim.budget import SLACK
from edgesim.sim.traffic import Direction
from edgesim.sim.world import World
from edgesim.wire import ROLES

MOST_NAMED = 100  # clients that a summary names one by one; clients.csv names all of them
SPENT = slice(Step._fields.index("start_s"), Step._fields.index(f"{PHASES[-1]}_s") + 1)  # of a row: start, end, phases
MOST_WAITING = 36_000  # numbers
NOTHING = (0, 0, 0.0, 0.0)  # delivered transfers, payload, paper and code bits
TOLERANCE = 1e-9  # relative; the totals are sums of up to millions of floats


def summarise(
    world: World, exchange: Exchange, batch: int, step_rows: "StepTotals", earlier: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything the simulated world knows about a closed run; accuracy and wall time are the caller's.

    earlier  of a fork: what had been sent through other codecs, by direction and label, as `Direction.by_label`
    """
    traffic = world.ledger.traffic.by_direction
    return {
        "steps": world.steps,
        "rounds": world.rounds,
        "epochs": world.steps / world.steps_per_epoch,
        "simulated_s": world.ledger.now,
        "stopped_by": _reason(world),
        "budget": _budget(world),
        "xi": _ratios(world, exchange, batch),
        "xi_base_bits": _base_bits(exchange, batch),
        "xi_target": _targets("uplink.codec", exchange.up) | _targets("downlink.codec", exchange.down),
        "bits": {name: _bits(total) for name, total in traffic.items()},
        "symbols": {name: total.symbols for name, total in traffic.items()},
        "latency_s": step_rows.latency(),
        "energy_j": _energy(world),
        "link": _link(list(traffic.values())) | _caught(world),
        "faults": dict(sorted(world.presence.counts.items())),
        "checks": _checks(world, exchange, batch, step_rows, earlier),
    }


class StepTotals:
    """What the summary needs of the step rows: durations, phase sums, and whether the phases tile every step."""

    def __init__(self) -> None:
        self._waiting = array("d")  # rows that are not in the totals yet, [rows x SPENT]
        self._durations = array("d")
        self._by_phase = np.zeros(len(PHASES))
        self._tiled = True

    def state(self) -> dict[str, Any]:
        """As it is, nothing folded: sums depend on when that is done."""
        kept = {"waiting": np.array(self._waiting), "durations": np.array(self._durations), "by_phase": self._by_phase.copy()}
        return kept | {"tiled": self._tiled}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was taken."""
        self._waiting, self._durations = array("d", state["waiting"].tobytes()), array("d", state["durations"].tobytes())
        self._by_phase, self._tiled = state["by_phase"].copy(), state["tiled"]

    def add(self, row: Step) -> None:
        """Count one step."""
        self._waiting.extend(tuple(row)[SPENT])
        if len(self._waiting) >= MOST_WAITING:
            self._fold()

    def extend(self, steps: Block) -> None:
        """Count many steps."""
        rows = np.column_stack([column for column in steps.columns[SPENT] if isinstance(column, np.ndarray)])
        while len(rows):
            room = -(-(MOST_WAITING - len(self._waiting)) // rows.shape[1])
            self._waiting.frombytes(np.ascontiguousarray(rows[:room]).tobytes())
            rows = rows[room:]
            if len(self._waiting) >= MOST_WAITING:
                self._fold()

    def _fold(self) -> None:
        rows = np.array(self._waiting).reshape(-1, 2 + len(PHASES))
        start, end, by_phase = rows[:, 0], rows[:, 1], rows[:, 2:]
        duration = end - start
        # the clock itself resolves no better than one unit in the last place of end_s
        tolerance = TOLERANCE * np.maximum(np.maximum(duration, end * 1e-3), 1e-6)
        self._tiled &= bool(np.all(np.abs(by_phase.sum(axis=1) - duration) <= tolerance))
        self._by_phase += by_phase.sum(axis=0)
        self._durations.frombytes(duration.tobytes())
        self._waiting = array("d")

    @property
    def tiled(self) -> bool:
        """Whether every step's phases add up to the step."""
        self._fold()
        return self._tiled

    def latency(self) -> dict[str, Any]:
        """Seconds per step."""
        self._fold()
        count = len(self._durations)
        by_phase = dict(zip(PHASES, (self._by_phase / max(count, 1)).tolist(), strict=True))
        if not count:
            return {"step_mean": None, "step_p50": None, "step_p95": None, "by_phase": by_phase}
        p50, p95 = np.percentile(self._durations, [50, 95])
        mean = float(np.mean(self._durations))
        return {"step_mean": mean, "step_p50": float(p50), "step_p95": float(p95), "by_phase": by_phase}


def _reason(world: World) -> str | None:
    return "budget" if world.stopped_by == "bits" else world.stopped_by


def _budget(world: World) -> dict[str, Any]:
    spent = world.spent
    return {
        "ledger": world.budget.ledger,
        "limit_bits": world.budget.bits,
        "spent_bits": spent.bits,
        "limits": world.budget.limits,
        "spent": spent._asdict(),
    }


def client_totals(world: World, accuracy: Mapping[int, float]) -> list[ClientTotal]:
    """What each client did and used. accuracy: of each one's own halves, where they were looked at."""
    up, down = (world.ledger.traffic.by_direction[name].by_client for name in ("up", "down"))
    return [
        ClientTotal(
            client=client.number,
            samples=client.samples,
            steps=client.steps,
            bits_up=up.get(client.number, 0),
            bits_down=down.get(client.number, 0),
            joules=sum(client.device.meter.joules.values()),
            accuracy=accuracy.get(client.number),
        )
        for client in world.clients
    ]


def _ratios(world: World, exchange: Exchange, batch: int) -> dict[str, Any]:
    """What was sent instead of activations and gradients, over what Base sends for as many; all other messages are left out."""
    traffic = world.ledger.traffic.by_direction
    base_up, base_down = exchange.base_manifests(batch)
    up, down = traffic["up"].by_label.get("smashed"), traffic["down"].by_label.get("gradient")
    columns = {
        "paper": (2, base_up.paper_bits, base_down.paper_bits),
        "code": (3, base_up.code_bits, base_down.code_bits),
        "wire": (1, base_up.bits, base_down.bits),
    }
    ratios: dict[str, Any] = {}
    for name, (column, whole_up, whole_down) in columns.items():
        if up and down:
            xi_up, xi_down = up[column] / (up[0] * whole_up), down[column] / (down[0] * whole_down)
            ratios[name] = {"up": xi_up, "down": xi_down, "mean": (xi_up + xi_down) / 2}
        else:
            ratios[name] = {"up": None, "down": None, "mean": None}
    return ratios


def _base_bits(exchange: Exchange, batch: int) -> dict[str, Any]:
    """What one message of Base would be, which the ratios are taken over [bit]."""
    base = dict(zip(("up", "down"), exchange.base_manifests(batch), strict=True))
    return {name: {"paper": each.paper_bits, "code": each.code_bits, "wire": each.bits} for name, each in base.items()}


def _targets(path: str, codec: Codec) -> dict[str, Any]:
    """Target ratios that were asked for, by place in the scenario."""
    return {f"{path}.{place}".rstrip("."): aim._asdict() for place, aim in aims(codec).items()}


def _bits(total: Direction) -> dict[str, int]:
    by_role: dict[str, int] = {role: getattr(total, role) for role in ROLES}
    return {**by_role, "overhead": total.overhead, "total": total.wire}


def _energy(world: World) -> dict[str, Any]:
    by_phase: dict[str, float] = {}
    by_actor: dict[str, float] = {}
    for meter in world.ledger.meters:
        actor = meter.actor if len(world.clients) <= MOST_NAMED or meter.actor == "server" else "clients"
        by_actor[actor] = by_actor.get(actor, 0.0) + sum(meter.joules.values())
        for phase, joules in meter.joules.items():
            by_phase[phase] = by_phase.get(phase, 0.0) + joules
    return {"total": sum(by_actor.values()), "by_phase": by_phase, "by_actor": by_actor}


def _link(totals: list[Direction]) -> dict[str, Any]:
    span = sum(total.snr_span for total in totals)
    mean = sum(total.snr_seconds for total in totals) / span if span else None
    return {
        "snr_db_mean": 10.0 * float(np.log10(mean)) if mean else None,
        "packets": sum(total.packets for total in totals),
        "protected_packets": sum(total.protected_packets for total in totals),
        "retransmissions": sum(total.retransmissions for total in totals),
        "lost_packets": sum(total.lost_packets for total in totals),
        "corrupted_values": sum(total.corrupted_values for total in totals),
        "transfers": sum(total.transfers for total in totals),
        "cut_transfers": sum(total.cut for total in totals),
    }


def _caught(world: World) -> dict[str, int]:
    """What the receivers did to values that bit errors or lost packets had spoilt; known only where there are tensors."""
    total: dict[str, int] = {}
    airs = [link.air for client in world.clients for link in (client.uplink, client.downlink)]
    for air in airs:
        for name, count in air.caught.items() if air is not None else ():
            total[name] = total.get(name, 0) + count
    return total


def _checks(world: World, exchange: Exchange, batch: int, step_rows: StepTotals, earlier: Mapping[str, Any]) -> dict[str, bool]:
    now = world.ledger.now
    return {
        "phases_tile": step_rows.tiled and all(meter.tiles(now, TOLERANCE) for meter in world.ledger.meters),
        "energy_adds_up": all(meter.adds_up(now, TOLERANCE) for meter in world.ledger.meters),
        "bits_match": _bits_match(world, exchange, batch, earlier),
        "conserved": all(total.offered == total.payload + total.lost for total in world.ledger.traffic.by_direction.values()),
        "littles_law": world.ledger.keeps_littles_law(TOLERANCE),
        "budget_kept": all(getattr(world.spent, name) <= limit * (1.0 + SLACK) for name, limit in world.budget.limits.items()),
    }


def _bits_match(world: World, exchange: Exchange, batch: int, earlier: Mapping[str, Any]) -> bool:
    """What was booked never exceeds what the codecs announced, and equals it where sizes are fixed; labels and roles agree."""
    up, down = exchange.up_manifest(batch), exchange.down_manifest(batch)
    totals = world.ledger.traffic.by_direction
    kept = 0 if totals["up"].labels else up.by_role["labels"]  # a protocol may leave labels on the client
    announced = {"smashed": up.bits - kept, "gradient": down.bits}
    for name, total in totals.items():
        for label, size in announced.items():
            booked, before = total.by_label.get(label, NOTHING), earlier.get(name, {}).get(label, NOTHING)
            transfers, payload = booked[0] - before[0], booked[1] - before[1]
            if payload > transfers * size or (exchange.fixed_size and payload != transfers * size):
                return False
        if sum(booked[1] for booked in total.by_label.values()) != total.payload:
            return False
        if sum(total.by_client.values()) != total.wire:
            return False
    return True
