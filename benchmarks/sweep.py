"""What a second worker gives: the wall time of a 12-point digits sweep with one local worker over that with two.

    python benchmarks/sweep.py                  # needs two idle cores, about three minutes
    python benchmarks/sweep.py --steps 600

Both sides run as `edgesim sweep` in a process of their own, start-up included, one after the other; the tables must be equal.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED = 1.7
SWEEP = """
scenario: {scenario}
set: {{budget.steps: {steps}, evaluate.every_epochs: 1000}}
grid: {{uplink.codec.xi: [0.1, 0.2, 0.5]}}
seeds: [0, 1, 2, 3]
"""


def timed(sweep: Path, jobs: int) -> tuple[float, float, bytes]:
    """Wall and processor seconds of the whole sweep, and the table it leaves."""
    out = sweep.parent / f"jobs{jobs}"
    line = [sys.executable, "-m", "edgesim", "sweep", str(sweep), "-q", "--jobs", str(jobs), "--out", str(out)]
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, (out / "many" / "index.parquet").read_bytes()


def main() -> int:
    """Print both times and the ratio; exit code 1 where it is below what is wanted or the tables differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300, help="training steps of each of the 12 points")
    steps = parser.parse_args().steps
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder) / "many.yaml"
        sweep.write_text(SWEEP.format(scenario=ROOT / "scenarios" / "ideal.yaml", steps=steps))
        (one, cpu_one, first), (two, cpu_two, second) = timed(sweep, 1), timed(sweep, 2)
    same = first == second
    print(f"one worker {one:.1f} s, two workers {two:.1f} s: {one / two:.2f} times as fast (wanted {WANTED})")
    print(f"processor time {cpu_one:.1f} s and {cpu_two:.1f} s: a second start-up costs {cpu_two - cpu_one:.1f} s")
    print("the tables are the same" if same else "THE TABLES DIFFER")
    return 0 if same and one / two >= WANTED else 1


if __name__ == "__main__":
    sys.exit(main())
