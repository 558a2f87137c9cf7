"""What runs the points of a sweep: an engine is a file of this folder."""

import importlib
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from edgesim import kinds
from edgesim.errors import UsageError
from edgesim.specs import SlotOf, Spec
from edgesim.sweep.job import Job, Outcome

PATIENCE_S = 10.0  # for a cluster to answer


class Need(NamedTuple):
    """What one job takes of the machine it runs on.

    threads  CPU threads
    gpus     accelerators
    folder   the sweep's folder, for an engine that keeps files of its own
    """

    threads: int
    gpus: int
    folder: str


def make(name: str, options: Mapping[str, Any]) -> "Engine":
    """An engine with its knobs checked. UsageError for an unknown engine or knob."""
    kinds.read("engine", name)
    try:
        spec = TypeAdapter(Annotated[Spec, SlotOf("engine")]).validate_python({"kind": name, **options})
    except ValidationError as error:
        said = [f"{'.'.join(map(str, found['loc']))}: {found['msg']}" for found in error.errors(include_url=False)]
        raise UsageError("\n".join(f"engine {name!r}: {line}" for line in said)) from None
    made: Engine = kinds.load("engine", name)(**spec.knobs())
    return made


class Engine(ABC):
    """A way to run jobs at the same time. Abstract. Its knobs are set with `edgesim sweep --option name=value`."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], need: Need) -> Iterator[Outcome]:
        """Run all jobs; gives each outcome as soon as it is known. Closing the iterator stops what is under way.

        Raises UsageError before the first job where the engine cannot be had, RunError where it breaks down.
        """


def package(name: str, extra: str) -> ModuleType:
    """A package that only this engine needs. UsageError where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"the engine {extra!r} needs the package {name} ({error}); pip install 'edgesim[{extra}]'") from None


def lost(point: str, error: BaseException) -> Outcome:
    """The outcome of a job whose worker never answered: killed, out of memory, out of time."""
    said = " ".join(str(error).split())
    return Outcome(point, "failed", f"its worker was lost ({type(error).__name__}: {said[:500]})", 1)


def answers(address: str, engine: str) -> None:
    """UsageError unless somebody listens at `address`, such as tcp://10.0.0.1:8786 or 10.0.0.1:6379."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"address {address!r} of the engine {engine!r}: write it as host:port")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE_S).close()
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"the engine {engine!r} cannot reach {address} ({reason}); is the cluster up?") from None
