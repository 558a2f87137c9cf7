"""`edgesim plan`: what a run will cost, before it is run."""

from collections.abc import Mapping
from typing import Any

from edgesim.cli.console import out, say
from edgesim.cli.options import AsJson, Changes, ScenarioFile, Seed, to_run
from edgesim.cli.render import nested
from edgesim.cli.summary import MOST_NAMED, of_actors

EPILOG = """
Examples:

edgesim plan scenarios/ideal.yaml

edgesim plan scenarios/ideal.yaml --set uplink.codec.xi=0.05 --json
"""


def plan(scenario: ScenarioFile, changes: Changes = None, seed: Seed = None, as_json: AsJson = False) -> None:
    """Predict a run without training it: sizes, steps, simulated seconds, joules, and the wall time on this machine.

    The scenario's own simulated world is run with halves that only know their sizes: what is predicted is what `run` will book.
    """
    from edgesim.load import load

    loaded = load(scenario, changes or [], seed)
    from edgesim import plan as planner  # imports torch: not before the scenario is known to be right

    facts = planner.plan(loaded)
    if as_json:
        from edgesim.record import json_text

        out(json_text.dumps(facts))
        return
    out("\n".join(nested(_shortened(facts))))
    say(f"next     {to_run(scenario, changes, *([] if seed is None else ['--seed', str(seed)]))}")


def _shortened(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with a line for each section of the scenario, and many clients in one."""
    energy = facts["energy_j"]
    if len(energy["by_actor"]) > MOST_NAMED:
        energy = {**energy, "by_actor": of_actors(energy["by_actor"])}
    return {**facts, "resolved": _sections(facts["resolved"]), "energy_j": energy}


def _sections(resolved: Mapping[str, Any]) -> dict[str, str]:
    """A line for each section of the scenario, of a link for each of its parts, with every default filled in."""
    from edgesim.yaml_nodes import write

    parts = {}
    for name, section in resolved.items():
        of_a_link = name in ("uplink", "downlink")
        parts.update({f"{name}.{part}": given for part, given in section.items()} if of_a_link else {name: section})
    return {name: " ".join(write(given, flow=True).removesuffix("...\n").split()) for name, given in parts.items()}
