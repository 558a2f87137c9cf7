"""What emulation costs: the wall time of a run over a hand-written torch loop that does the same mathematics.

    python benchmarks/overhead.py                       # digits and DeiT-T at 224 pixels, batch 16
    python benchmarks/overhead.py --case digits --rounds 9
    python benchmarks/overhead.py --case records        # tables and checkpoints at the default interval, over none

The plain loop knows no client, link, clock, ledger or table: one module, one optimiser, one backward. Both sides are timed in
turn within one process and the ratio is taken round by round, so that a machine whose speed drifts does not decide. The losses
of both sides must be equal to the last bit, or the comparison would be void.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, whose channels.py would pass for the library

from edgesim import build, rng  # noqa: E402
from edgesim.keeper import Keeper  # noqa: E402
from edgesim.load import load  # noqa: E402
from edgesim.record.folder import RunFolder  # noqa: E402
from edgesim.record.recorder import Recorder  # noqa: E402
from edgesim.scenario import Scenario  # noqa: E402
from edgesim.session import Session  # noqa: E402

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
RECORDS, RECORDS_LIMIT = "records", 1.02


class Stopwatch:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self._wall, time.process_time() - self._cpu


Timed = tuple[tuple[float, float], list[float]]


def emulated(scenario: Scenario, folder: Path) -> Timed:
    """Wall and CPU seconds of a recorded run, evaluation left out, and its losses."""
    session = Session(scenario)
    session._evaluate = lambda: None  # type: ignore[method-assign] # a run always looks at the test set when it ends
    recorder = Recorder(RunFolder.create(folder, scenario.name, scenario.hash8, scenario.seed), trace=True)
    session.attach(recorder, trace=True)
    losses: list[float] = []
    step = recorder.step
    recorder.step = lambda row: (losses.append(row.loss), step(row))  # type: ignore[method-assign] # listens in
    watch = Stopwatch()
    session.run()
    seconds = watch.read()
    recorder.close()
    return seconds, losses


def kept(scenario: Scenario, folder: Path, *, keeps: bool) -> tuple[tuple[float, float], float]:
    """Wall and CPU seconds of a run with or without its tables and its look for checkpoints; wall seconds of one checkpoint."""
    session = Session(scenario)
    session._evaluate = lambda: None  # type: ignore[method-assign]
    one_s = 0.0
    if keeps:
        run = RunFolder.create(folder, scenario.name, scenario.hash8, scenario.seed)
        recorder = Recorder(run)
        session.attach(recorder, trace=False)
        keeper = Keeper(run.path, session, recorder, {}, every_s=scenario.host.checkpoint_every_s, every_steps=None)
    watch = Stopwatch()
    session.run()
    seconds = watch.read()
    if keeps:
        watch = Stopwatch()
        keeper.write()
        one_s = watch.read()[0]
        watch = Stopwatch()
        recorder.close()
        seconds = tuple(a + b for a, b in zip(seconds, watch.read(), strict=True))  # type: ignore[assignment]
    return seconds, one_s


def records(rounds: int, threads: int) -> None:
    """Print what tables and checkpoints cost on digits."""
    scenario = load(SCENARIOS / "base.yaml", CASES["digits"])
    pairs, ones = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            (with_s, one_s), (without_s, _) = (kept(scenario, Path(folder), keeps=keeps) for keeps in (True, False))
            if number:
                pairs.append((with_s, without_s))
                ones.append(one_s)
    share = statistics.median(ones) / (scenario.host.checkpoint_every_s or math.inf)
    for place, clock in enumerate(("wall", "CPU")):
        ratios = [mine[place] / other[place] for mine, other in pairs]
        print(
            f"{RECORDS:10s} {clock:4s} tables over none: median {statistics.median(ratios):.3f} (min {min(ratios):.3f}, "
            f"max {max(ratios):.3f}); a checkpoint of {1e3 * statistics.median(ones):.1f} ms every "
            f"{scenario.host.checkpoint_every_s:g} s adds {share:.5f}: {statistics.median(ratios) + share:.3f}; wanted <= "
            f"{RECORDS_LIMIT}, {threads} threads"
        )


def plain(scenario: Scenario) -> Timed:
    """Wall and CPU seconds of the same training as anyone would write it without an emulator, and its losses."""
    task = build.learning(scenario)
    client, server = task.model.build(task.facts, scenario.seed, "cpu")
    settings = build.make(scenario, "optimiser", scenario.optimiser, ("optimiser",))
    optimiser = settings.make([*client.parameters(), *server.parameters()])
    images = task.data.train()
    rows = build.make(scenario, "partition", scenario.data.partition, ("data",)).split(images.labels, [1.0], scenario.seed)[0]
    pipeline = task.augment.pipeline(task.model.view(task.facts))
    losses: list[float] = []
    watch = Stopwatch()
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
    return watch.read(), losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=[*CASES, RECORDS, "all"], default="all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.case in (RECORDS, "all"):
        records(asked.rounds, asked.threads)
    for name in CASES if asked.case == "all" else [asked.case] if asked.case in CASES else []:
        scenario = load(SCENARIOS / "base.yaml", CASES[name])
        rounds = []
        with tempfile.TemporaryDirectory() as folder:
            for number in range(asked.rounds + 1):
                mine, losses = emulated(scenario, Path(folder))
                other, expected = plain(scenario)
                if losses != expected:
                    raise SystemExit(f"{name}: the two sides do not compute the same; the ratio would mean nothing")
                if number:  # the first round warms up
                    rounds.append((mine, other))
        steps = int(scenario.budget.steps or 0)
        for place, clock in enumerate(("wall", "CPU")):
            ratios = [mine[place] / other[place] for mine, other in rounds]
            ours, theirs = (1e3 * statistics.median(pair[side][place] for pair in rounds) / steps for side in (0, 1))
            print(
                f"{name:10s} {clock:4s} emulated {ours:8.2f} ms/step, plain {theirs:8.2f} ms/step, ratio median "
                f"{statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f}; wanted <= {LIMITS[name]}), "
                f"{asked.threads} threads"
            )


if __name__ == "__main__":
    main()
