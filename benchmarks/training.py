"""What a host's knobs for speed save: the wall time of a run with one of them over that of the same run without.

    python benchmarks/training.py                         # all but compile, which takes a minute or more before it begins
    python benchmarks/training.py --knob bfloat16 --model deit_tiny_patch16_224 --side 224
    python benchmarks/training.py --accelerator cuda --knob all

Both sides train the same scenario for a few steps and are timed in turn within one process; the ratio is taken round by round,
so that a machine whose speed drifts does not decide. Below 1 the knob pays. Evaluation is left out.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

sys.path[0] = str(Path(__file__).resolve().parents[1])  # in place of this folder, whose channels.py would pass for the library

from edgesim.load import load  # noqa: E402
from edgesim.scenario import Scenario  # noqa: E402
from edgesim.session import Session  # noqa: E402

SCENARIO = Path(__file__).parent.parent / "scenarios" / "base.yaml"
PICTURES, CLASSES, STORED = 128, 4, 320  # of the folder; side in pixels
ONE_PASS = "edgesim.learn.optimisers.adam.one_pass"
# What is changed with the knob; `fused` is always on, and is timed against what torch would choose by itself.
KNOBS: dict[str, dict[str, Any]] = {
    "fused": {},
    "prefetch": {"host.prefetch": True},
    "channels_last": {"host.channels_last": True},
    "bfloat16": {"model.precision": "bfloat16"},
    "float16": {"model.precision": "float16"},
    "compile": {"host.compile": True},
}
USUAL = ("fused", "prefetch", "channels_last", "bfloat16")


def folder(root: Path) -> Path:
    """Photograph-like pictures in files: smooth, with some noise, as JPEG."""
    drawn = np.random.default_rng(0)
    for number in range(PICTURES + 2 * CLASSES):
        part = "train" if number < PICTURES else "test"
        place = root / part / f"class{number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(drawn.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize((STORED, STORED))
        noisy = np.asarray(coarse).astype(np.int16) + drawn.integers(-8, 9, (STORED, STORED, 3))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(place / f"{number}.jpg")
    return root


def scenario(asked: argparse.Namespace, root: Path, changes: dict[str, Any], *, files: bool) -> Scenario:
    data: dict[str, Any] = {"batch_size": asked.batch}
    if files:
        data |= {"kind": "folder", "root": str(root), "augment": "adc_official"}
    else:
        data |= {"kind": "synthetic", "train": PICTURES, "test": CLASSES, "classes": CLASSES, "image_size": asked.side}
    model = {"kind": "vit", "name": asked.model, "cut": 3, "image_size": asked.side}
    host = {"host.accelerator": asked.accelerator, "host.threads": asked.threads}
    return load(SCENARIO, {"model": model, "data": data, "budget": {"steps": asked.steps}} | host | changes)


def seconds(chosen: Scenario) -> tuple[float, float]:
    """Wall and CPU seconds of a step; loading is left out."""
    session = Session(chosen)
    session._evaluate = lambda: None  # type: ignore[method-assign] # a run always looks at the test set when it ends
    wall, cpu = time.perf_counter(), time.process_time()
    session.run()
    if chosen.host.accelerator == "cuda":
        torch.cuda.synchronize()
    steps = session.world.steps
    return (time.perf_counter() - wall) / steps, (time.process_time() - cpu) / steps


def measured(asked: argparse.Namespace, root: Path, knob: str) -> None:
    files = knob == "prefetch"
    plain = scenario(asked, root, {}, files=files)
    changed = scenario(asked, root, KNOBS[knob], files=files)
    rounds = []
    for number in range(asked.rounds + 1):
        with patch(ONE_PASS, lambda _parameters: None) if knob == "fused" else nullcontext():
            one = seconds(plain)
        other = seconds(changed)
        if number:  # the first round warms up, and compiles
            rounds.append((one, other))
    for place, clock in enumerate(("wall", "CPU")):
        ratios = [other[place] / one[place] for one, other in rounds]
        without, with_it = (1e3 * statistics.median(pair[side][place] for pair in rounds) for side in (0, 1))
        print(
            f"{knob:14s} {clock:4s} without {without:8.1f} ms/step, with {with_it:8.1f} ms/step, ratio median "
            f"{statistics.median(ratios):.3f} (min {min(ratios):.3f}, max {max(ratios):.3f}), {asked.threads} threads",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--knob", choices=[*KNOBS, "usual", "all"], default="usual")
    parser.add_argument("--model", default="deit_tiny_patch16_224")
    parser.add_argument("--side", type=int, default=96, help="of the pictures that the model sees [pixels]")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8, help="a run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--accelerator", choices=["cpu", "cuda"], default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    chosen = {"usual": USUAL, "all": tuple(KNOBS)}.get(asked.knob, (asked.knob,))
    with tempfile.TemporaryDirectory() as place:
        root = folder(Path(place))
        for knob in chosen:
            if knob == "float16" and asked.accelerator == "cpu":
                print("float16        a CPU is not for it: left out")
            else:
                measured(asked, root, knob)


if __name__ == "__main__":
    main()
