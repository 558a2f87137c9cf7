"""Whatever is wrong with a scenario, loading it gives a scenario or a list of problems, and nothing else."""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load
from edgesim.scenario import Scenario
from edgesim.yaml_nodes import write

STAGES = [{"kind": "adc", "xi": 0.2}, {"kind": "quantise", "bits": 8}]
LINK = {
    "codec": {"kind": "chain", "stages": STAGES},
    "channel": {"kind": "rayleigh", "snr_db": 10, "coherence_s": "5 ms"},
    "radio": {"bandwidth_hz": "20 MHz", "packet_bits": 1e4},
    "transport": "reliable",
}
UNIFORM = {"kind": "uniform", "low": 5, "high": 20.5}
VARY = {"channel": {"snr_db": UNIFORM}, "downlink_channel": {}, "device": {"rate_factor": {"kind": "constant", "value": 2}}}
SCENARIO: dict[str, Any] = {
    "name": "small",
    "seed": 0,
    "model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 2, "image_size": 96, "pretrained": False},
    "data": {"kind": "synthetic", "train": 100, "batch_size": 10, "partition": {"kind": "iid"}, "augment": "none"},
    "clients": [{"count": 1, "device": "raspberry_pi_4", "radio": "wifi", "data_share": 2, "vary": VARY}],
    "uplink": LINK,
    "server": {"device": "edge_server", "cores": 2},
    "downlink": LINK | {"codec": "identity"},
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"epochs_of_base": 1, "bits": "1 Gbit", "ledger": "wire"},
    "evaluate": {"every_epochs": 1, "codec": False},
    "host": {"threads": 1},
}


def paths(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every node below the root."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path for key, item in items for path in [(*here, key), *paths(item, (*here, key))]]


PLACES = paths(SCENARIO)
words = st.sampled_from(
    ["adc", "vit", "kind", "identity", "stages", "xi", "1e6", "no", "20 MHz", "x" * 200, "", "ä", "none", "wifi", "analog"]
)
numbers = (
    st.sampled_from([0, -1, 1, 2, 12, 1437, 10**30, 0.5, 1e-300, 1e300, float("inf"), float("-inf")])
    | st.integers()
    | st.floats()
)
values = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)


def test_the_scenario_without_changes_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(write(SCENARIO))
    assert load(file).name == "small"


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PLACES), values, st.booleans()), min_size=1, max_size=3))
def test_any_change_gives_a_scenario_or_problems(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    changed = deepcopy(SCENARIO)
    for path, value, remove in changes:
        put(changed, path, value, remove)
    file = tmp_path / "s.yaml"
    file.write_text(write(changed), encoding="utf-8")
    lines = file.read_text(encoding="utf-8").splitlines()
    scenario, problems = outcome(file)
    assert (scenario is None) == bool(problems)
    for problem in problems:
        place, _, message = problem.removeprefix(f"{file}:").partition(": ")
        line, column = map(int, place.split(":"))
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
        assert 0 < len(message) < 400
        assert "\n" not in message
    if scenario is not None:
        again = tmp_path / "again.yaml"
        again.write_text(scenario.resolved_yaml(), encoding="utf-8")
        assert load(again).hash8 == scenario.hash8


def outcome(file: Path, overrides: Sequence[str] = ()) -> tuple[Scenario | None, list[str]]:
    """The scenario, or everything that is wrong with it; any other exception is a failure."""
    try:
        return load(file, overrides), []
    except ScenarioError as error:
        return None, error.problems
    except UsageError as error:
        return None, [str(error)]


steps = st.sampled_from(
    [".uplink", ".codec", ".kind", ".stages", "[0]", "[1]", "[7]", ".clients", ".device", ".data", ".xi", ".seed", ".", "[", ""]
)
settings_given = st.tuples(
    st.lists(steps, max_size=4).map("".join), values.map(lambda value: write(value, flow=True).strip()) | words
)


@settings(max_examples=150)
@given(st.lists(settings_given, min_size=1, max_size=3))
def test_any_override_gives_a_scenario_or_problems(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(write(SCENARIO))
    scenario, problems = outcome(file, [f"{path.removeprefix('.')}={value}" for path, value in changes])
    assert (scenario is None) == bool(problems)


def put(node: Any, path: tuple[Any, ...], value: Any, remove: bool) -> None:
    """Replace or remove the node at a path; nothing happens where an earlier change took it away."""
    for step in path[:-1]:
        if not holds(node, step):
            return
        node = node[step]
    if remove and holds(node, path[-1]):
        del node[path[-1]]
    elif holds(node, path[-1]):
        node[path[-1]] = value


def holds(node: Any, step: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, dict) and step in node


@pytest.mark.parametrize("place", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_no_value_at_all_gives_a_scenario_or_problems(tmp_path: Path, place: tuple[Any, ...]) -> None:
    changed = deepcopy(SCENARIO)
    put(changed, place, None, remove=False)
    file = tmp_path / "s.yaml"
    file.write_text(write(changed))
    consequences = ("null", "takes either", "no limit")
    _, problems = outcome(file)
    assert all(any(words in problem for words in consequences) for problem in problems)
