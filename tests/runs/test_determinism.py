"""The same scenario and seed give the same tables to the byte: in other processes, under other hash seeds, beside others."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgesim import build
from edgesim.runner import run
from edgesim.session import Session
from tests.runs.conftest import SMALL, Make, link

NOISY = {"kind": "rayleigh", "snr_db": 12, "coherence_s": 0.02}
GROUPS = [{"count": 2, "device": "raspberry_pi_4"}, {"device": "jetson_nano", "data_share": 2}]
ADC = {"kind": "adc", "xi": 0.3}
# Every source of chance and every order that might depend on a hash: codecs, air, faults, partitions, groups, participants.
CASES: dict[str, dict[str, Any]] = {
    "vanilla": {"uplink": link(ADC, NOISY, "analog"), "downlink": link({"kind": "quantise", "bits": 4}, NOISY)},
    "parallel": {
        "clients": GROUPS,
        "protocol": {"kind": "parallel", "sync_every": 2, "participants": 2},
        "uplink": link({"kind": "randtopk", "rate": 0.3}, NOISY, {"kind": "lossy", "attempts": 2}, bits_per_symbol=2),
        "data": SMALL["data"] | {"partition": {"kind": "dirichlet", "alpha": 5, "min_size": 16}},
    },
    "splitfed_v1": {
        "clients": GROUPS,
        "protocol": {"kind": "splitfed_v1", "local_steps": 2, "fraction": 0.67},
        "uplink": link({"kind": "c3sl", "R": 2}, NOISY, {"kind": "bits", "modulation": "qam16"}),
        "faults": [{"kind": "crash", "mean_up_s": 1.5, "mean_down_s": 0.4}, {"kind": "dropout", "probability": 0.2}],
        "budget": {"rounds": 4},
    },
    "sequential": {
        "clients": GROUPS,
        "protocol": {"kind": "sequential", "local_steps": 2},
        "uplink": link({"kind": "chain", "stages": [ADC, {"kind": "quantise", "bits": 8}]}, NOISY),
    },
}
PROGRAM = """
import json, sys
from pathlib import Path
from edgesim.load import load
from edgesim.runner import run
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    run(load(path), out=Path(sys.argv[2]), trace=True)
"""


def digests(out: Path) -> dict[str, str]:
    """Of every table and of what a summary says but for the wall clock, by scenario and file."""
    found = {}
    for folder in sorted(out.glob("*/*")):
        for path in sorted(folder.iterdir()):
            name = f"{folder.parent.name}/{path.name}"
            if path.suffix in (".parquet", ".csv", ".safetensors"):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            elif path.name == "summary.json":
                summary = json.loads(path.read_text())
                del summary["wall_s"]
                found[name] = json.dumps(summary)  # the order of its keys, too
    return found


@pytest.mark.slow
def test_processes_with_other_hash_seeds_write_the_same_bytes(tmp_path: Path) -> None:
    scenarios = tmp_path / "scenarios"
    scenarios.mkdir()
    for name, sections in CASES.items():
        (scenarios / f"{name}.yaml").write_text(json.dumps(SMALL | sections, indent=1))
    found = []
    for seed in ("1", "2"):
        out = tmp_path / seed
        command = [sys.executable, "-c", PROGRAM, str(scenarios), str(out)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": seed}, cwd=tmp_path)
        found.append(digests(out))
    assert len(found[0]) >= 5 * len(CASES)
    assert found[0] == found[1]


def test_the_manifest_says_what_is_promised(make: Make, tmp_path: Path) -> None:
    promised = {}
    for name, wanted, timing_only in (("yes", True, False), ("no", False, False), ("timing", False, True)):
        done = run(make(host={"threads": 1, "deterministic": wanted}), out=tmp_path / name, timing_only=timing_only)
        promised[name] = json.loads((done.path / "manifest.json").read_text())["determinism"]
    assert promised["yes"]["promise"] == promised["timing"]["promise"] == "byte-identical tables"
    assert "thread count" in promised["yes"]["where"]
    assert promised["timing"]["where"] == "the same versions"
    assert promised["no"]["promise"].startswith("none")


@pytest.mark.parametrize("wanted", [True, False])
def test_torch_is_told_for_the_time_of_the_run_and_no_longer(
    wanted: bool, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(Session, "_evaluate", lambda self: seen.append(torch.are_deterministic_algorithms_enabled()))
    before = torch.are_deterministic_algorithms_enabled()
    run(make(host={"threads": 1, "deterministic": wanted}, budget={"steps": 1}), out=tmp_path)
    assert set(seen) == {wanted or before}
    assert torch.are_deterministic_algorithms_enabled() is before


def snr(session: Session, client: int) -> np.ndarray:
    """The first fades of a client's uplink."""
    return session.world.clients[client].uplink.fading(0.0, 50).snr


