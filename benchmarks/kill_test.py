"""Kill runs with SIGKILL at random moments, resume them, and compare every result with that of a run nobody killed.

    python benchmarks/kill_test.py                      # 100 kills
    python benchmarks/kill_test.py --kills 5 --seed 7   # what the tests do
    python benchmarks/kill_test.py --every-call         # not at random: at every call that changes the disk

Three protocols over fading channels with random codecs, each with its book. Every kill is a real one: the run is a process of
its own (forked, so that torch is imported once). One kill in three waits for a moment at which a file is being written, a
checkpoint or the merged tables, on a disk that is made slow enough to be caught at it; every third run is killed again while
it is resumed. A run counts only if all of its tables, its weights and its summary, wall time left out, are equal to the byte.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path[0] = str(Path(__file__).resolve().parents[1])

import pyarrow.parquet  # noqa: E402, F401  # here once, and not in every child
import timm  # noqa: E402, F401
import torch  # noqa: E402

from benchmarks.kill_points import Case, Work, every_call, sweeping  # noqa: E402
from edgesim import runner  # noqa: E402
from edgesim.load import load  # noqa: E402
from edgesim.record import atomic, checkpoint  # noqa: E402
from edgesim.scenario import Scenario  # noqa: E402

SHORT = {"budget": {"steps": 15}, "host": {"threads": 1, "checkpoint_every_steps": 4}}  # three checkpoints, and steps after
STEPS, EVERY = 18, 3  # a checkpoint after each round of three clients
CHECKPOINTS = STEPS // EVERY
FADING = {"kind": "rayleigh", "snr_db": 8, "coherence_s": 0.02}
LOSSY = {"channel": FADING, "transport": {"kind": "lossy", "attempts": 2}, "radio": {"bandwidth_hz": 1e6}}
ANALOG = {"channel": FADING, "transport": "analog", "radio": {"bandwidth_hz": 1e6}}
NOISY = {"kind": "quantise", "bits": 4, "rounding": "stochastic"}
CASES: dict[str, dict[str, Any]] = {
    "vanilla": {
        "protocol": "vanilla",
        "uplink": {"codec": {"kind": "randtopk", "rate": 0.2}, **LOSSY},
        "downlink": {"codec": NOISY, **LOSSY},
    },
    "parallel": {
        "protocol": "parallel",
        "clients": {"count": 3, "device": "raspberry_pi_4"},
        "uplink": {"codec": {"kind": "adc", "xi": 0.3}, **ANALOG},
        "downlink": {"codec": "identity", **ANALOG},
    },
    "splitfed_v1": {
        "protocol": {"kind": "splitfed_v1", "local_steps": 1},
        "clients": {"count": 3, "device": "raspberry_pi_4"},
        "uplink": {"codec": NOISY, **LOSSY},
        "downlink": {"codec": NOISY, **LOSSY},
    },
}
COMMON: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 8},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": STEPS},
    "evaluate": {"every_epochs": 0.5},
    "host": {"threads": 1, "checkpoint_every_steps": EVERY},
}
AT_CHECKPOINT, AT_TABLES, AT_END = "while a checkpoint was written", "while tables were written", "as it ended"
AT_ANY = "at any moment"
PATTERNS = {
    AT_CHECKPOINT: "*/*/checkpoints/.*.tmp",
    AT_TABLES: "*/*/.*.parquet.*.tmp",
    AT_END: "*/*/summary.json",
    AT_ANY: "*/*/checkpoints/step-*.checkpoint",  # how far it has come
}
SLOW_S, SLOW_BYTES = 0.002, 1 << 15  # of a slow disk: a pause at every call, and before each piece of this size


class Kill(NamedTuple):
    """When to kill a child: the how-manieth file of a sort it must have written, and how long after [s]."""

    how: str
    nth: int
    after_s: float


def child(work: Callable[[], None]) -> int:
    """Do something in a process of its own; gives its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def slow_disk() -> None:
    """From now on this process writes slowly, piece by piece, and waits for the disk."""
    write, sync, rename = atomic._write, atomic._sync, atomic._rename

    def slow_write(descriptor: int, content: Any) -> int:
        time.sleep(SLOW_S)
        return write(descriptor, content[:SLOW_BYTES])

    def slow_sync(descriptor: int) -> None:
        time.sleep(SLOW_S)
        sync(descriptor)

    def slow_rename(old: Path, new: Path) -> None:
        rename(old, new)
        time.sleep(SLOW_S)

    atomic._write, atomic._sync, atomic._rename = slow_write, slow_sync, slow_rename


def begin(scenario: Scenario, out: Path, *, slow: bool) -> int:
    """A run, or the resumption of the one that is in `out`, in a child."""

    def work() -> None:
        if slow:
            slow_disk()
        runner.run(scenario, out=out, trace=True, resume=True)

    return child(work)


