"""A run's figures added up again from its tables, and held against what its summary says."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from edgesim.record import clients, evaluations, tables
from edgesim.rows import Step

TOLERANCE = 1e-9  # relative; sums of up to millions of floats in another order
ROLES = ("values", "side", "labels", "model", "overhead")
COUNTS = ("packets", "protected_packets", "retransmissions", "lost_packets", "corrupted_values")
PHASES = tuple(name.removesuffix("_s") for name in Step._fields[5:12])
LEDGERS = {"paper": "paper_bits", "code": "code_bits"}  # and wire, the sum over the roles
SENT_INSTEAD = {"up": "smashed", "down": "gradient"}  # labels of what the ratios are taken of
SERVER = "server"


def differences(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    """What does not add up, a line each; nothing for a run that is whole."""
    for name in sorted(tables.ROW_TYPES):
        if name != "evaluations" and tables.exists(folder, name) and tables.read(folder, name).schema != tables.schema(name):
            yield f"{name}: its columns are not those of this version"
            return
    steps, transfers = tables.read(folder, "steps"), tables.read(folder, "transfers")
    yield from _steps(steps, summary)
    yield from _bits(transfers, summary)
    yield from _ratios(transfers, summary)
    if tables.exists(folder, "entries"):
        yield from _book(tables.read(folder, "entries"), summary)
    yield from _energy(steps, summary)
    yield from _looks(folder, summary)
    yield from _clients(folder, summary)
    yield from _events(folder, summary)
    yield from (f"summary.json: its own check {name} failed" for name, held in summary["checks"].items() if not held)


def _steps(steps: pa.Table, summary: Mapping[str, Any]) -> Iterator[str]:
    start, end = _column(steps, "start_s"), _column(steps, "end_s")
    lasted = end - start
    yield from _same("steps", len(steps), summary["steps"])
    by_phase = {phase: _column(steps, f"{phase}_s") for phase in PHASES}
    clock = TOLERANCE * np.maximum(np.maximum(lasted, end * 1e-3), 1e-6)
    loose = np.abs(sum(by_phase.values(), np.zeros(len(steps))) - lasted) > clock
    if loose.any():
        yield f"steps: the phases of {int(loose.sum())} steps do not tile them"
    said = summary["latency_s"]
    if not len(steps):
        return
    yield from _same("latency_s.step_mean", float(lasted.mean()), said["step_mean"])
    yield from _same("latency_s.step_p50", float(np.percentile(lasted, 50)), said["step_p50"])
    yield from _same("latency_s.step_p95", float(np.percentile(lasted, 95)), said["step_p95"])
    for phase, seconds in by_phase.items():
        yield from _same(f"latency_s.by_phase.{phase}", float(seconds.mean()), said["by_phase"][phase])
    if end.max() > summary["simulated_s"] * (1 + TOLERANCE):
        yield f"steps: one ends at {end.max():.9g} s, after the run ({summary['simulated_s']:.9g} s)"


def _bits(transfers: pa.Table, summary: Mapping[str, Any]) -> Iterator[str]:
    link: Counter[str] = Counter()
    spent = dict.fromkeys((*LEDGERS, "wire"), 0.0)
    for direction in ("up", "down"):
        mine = _where(transfers, "direction", direction)
        sums = {role: int(_column(mine, f"{role}_bits").sum()) for role in ROLES}
        said = summary["bits"][direction]
        for role, bits in sums.items():
            yield from _same(f"bits.{direction}.{role}", bits, said[role])
        yield from _same(f"bits.{direction}.total", sum(sums.values()), said["total"])
        yield from _same(f"symbols.{direction}", int(_column(mine, "symbols").sum()), summary["symbols"][direction])
        spent["wire"] += sum(sums.values())
        for ledger, column in LEDGERS.items():
            spent[ledger] += float(_column(mine, column).sum())
        link.update({name: int(_column(mine, name).sum()) for name in COUNTS})
    link["transfers"], link["cut_transfers"] = len(transfers), int((~_column(transfers, "delivered")).sum())
    for name, count in link.items():
        yield from _same(f"link.{name}", count, summary["link"][name])
    yield from _same("budget.spent_bits", spent[summary["budget"]["ledger"]], summary["budget"]["spent_bits"])
    yield from _conserved(transfers)


def _conserved(transfers: pa.Table) -> Iterator[str]:
    """What was sent has arrived, or was cut short and counts as overhead; and no time runs backwards."""
    cut = transfers.filter(pc.invert(transfers["delivered"]))
    if any(_column(cut, f"{role}_bits").any() for role in ROLES[:-1]):
        yield "transfers: one that was cut short counts as delivered"
    start, end, wait = (_column(transfers, name) for name in ("start_s", "end_s", "wait_s"))
    if (end < start).any() or (wait < 0).any():
        yield "transfers: one ends before it begins"
    if (_column(transfers, "lost_packets") > _column(transfers, "packets")).any():
        yield "transfers: one lost more packets than it sent"


def _ratios(transfers: pa.Table, summary: Mapping[str, Any]) -> Iterator[str]:
    """What was sent instead of activations and gradients over what Base sends, in the three ledgers."""
    delivered = transfers.filter(transfers["delivered"])
    for direction, label in SENT_INSTEAD.items():
        mine = _where(_where(delivered, "direction", direction), "label", label)
        for ledger, base in summary["xi_base_bits"][direction].items():
            names = [LEDGERS[ledger]] if ledger in LEDGERS else [f"{role}_bits" for role in ROLES[:-1]]
            bits = sum(float(_column(mine, name).sum()) for name in names)
            said = summary["xi"][ledger][direction]
            if said is not None:
                yield from _same(f"xi.{ledger}.{direction}", bits / (len(mine) * base) if len(mine) else math.nan, said)


def _book(entries: pa.Table, summary: Mapping[str, Any]) -> Iterator[str]:
    """The book tiles every device's time, and its joules are the summary's."""
    said, actors = summary["energy_j"], np.asarray(entries["actor"].to_pylist(), dtype=object)
    start, end, joules = (_column(entries, name) for name in ("start_s", "end_s", "joules"))
    wrong = np.abs(_column(entries, "watts") * (end - start) - joules) > TOLERANCE * np.maximum(np.abs(joules), 1e-6)
    if wrong.any():
        yield f"entries: of {int(wrong.sum())} the joules are not watts times seconds"
    by_actor: defaultdict[str, float] = defaultdict(float)
    for actor in dict.fromkeys(actors.tolist()):
        mine = actors == actor
        by_actor[actor if actor in said["by_actor"] else "clients"] += float(joules[mine].sum())
        whole = [0.0, *end[mine][:-1]] == [*start[mine]] and math.isclose(
            end[mine][-1], summary["simulated_s"], rel_tol=TOLERANCE, abs_tol=1e-12
        )
        if not whole:
            yield f"entries: those of {actor} do not tile its time"
    for actor, total in by_actor.items():
        yield from _same(f"energy_j.by_actor.{actor}", total, said["by_actor"].get(actor))
    phases = np.asarray(entries["phase"].to_pylist(), dtype=object)
    for phase in dict.fromkeys(phases.tolist()):
        yield from _same(f"energy_j.by_phase.{phase}", float(joules[phases == phase].sum()), said["by_phase"].get(phase))


def _energy(steps: pa.Table, summary: Mapping[str, Any]) -> Iterator[str]:
    """Both ways of adding up the summary's joules agree, and the steps' are within the clients'."""
    said = summary["energy_j"]
    for name in ("by_actor", "by_phase"):
        yield from _same(f"energy_j.total by {name}", math.fsum(said[name].values()), said["total"])
    of_clients = said["total"] - said["by_actor"].get(SERVER, 0.0)
    if float(_column(steps, "energy_j").sum()) > of_clients * (1 + TOLERANCE) + TOLERANCE:
        yield "steps: they took more joules than the clients' devices drew"


