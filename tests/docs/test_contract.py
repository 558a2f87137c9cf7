"""What users and scripts rely on, by name: commands and flags, exit codes, kinds, results files, keys of summary.json."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

import channels
import edgesim
from edgesim import errors, kinds
from edgesim.cli.app import EPILOG, app

ROOT = Path(__file__).resolve().parents[2]
IDEAL = ROOT / "scenarios" / "ideal.yaml"
COMMANDS = {
    "run": "--set --seed --out --resume --fresh --timing-only --accelerator --trace --json -q",
    "validate": "",
    "plan": "--set --json",
    "sweep": "--engine --jobs --resume --dry-run",
    "compare": "--by --metric --latex --csv",
    "plot": "--kind",
    "report": "--out",
    "trace": "",
    "list": "",
    "schema": "",
    "init": "",
    "doctor": "",
}
EXIT_CODES: dict[type[errors.EdgesimError], int] = {
    errors.RunError: 1,
    errors.UsageError: 2,
    errors.ScenarioError: 3,
    errors.PointsFailed: 4,
    errors.NotFoundError: 5,
    errors.RunInterrupted: 75,
}
KINDS = {
    "codec": "identity adc topk randtopk c3sl bottlenet quantise chain splitfc slacc slfac nscsl lowrank fedlite tome evit",
    "channel": "ideal awgn rayleigh rician nakagami erasure gilbert_elliott bit_flip tdl adc_reference",
    "transport": "reliable lossy bits analog",
    "protocol": "vanilla sequential parallel splitfed_v1 splitfed_v2 fedavg",
    "data": "digits cifar100 food101 folder synthetic",
    "partition": "iid dirichlet shards",
    "engine": "local ray dask slurm",
}
FILES = (
    "manifest.json scenario.yaml resolved.yaml summary.json evaluations.csv steps.parquet transfers.parquet entries.parquet "
    "checkpoints"
)
MANIFEST = "status command overrides hash versions git host seed files"
RATIOS = ("paper", "code", "wire")
ROLES = ("values", "side", "labels", "model", "overhead", "total")
PHASES = ("forward", "encode", "wait", "uplink", "server", "downlink", "backward")
SUMMARY = (
    *("status", "accuracy", "accuracy_best", "loss", "steps", "epochs", "simulated_s", "wall_s", "stopped_by"),
    *(f"budget.{key}" for key in ("ledger", "limit_bits", "spent_bits")),
    *(f"xi.{ledger}.{way}" for ledger in RATIOS for way in ("up", "down", "mean")),
    *(f"bits.{way}.{role}" for way in ("up", "down") for role in ROLES),
    *("bits.evaluation", "symbols.up", "symbols.down", "latency_s.step_mean", "latency_s.step_p50", "latency_s.step_p95"),
    *(f"latency_s.by_phase.{phase}" for phase in PHASES),
    *("energy_j.total", "energy_j.by_phase", "energy_j.by_actor.client0", "energy_j.by_actor.server"),
    *(f"link.{key}" for key in ("snr_db_mean", "packets", "retransmissions", "lost_packets", "corrupted_values")),
    *(f"checks.{key}" for key in ("phases_tile", "energy_adds_up", "bits_match", "budget_kept")),
)


def holds(found: Any, path: str) -> bool:
    """Whether there is such a key, each dot one level down."""
    for key in path.split("."):
        if key not in found:
            return False
        found = found[key]
    return True


def test_every_command_takes_its_flags() -> None:
    commands: Any = typer.main.get_command(app)
    for name, flags in COMMANDS.items():
        taken = {option for parameter in commands.commands[name].params for option in parameter.opts}
        assert set(flags.split()) <= taken, name


def test_exit_codes() -> None:
    assert {failure: failure.exit_code for failure in EXIT_CODES} == EXIT_CODES
    assert all(f" {code} " in EPILOG.replace("\n", " ") for code in (0, *EXIT_CODES.values(), 130))


@pytest.mark.parametrize("slot", KINDS)
def test_kinds_exist_by_these_names(slot: str) -> None:
    assert set(KINDS[slot].split()) <= set(kinds.names(slot))


def test_a_codec_made_from_an_abstract_says_so() -> None:
    reconstructed = ["fedlite", "lowrank", "nscsl", "slacc", "slfac", "splitfc"]
    found = [kind for kind in kinds.names("codec") if kinds.read("codec", kind).flags.get("reconstruction")]
    assert found == reconstructed
    assert all("reconstruct" in kinds.read("codec", kind).doc.lower() for kind in found)


def test_what_a_run_leaves(tmp_path: Path) -> None:
    changes = {"uplink.codec.xi": 0.1, "budget.steps": 2, "host.checkpoint_every_steps": 1}
    run = edgesim.run(str(IDEAL), overrides=changes, out=tmp_path, trace=True)
    assert run.path.parent == tmp_path / "ideal"
    assert run.path.name.split("-")[2:] == [edgesim.load(IDEAL, changes).hash8, "s0"]
    assert set(FILES.split()) <= {path.name for path in run.path.iterdir()}
    assert set(MANIFEST.split()) <= set(json.loads((run.path / "manifest.json").read_text()))
    assert json.loads((run.path / "summary.json").read_text()).keys() == run.summary.keys()
    assert [path for path in SUMMARY if not holds(run.summary, path)] == []
    assert "clients" not in run.summary
    assert run.steps().num_rows == 2
    assert edgesim.load(run.path / "resolved.yaml").hash8 == edgesim.load(IDEAL, changes).hash8


def test_several_clients_are_in_the_summary(tmp_path: Path) -> None:
    changes = {"clients.count": 2, "protocol": "sequential", "budget": {"rounds": 1}}
    run = edgesim.run(IDEAL, overrides=changes, out=tmp_path, timing_only=True)
    assert [client["client"] for client in run.summary["clients"]] == [0, 1]
    assert {"accuracy", "bits_up", "bits_down", "joules", "steps"} <= run.summary["clients"][0].keys()


def test_snr_is_es_over_n0_and_noise_half_of_it_in_each_real_dimension() -> None:
    draws = channels.Rayleigh(snr_db=10, coherence_s=0.01).draws(start_s=0.0, blocks=100_000, key=1)
    mean = float(np.mean(draws.snr))
    assert mean == pytest.approx(10.0, abs=4.5 * 10.0 / 100_000**0.5)  # an exponential's deviation is its mean
