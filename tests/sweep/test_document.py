"""What a sweep file may look like, and every problem at its place."""

from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import ScenarioError, UsageError
from edgesim.sweep.document import read_document
from edgesim.sweep.points import expand


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gird: {budget.steps: [1]}", "2:1: unknown key 'gird', did you mean 'grid'?"),
        ("grid: {}", "2:7: grid: must not be empty; leave it out, or give it a key such as uplink.codec.xi"),
        ("grid: {budget.steps: []}", "2:22: grid.budget.steps: must not be an empty list"),
        ("grid: {budget.steps: 3}", "2:22: grid.budget.steps: expected a list of values, got the number 3"),
        ("grid: [1]", "2:7: grid: expected a mapping of keys such as uplink.codec.xi, got a list"),
        (
            "grid: {budget..steps: [1]}",
            "2:8: grid: 'budget..steps' is not a path into the scenario; write it as uplink.codec.xi",
        ),
        ("grid: {seed: [1]}", "2:8: grid: the seeds of a sweep are listed under `seeds`"),
        ("seeds: []", "2:8: seeds: must not be an empty list"),
        ("seeds: 3", "2:8: seeds: expected a list, got the number 3"),
        ("seeds: [0, -1]", "2:12: seeds[1]: must be at least 0; got -1"),
        ("list: [{label: 3}]", "2:16: list[0].label: expected a text that names the point, got the number 3"),
        ("skip: [{uplink.codec.kind: []}]", "2:28: skip[0].uplink.codec.kind: must not be an empty list"),
        ("timing_only: yes", "2:14: timing_only: expected true or false, got the text 'yes': write true"),
        ("sizes: {tiny: {seeds: [0]}}", "2:9: sizes: unknown key 'tiny'; known here: smoke, desk, paper"),
        ("sizes: {smoke: {sedes: [0]}}", "2:17: sizes.smoke: unknown key 'sedes', did you mean 'seeds'?"),
        ("seeds: [0]\nseeds: [1]", "3:1: duplicate key 'seeds' (first in line 2); keep one"),
        ("seeds: [0", "3:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_a_wrong_shape_is_reported_at_its_place(make: Any, text: str, said: str) -> None:
    path = make(text + "\n")
    with pytest.raises(ScenarioError) as caught:
        read_document(path)
    [line] = caught.value.problems
    assert line.startswith(f"{path}:{said}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("set: {budget.steps: 1}\ngrid: {budget.steps: [1]}", "3:23: budget.steps: `set` fixes it too; keep one of them"),
        (
            "grid: {budget.steps: [1]}\nzip: [{budget.steps: [1]}]",
            "2:23: budget.steps: another axis varies it too; keep one of them",
        ),
        (
            "zip: [{budget.steps: [1], optimiser.lr: [1, 2]}]",
            "2:7: zipped lists must be equally long (budget.steps 1, optimiser.lr 2",
        ),
        ("seeds: [1, 1]", "2:8: a seed is listed twice; each seed is one run"),
        ("list: [{label: a, seed: 1}]", "2:19: list[0]: the seeds of a sweep are listed under `seeds`"),
        (
            "list: [{label: a, budget.steps: 1}, {label: a, budget.steps: 2}]",
            "2:45: label 'a' names two points; give each its own",
        ),
        (
            "grid: {budget.steps: [1, 1.0]}",
            "1:1: two points are the same run: (budget.steps=1, seed 3) and (budget.steps=1, seed 3)",
        ),
        ("skip: [{uplink.codek.kind: adc}]", "2:9: skip: no point has 'uplink.codek.kind'"),
        ("skip: [{budget.steps: [1, 2]}]", "2:7: every point is skipped; nothing is left to run"),
        ("grid: {uplink.codec.xii: [0.1, 0.2]}", "2:27: uplink.codec: unknown key 'xii'"),
        (
            "grid: {optimiser.lr: [0.1, -0.2]}",
            "2:28: optimiser.lr: must be above 0; got -0.2 [1 of 2 points, such as optimiser.lr=-0.2",
        ),
        ("set: {uplink.codec: {kind: adk}}", "2:21: uplink.codec.kind: unknown codec 'adk', did you mean 'adc'?"),
    ],
)
def test_points_that_make_no_sense_are_reported_once(make: Any, text: str, said: str) -> None:
    path = make(text + "\n")
    with pytest.raises(ScenarioError) as caught:
        expand(read_document(path))
    [line] = caught.value.problems
    assert line.startswith(f"{path}:{said}")


def test_too_many_points_are_refused_before_any_is_made(make: Any) -> None:
    axis = str(list(range(1, 102)))
    path = make(f"grid: {{budget.steps: {axis}, data.batch_size: {axis}}}\n")
    with pytest.raises(ScenarioError, match="10201 points, at most 10000: take fewer values"):
        expand(read_document(path))


def test_an_empty_file_and_a_missing_scenario(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("# nothing\n")
    with pytest.raises(ScenarioError, match=r"many\.yaml:1:1: the file is empty"):
        read_document(path)
    path.write_text("seeds: [0]\n")
    with pytest.raises(ScenarioError, match="missing key 'scenario': scenario file, relative to the sweep's"):
        read_document(path)
    path.write_text("scenario: there/none.yaml\n")
    with pytest.raises(ScenarioError, match=r"many\.yaml:1:11: .*none\.yaml: no such file"):
        expand(read_document(path))
    with pytest.raises(UsageError, match="no such file"):
        read_document(tmp_path / "other.yaml")


SIZED = """
set: {optimiser.lr: 0.1, budget.steps: 9}
grid: {uplink.codec.xi: [0.1, 0.2], data.batch_size: [8, 16]}
seeds: [0, 1, 2]
sizes:
  smoke: {set: {budget.steps: 1}, grid: {data.batch_size: [8]}, seeds: [7], timing_only: true}
  paper: {scenario: big.yaml}
"""


def test_a_size_adds_to_set_and_grid_and_replaces_the_rest(make: Any) -> None:
    document = read_document(make(SIZED), "smoke")
    assert document.name == "many-smoke"
    assert {key: node.value for key, node in document.mapping("set").items()} == {"optimiser.lr": 0.1, "budget.steps": 1}
    assert [len(node.value) for node in document.mapping("grid").values() if isinstance(node.value, list)] == [2, 1]
    assert [node.value for node in document.seeds] == [7]
    assert document.timing_only
    assert read_document(make(SIZED), "paper").scenario.name == "big.yaml"
    plain = read_document(make(SIZED))
    assert (plain.name, plain.timing_only, len(plain.seeds)) == ("many", False, 3)
    with pytest.raises(UsageError, match=r"has no size 'desk' \(sizes: smoke, paper\)"):
        read_document(make(SIZED), "desk")


def test_a_file_called_sweep_is_named_by_its_folder(make: Any, tmp_path: Path) -> None:
    assert read_document(make("", "sweep")).name == tmp_path.name
    assert read_document(make("name: mine\n", "sweep")).name == "mine"
