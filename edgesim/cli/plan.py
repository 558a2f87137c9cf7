"""`edgesim plan`: what a run will cost, before it is run."""

from edgesim.cli.console import out, say
from edgesim.cli.options import AsJson, Changes, ScenarioFile, Seed, to_run
from edgesim.cli.render import nested

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
    out("\n".join(nested(facts)))
    say(f"next     {to_run(scenario, changes, *([] if seed is None else ['--seed', str(seed)]))}")
