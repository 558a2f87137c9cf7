"""Kill at every call that changes the disk, one after the other, and resume: nothing may be lost, altered or left behind.

    python benchmarks/kill_test.py --every-call              # all of them
    python benchmarks/kill_test.py --every-call --sample 30  # what the tests do

Where between two such calls a kill comes makes no difference to the disk, so this is every kill there is; at half of each write
there is one more. Counted are the calls of this process to the system, in whatever file of edgesim they stand; what Arrow
writes by itself goes into a temporary file. Runs are killed from their first folder to their last name; runs that were
killed as they were about to say that they are done are killed again at every call of their resumption, which rewinds them; and
so is a sweep.
"""

import json
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from edgesim.record import atomic
from edgesim.report.audit import audit
from edgesim.sweep.conduct import Plan, conduct
from edgesim.sweep.engines.base import Engine, Need
from edgesim.sweep.job import Job, Outcome
from edgesim.sweep.job import work as do

CHANGING = ("open", "write", "replace", "rename", "unlink", "mkdir", "rmdir", "ftruncate")
RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}-s\d+")
COMPARED = (".parquet", ".csv", ".safetensors", ".yaml")  # to the byte

Work = Callable[[Path], None]  # what is done in a folder, and gone on with when it is called again
Child = Callable[[Callable[[], None]], int]


class Moment(NamedTuple):
    """After the how-manieth call, or half-way through it."""

    call: int
    half: bool = False


class Disk:
    """Stands between this process and the system, counts the calls that changed something, and kills at one of them."""

    def __init__(self, moment: Moment | None = None) -> None:
        self._moment = moment
        self.calls: list[str] = []
        for name in CHANGING:
            setattr(os, name, self._layer(name, getattr(os, name)))
        atomic._open, atomic._write, atomic._rename, atomic._unlink = os.open, os.write, os.replace, os.unlink
        atomic._sync = lambda descriptor: None  # no power fails here

    def _layer(self, name: str, genuine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if name == "open" and not arguments[1] & (os.O_CREAT | os.O_TRUNC):
                return genuine(*arguments, **named)
            here = self._moment is not None and self._moment.call == len(self.calls) + 1
            if here and self._moment is not None and self._moment.half:
                genuine(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            found = genuine(*arguments, **named)  # where it raises, nothing was changed
            self.calls.append(name)
            if here:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return call


class Serial(Engine):
    """One job after the other in this process, whose calls are counted."""

    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        yield from map(do, jobs)


def sweeping(path: Path) -> Work:
    """A sweep of two points."""
    path.with_name("many.yaml").write_text(
        f"scenario: {path.name}\ngrid: {{budget.steps: [4, 8]}}\nset: {{host.checkpoint_every_steps: 3}}\n"
    )

    def work(out: Path) -> None:
        conduct(Plan(path.with_name("many.yaml"), out=out), Serial())

    return work


class Case:
    """Something that is killed and gone on with.

    name    of it
    work    does it
    home    an empty folder
    child   does something in a process of its own; gives its id
    """

    def __init__(self, name: str, work: Work, home: Path, child: Child) -> None:
        self.name, self._work, self._out, self._child = name, work, home / "out", child
        self._whole = self._ended()
        shutil.rmtree(self._out)
        self.calls = self._counted()
        shutil.rmtree(self._out)
        before_the_end = max(number for number, call in enumerate(self.calls, 1) if call == "replace") - 1
        self._go(Moment(before_the_end))
        self.again = self._counted()
        self._last = before_the_end

    def moments(self) -> Iterator[tuple[Moment, ...]]:
        """Every kill from the beginning, then every kill of what is resumed from before its end."""
        yield from ((moment,) for moment in _moments(self.calls))
        yield from ((Moment(self._last), moment) for moment in _moments(self.again))

    def trial(self, moments: Sequence[Moment]) -> list[str]:
        """What is wrong once it has ended, killed at these moments."""
        shutil.rmtree(self._out, ignore_errors=True)
        for moment in moments:
            if self._go(moment) not in (0, -signal.SIGKILL):  # 0: it came so late that tables were cut otherwise
                return [f"it failed before {moment}"]
        for folder in self._out.glob("*/*"):
            os.utime(folder, (0, 0))  # some time goes by
        try:
            found = self._ended()
        except RuntimeError as error:
            return [str(error)]
        names = {*found, *self._whole}
        return sorted(f"{name} differs" for name in names if found.get(name, "missing") != self._whole.get(name, "missing"))

    def _go(self, moment: Moment | None) -> int:
        def work() -> None:
            if moment is not None:
                Disk(moment)
            self._work(self._out)

        return os.waitstatus_to_exitcode(os.waitpid(self._child(work), 0)[1])

    def _counted(self) -> list[str]:
        """The calls that it makes when it is done, or gone on with, now."""
        told = self._out.with_name("calls.json")

        def work() -> None:
            disk = Disk()
            self._work(self._out)
            calls = json.dumps(disk.calls)
            told.write_text(calls)

        if os.waitstatus_to_exitcode(os.waitpid(self._child(work), 0)[1]):
            raise SystemExit(f"{self.name}: what nobody kills failed")
        return list(json.loads(told.read_text()))

    def _ended(self) -> dict[str, Any]:
        """Everything that is there when it was done to its end."""
        if self._go(None):
            raise RuntimeError("it could not be gone on with")
        runs = sorted(path for path in self._out.rglob("*") if RUN.fullmatch(path.name))
        found = {}
        for path in self._out.rglob("*"):
            name = path.relative_to(self._out).as_posix()
            for number, run in enumerate(runs):
                name = name.replace(run.name, f"run {number}")
            found[name] = _content(path)
        wrong = [finding for each in {path.parent for path in self._out.rglob("manifest.json")} for finding in audit(each)[1]]
        return found | {"what check finds": wrong}


def _content(path: Path) -> Any:
    if path.name == "summary.json":
        return json.loads(path.read_text()) | {"wall_s": None}
    if path.name == "manifest.json":
        return json.loads(path.read_text()).get("status")
    return path.read_bytes() if path.suffix in COMPARED else None


def _moments(calls: Sequence[str]) -> Iterator[Moment]:
    for number, call in enumerate(calls, 1):
        yield Moment(number)
        if call == "write":
            yield Moment(number, half=True)


def every_call(cases: Sequence[Case], sample: int | None, seed: int) -> int:
    """Try all moments of all cases, or a sample of them; print what is wrong. Gives how many trials went wrong."""
    trials = [(case, moments) for case in cases for moments in case.moments()]
    there, began, wrong = len(trials), time.monotonic(), 0
    if sample is not None:
        trials = random.Random(seed).sample(trials, min(sample, there))
    for case, moments in trials:
        said = case.trial(moments)
        wrong += bool(said)
        if said:
            print(f"{case.name}, killed at {', '.join(map(str, moments))}: {'; '.join(said)}")
    print(
        f"{len(trials)} of {there} moments of {', '.join(case.name for case in cases)}: {len(trials) - wrong} of them ended "
        f"byte-identical, and nothing was left behind; {time.monotonic() - began:.0f} s"
    )
    return wrong
