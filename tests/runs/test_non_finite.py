"""Numbers that are not finite: a run stops and says where they began, or leaves steps out, or goes on without them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Generator

from edgesim.cli.summary import pairs
from edgesim.codecs.identity import Identity
from edgesim.errors import RunError, RunInterrupted
from edgesim.nonfinite import NotFiniteError
from edgesim.record import tables
from edgesim.runner import Run, run
from edgesim.session import Session
from edgesim.wire import Payload, Smashed
from tests.runs.conftest import link
from tests.runs.test_resume import Stopper

HUGE = {"kind": "sgd", "lr": 1e30, "momentum": 0}
BARE = {"kind": "bits", "guard": "off", "modulation": "bpsk"}  # bits of floats as they are; the wrong ones make NaN and inf
NOISY = {"kind": "awgn", "snr_db": 2}  # one bit in 26 is wrong


class Spoiler:
    """In place of Identity.encode: from some call on, one value of every message is not a number."""

    def __init__(self, first: int, only: tuple[int, ...] = ()) -> None:
        self.calls, self._first, self._only = 0, first, only
        self._honest = Identity.encode

    def __call__(self, codec: Identity, smashed: Smashed, generator: Generator) -> Payload:
        payload = self._honest(codec, smashed, generator)
        self.calls += 1
        if self.calls in self._only or (not self._only and self.calls >= self._first):
            values = payload.tensors["values"].clone()
            values.view(-1)[7] = math.nan
            payload.tensors["values"] = values
        return payload


def spoil(monkeypatch: pytest.MonkeyPatch, first: int, only: tuple[int, ...] = ()) -> None:
    """Calls of Identity.encode are: up, down, up, down ... of one client."""
    spoiler = Spoiler(first, only)
    monkeypatch.setattr(Identity, "encode", lambda codec, smashed, generator: spoiler(codec, smashed, generator))


def stopped(scenario: Any, out: Path) -> tuple[NotFiniteError, Path]:
    with pytest.raises(NotFiniteError) as caught:
        run(scenario, out=out)
    [folder] = (out / "small").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["status"] == "failed"
    report = json.loads((folder / "failure.json").read_text())
    assert report["message"] == str(caught.value)
    assert "\n" not in report["message"]
    assert report["non_finite"]["first"] in report["message"]
    assert caught.value.exit_code == 1
    return caught.value, folder


def test_a_rate_that_is_too_high_is_traced_to_the_weights_of_the_step_before(make, tmp_path: Path) -> None:
    """lr 1e30: the first update makes weights of 1e27 and more, and the client's next activations overflow."""
    error, folder = stopped(make(optimiser=HUGE, budget={"steps": 9}), tmp_path)
    assert error.report["step"] == 2
    assert error.report["first"] == "activations after block 1 on the client"
    assert "the client's weights, as its step before left them" in str(error)
    before = error.report["largest_in_its_step_before"]
    assert all(math.isfinite(value) for value in before.values())
    assert [*before][:2] == [f"activations after block {block} on the client" for block in (1, 2)]
    assert tables.read(folder, "steps").num_rows == 1  # what was earned
    [row] = tables.read(folder, "non_finite").to_pylist()
    assert (row["step"], row["client"], row["action"]) == (2, 0, "stopped")


@pytest.mark.parametrize(
    ("call", "first"), [(5, "values made by the uplink codec"), (6, "gradient received over the downlink")]
)
def test_a_codec_that_makes_them_is_named(call: int, first: str, make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, call)
    error, _ = stopped(make(), tmp_path)
    assert (error.report["step"], error.report["first"]) == (3, first)


@pytest.mark.parametrize("transport", ["reliable", "analog"])
def test_the_air_and_the_codecs_complaint_names_where_they_began(make, tmp_path: Path, transport: str) -> None:
    """ADC and the analog transport refuse such values before the loss is known: the report is the same."""
    scenario = make(uplink=link({"kind": "adc", "xi": 0.5}, NOISY, transport), optimiser=HUGE, budget={"steps": 9})
    error, _ = stopped(scenario, tmp_path)
    assert error.report["first"] == "activations after block 1 on the client"


