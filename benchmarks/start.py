"""How much processor time the light commands take, interpreter included: the least of five.

python benchmarks/start.py
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WANTED_S = 1.0
COMMANDS = ["--help", "run --help", "--version", "validate scenarios/ideal.yaml", "list", "schema"]


def seconds(command: str) -> float:
    """Processor seconds of one start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "edgesim", *command.split()], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print one line a command; exit code 1 where one takes a second or more."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    least = {command: min(seconds(command) for _ in range(5)) for command in COMMANDS}
    for command, taken in least.items():
        print(f"{taken:5.2f} s  edgesim {command}")
    return int(max(least.values()) >= WANTED_S)


if __name__ == "__main__":
    raise SystemExit(main())
