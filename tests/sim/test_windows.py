"""Windows of time: what they say of an instant, whatever was asked before."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesim.errors import RunError
from edgesim.sim.windows import NEVER, Joint, Listed, Random, Regular, Window, Windows


def walked(windows: Windows, until: float) -> list[Window]:
    """All windows that begin before `until`."""
    found, now = [], 0.0
    while (window := windows.at(now)).begin < until:
        found.append(window)
        now = window.end
    return found


def test_one_window_is_there_once() -> None:
    windows = Regular(3.0, 2.0)
    assert [windows.at(now) for now in (0.0, 3.0, 4.999)] == [(3.0, 5.0)] * 3
    assert windows.at(5.0) == NEVER


def test_regular_windows_come_again() -> None:
    windows = Regular(1.0, 0.25, every_s=2.0)
    assert walked(windows, 6.0) == [(1.0, 1.25), (3.0, 3.25), (5.0, 5.25)]
    assert windows.at(1.25) == (3.0, 3.25)  # a window's end is not in it
    assert windows.at(0.0) == (1.0, 1.25)


def test_listed_windows_that_touch_are_one() -> None:
    windows = Listed([Window(5.0, 6.0), Window(1.0, 2.0), Window(2.0, 3.0), Window(1.5, 1.75)])
    assert walked(windows, 10.0) == [(1.0, 3.0), (5.0, 6.0)]
    assert windows.at(6.0) == NEVER


def test_the_rest_of_listed_windows_is_what_they_leave_out() -> None:
    assert walked(Listed([Window(1.0, 2.0), Window(4.0, 5.0)]).rest(), 9.0) == [(0.0, 1.0), (2.0, 4.0), (5.0, math.inf)]
    assert walked(Listed([Window(0.0, math.inf)]).rest(), 9.0) == []
    assert walked(Listed([]).rest(), 9.0) == [(0.0, math.inf)]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=6),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), max_size=6),
    st.floats(0.0, 30.0),
)
def test_a_joint_window_covers_what_any_covers(one, other, now: float) -> None:
    parts = [[Window(float(begin), float(begin + length)) for begin, length in several] for several in (one, other)]
    joint, merged = Joint([Listed(part) for part in parts]).at(now), Listed(parts[0] + parts[1]).at(now)
    assert joint.end == merged.end
    assert max(joint.begin, now) == max(merged.begin, now)


def test_random_windows_do_not_depend_on_the_order_of_questions() -> None:
    asked = np.random.default_rng(0).uniform(0.0, 4000.0, 300).tolist()
    fresh, used = [Random(7, 3.0, 1.0).at(now) for now in asked[:40]], Random(7, 3.0, 1.0)
    assert [used.at(now) for now in asked][:40] == fresh
    assert all(end > now and begin < end for now, (begin, end) in zip(asked, fresh, strict=False))
    assert Random(8, 3.0, 1.0).at(0.0) != Random(7, 3.0, 1.0).at(0.0)


@pytest.mark.parametrize(("up_s", "down_s"), [(3.0, 1.0), (0.5, 4.0)])
def test_the_share_of_time_up_is_mean_up_over_both(up_s: float, down_s: float) -> None:
    """Up for lambda, down for mu: variance of the share over a time T is 2 p q / ((1/up + 1/down) T) for large T."""
    span, links = 4000.0, 20
    down = sum(min(end, span) - begin for key in range(links) for begin, end in walked(Random(key, up_s, down_s), span))
    expected = up_s / (up_s + down_s)
    sigma = math.sqrt(2.0 * expected * (1.0 - expected) / ((1.0 / up_s + 1.0 / down_s) * span * links))
    assert abs(1.0 - down / (span * links) - expected) < 4.5 * sigma + up_s / span  # they all begin up


def test_windows_that_never_leave_a_gap_are_told_in_pieces() -> None:
    """0.6 s of every second from 0 on, and from 0.5 s on: together always. Whoever walks along gets on."""
    always = Joint([Regular(0.0, 0.6, 1.0), Regular(0.5, 0.6, 1.0)])
    now = 0.0
    for _ in range(5):
        begin, end = always.at(now)
        assert begin <= now < now + 5 < end < math.inf
        now = end


def test_windows_beyond_number_end_the_run_with_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgesim.sim.windows.MOST_EDGES", 1000)
    windows = Random(7, 1e-4, 1e-4)
    assert windows.at(0.05).end < 1.0
    with pytest.raises(RunError, match=r"mean times 0.0001 and 0.0001 s came more than 500 times in 0\.\d+ s: let it be rarer"):
        windows.at(1e6)