def _looks(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    rows = evaluations.rows_of(folder)
    yield from _same("accuracy", rows[-1].accuracy if rows else None, summary["accuracy"])
    yield from _same("accuracy_best", max((row.accuracy for row in rows), default=None), summary["accuracy_best"])
    yield from _same("loss", rows[-1].loss if rows else None, summary["loss"])
    if rows and (rows[-1].joules > summary["energy_j"]["total"] * (1 + TOLERANCE) or rows[-1].step > summary["steps"]):
        yield "evaluations: the last is of a moment after the run's end"


def _clients(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    rows = clients.read(folder)
    if not rows:
        return
    yield from _same("clients: steps", sum(int(row["steps"]) for row in rows), summary["steps"])
    for direction in ("up", "down"):
        total = sum(int(row[f"bits_{direction}"]) for row in rows)
        yield from _same(f"clients: bits_{direction}", total, summary["bits"][direction]["total"])
    drawn = math.fsum(float(row["joules"]) for row in rows)
    yield from _same("clients: joules", drawn, summary["energy_j"]["total"] - summary["energy_j"]["by_actor"].get(SERVER, 0.0))


def _events(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    rounds = len(tables.read(folder, "rounds")) if tables.exists(folder, "rounds") else 0
    yield from _same("rounds", rounds, summary["rounds"])
    kinds = Counter(tables.read(folder, "faults")["kind"].to_pylist() if tables.exists(folder, "faults") else [])
    if dict(kinds) != summary["faults"]:
        yield f"faults: the table has {dict(kinds)}, the summary {summary['faults']}"


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    column: NDArray[Any] = table[name].to_numpy()
    return column


def _where(table: pa.Table, name: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[name], value))


def _same(name: str, found: float | None, said: Any) -> Iterator[str]:
    """A line unless both are equal, up to the order in which floats are added."""
    if found is None or math.isnan(found) or said is None:
        equal = said is None and (found is None or math.isnan(found))  # JSON has no NaN
    else:
        equal = found == said or math.isclose(float(found), float(said), rel_tol=TOLERANCE, abs_tol=1e-12)
    if not equal:
        yield f"{name}: the tables add up to {found}, the summary says {said}"