def ended(pid: int) -> int | None:
    """The exit status of a child, None while it lives."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def killed(pid: int, kill: Kill, out: Path) -> bool:
    """Kill a child at its moment; False where it had ended before. Raises SystemExit where it failed."""
    before, seen = {str(path) for path in out.glob(PATTERNS[kill.how])}, set()
    due = None
    while due is None or time.monotonic() < due:
        code = ended(pid)
        if code is not None:
            if code:
                raise SystemExit(f"a run failed, with exit code {code}")
            return False
        if due is None:
            seen |= {str(path) for path in out.glob(PATTERNS[kill.how])} - before
            if len(seen) >= kill.nth:
                due = time.monotonic() + kill.after_s
        time.sleep(0.0005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def result(out: Path) -> dict[str, Any]:
    """Every result of the finished run in `out`, wall time left out."""
    manifests = {path.parent: json.loads(path.read_text()) for path in out.glob("*/*/manifest.json")}
    [folder] = [path for path, manifest in manifests.items() if manifest["status"] == "done"]
    files = sorted(path for path in folder.iterdir() if path.suffix in (".parquet", ".csv", ".safetensors"))
    summary = json.loads((folder / "summary.json").read_text())
    summary.pop("wall_s")
    leftovers = [path.name for path in folder.rglob(".*")]
    return {path.name: path.read_bytes() for path in files} | {"summary": summary, "leftovers": leftovers}


def chosen(dice: random.Random, seconds: float) -> Kill:
    """A moment."""
    how = dice.choice([AT_CHECKPOINT, AT_TABLES, AT_END, AT_ANY, AT_ANY, AT_ANY, AT_ANY])
    if how == AT_ANY:
        return Kill(how, dice.randint(0, CHECKPOINTS), dice.uniform(0.0, 2 * seconds / CHECKPOINTS))
    if how == AT_END:
        return Kill(how, 1, dice.uniform(0.0, 60 * SLOW_S))
    return Kill(how, dice.randint(1, CHECKPOINTS if how == AT_CHECKPOINT else 12), dice.uniform(0.0, 4 * SLOW_S))


class Tally:
    """What was found."""

    def __init__(self) -> None:
        self.kills: Counter[str] = Counter()
        self.resumed: Counter[str] = Counter()
        self.runs = 0  # that ended
        self.lost = 0  # that did not
        self.different: list[str] = []


def trial(case: str, scenario: Scenario, expected: dict[str, Any], seconds: float, dice: random.Random, tally: Tally) -> None:
    """One run that is killed once or twice, and resumed until it ends."""
    out = Path(tempfile.mkdtemp(prefix="edgesim-kill-"))
    try:
        for number in range(1 + (dice.random() < 1 / 3)):
            kill = chosen(dice, seconds)
            if killed(begin(scenario, out, slow=kill.how != AT_ANY), kill, out):
                tally.kills[kill.how if not number else f"{kill.how}, while resumed"] += 1
                steps = [checkpoint.step_of(path) for path in out.glob("*/*/checkpoints/step-*.checkpoint")]
                tally.resumed["from a checkpoint" if steps else "from the beginning"] += 1
        last = begin(scenario, out, slow=False)
        if os.waitstatus_to_exitcode(os.waitpid(last, 0)[1]):
            tally.lost += 1
            tally.different.append(f"{case}: it could not be resumed; {out} is kept")
            return
        tally.runs += 1
        found = result(out)
        if found != expected:
            wrong = [name for name in {*found, *expected} if found.get(name) != expected.get(name)]
            tally.different.append(f"{case}: {', '.join(sorted(wrong))} differ; {out} is kept")
            return
    finally:
        if not any(str(out) in text for text in tally.different):
            shutil.rmtree(out)


def at_every_call(sample: int | None, seed: int) -> int:
    """Short runs and a sweep; gives how many trials went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name in ("vanilla", "splitfed_v1", "sweep"):
            home = Path(folder) / name
            home.mkdir()
            path = home / "short.yaml"
            path.write_text(json.dumps(COMMON | CASES.get(name, CASES["vanilla"]) | SHORT, indent=1))
            work = sweeping(path) if name == "sweep" else running(load(path))
            cases.append(Case(name, work, home, child))
        return every_call(cases, sample, seed)


def running(scenario: Scenario) -> Work:
    """A run, or its resumption."""

    def work(out: Path) -> None:
        runner.run(scenario, out=out, trace=True, resume=True)

    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every-call", action="store_true")
    parser.add_argument("--sample", type=int, help="so many of all calls")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.every_call:
        raise SystemExit(1 if at_every_call(asked.sample, asked.seed) else 0)
    dice, tally, began = random.Random(asked.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        cases = {}
        for case, sections in CASES.items():
            path = Path(folder) / f"{case}.yaml"
            path.write_text(json.dumps(COMMON | sections, indent=1))
            scenario, out, start = load(path), Path(folder) / case, time.monotonic()
            if os.waitstatus_to_exitcode(os.waitpid(begin(scenario, out, slow=False), 0)[1]):
                raise SystemExit(f"{case}: the run that nobody kills failed")
            cases[case] = scenario, result(out), time.monotonic() - start
        while tally.kills.total() < asked.kills:
            case = [*cases][(tally.runs + tally.lost) % len(cases)]
            trial(case, *cases[case], dice, tally)
    for text in tally.different:
        print(text)
    for name, count in sorted(tally.kills.items()):
        print(f"killed {name}: {count}")
    print(f"resumed {', '.join(f'{name}: {count}' for name, count in sorted(tally.resumed.items()))}")
    runs = tally.runs + tally.lost
    print(
        f"{tally.kills.total()} kills in {runs} runs of {', '.join(cases)}: {runs - len(tally.different)} of them ended "
        f"byte-identical to a run that nobody killed; {time.monotonic() - began:.0f} s"
    )
    if tally.different:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
