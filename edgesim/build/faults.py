"""What may fail in a scenario."""

from collections.abc import Collection
from functools import partial
from typing import Any

from edgesim import kinds, rng
from edgesim.build.groups import ClientFacts
from edgesim.build.makers import checked, make
from edgesim.errors import NotFoundError
from edgesim.scenario import Scenario, Spec
from edgesim.sim.faults.base import Fault
from edgesim.sim.hazards import Hazard, Hazards


def hazards(scenario: Scenario, clients: Collection[ClientFacts]) -> Hazards | None:
    """All faults of a scenario; None where nothing fails, and no deadline cuts anything short.

    Raises ScenarioError for knobs that do not go together, NotFoundError for a file that cannot be read.
    """
    if not scenario.faults and scenario.protocol.values.get("deadline_s") is None:
        return None
    made: list[Hazard] = []
    for place, spec in enumerate(scenario.faults):
        path = ("faults", place)
        knobs = spec.knobs()
        groups = knobs.pop("clients")
        for name, value in knobs.items():
            if isinstance(value, Spec):
                knobs[name] = make(scenario, value.slot, value, (*path, name))
        seed = rng.seed(scenario.seed, "fault", spec.kind, sum(hazard.kind == spec.kind for hazard in made))
        try:
            fault: Fault = checked(scenario, path, partial(_made, spec.kind, seed, knobs))
        except OSError as error:
            raise NotFoundError(str(scenario.problem(path, f"{error.filename}: {error.strerror}"))) from error
        befallen = None if groups is None else [client.number for client in clients if client.group in groups]
        made.append(Hazard(spec.kind, fault, befallen))
    found: Hazards = checked(scenario, ("faults",), lambda: Hazards(made, len(clients)))
    return found


def _made(kind: str, seed: int, knobs: dict[str, Any]) -> Fault:
    fault: Fault = kinds.load("fault", kind)(seed, **knobs)
    return fault
