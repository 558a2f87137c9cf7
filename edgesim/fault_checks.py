"""Cross-checks of what fails in a scenario; run by `edgesim.checks`."""

from collections.abc import Callable, Iterator, Sequence

from edgesim import kinds
from edgesim.scenario import BudgetSpec, Group, Path
from edgesim.specs import Spec

Found = Iterator[tuple[Path, str]]

# Knobs of which exactly one group must be given, the first of each first of all.
WAYS = {
    "outage": (("length_s", "start_s", "every_s"), ("mean_up_s", "mean_down_s")),
    "crash": (("mean_up_s", "mean_down_s"), ("trace_file",)),
}
OPTIONAL = ("start_s", "every_s")


def faults_befall_groups(faults: Sequence[Spec], clients: Sequence[Group]) -> Found:
    for place, fault in enumerate(faults):
        for index, group in enumerate(fault.values["clients"] or ()):
            if group >= len(clients):
                where = ("faults", place, "clients", index)
                yield where, f"there is no group {group}: the scenario has {len(clients)}, counted from 0"


def faults_say_when(faults: Sequence[Spec]) -> Found:
    for place, fault in enumerate(faults):
        ways = WAYS.get(fault.kind, ())
        given = {name for way in ways for name in way if fault.values[name] is not None}
        if ways and not any(given <= set(way) and set(way) - set(OPTIONAL) <= given for way in ways):
            wanted = ", or ".join(" and ".join(name for name in way if name not in OPTIONAL) for way in ways)
            yield ("faults", place), f"{fault.kind} takes either {wanted}; got {', '.join(sorted(given)) or 'none of them'}"


def rounds_are_left_out_where_there_are_rounds(faults: Sequence[Spec], protocol: Spec) -> Found:
    for place, fault in enumerate(faults):
        if fault.kind == "dropout" and kinds.read("protocol", protocol.kind).flags.get("alone"):
            message = f"dropout is about rounds, and {protocol.kind} has none: use crash, or a protocol for many clients"
            yield ("faults", place, "kind"), message


def late_clients_are_carried_over_whole_rounds(protocol: Spec, budget: BudgetSpec) -> Found:
    if protocol.values.get("late") != "carry":
        return
    if protocol.values.get("deadline_s") is None:
        yield ("protocol", "late"), "says what becomes of clients that miss the deadline: give deadline_s"
    limits = [name for name in type(budget).model_fields if name not in ("ledger", "rounds")]
    others = [name for name in limits if getattr(budget, name) is not None]
    if others or budget.rounds is None:
        yield (
            ("protocol", "late"),
            "with carry, work is under way from one round to the next, and nobody can tell beforehand what a round costs: "
            f"limit rounds{' instead of ' if others else ''}{', '.join(others)}, or choose drop",
        )


CHECKS: tuple[Callable[..., Found], ...] = (
    faults_befall_groups,
    faults_say_when,
    rounds_are_left_out_where_there_are_rounds,
    late_clients_are_carried_over_whole_rounds,
)
