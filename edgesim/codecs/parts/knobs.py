"""Checks of codec knobs for Python users, who do not come through YAML."""

from typing import Any, get_args

from edgesim.quantities import Interval


def within(interval: str, **values: float) -> None:
    """ValueError unless the value of every knob lies in `interval`, such as "(0, 1]"."""
    for name, value in values.items():
        if isinstance(value, bool) or value not in Interval.parse(interval):
            raise ValueError(f"{name} must lie in {interval}, got {value!r}")


def whole(interval: str, **values: int) -> None:
    """As `within`, for integers."""
    for name, value in values.items():
        if not isinstance(value, int):
            raise ValueError(f"{name} must be an integer in {interval}, got {value!r}")
    within(interval, **values)


def one_of(**given: tuple[str, Any]) -> None:
    """ValueError unless every knob's value is among the strings of its Literal: `one_of(init=(init, Init))`."""
    for name, (value, choices) in given.items():
        known = get_args(choices)
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
