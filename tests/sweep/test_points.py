"""Which points a sweep has, and what each of them runs."""

from typing import Any

import pytest

from edgesim.errors import UsageError
from edgesim.sweep.document import read_document
from edgesim.sweep.points import Point, expand


def points(path: Any, *overrides: str) -> list[Point]:
    return expand(read_document(path), overrides)


def test_listed_zipped_and_grid_axes_are_crossed_and_seeds_are_innermost(make: Any) -> None:
    found = points(
        make(
            "list: [{label: a, optimiser.lr: 0.1}, {label: b, optimiser.lr: 0.2}]\n"
            "zip: [{data.batch_size: [4, 8], budget.steps: [8, 4]}]\n"
            "grid: {clients.device: [jetson_nano, phone_mid]}\n"
            "seeds: [5, 6]\n"
        )
    )
    assert len(found) == 2 * 2 * 2 * 2
    told = [(each.label, *each.values.values(), each.scenario.seed) for each in found]
    assert list(found[0].values) == ["budget.steps", "clients.device", "data.batch_size", "optimiser.lr"]
    assert told[:3] == [
        ("a", 8, "jetson_nano", 4, 0.1, 5),
        ("a", 8, "jetson_nano", 4, 0.1, 6),
        ("a", 8, "phone_mid", 4, 0.1, 5),
    ]
    assert told[-1] == ("b", 4, "phone_mid", 8, 0.2, 6)
    assert all(each.scenario.budget.steps == each.values["budget.steps"] for each in found)


def test_without_axes_or_seeds_there_is_the_scenario_itself(make: Any) -> None:
    [only] = points(make(""))
    assert (only.label, dict(only.values), only.scenario.seed) == (None, {}, 3)


def test_a_point_is_named_by_what_it_runs_not_by_how_it_was_said(make: Any) -> None:
    [first] = points(make("set: {uplink.radio.bandwidth_hz: 2 MHz}"))
    [second] = points(make("grid: {uplink.radio.bandwidth_hz: [2e6]}\nseeds: [3]"))
    [other] = points(make("grid: {uplink.radio.bandwidth_hz: [3e6]}"))
    assert first.id == second.id
    assert first.id != other.id
    assert first.id.endswith("-s3")
    [timing] = points(make("set: {uplink.radio.bandwidth_hz: 2 MHz}\ntiming_only: true"))
    assert timing.id == f"{first.id}-timing"


def test_values_with_units_are_si_numbers_in_the_table(make: Any) -> None:
    found = points(make("grid: {uplink.radio.bandwidth_hz: [180 kHz, 2 MHz]}"))
    assert [each.values["uplink.radio.bandwidth_hz"] for each in found] == [180e3, 2e6]


def test_a_whole_node_is_set_before_the_knobs_inside_it(make: Any) -> None:
    """Whichever axis comes first: a node that came later would drop the knob without a word."""
    codecs = "list: [{label: adc, uplink.codec: {kind: adc}}, {label: topk, uplink.codec: topk}]\n"
    found = points(make(f"{codecs}grid: {{uplink.codec.xi: [0.1, 0.5]}}"))
    knobs = [(each.label, each.scenario.uplink.codec.kind, each.scenario.uplink.codec.knobs()["xi"]) for each in found]
    assert knobs == [("adc", "adc", 0.1), ("adc", "adc", 0.5), ("topk", "topk", 0.1), ("topk", "topk", 0.5)]
    swapped = points(make("list: [{uplink.codec.xi: 0.1}]\ngrid: {uplink.codec: [{kind: adc}]}"))
    assert swapped[0].id == found[0].id


def test_a_label_stands_for_the_nodes_of_its_point(make: Any) -> None:
    codecs = "list: [{label: mine, uplink.codec: {kind: adc, xi: 0.2}}, {label: theirs, downlink.codec: {kind: identity}}]\n"
    found = points(make(f"{codecs}grid: {{optimiser.lr: [0.1]}}"))
    assert [each.words() for each in found] == ["mine, optimiser.lr=0.1, seed 3", "theirs, optimiser.lr=0.1, seed 3"]
    nameless = points(make("grid: {uplink.codec: [{kind: adc, xi: 0.2}]}"))
    assert [each.words() for each in nameless] == ["uplink.codec={kind: adc, xi: 0.2}, seed 3"]


def test_a_kind_that_varies_keeps_the_knobs_the_sweep_gave(make: Any) -> None:
    found = points(make("set: {uplink.codec.xi: 0.2}\ngrid: {uplink.codec.kind: [adc, topk]}"))
    assert [each.scenario.uplink.codec.knobs()["xi"] for each in found] == [0.2, 0.2]


def test_skipped_points_match_every_key_of_a_condition(make: Any) -> None:
    text = (
        "grid: {optimiser.lr: [0.1, 0.2, 0.3], data.batch_size: [4, 8]}\nskip: [{optimiser.lr: [0.1, 0.2], data.batch_size: 8}]"
    )
    kept = [tuple(each.values.values()) for each in points(make(text))]
    assert kept == [(4, 0.1), (4, 0.2), (4, 0.3), (8, 0.3)]


def test_impossible_points_are_skipped_by_kind_however_the_kind_is_said(make: Any) -> None:
    codecs = "list: [{label: plain, uplink.codec: identity}, {label: adc, uplink.codec: {kind: adc}}]\n"
    axes = f"{codecs}grid: {{uplink.codec.xi: [0.1]}}\n"
    for condition in ("{uplink.codec.kind: identity}", "{label: plain}", "{label: plain, uplink.codec.xi: 0.1}"):
        assert [each.label for each in points(make(f"{axes}skip: [{condition}]\n"))] == ["adc"]


def test_overrides_change_every_point_but_no_axis(make: Any) -> None:
    path = make("set: {budget.steps: 4}\ngrid: {uplink.codec.kind: [identity]}")
    assert points(path, "budget.steps=1")[0].scenario.budget.steps == 1
    for override in ("uplink.codec.kind=adc", "uplink.codec=adc", "uplink={}"):
        with pytest.raises(UsageError, match="the sweep varies it"):
            points(path, override)


def test_methods_share_their_seeds(make: Any) -> None:
    """Common random numbers: every method runs the same seeds, so that differences can be paired."""
    found = points(make("grid: {optimiser.kind: [adam, sgd]}\nseeds: [0, 1, 2]"))
    seeds = {kind: [each.scenario.seed for each in found if each.values["optimiser.kind"] == kind] for kind in ("adam", "sgd")}
    assert seeds == {"adam": [0, 1, 2], "sgd": [0, 1, 2]}