def test_what_a_client_draws_does_not_depend_on_who_else_is_there(make: Make) -> None:
    """Streams are named by purpose and client: of 2 and of 5 clients, the first two see the same fades and failures."""
    sections = {
        "uplink": link("identity", NOISY),
        "protocol": "parallel",
        "faults": [{"kind": "crash", "mean_up_s": 1.5, "mean_down_s": 0.4}],
        "budget": {"rounds": 2},
    }
    few, many = (
        Session(make(**sections, clients={"count": count, "device": "raspberry_pi_4"}), timing_only=True) for count in (2, 5)
    )
    for client in (0, 1):
        assert np.array_equal(snr(few, client), snr(many, client))
        windows = [session.world.presence._hazards.absences[client][0][1] for session in (few, many)]
        assert windows[0].at(3.0) == windows[1].at(3.0)
    assert not np.array_equal(snr(many, 0), snr(many, 1))


def test_the_order_of_groups_numbers_the_clients_and_does_nothing_else(make: Make) -> None:
    """Over an ideal channel nothing is drawn by number: each group uses what it used, wherever in the list it stands."""
    sections = {"protocol": {"kind": "parallel", "sync_every": 2}, "budget": {"rounds": 6}}
    used: list[dict[str, list[float]]] = []
    for groups in (GROUPS, GROUPS[::-1]):
        scenario = make(**sections, clients=groups)
        session = Session(scenario, timing_only=True)
        session.run()
        session.summary("done")
        devices = [group["device"] for group in groups for _ in range(group.get("count", 1))]
        each: dict[str, list[float]] = {}
        for device, total in zip(devices, session.clients(), strict=True):
            each.setdefault(str(device), []).extend([total.samples, total.steps, total.bits_up, total.bits_down, total.joules])
        used.append(each)
    assert used[0].keys() == used[1].keys()
    for device, numbers in used[0].items():
        assert numbers == pytest.approx(used[1][device], rel=1e-9), device


def test_groups_that_are_alike_are_one_group(make: Make, tmp_path: Path) -> None:
    """Two groups of one and one group of two: the same clients, the same numbers, the same bytes."""
    one = {"device": "raspberry_pi_4"}
    air = {"uplink": link(ADC, NOISY), "protocol": "parallel"}
    together = run(make(**air, clients=one | {"count": 2}), out=tmp_path / "together")
    apart = run(make(**air, clients=[one, one]), out=tmp_path / "apart")
    for name in ("steps.parquet", "transfers.parquet", "rounds.parquet", "evaluations.csv"):
        assert (together.path / name).read_bytes() == (apart.path / name).read_bytes()


def test_what_is_drawn_is_drawn_from_the_scenario_alone(make: Make) -> None:
    """Neither the libraries' global streams nor earlier runs in the process have a say."""
    scenario = make(uplink=link(ADC, NOISY), clients={"count": 2, "device": "raspberry_pi_4"}, protocol="parallel")
    parts = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        cast = build.torch_cast(scenario, build.learning(scenario))
        parts.append([tensor.clone() for tensor in cast.client(1)._learned()])
    assert all(torch.equal(*pair) for pair in zip(*parts, strict=True))
