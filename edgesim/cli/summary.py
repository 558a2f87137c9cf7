"""summary.json as a table for people."""

from collections.abc import Iterator, Mapping
from typing import Any

from edgesim.cli.render import MISSING, cell, columns, quantity

Summary = Mapping[str, Any]
MOST_NAMED = 8  # clients


def as_json(summary: Summary) -> str:
    """The text of summary.json."""
    from edgesim.record import json_text

    return json_text.dumps(summary)


def lines(summary: Summary) -> list[str]:
    """What a researcher asks first, one line each: result, cost, compression, traffic, latency, link, checks."""
    return columns(pairs(summary))


def pairs(summary: Summary) -> list[tuple[str, str]]:
    """The same as label and text."""
    return [*_result(summary), *_cost(summary), *_traffic(summary), *_link(summary), ("checks", _checks(summary["checks"]))]


def _result(summary: Summary) -> Iterator[tuple[str, str]]:
    reason = summary["stopped_by"]
    yield "status", summary["status"] + (f", stopped by {reason}" if reason else "")
    if summary["accuracy"] is not None:
        yield "accuracy", f"{summary['accuracy']:.4f}  (best {summary['accuracy_best']:.4f})"
    if summary.get("accuracy_codec") is not None:
        yield "with the codec on", f"{summary['accuracy_codec']:.4f}"
    if summary["loss"] is not None:
        yield "test loss", f"{summary['loss']:.4g}"
    yield "steps", f"{cell(summary['steps'], None)}  ({summary['epochs']:.4g} epochs)"
    found = summary.get("non_finite", {})  # runs of older versions have none
    if any(found.values()):
        yield "not finite", f"{cell(found['replaced'], None)} values taken for 0, {cell(found['skipped'], None)} steps left out"


def _cost(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "simulated time", quantity(summary["simulated_s"], "s")
    latency = summary["latency_s"]
    if latency["step_mean"] is not None:
        mean, middle, late = (quantity(latency[key], "s") for key in ("step_mean", "step_p50", "step_p95"))
        yield "time a step", f"mean {mean}, median {middle}, 95 % below {late}"
        yield "by phase", _items(latency["by_phase"], "s")
    energy = summary["energy_j"]
    yield "energy", f"{quantity(energy['total'], 'J')}  ({of_actors(energy['by_actor'])})"
    yield "wall time", quantity(summary["wall_s"], "s")
    budget = summary["budget"]
    if budget["limit_bits"]:
        share = 100 * budget["spent_bits"] / budget["limit_bits"]
        yield "budget", f"{share:.2f} % of {quantity(budget['limit_bits'], 'bit')} spent ({budget['ledger']} ledger)"


def _traffic(summary: Summary) -> Iterator[tuple[str, str]]:
    for ledger, ratio in summary["xi"].items():
        yield f"xi {ledger}", ", ".join(f"{key} {cell(value, None)}" for key, value in ratio.items())
    for direction in ("up", "down"):
        bits = dict(summary["bits"][direction])
        total = quantity(bits.pop("total"), "bit")
        yield f"sent {direction}", f"{total}  ({_items(bits, 'bit')})"
    symbols = summary["symbols"]
    yield "channel uses", f"up {quantity(symbols['up'], 'symbols')}, down {quantity(symbols['down'], 'symbols')}"


def _link(summary: Summary) -> Iterator[tuple[str, str]]:
    link = summary["link"]
    if link["snr_db_mean"] is not None:
        yield "mean SNR", cell(link["snr_db_mean"], "dB")
    troubles = {key: link[key] for key in ("retransmissions", "lost_packets", "corrupted_values") if link[key]}
    said = "".join(f", {count} {key.replace('_', ' ')}" for key, count in troubles.items())
    exposed = link["packets"] - link.get("protected_packets", link["packets"])  # older versions' runs do not tell
    if link["lost_packets"] and exposed:
        said += f"; lost for good: {link['lost_packets'] / exposed:.2%} of {exposed} that are not protected"
    yield "packets", f"{cell(link['packets'], None)}{said}"


def _checks(checks: Mapping[str, bool]) -> str:
    failed = [name for name, kept in checks.items() if not kept]
    if failed:
        return f"FAILED: {', '.join(failed)} (these numbers contradict each other: please report the run folder)"
    return f"all {len(checks)} hold ({', '.join(checks)})"


def of_actors(joules: Mapping[str, float]) -> str:
    """Every device by name; of many clients what they drew together, and the least and the most of one."""
    clients = {name: drawn for name, drawn in joules.items() if name.startswith("client")}
    if len(clients) <= MOST_NAMED:
        return _items(joules, "J")
    others = _items({name: drawn for name, drawn in joules.items() if name not in clients}, "J")
    least, most = quantity(min(clients.values()), "J"), quantity(max(clients.values()), "J")
    return f"{others}, {len(clients)} clients {quantity(sum(clients.values()), 'J')}, each {least} to {most}"


def _items(values: Mapping[str, float], unit: str) -> str:
    """What is not zero, largest first."""
    kept = sorted(((name, value) for name, value in values.items() if value), key=lambda item: -item[1])
    return ", ".join(f"{name} {quantity(value, unit)}" for name, value in kept) or MISSING
