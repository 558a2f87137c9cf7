"""Pilots: deadlines kept in the share promised, budgets that last, on made-up links whose answer is known."""

import math

import numpy as np
import pytest

from edgesim.sim.pilot import CAUTION, GAIN, Outlook, Pilot, Power, Punctual, Size, Thrifty

SIZES = [
    Size(up_bits=100.0 * 1.2**number, down_bits=50.0 * 1.2**number, charged_bits=150.0 * 1.2**number) for number in range(20)
]

POWER = Power(base_w=5.0, up_w=2.0, down_w=1.0)


def bound(pilot: Pilot, outlook: Outlook) -> Pilot:
    pilot.look = lambda: outlook
    return pilot


def drive(pilot: Punctual, rates: np.ndarray, deadline_s: float) -> np.ndarray:
    """Whether each step was late, at these rates [bit/s]."""
    pilot.look = lambda: Outlook(math.inf, math.inf, math.inf, 0.0, 0)
    late = []
    for rate in rates:
        size = SIZES[pilot.choose()]
        pilot.saw(size.up_bits / rate, size.down_bits / rate, 1.0)
        late.append((size.up_bits + size.down_bits) / rate > deadline_s)
    return np.array(late)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("law", ["constant", "independent", "walk", "switching"])
def test_the_promised_share_is_in_time_whatever_the_rates_do(share: float, law: str) -> None:
    """Gibbs and Candes: the late share is 1 - share + (m_n - m_0) / (gain n); a cautious start makes it a bound."""
    random, steps = np.random.default_rng(5), 1500
    noise = random.normal(size=steps)
    rates = {
        "constant": np.full(steps, 4000.0),
        "independent": 4000.0 * np.exp(0.5 * noise),
        "walk": 4000.0 * np.exp(np.clip(np.cumsum(0.1 * noise), -1.2, 1.2)),
        "switching": np.where(np.arange(steps) // 50 % 2, 2000.0, 8000.0),
    }[law]
    pilot = Punctual(SIZES, deadline_s=0.3, share=share)
    late = drive(pilot, rates, 0.3)
    identity = 1.0 - share + (pilot.seen.margin - CAUTION) / (GAIN * steps)
    assert late.mean() == pytest.approx(identity, abs=1e-9)
    assert late.mean() <= 1.0 - share + 1e-9


@pytest.mark.parametrize("share", [0.8, 0.9, 0.95])
def test_the_share_is_kept_while_rates_swing_a_hundredfold(share: float) -> None:
    """The least size is in time at either rate; which one comes next is drawn anew each time."""
    steps = 4000
    rates = np.where(np.random.default_rng(3).random(steps) < 0.5, 1e3, 1e5)
    pilot = Punctual(SIZES, deadline_s=0.2, share=share)
    late = drive(pilot, rates, 0.2)
    assert late.mean() == pytest.approx(1.0 - share + (pilot.seen.margin - CAUTION) / (GAIN * steps), abs=1e-9)
    assert late.mean() == pytest.approx(1.0 - share, abs=0.01)


def test_a_size_that_would_be_in_time_is_not_left_unused_for_ever() -> None:
    pilot = Punctual(SIZES, deadline_s=0.3, share=0.9)
    drive(pilot, np.full(300, 1e5), 0.3)
    assert pilot.seen.choice == len(SIZES) - 1


def test_the_first_step_and_a_hopeless_deadline_take_the_least() -> None:
    pilot = Punctual(SIZES, deadline_s=1e-6, share=0.9)
    outlook = Outlook(math.inf, math.inf, math.inf, 0.0, 0)
    assert bound(pilot, outlook).choose() == 0
    pilot.saw(1.0, 1.0, 3.0)
    assert pilot.choose() == 0


def spend(pilot: Thrifty, left: dict[str, float], rate: np.ndarray, overhead: float = 1.0) -> int:
    """Steps until a limit would be broken. A step takes 0.05 s beside what is in the air."""
    done, now = 0, 0.0
    while True:
        size = SIZES[bound(pilot, Outlook(left["bits"], left["seconds"], left["joules"], now, done)).choose()]
        bps = float(rate[done % len(rate)])
        air = size.up_bits / bps, size.down_bits / bps
        step_s = 0.05 + sum(air)
        joules = POWER.base_w * step_s + POWER.up_w * air[0] + POWER.down_w * air[1] + 0.2
        cost = {"bits": size.charged_bits * overhead, "seconds": step_s, "joules": joules}
        if any(cost[name] > left[name] for name in left):
            return done
        left = {name: left[name] - cost[name] for name in left}
        pilot.saw(*air, step_s)
        done, now = done + 1, now + step_s


@pytest.mark.parametrize("steps", [40, 300])
@pytest.mark.parametrize(
    ("limit", "each"),
    [("bits", 700.0), ("bits", 1500.0), ("seconds", 0.3), ("seconds", 0.6), ("joules", 3.0)],
)
@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_a_budget_lasts_to_within_one_step(steps: int, limit: str, each: float, spread: float) -> None:
    left = {"bits": math.inf, "seconds": math.inf, "joules": math.inf} | {limit: each * steps}
    rates = 4000.0 * np.exp(spread * np.random.default_rng(1).normal(size=1000))
    assert abs(spend(Thrifty(SIZES, steps, POWER), left, rates) - steps) <= 1


@pytest.mark.parametrize(("limit", "each"), [("seconds", 0.6), ("joules", 5.0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_budget_lasts_while_rates_swing_a_hundredfold(limit: str, each: float, seed: int) -> None:
    """A step pays for its size at a rate that it does not know: the mean counts, not the last. One bad step is worth many."""
    left = {"bits": math.inf, "seconds": math.inf, "joules": math.inf} | {limit: each * 300}
    rates = np.where(np.random.default_rng(seed).random(2000) < 0.5, 1e3, 1e5)
    assert spend(Thrifty(SIZES, 300, POWER), left, rates) == pytest.approx(300, abs=9)


def test_what_framing_adds_does_not_end_a_budget_early() -> None:
    left = {"bits": 700.0 * 200, "seconds": math.inf, "joules": math.inf}
    assert abs(spend(Thrifty(SIZES, 200, POWER), left, np.array([4000.0]), overhead=1.3) - 200) <= 1


def test_every_limit_is_heeded() -> None:
    """Bits for the largest size, seconds for the least."""
    left = {"bits": 1e9, "seconds": 0.1 * 50, "joules": 1e9}
    assert abs(spend(Thrifty(SIZES, 50, POWER), left, np.array([4000.0])) - 50) <= 1


def test_a_pilot_goes_on_where_another_stood() -> None:
    rates = 4000.0 * np.exp(0.5 * np.random.default_rng(2).normal(size=200))
    whole, first, second = (Punctual(SIZES, 0.3, 0.9) for _ in range(3))
    late = drive(whole, rates, 0.3)
    before = drive(first, rates[:120], 0.3)
    second.restore(first.state())
    assert np.array_equal(late, np.concatenate([before, drive(second, rates[120:], 0.3)]))
    thrifty, other = Thrifty(SIZES, 9, POWER), Thrifty(SIZES, 9, POWER)
    outlook = Outlook(7000.0, 5.0, math.inf, 0.0, 2)
    bound(thrifty, outlook).choose()
    thrifty.saw(0.1, 0.1, 0.3)
    other.restore(thrifty.state())
    later = outlook._replace(bits_left=6000.0, seconds_left=4.5, now_s=0.5, steps_done=3)
    assert bound(thrifty, later).choose() == bound(other, later).choose() > 0
    assert thrifty.state() == other.state()
