"""What emulation costs: the wall time of a run over a hand-written torch loop that does the same mathematics.

    python benchmarks/overhead.py                       # digits and DeiT-T at 224 pixels, batch 16
    python benchmarks/overhead.py --case digits --rounds 9

The plain loop knows no client, link, clock, ledger or table: one module, one optimiser, one backward. Both sides are timed in
turn within one process and the ratio is taken round by round, so that a machine whose speed drifts does not decide. The losses
of both sides must be equal to the last bit, or the comparison would be void.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from edgesim import build, rng
from edgesim.load import load
from edgesim.record.folder import RunFolder
from edgesim.record.recorder import Recorder
from edgesim.scenario import Scenario
from edgesim.session import Session

SCENARIOS = Path(__file__).parent.parent / "scenarios"
CASES = {
    "digits": {"model.name": "tiny_digits", "data": "digits", "data.batch_size": 64, "budget": {"steps": 66}},
    "deit_tiny": {
        "model": {"kind": "vit", "name": "deit_tiny_patch16_224", "cut": 3},
        "data": {"kind": "synthetic", "train": 64, "test": 16, "classes": 100, "image_size": 224, "batch_size": 16},
        "budget": {"steps": 4},
    },
}
LIMITS = {"digits": 1.05, "deit_tiny": 1.02}


def emulated(scenario: Scenario, folder: Path) -> tuple[float, list[float]]:
    """Wall seconds of a recorded run, evaluation left out, and its losses."""
    session = Session(scenario)
    session.evaluator = None
    recorder = Recorder(RunFolder.create(folder, scenario.name, scenario.hash8, scenario.seed), trace=True)
    session.attach(recorder, trace=True)
    losses: list[float] = []
    step = recorder.step
    recorder.step = lambda row: (losses.append(row.loss), step(row))  # type: ignore[method-assign] # listens in
    started = time.perf_counter()
    session.run()
    seconds = time.perf_counter() - started
    recorder.close()
    return seconds, losses


def plain(scenario: Scenario) -> tuple[float, list[float]]:
    """Wall seconds of the same training as anyone would write it without an emulator, and its losses."""
    task = build.learning(scenario)
    client, server = task.model.build(task.facts, scenario.seed, "cpu")
    settings = build.make(scenario, "optimiser", scenario.optimiser, ("optimiser",))
    optimiser = settings.make([*client.parameters(), *server.parameters()])
    images = task.data.train()
    rows = build.make(scenario, "partition", scenario.data.partition, ("data",)).split(images.labels, 1, scenario.seed)[0]
    pipeline = task.augment.pipeline(task.model.view(task.facts))
    losses: list[float] = []
    started = time.perf_counter()
    for step in range(int(scenario.budget.steps or 0)):
        epoch, position = divmod(step, task.steps_per_epoch)
        if position == 0:
            order = np.random.default_rng(rng.seed(scenario.seed, "order", 0, epoch)).permutation(rows)
        pictures, labels = pipeline(images, order[position * task.batch : (position + 1) * task.batch], 0)
        loss = cross_entropy(server(client(pictures)[0]), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return time.perf_counter() - started, losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=[*CASES, "all"], default="all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    for name in CASES if asked.case == "all" else [asked.case]:
        scenario = load(SCENARIOS / "base.yaml", CASES[name])
        ratios, ours, theirs = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(asked.rounds + 1):
                mine, losses = emulated(scenario, Path(folder))
                other, expected = plain(scenario)
                if losses != expected:
                    raise SystemExit(f"{name}: the two sides do not compute the same; the ratio would mean nothing")
                if number:  # the first round warms up
                    ratios.append(mine / other)
                    ours.append(mine)
                    theirs.append(other)
        steps = int(scenario.budget.steps or 0)
        print(
            f"{name:10s} emulated {1e3 * statistics.median(ours) / steps:8.2f} ms/step, "
            f"plain {1e3 * statistics.median(theirs) / steps:8.2f} ms/step, ratio median {statistics.median(ratios):.3f} "
            f"(min {min(ratios):.3f}, max {max(ratios):.3f}; wanted <= {LIMITS[name]}), {asked.threads} threads"
        )


if __name__ == "__main__":
    main()
