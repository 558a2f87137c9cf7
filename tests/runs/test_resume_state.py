"""A session that is put back between two units goes on as if nothing had been, to the last bit."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from edgesim import kinds
from edgesim.errors import ScenarioError
from edgesim.session import Session

BLOCKS = {"kind": "rayleigh", "coherence_s": 0.02}
FADING = BLOCKS | {"snr_db": 8}
TOPK = {"kind": "topk", "rate": 0.1}
FEEDBACK = {"kind": "feedback", "codec": TOPK}
AIR: dict[str, Any] = {"channel": FADING, "radio": {"bandwidth_hz": 3e6, "header_bits": 64}}
HAZARDS = [
    {"kind": "crash", "mean_up_s": 0.7, "mean_down_s": 0.3},
    {"kind": "battery", "joules": {"kind": "uniform", "low": 3, "high": 9}},
    {"kind": "outage", "mean_up_s": 0.5, "mean_down_s": 0.05},
    {"kind": "server_restart", "start_s": 0.4, "length_s": 0.1, "every_s": 1.0},
]
SMALL_BATCH = {"kind": "synthetic", "train": 96, "test": 40, "image_size": 8, "channels": 1, "batch_size": 8}
MANY = {"count": 3, "device": "raspberry_pi_4"}

# One way to use each kind of everything that changes while a run runs; a kind that needs no knobs need not be here.
KNOBS: dict[str, dict[str, Any]] = {
    "adaptive": {"codec": "adc", "policy": "deadline", "step_s": 0.02, "xi_min": 0.02, "xi_max": 0.9, "levels": 4},
    "adc": {"xi": 0.3},
    "adc_tokens": {"xi": 0.4},
    "bottlenet": {"xi": 0.25, "variant": "conv", "noise": 0.1},
    "c3sl": {"R": 4},
    "chain": {"stages": [{"kind": "bottlenet", "xi": 0.25}, {"kind": "feedback", "codec": {"kind": "quantise", "bits": 4}}]},
    "evit": {"xi": 0.4},
    "fedlite": {"length": 8, "centroids": 16},
    "feedback": {"codec": TOPK},
    "lowrank": {"tokens": 3, "width": 20, "bases": "calibration"},
    "nscsl": {"xi": 0.2, "energy": 1},
    "randtopk": {"rate": 0.2},
    "slacc": {"xi": 0.2},
    "slfac": {"xi": 0.2},
    "splitfc": {"xi": 0.2},
    "tome": {"xi": 0.4},
    "topk": {"rate": 0.1},
    # transports
    "analog": {"pilots": 1},
    "bits": {"modulation": "qam16"},
    "lossy": {"attempts": 2, "fill": "last", "combining": "ir", "feedback_error": 0.1},
    # mediums
    "round_robin": {"quantum_s": 0.01},
    "proportional_fair": {"slot_s": 0.005},
    # protocols
    "sequential": {"local_steps": 2, "optimiser": "carry"},
    "parallel": {"sync_every": 2, "participants": 2},
    "splitfed_v1": {"local_steps": 1, "participants": 2},
    "splitfed_v2": {"local_steps": 1, "participants": 2},
    "fedavg": {"local_steps": 1, "participants": 2},
    # faults
    "battery": {"joules": 4},
    "crash": {"mean_up_s": 0.7, "mean_down_s": 0.3},
    "dropout": {"probability": 0.4},
    "outage": {"mean_up_s": 0.5, "mean_down_s": 0.1},
    "server_restart": {"start_s": 0.2, "length_s": 0.1, "every_s": 0.5},
}
ALONE = [name for name in kinds.names("protocol") if kinds.read("protocol", name).flags.get("alone")]
CHANNELS: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "bursts": ({"kind": "gilbert_elliott", "snr_db": 10, "loss": 0.1, "burst_s": 0.02}, {"kind": "lossy", "fill": "last"}, {}),
    "late": (FADING, {"kind": "reliable", "combining": "chase"}, {"rates": "mcs1", "outer_loop": True, "csi_delay_s": 0.01}),
    "moving": (
        {
            "kind": "link_budget",
            "distance_m": 100,
            "far_m": 400,
            "speed_mps": 20,
            "fading": {"kind": "rayleigh", "coherence_s": 0.02},
        },
        "reliable",
        {"rates": "mcs1"},
    ),
    "selective": (
        {"kind": "tdl", "snr_db": 15, "profile": "C", "delay_spread_s": 3e-7, "bandwidth_hz": 1e6, "coherence_s": 0.02},
        {"kind": "analog", "pilots": 1, "inversion_db": -20},
        {},
    ),
}


def of(kind: str) -> Any:
    """A kind with knobs that are enough."""
    return {"kind": kind, **KNOBS.get(kind, {})}


def links(up: Any = "identity", down: Any = "identity", **both: Any) -> dict[str, Any]:
    return {"uplink": AIR | {"codec": up} | both, "downlink": AIR | {"codec": down} | both}


# -- every kind of everything that changes ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", kinds.names("codec"))
def test_every_codec(kind: str, make: Any, cut_at: Any) -> None:
    down = of(kind) if kind in ("slacc", "c3sl", "randtopk", "nscsl") else "identity" if kind == "adaptive" else FEEDBACK
    cut_at(make(**links(of(kind), down), budget={"steps": 5}, evaluate={"every_epochs": 0.5, "codec": True}), 2)


@pytest.mark.parametrize("kind", kinds.names("optimiser"))
def test_every_optimiser(kind: str, make: Any, cut_at: Any) -> None:
    cut_at(make(optimiser={"kind": kind, "lr": 1e-2, "weight_decay": 1e-3}, budget={"steps": 4}), 2)


@pytest.mark.parametrize("kind", kinds.names("augment"))
def test_every_augmentation(kind: str, make: Any, cut_at: Any) -> None:
    data = {"kind": "synthetic", "train": 48, "test": 8, "classes": 10, "image_size": 8, "channels": 3, "batch_size": 16}
    cut_at(make(data=data | {"augment": kind}, budget={"steps": 5}), 2)


@pytest.mark.parametrize("knob", ["prefetch", "channels_last"])
def test_what_a_host_does_to_compute_sooner(knob: str, make: Any, cut_at: Any) -> None:
    cut_at(make(**links(FEEDBACK), host={"threads": 1, knob: True}, budget={"steps": 5}), 2)


def test_halves_in_half_precision(make: Any, cut_at: Any) -> None:
    model = {"kind": "vit", "name": "tiny_digits", "cut": 2, "precision": "bfloat16"}
    cut_at(make(**links(FEEDBACK), model=model, budget={"steps": 5}), 2)


@pytest.mark.parametrize("kind", kinds.names("transport"))
def test_every_transport(kind: str, make: Any, cut_at: Any) -> None:
    cut_at(make(**links(TOPK, transport=of(kind)), budget={"steps": 5}), 2)


@pytest.mark.parametrize("case", CHANNELS)
def test_channels_and_what_rates_follow_them(case: str, make: Any, cut_at: Any) -> None:
    channel, transport, radio = CHANNELS[case]
    both = {"channel": channel, "transport": transport, "radio": {"bandwidth_hz": 1e6, "packet_bits": 2000} | radio}
    cut_at(make(**links(FEEDBACK, FEEDBACK, **both), budget={"steps": 5}), 3)


@pytest.mark.parametrize("kind", kinds.names("protocol"))
@pytest.mark.parametrize("codec", ["bottlenet", "feedback"])
def test_every_protocol_with_codecs_that_learn_or_remember(kind: str, codec: str, make: Any, cut_at: Any) -> None:
    clients = {} if kind in ALONE else {"clients": MANY}
    budget = {"steps": 5, "joules": 1e9} if kind in (*ALONE, "sequential") else {"rounds": 3, "joules": 1e9}
    scenario = make(**links(of(codec), FEEDBACK), **clients, protocol=of(kind), budget=budget, evaluate={"clients": True})
    cut_at(scenario, 2)


@pytest.mark.parametrize("medium", kinds.names("medium"))
@pytest.mark.parametrize("protocol", [name for name in kinds.names("protocol") if name not in ALONE])
def test_every_medium_while_clients_come_and_go(medium: str, protocol: str, make: Any, cut_at: Any) -> None:
    scenario = make(
        **links(medium=of(medium)),
        clients={"count": 5, "device": "raspberry_pi_4", "radio": "lte_phone", "half_duplex": True},
        protocol=of(protocol),
        faults=HAZARDS,
        budget={"steps": 20, "simulated_s": 30},
    )
    cut_at(scenario, 4, timing_only=True)


@pytest.mark.parametrize("protocol", [name for name in kinds.names("protocol") if name not in ALONE])
def test_units_that_are_worked_out_at_once(protocol: str, make: Any, cut_at: Any) -> None:
    """Without faults, a shared medium and a book of every line, units of a timing-only run need no events."""
    limits = {"steps": 20, "simulated_s": 30} if protocol == "sequential" else {"rounds": 4, "simulated_s": 30}
    scenario = make(**links(TOPK), clients=MANY | {"count": 5}, protocol=of(protocol), budget=limits)
    cut_at(scenario, 2, timing_only=True, trace=False)


@pytest.mark.parametrize("kind", kinds.names("fault"))
def test_every_fault(kind: str, make: Any, cut_at: Any, tmp_path: Path) -> None:
    trace = tmp_path / "there.csv"
    trace.write_text("client,from_s,to_s\n" + "".join(f"{client},{at},{at + 1}\n" for client in range(4) for at in range(9)))
    fault = {"kind": kind, "trace_file": str(trace)} if kind == "availability" else of(kind)
    scenario = make(
        **links(), clients=MANY | {"count": 4}, protocol=of("splitfed_v1"), faults=[fault], budget={"rounds": 5, "steps": 99}
    )
    assert cut_at(scenario, 2, timing_only=True).rows


# -- what else there is to remember -------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [{"policy": "deadline", "step_s": 0.05}, {"policy": "budget", "steps": 9}])
def test_pilots_go_on_with_what_they_have_seen(policy: dict[str, Any], make: Any, cut_at: Any) -> None:
    adaptive = {"kind": "adaptive", "codec": "adc", "xi_min": 0.02, "xi_max": 0.9, "levels": 4} | policy
    scenario = make(**links(adaptive), clients=MANY, protocol="parallel", budget={"steps": 15, "joules": 90.0})
    cut_at(scenario, 3, timing_only=True)


def test_who_is_late_is_waited_for_before_a_checkpoint(make: Any, cut_at: Any) -> None:
    """Where late work goes on from round to round, a run is cut only when nobody is at work."""
    protocol = {"kind": "splitfed_v1", "local_steps": 1, "fraction": 0.5, "deadline_s": 0.5, "late": "carry"}
    scenario = make(**links(), clients=MANY | {"count": 4}, protocol=protocol, budget={"rounds": 12})
    told = cut_at(scenario, 3, timing_only=True)
    assert any("late" in row for row in told.rows)


@pytest.mark.parametrize("cut", [0, 1])
def test_what_is_told_once_and_who_is_there_at_first(cut: int, make: Any, cut_at: Any) -> None:
    scenario = make(
        **links(of("c3sl"), FEEDBACK), clients=MANY, protocol="parallel", faults=HAZARDS, budget={"rounds": 4, "joules": 1e6}
    )
    told = cut_at(scenario, cut, timing_only=True)
    assert sum("'one-off'" in row for row in told.rows) == 3


def test_a_run_cut_after_its_last_unit_has_only_its_last_look_to_do(make: Any, cut_at: Any) -> None:
    scenario = make(budget={"steps": 3}, evaluate={"every_epochs": 1})
    told = cut_at(scenario, 3)
    assert sum(row.startswith("evaluation") for row in told.rows) == 1


def test_a_hundred_clients_are_arrays(make: Any) -> None:
    """What there is for each client of a timing-only run is in arrays: few keys, however many clients there are."""

    def keys(clients: int) -> int:
        faults = [{"kind": "battery", "joules": 500}]
        scenario = make(
            **links(medium="tdma"),
            data={"kind": "synthetic", "train": 200, "test": 8, "image_size": 8, "channels": 1, "batch_size": 2},
            clients=MANY | {"count": clients},
            protocol="parallel",
            faults=faults,
            budget={"rounds": 1},
        )
        session = Session(scenario, timing_only=True)
        session.run()
        return nodes(session.state())

    assert keys(100) < keys(10) + 10


def nodes(state: Any) -> int:
    """Mappings and lists in a state."""
    inside = state.values() if isinstance(state, dict) else state if isinstance(state, list) else ()
    return isinstance(state, dict | list) + sum(map(nodes, inside))


# -- anything anywhere --------------------------------------------------------------------------------------------------

SECONDS = st.sampled_from([0.05, 0.3, 1.0])
FAULTS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"kind": st.just("crash"), "mean_up_s": SECONDS, "mean_down_s": SECONDS}),
        st.fixed_dictionaries({"kind": st.just("outage"), "mean_up_s": SECONDS, "mean_down_s": SECONDS}),
        st.fixed_dictionaries({"kind": st.just("battery"), "joules": st.sampled_from([0.5, 3.0, 11.0])}),
        st.fixed_dictionaries({"kind": st.just("dropout"), "probability": st.sampled_from([0.1, 0.6])}),
    ),
    max_size=3,
)


@pytest.mark.slow
@settings(max_examples=40)
@given(data=st.data())
def test_any_scenario_may_be_cut_after_any_unit(make: Any, cut_at: Any, data: st.DataObject) -> None:
    phones = {"device": data.draw(st.sampled_from(["raspberry_pi_4", "jetson_nano"])), "half_duplex": data.draw(st.booleans())}
    groups = [{"count": data.draw(st.integers(1, 4)), **phones}, {"device": "jetson_nano", "radio": "lte_phone"}]
    limits = [{"steps": 12, "simulated_s": 20}, {"joules": 200}, {"bits": 9e6, "simulated_s": 60}]
    scenario = make(
        seed=data.draw(st.integers(0, 10_000)),
        clients=groups,
        uplink=links(medium=of(data.draw(st.sampled_from(kinds.names("medium")))))["uplink"],
        downlink=links(medium=of(data.draw(st.sampled_from(kinds.names("medium")))))["downlink"],
        protocol=of(data.draw(st.sampled_from([name for name in kinds.names("protocol") if name not in ALONE]))),
        faults=data.draw(FAULTS),
        budget=data.draw(st.sampled_from(limits)),
    )
    try:
        cut_at(scenario, data.draw(st.integers(1, 12)), timing_only=True)
    except (ScenarioError, IndexError):  # the first unit does not fit the budget, or there are not so many
        reject()