def test_wrong_bits_are_found_as_they_arrive(make, tmp_path: Path) -> None:
    error, _ = stopped(make(uplink=link("identity", NOISY, BARE)), tmp_path)
    assert (error.report["step"], error.report["first"]) == (1, "values received over the uplink")
    assert math.isfinite(error.report["largest"]["activations after block 2 on the client"])


def test_weights_that_the_last_step_spoilt_are_found_by_the_look_at_the_test_set(make, tmp_path: Path) -> None:
    error, _ = stopped(make(optimiser=HUGE, budget={"steps": 1}), tmp_path)
    assert error.report["first"] in ("weights", "test loss")
    assert "look at the test set after step 1" in str(error)


def learned(session: Session) -> list[torch.Tensor]:
    assert session.cast is not None
    halves = [session.cast.client(0), session.cast.server]
    return [tensor.clone() for half in halves for tensor in half._learned()]  # type: ignore[union-attr]


def memory(session: Session) -> list[torch.Tensor]:
    """What both optimisers remember."""
    assert session.cast is not None
    optimisers = [session.cast.client(0)._optimiser, session.cast.server._optimiser]  # type: ignore[union-attr]
    return [value.clone() for one in optimisers for state in one.state.values() for value in state.values()]


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("place", ["up", "down"])
def test_a_step_left_out_changes_no_weight_and_no_moment(kind: str, place: str, make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third step of five: exactly the weights after four steps whose third never was, but for the batch it used up."""
    call = 5 if place == "up" else 6
    scenario = make(optimiser={"kind": kind, "lr": 1e-2}, non_finite="skip", budget={"steps": 5})
    spoil(monkeypatch, 0, only=(call,))
    session = Session(scenario)
    seen: list[tuple[list[torch.Tensor], list[torch.Tensor]]] = []
    told = session.world.watch
    session.world.watch = lambda row, loss: (seen.append((learned(session), memory(session))), told(row, loss))  # type: ignore
    session.run()
    (before, moments), (after, later) = seen[1], seen[2]
    halves = len(session.cast.client(0)._learned()) if session.cast is not None else 0  # type: ignore[union-attr]
    still = slice(0, None) if place == "up" else slice(0, halves)  # the server had stepped when the answer was spoilt
    assert all(torch.equal(*pair) for pair in zip(before[still], after[still], strict=True))
    if place == "up":
        assert all(torch.equal(*pair) for pair in zip(moments, later, strict=True))
    assert not all(torch.equal(*pair) for pair in zip(after, seen[3][0], strict=True))
    assert session.summary("done")["non_finite"] == {"replaced": 1, "skipped": 1}
    assert all(bool(value.isfinite().all()) for value in [*learned(session), *memory(session)])


def test_a_step_left_out_is_charged_and_recorded(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = run(make(), out=tmp_path / "sound")
    spoil(monkeypatch, 0, only=(5,))
    done = run(make(non_finite="skip"), out=tmp_path / "skip")
    rows = [(row["step"], row["place"], row["action"]) for row in tables.read(done.path, "non_finite").to_pylist()]
    assert rows == [
        (3, "values made by the uplink codec", "replaced"),
        (3, "server", "skipped"),
        (3, "client", "skipped"),
    ]
    for name in ("bits", "simulated_s", "energy_j", "steps", "symbols"):
        assert done.summary[name] == sound.summary[name]
    assert all(done.summary["checks"].values())
    assert done.transfers().drop_columns([]) == sound.transfers()
    assert done.steps()["loss"].to_pylist()[:2] == sound.steps()["loss"].to_pylist()[:2]


@pytest.mark.parametrize("policy", ["skip", "guard"])
def test_where_all_is_finite_the_policies_change_nothing(policy: str, make, tmp_path: Path) -> None:
    sound = run(make(), out=tmp_path / "sound")
    done = run(make(non_finite=policy), out=tmp_path / policy)
    for name in ("steps.parquet", "transfers.parquet", "evaluations.csv", "weights.safetensors"):
        assert (done.path / name).read_bytes() == (sound.path / name).read_bytes()
    assert not (done.path / "non_finite.parquet").exists()


PROTOCOLS = ["vanilla", "ushaped", "sequential", "parallel", "splitfed_v1", "splitfed_v2"]


@pytest.mark.parametrize("policy", ["skip", "guard"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_runs_go_on_over_bits_that_make_such_values(policy: str, protocol: str, make, tmp_path: Path) -> None:
    air = link("identity", {"kind": "awgn", "snr_db": 5}, BARE)
    count = 1 if protocol in ("vanilla", "ushaped") else 2
    done = run(
        make(
            protocol=protocol,
            clients={"count": count, "device": "raspberry_pi_4"},
            uplink=air,
            downlink=air,
            non_finite=policy,
            budget={"steps": 8},
        ),
        out=tmp_path,
    )
    counts = done.summary["non_finite"]
    assert counts["replaced"] > 0
    steps = done.summary["steps"]
    assert steps > 0
    assert counts["skipped"] == steps if policy == "skip" else counts["skipped"] <= steps
    assert all(done.summary["checks"].values())
    assert done.summary["accuracy"] is not None
    assert_sound(done)


def assert_sound(done: Run) -> None:
    from safetensors.torch import load

    weights = load((done.path / "weights.safetensors").read_bytes())
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())


def test_a_guard_learns_from_what_is_left(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One value of every message is lost, of 13 056: the run learns as if nothing were."""
    spoil(monkeypatch, 1)
    done = run(make(non_finite="guard", budget={"steps": 20}, optimiser={"kind": "adam", "lr": 3e-3}), out=tmp_path)
    assert done.summary["non_finite"] == {"replaced": 40, "skipped": 0}
    assert ("not finite", "40 values taken for 0, 0 steps left out") in pairs(done.summary)
    losses = done.steps()["loss"].to_pylist()
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


@pytest.mark.parametrize("policy", ["skip", "guard"])
def test_a_rate_that_is_too_high_leaves_no_weight_that_is_not_finite(policy: str, make, tmp_path: Path) -> None:
    done = run(make(optimiser=HUGE, non_finite=policy, budget={"steps": 6}), out=tmp_path)
    assert done.summary["non_finite"]["skipped"] == 5
    assert_sound(done)


def test_a_whole_model_leaves_steps_out_too(make, tmp_path: Path) -> None:
    scenario = {"protocol": "fedavg", "clients": {"count": 2, "device": "raspberry_pi_4"}, "optimiser": HUGE}
    error, _ = stopped(make(**scenario, budget={"rounds": 3}), tmp_path / "stop")
    assert error.report["first"] == "activations after block 1 on the client"
    done = run(make(**scenario, non_finite="skip", budget={"rounds": 3}), out=tmp_path / "skip")
    assert done.summary["non_finite"]["skipped"] > 0


@pytest.mark.parametrize("policy", ["skip", "guard"])
def test_stopped_and_resumed_it_leaves_out_and_counts_the_same(
    policy: str, make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgesim.session.PROGRESS_S", 0.0)
    scenario = make(uplink=link("identity", {"kind": "awgn", "snr_db": 5}, BARE), non_finite=policy)
    whole = run(scenario, out=tmp_path / "whole")
    with pytest.raises(RunInterrupted):
        run(scenario, out=tmp_path / "cut", watch=Stopper(3))
    resumed = run(scenario, out=tmp_path / "cut", resume=True)
    assert resumed.summary["non_finite"] == whole.summary["non_finite"]
    for name in ("steps.parquet", "non_finite.parquet", "weights.safetensors"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_timing_alone_knows_nothing_of_it(make, tmp_path: Path) -> None:
    one, other = (
        run(make(optimiser=HUGE, non_finite=policy), out=tmp_path / policy, timing_only=True) for policy in ("stop", "skip")
    )
    assert one.transfers() == other.transfers()
    assert one.summary["non_finite"] == {"replaced": 0, "skipped": 0}


def test_what_fails_for_another_reason_keeps_its_own(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Payload:
        raise RunError("the codec is broken")

    monkeypatch.setattr(Identity, "encode", broken)
    with pytest.raises(RunError, match="the codec is broken") as caught:
        run(make(), out=tmp_path)
    assert not isinstance(caught.value, NotFiniteError)
