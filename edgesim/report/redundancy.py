"""What a run's files say twice: in scenario and manifest, in the tables of steps, transfers, clients and looks, in checkpoints.

What was altered in one place, under checksums that were made to fit, no longer agrees with the other.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from edgesim.errors import EdgesimError
from edgesim.load import load
from edgesim.record import checkpoint, clients, evaluations, origin, partition, tables
from edgesim.record.folder import MANIFEST
from edgesim.report.readding import ROLES, TOLERANCE
from edgesim.rows import Evaluation

LARGEST_BYTES = 1 << 28  # of a checkpoint that is read for the few rows in it
NAMES_A_FILE = re.compile(r"_file: (?!null)")  # whose content is part of the hash, and may have changed since
MOST_NAMED = 5
LIMITS = ("symbols", "simulated_s", "joules", "steps", "rounds")


def contradictions(folder: Path, manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    """What one file says and another denies, a line each; nothing for a run that is whole."""
    if summary["status"] != manifest["status"]:
        yield f"summary.json: the run is {summary['status']}, and {manifest['status']} in {MANIFEST}"
    yield from _scenario(folder, manifest, summary)
    yield from _spent(folder, summary)
    yield from _air(folder, summary)
    yield from _clients(folder, summary)
    yield from _shares(folder)
    yield from _order(folder)
    yield from _looks(folder, summary)
    yield from _kept(folder)


def _scenario(folder: Path, manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterator[str]:
    """The scenario that was run is the one whose hash names the run; an older version's hash is not known."""
    path = folder / "resolved.yaml"
    if manifest["versions"].get("edgesim") != origin.versions()["edgesim"] or NAMES_A_FILE.search(path.read_text("utf-8")):
        return
    try:
        scenario = load(path)
    except EdgesimError as error:
        if manifest["hash"] not in folder.name:  # else kinds of packages that are not installed here, say
            yield f"resolved.yaml cannot be read again: {error}"
        return
    if (scenario.hash8, scenario.seed) != (manifest["hash"], manifest["seed"]):
        yield f"resolved.yaml is another scenario ({scenario.hash8}, seed {scenario.seed}) than {MANIFEST} says"
    for name in LIMITS:
        limit = getattr(scenario.budget, name)
        if limit is not None and limit != summary["budget"]["limits"].get(name):
            yield f"budget.limits.{name}: the scenario says {limit}, the summary {summary['budget']['limits'].get(name)}"


