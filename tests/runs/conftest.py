"""Small scenarios for whole runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgesim.load import load
from edgesim.record import json_text, packing
from edgesim.rows import Block, Names
from edgesim.scenario import Scenario
from edgesim.session import Session

SMALL: dict[str, Any] = {
    "seed": 3,
    "model": {"kind": "vit", "name": "tiny_digits", "cut": 2},
    "data": {"kind": "synthetic", "train": 96, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16},
    "clients": {"count": 1, "device": "raspberry_pi_4"},
    "server": {"device": "edge_server_cpu"},
    "uplink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"},
    "downlink": {"codec": "identity", "channel": "ideal", "radio": {"bandwidth_hz": 1e6}, "transport": "reliable"},
    "protocol": "vanilla",
    "optimiser": {"kind": "adam", "lr": 1e-3},
    "budget": {"steps": 7},
    "evaluate": {"every_epochs": 1},
    "host": {"threads": 1},
}

Make = Callable[..., Scenario]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A small scenario with sections replaced: make(uplink={...}, budget={...})."""

    def scenario(**sections: Any) -> Scenario:
        path = tmp_path / "small.yaml"
        path.write_text(json.dumps(SMALL | sections, indent=1))  # YAML, one value a line
        return load(path)

    return scenario


def link(codec: Any = "identity", channel: Any = "ideal", transport: Any = "reliable", **radio: Any) -> dict[str, Any]:
    """An uplink or downlink section."""
    return {"codec": codec, "channel": channel, "radio": {"bandwidth_hz": 1e6} | radio, "transport": transport}


class Heard:
    """Stands in for a recorder: every row that is told, as text, which holds every bit of its numbers."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def __getattr__(self, table: str) -> Callable[[Any], None]:
        return lambda row: self.rows.append(f"{table} {[*map(repr, map(_python, row))]}")

    def steps(self, block: Block) -> None:
        self._many("step", block)

    def transfers(self, block: Block) -> None:
        self._many("transfer", block)

    def _many(self, table: str, block: Block) -> None:
        columns = [
            [column.texts[number] for number in column.which] if isinstance(column, Names) else column.tolist()
            for column in block.columns
        ]
        for row in zip(*columns, strict=True):
            getattr(self, table)(row)


def _python(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


class Told:
    """What came of a session that ran: rows, summary, what each client did, the weights, and how everything stands."""

    def __init__(self, session: Session, heard: Heard) -> None:
        self.rows = heard.rows
        self.state = packing.pack(session.state() | {"wall_s": 0.0}) if session.quiescent else b""
        summary = session.summary("done")
        summary.pop("wall_s")
        self.summary = repr(json_text.plain(summary))
        self.clients = [tuple(map(_python, row)) for row in session.clients()]
        self.weights = session.weights(large=True)


class CutError(Exception):
    """The run ends here."""


def begun(scenario: Scenario, timing_only: bool, trace: bool) -> tuple[Session, Heard]:
    session, heard = Session(scenario, timing_only=timing_only), Heard()
    session.attach(heard, trace=trace)
    return session, heard


def check_cut(scenario: Scenario, cut: int, *, timing_only: bool = False, trace: bool = True) -> Told:
    """A run cut after `cut` units, its state written, read and put into a new session, tells what an uncut one tells.

    cut  0: before anything is done
    """
    whole, whole_heard = begun(scenario, timing_only, trace)
    whole.run()
    told = Told(whole, whole_heard)
    first, first_heard = begun(scenario, timing_only, trace)
    kept: list[bytes] = []
    units = 0

    def between() -> None:
        nonlocal units
        units += 1
        if units > cut:
            kept.append(packing.pack(first.state()))
            raise CutError

    first.between = between
    try:
        between()
        first.run()
    except CutError:
        pass
    else:
        raise IndexError(f"the run has only {units} units between which nobody is at work: cut it earlier")
    second, second_heard = begun(scenario, timing_only, trace)
    second_heard.rows += first_heard.rows
    second.restore(packing.unpack(kept[0]))
    assert len(second_heard.rows) == len(first_heard.rows), "a state that is put back tells nothing"
    second.run()
    again = Told(second, second_heard)
    for name in ("rows", "clients", "summary", "weights", "state"):
        assert getattr(again, name) == getattr(told, name), name
    return told


@pytest.fixture
def cut_at() -> Callable[..., Told]:
    """`check_cut`."""
    return check_cut


@pytest.fixture
def told_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher of a run is told after every step, whatever the clock says."""
    monkeypatch.setattr("edgesim.session.PROGRESS_S", 0.0)
