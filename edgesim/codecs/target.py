"""From a target ratio to knobs: one search for every codec, over the settings of its dial.

xi is what a message takes over what it would take uncompressed, under one of three ledgers (compression.md 1.3): `paper` and
`code` as the codec states them (`Codec.ratios`), `wire` its bits over those of Base's message, labels in both. Where the answer
shrinks with the message, xi is the mean of both directions, as in the paper; a quantiser's xi is that of its own message. A
codec in a chain or on the downlink has the xi of what it takes, not of what the model gives.
"""

import math
from itertools import pairwise
from typing import NamedTuple

from edgesim.codecs.base import Aim, Codec
from edgesim.codecs.identity import Identity
from edgesim.wire import LedgerName

PUBLISHED = 0.01  # relative: published ratios are rounded, such as .031 for one bit of 32
HALVINGS = 24


class Found(NamedTuple):
    """A codec and its ratio."""

    ratio: float
    codec: Codec


def ratio_of(codec: Codec, ledger: LedgerName, batch: int, *, answered: bool = True) -> float:
    """xi of a codec for `batch` rows. answered: a gradient comes back for what was sent, as on the uplink."""
    stated = codec.ratios(batch)
    if ledger == "wire":
        up = codec.manifest(batch).bits / Identity(codec.cut).manifest(batch).bits
        down = codec.rows(batch) * math.prod(codec.item) / (batch * codec.cut.features)
    else:
        up, down = (stated.paper_up, stated.paper_down) if ledger == "paper" else (stated.code_up, stated.code_down)
    is_mean = answered and codec.both_ways and stated.paper_down < 1.0
    return (up + down) / 2.0 if is_mean else up


def solved(codec: Codec, xi: float, ledger: LedgerName, batch: int, *, answered: bool = True) -> Codec:
    """The codec like `codec` whose ratio is nearest to xi, the smaller one of two as near; its `aim` says what came of xi.

    Nearest among those tried: where ratios jump as the dial is turned (fedlite, lowrank), a few per cent may be left.
    Raises ValueError where xi is out of reach, with the range.
    """
    found = _tried(codec, xi, ledger, batch, answered)
    _check_reach(found, xi, ledger, batch)
    best = min(found, key=lambda each: (abs(each.ratio - xi), each.ratio))
    best.codec.aim = Aim(ledger, xi, best.ratio)
    return best.codec


def taken(codec: Codec, xi: float, ledger: LedgerName, batch: int, *, answered: bool = True) -> Codec:
    """A codec that took xi by its own rule; its `aim` says what came of it.

    Raises ValueError where the ratio is another one because xi is out of reach.
    """
    codec.aim = Aim(ledger, xi, ratio_of(codec, ledger, batch, answered=answered))
    if abs(codec.aim.realised / xi - 1.0) > PUBLISHED:
        _check_reach(_tried(codec, xi, ledger, batch, answered), xi, ledger, batch)
    return codec


def aims(codec: Codec) -> dict[str, Aim]:
    """The target ratios of a codec and those it is made of, by their place in it: `` for itself, `stages.0` for a stage."""
    parts = ((place, part) for place, part in codec.named_modules() if isinstance(part, Codec))
    return {place: part.aim for place, part in parts if part.aim is not None}


def _check_reach(found: list[Found], xi: float, ledger: LedgerName, batch: int) -> None:
    """ValueError unless xi lies between the least and the greatest ratio found, give or take what publications round."""
    low, high = min(each.ratio for each in found), max(each.ratio for each in found)
    if not low * (1.0 - PUBLISHED) <= xi <= high * (1.0 + PUBLISHED):
        codec = found[0].codec
        name = type(codec).__name__
        raise ValueError(
            f"{name} cannot have the ratio {xi:g} in the {ledger} ledger with {batch} rows of {codec.cut.item}: "
            f"give an xi from {low:.3g} to {high:.3g}"
        )


def _tried(codec: Codec, xi: float, ledger: LedgerName, batch: int, answered: bool) -> list[Found]:
    """Every setting of the codec, and for real numbers those that close in on xi from both sides. Not empty."""

    def at(setting: float) -> Found:
        made = codec.like(dial=setting)
        return Found(ratio_of(made, ledger, batch, answered=answered), made)

    found: list[tuple[float, Found]] = []
    why = ValueError(f"{type(codec).__name__} has no knob that sets its size")
    settings = codec.settings
    is_real = any(isinstance(setting, float) for setting in settings)
    for setting in sorted({*settings, xi}) if is_real else settings:
        try:
            found.append((setting, at(setting)))
        except ValueError as error:
            why = error
    if not found:
        raise why
    across = [pair for pair in pairwise(found) if (pair[0][1].ratio < xi) != (pair[1][1].ratio < xi)]
    for low, high in across if is_real else ():
        for _ in range(HALVINGS):
            setting = (low[0] + high[0]) / 2.0
            middle = (setting, at(setting))
            low, high = (middle, high) if (low[1].ratio < xi) == (middle[1].ratio < xi) else (low, middle)
        found += [low, high]
    return [each for _setting, each in found]