def _spent(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    budget, epochs = summary["budget"], summary["epochs"]
    spent = {
        "bits": budget["spent_bits"],
        "symbols": sum(summary["symbols"].values()),
        "simulated_s": summary["simulated_s"],
        "joules": summary["energy_j"]["total"],
        "steps": summary["steps"],
        "rounds": summary["rounds"],
    }
    for name, value in spent.items():
        if not _close(budget["spent"][name], value):
            yield f"budget.spent.{name}: {budget['spent'][name]}, and {value} elsewhere in the summary"
    for ledger, xi in summary["xi"].items():
        if xi["mean"] is not None and not _close(xi["mean"], (xi["up"] + xi["down"]) / 2):
            yield f"xi.{ledger}.mean: {xi['mean']} is not the mean of {xi['up']} and {xi['down']}"
    for row in evaluations.rows_of(folder):
        if not _close(row.epoch * summary["steps"], row.step * epochs):
            yield f"evaluations: {row.epoch} epochs at step {row.step}, and {epochs} at step {summary['steps']} in the summary"


def _air(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    """Of the transfers whose signal-to-noise ratio is finite, its mean over time; and at one end of each its client."""
    transfers = tables.read(folder, "transfers")
    snr_db, lasted = (
        column.to_numpy() for column in (transfers["snr_db"], pc.subtract(transfers["end_s"], transfers["start_s"]))
    )
    noisy = np.isfinite(snr_db)
    span = float(lasted[noisy].sum())
    mean = 10 * math.log10(float((10 ** (snr_db[noisy] / 10) * lasted[noisy]).sum()) / span) if span else None
    if not _close(mean, summary["link"]["snr_db_mean"]):
        yield f"link.snr_db_mean: the transfers' is {mean}, the summary says {summary['link']['snr_db_mean']}"
    near = pc.if_else(pc.equal(transfers["direction"], "up"), transfers["sender"], transfers["receiver"])
    named = pc.binary_join_element_wise("client", transfers["client"].cast("string"), "")
    if pc.any(pc.not_equal(near, named)).as_py():
        yield "transfers: one is of another client than the one at its end"


def _clients(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    """What the table of clients says of each, the tables of steps and transfers say too."""
    rows = clients.read(folder)
    if not rows:
        return
    for row, said in zip(rows, summary.get("clients", ()), strict=False):  # of many clients the summary names the first
        if row != {name: "" if value is None else repr(value) for name, value in said.items()}:
            yield f"clients: {row['client']} is another in the summary"
    if [int(row["client"]) for row in rows] != [*range(len(rows))]:
        yield "clients: they are not numbered from 0"
        return
    steps, transfers = tables.read(folder, "steps"), tables.read(folder, "transfers")
    if not {*steps["client"].to_pylist()} <= {*range(len(rows))}:
        yield "steps: one is of a client that clients.csv does not have"
        return
    wire = np.sum([transfers[f"{role}_bits"].to_numpy() for role in ROLES], axis=0)
    actor, is_up = transfers["client"].to_numpy(), pc.equal(transfers["direction"], "up").to_numpy()
    found = {
        "steps": _by_client(steps["client"].to_numpy(), np.ones(len(steps), np.int64), len(rows)),
        "bits_up": _by_client(actor, wire * is_up, len(rows)),
        "bits_down": _by_client(actor, wire * ~is_up, len(rows)),
    }
    for name, sums in found.items():
        said = np.array([int(row[name]) for row in rows], np.int64)
        for client in np.flatnonzero(sums != said)[:MOST_NAMED].tolist():
            yield f"clients: {name} of client {client}: the tables add up to {sums[client]}, clients.csv says {said[client]}"
    drawn = _by_client(steps["client"].to_numpy(), steps["energy_j"].to_numpy(), len(rows))
    joules = np.array([float(row["joules"]) for row in rows])
    for client in np.flatnonzero(drawn > joules * (1 + TOLERANCE) + TOLERANCE)[:MOST_NAMED].tolist():
        yield f"steps: those of client {client} took more joules than clients.csv says"


def _by_client(client: NDArray[Any], values: NDArray[Any], count: int) -> NDArray[Any]:
    """Sums, [count], of values, [n], over clients, [n]."""
    sums = np.zeros(count, values.dtype)
    np.add.at(sums, client, values)
    return sums


def _shares(folder: Path) -> Iterator[str]:
    """Who holds which images: the table, the histogram, and the samples of clients.csv."""
    if not tables.exists(folder, partition.TABLE):
        return
    held = Counter(tables.read(folder, partition.TABLE)["client"].to_pylist())
    samples = [int(row["samples"]) for row in clients.read(folder)]
    for line in (folder / partition.FILE).read_text(encoding="utf-8").splitlines()[1:]:
        client, images, *classes = map(int, line.split(","))
        if images != held[client] or images != sum(classes) or (samples and images != samples[client]):
            yield f"partition: client {client} holds {held[client]} images; {partition.FILE} or clients.csv says another number"


def _order(folder: Path) -> Iterator[str]:
    """Rounds, and each client's steps, come one after the other."""
    if tables.exists(folder, "rounds"):
        rounds = tables.read(folder, "rounds").to_pylist()
        if [row["round"] for row in rounds] != [*range(1, len(rounds) + 1)]:
            yield "rounds: they are not numbered from 1"
        if any(row["end_s"] < row["start_s"] for row in rounds):
            yield "rounds: one ends before it begins"
        if any(row["finished"] + row["late"] + row["failed"] > row["clients"] for row in rounds):
            yield "rounds: more clients ended one than were chosen"
    steps = tables.read(folder, "steps")
    latest: dict[int, int] = {}
    for client, step in zip(steps["client"].to_pylist(), steps["step"].to_pylist(), strict=True):
        if step != latest.get(client, 0) + 1:
            yield f"steps: client {client} made step {step} after step {latest.get(client, 0)}"
            return
        latest[client] = step


def _looks(folder: Path, summary: Mapping[str, Any]) -> Iterator[str]:
    """Looks come one after the other, and within what the run has used."""
    rows = evaluations.rows_of(folder)
    for name in ("step", "epoch", "simulated_s", "spent_bits", "joules"):
        values = [getattr(row, name) for row in rows]
        if any(after < before for before, after in pairwise(values)):
            yield f"evaluations: {name} goes backwards"
    ends = {"simulated_s": summary["simulated_s"], "spent_bits": summary["budget"]["spent_bits"]}
    for name, end in ends.items():
        if rows and getattr(rows[-1], name) > end * (1 + TOLERANCE):
            yield f"evaluations: the last is at {name} {getattr(rows[-1], name)}, and the run ended at {end}"
    if rows and not _close(rows[-1].accuracy_codec, summary["accuracy_codec"]):
        yield f"accuracy_codec: the last look says {rows[-1].accuracy_codec}, the summary {summary['accuracy_codec']}"


def _kept(folder: Path) -> Iterator[str]:
    """The latest checkpoint has the looks that there were until then."""
    newest = next(iter(checkpoint.everything(folder)), None)
    if newest is None or newest.stat().st_size > LARGEST_BYTES:
        return
    found = checkpoint.read(newest)
    rows = [repr(tuple(row)) for row in evaluations.rows_of(folder)]
    kept = [repr(tuple(Evaluation(*row))) for row in found.state["evaluations"]]
    if kept != rows[: len(kept)]:
        yield f"evaluations: {newest.name} has others"


def _close(one: float | None, other: float | None) -> bool:
    one, other = (math.nan if value is None else value for value in (one, other))  # JSON has no NaN
    return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-12)
