"""A sweep that is told to stop: no point begins, those that run end soon, and the next sweep goes on."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import SweepInterrupted
from edgesim.record import index
from edgesim.sweep.conduct import Plan, conduct
from edgesim.sweep.store import Store
from tests.sweep.test_conduct import AXES, begin


def test_a_sweep_in_the_background_hears_a_signal_that_it_was_started_without(make: Any, serial: Any, tmp_path: Path) -> None:
    """A shell starts what runs in its background with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SweepInterrupted, match="0 of 4 points"):
            conduct(Plan(make(AXES), out=tmp_path), serial(lambda job: os.kill(os.getpid(), signal.SIGINT)))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_after_the_first_signal_no_point_begins_and_the_next_sweep_goes_on(make: Any, serial: Any, tmp_path: Path) -> None:
    path = make(AXES)
    whole = conduct(Plan(path, out=tmp_path / "whole"), serial())
    asked = serial(lambda job: os.kill(os.getpid(), signal.SIGTERM))  # before each
    with pytest.raises(SweepInterrupted, match="0 of 4 points"):
        begin(path, asked)
    assert len(asked.ran) == 4, "each was asked, none has begun"
    assert not list((path.parent / "sweeps" / "many").glob("points/*"))
    done = begin(path, serial())
    assert (done.path / index.FILE).read_bytes() == (whole.path / index.FILE).read_bytes()


def test_where_nobody_can_be_told_to_stop_the_first_signal_ends_at_once(
    make: Any, serial: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(store: Store) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "ask_to_stop", full)
    only = serial(lambda job: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(SweepInterrupted, match="0 of 4 points"):
        begin(make(AXES), only)
    assert only.ran == []


def test_a_request_to_stop_that_a_killed_sweep_left_behind_stops_nobody(make: Any, serial: Any) -> None:
    path = make(AXES)
    store = Plan(path, out=path.parent / "sweeps").store
    store.path.mkdir(parents=True)
    store.ask_to_stop()
    assert begin(path, serial()).counts.done == 4
