"""Links that carry nothing for a while, seen from the transports."""

from functools import partial

import numpy as np
import pytest

from channels import Ideal, Rayleigh
from edgesim.errors import RunError
from edgesim.sim.outages import Interrupted
from edgesim.sim.radio import Radio
from edgesim.sim.track import Track
from edgesim.sim.transports.analog import Analog
from edgesim.sim.transports.lossy import Lossy
from edgesim.sim.transports.reliable import Reliable
from edgesim.sim.windows import Random, Regular, Windows
from edgesim.wire import Field, Manifest

STEADY = partial(Ideal().draws, key=0)
FADING = partial(Rayleigh(snr_db=10.0, coherence_s=0.1).draws, key=3)


def message(values: int) -> Manifest:
    return Manifest((Field("values", (values,), 32, "values", analog=True),))


@pytest.mark.parametrize("start", [0.0, 1.0, 1.9])
def test_an_outage_adds_exactly_its_window(start: float) -> None:
    """40 kbit at 20 kbit/s from 0 on: 1 s of outage from 1.5 s on makes 2 s into 3 s."""
    radio = Radio(bandwidth_hz=1e4, max_bits_per_symbol=2.0)
    plain = Reliable(radio).plan(message(1250), start, STEADY)
    cut = Reliable(radio).plan(message(1250), start, Interrupted(STEADY, Regular(1.5, 1.0)))
    assert plain.seconds == pytest.approx(2.0)
    inside = min(1.0, 2.5 - start)
    assert cut.seconds == pytest.approx(2.0 + inside, rel=1e-12)
    assert cut.overhead_bits == plain.overhead_bits
    assert cut.symbols > plain.symbols  # it keeps trying


def test_every_window_that_a_transfer_meets_adds_to_it() -> None:
    radio = Radio(bandwidth_hz=1e4, max_bits_per_symbol=2.0)
    cut = Reliable(radio).plan(message(1250), 0.0, Interrupted(STEADY, Regular(0.5, 0.25, every_s=1.0)))
    assert cut.seconds == pytest.approx(2.0 + 2 * 0.25)  # 0.5-0.75 and 1.5-1.75; it ends at 2.5 s, when the third begins


def test_packets_of_a_fixed_rate_are_lost_in_it_and_sent_again() -> None:
    """Ten packets of 0.1 s; the outage covers two of them."""
    radio = Radio(bandwidth_hz=1e4, bits_per_symbol=2.0, packet_bits=2000)
    out = Interrupted(STEADY, Regular(0.3, 0.2))
    reliable = Reliable(radio).plan(message(625), 0.0, out)
    assert (reliable.packets, reliable.retransmissions) == (10, 2)
    assert reliable.seconds == pytest.approx(1.2)
    lossy = Lossy(radio).plan(message(625), 0.0, out)
    assert lossy.lost_packets == 2
    assert lossy.seconds == pytest.approx(1.0)


def test_analog_values_in_it_are_gone() -> None:
    radio = Radio(bandwidth_hz=1e4)
    manifest = message(20_000)  # 1 s after the power scale
    draws = Analog(radio).plan(manifest, 0.0, Interrupted(STEADY, Regular(0.25, 0.5))).draws
    assert draws is not None
    assert draws.seconds.sum() == pytest.approx(1.0)
    assert draws.seconds[draws.snr == 0.0].sum() == pytest.approx(0.5)


@pytest.mark.parametrize("windows", [Regular(0.33, 0.05, every_s=0.4), Random(5, 0.2, 0.1)])
def test_the_channel_is_what_it_is_without_outside_the_windows(windows: Windows) -> None:
    out, plain = Interrupted(FADING, windows), FADING
    times = np.random.default_rng(1).uniform(0.7, 20.0, 400)
    both = []
    for fading in (out, plain):
        track = Track(fading, 0.7)
        track.reach(21.0)
        both.append(track.snr[np.searchsorted(track.edges, times, side="right") - 1])
    down = np.array([windows.at(time).begin <= time for time in times.tolist()])
    assert 20 < down.sum() < 380
    assert (both[0][down] == 0.0).all()
    assert (both[0][~down] == both[1][~down]).all()


@pytest.mark.parametrize("fading", [STEADY, FADING])
def test_more_blocks_only_go_further(fading) -> None:
    out = Interrupted(fading, Regular(0.1, 0.03, every_s=0.07))
    few, many = out(0.02, 5), out(0.02, 40)
    assert len(few.snr) == 5
    assert len(many.snr) == 40
    for one, other in zip(few, many, strict=True):
        assert (one == other[:5]).all()


def test_a_link_that_comes_never_back_is_an_error() -> None:
    with pytest.raises(RunError, match=r"carries nothing|coherence blocks"):
        Reliable(Radio()).plan(message(100), 0.0, Interrupted(STEADY, Regular(0.0, float("inf"))))
