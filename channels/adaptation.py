"""Link adaptation: which modulation and coding scheme to send with, given what is known of the channel (phy.md 6.5).

The inner loop takes the fastest scheme whose predicted block error rate is low enough at the reported SNR; the outer loop
corrects the report by what acknowledgements say; reports may be old. Pure numpy.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import special

from channels import coding, density, harq, mcs
from channels.mcs import Schemes

TINY = np.finfo(np.float64).tiny
MOST_MARGIN = 38.0  # Q(38) is the least that float64 holds


class Choice(NamedTuple):
    """How to send at each of n instants.

    scheme      [n] int, row of the table
    efficiency  [n] information bits per symbol; 0 where the channel is too weak for every scheme
    """

    scheme: np.ndarray
    efficiency: np.ndarray


class Plan(NamedTuple):
    """One packet: the scheme it is sent with (-1: none is slow enough), its symbols, and how often it fails."""

    scheme: int
    symbols: float
    failure: float


class _Each(NamedTuple):
    """What is known of each scheme, as lists: an array's element takes ten times as long to look up."""

    bits: list[int]
    rate: list[float]
    efficiency: list[float]
    gaps: list[float]
    ladder: list[int]
    ladder_db: list[float]


class Adaptation:
    """A table of schemes with a decoder: chooses among them, and says how often what was sent with one fails.

    Block error rates are those of `channels.coding`, packets are cut into code blocks as 5G NR does (`channels.mcs.blocks`).

    schemes      a table of `channels.mcs.TABLES`, by name or value
    packet_bits  size by which schemes are compared [bit]
    target       block error rate that a choice may have
    fixed        send with this scheme whatever the SNR; None: adapt
    gap_db       SNR that the decoder loses; None: as calibrated for each modulation and size [dB]

    >>> link = Adaptation("mcs1", packet_bits=8000)
    >>> link.choose(np.array([1.0, 100.0])).efficiency.round(3).tolist()
    [0.74, 5.555]
    """

    def __init__(
        self,
        schemes: str | Schemes,
        packet_bits: int,
        *,
        target: float = 0.1,
        fixed: int | None = None,
        gap_db: float | None = None,
    ) -> None:
        self.schemes = _table(schemes)
        bits = self.schemes.bits
        if packet_bits < 1 or not 0.0 < target < 1.0:
            raise ValueError(f"need packet_bits >= 1 and 0 < target < 1, got {packet_bits} and {target}")
        if fixed is not None and not 0 <= fixed < len(bits):
            raise ValueError(f"fixed must be a row of the table, 0 to {len(bits) - 1}, got {fixed}")
        self.packet_bits = packet_bits
        self.target = target
        self.fixed = fixed
        self._efficiency = self.schemes.efficiency
        cut = mcs.blocks(np.full(len(bits), packet_bits), self.schemes.rate)
        gaps = [coding.gap_db(*each) if gap_db is None else gap_db for each in zip(bits.tolist(), cut.size_bits, strict=True)]
        self._gaps = 10.0 ** (np.array(gaps) / 10.0)
        self._margins, self._counts = self._tabulated(), cut.number
        self.thresholds_db = self._thresholds()
        self._ladder_db, self._ladder = self._climbed()
        self._lists = [row.tolist() for row in self._margins], self._counts.tolist()
        self._each = _Each(
            bits.tolist(),
            self.schemes.rate.tolist(),
            self._efficiency.tolist(),
            self._gaps.tolist(),
            self._ladder.tolist(),
            self._ladder_db.tolist(),
        )

    def choose(self, snr: np.ndarray, margin_db: float = 0.0) -> Choice:
        """The fastest scheme that is good enough at each reported SNR [n], taken `margin_db` lower [dB].

        Raises ValueError for an SNR that is negative or NaN.
        """
        _check_snr(snr)
        if self.fixed is not None:
            scheme = np.full(np.shape(snr), self.fixed)
            return Choice(scheme, self._efficiency[scheme])
        reported = coding.decibels(np.maximum(snr, TINY)) - margin_db
        rung = np.searchsorted(self._ladder_db, reported, side="right") - 1
        scheme = self._ladder[np.maximum(rung, 0)]
        return Choice(scheme, np.where(rung >= 0, self._efficiency[scheme], 0.0))

    def pick(self, snr_db: float) -> tuple[int, float]:
        """`choose` for one report [dB] without an array: the scheme and its information bits per symbol."""
        each = self._each
        if self.fixed is not None:
            return self.fixed, each.efficiency[self.fixed]
        rung = bisect_right(each.ladder_db, snr_db)
        if rung == 0:
            return each.ladder[0], 0.0
        scheme = each.ladder[rung - 1]
        return scheme, each.efficiency[scheme]

    def information(self, scheme: int | np.ndarray, snr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a symbol of `scheme` tells the decoder at each SNR: mean [bit] and variance [bit^2], as the decoder sees it."""
        mean, variance = coding.information(self.schemes.bits[scheme], snr / self._gaps[scheme])
        return mean, variance * coding.WIDER

    def told(self, scheme: int, snr: float) -> tuple[float, float]:
        """`information` at one SNR without an array."""
        mean, variance = coding.told(self._each.bits[scheme], snr / self._each.gaps[scheme])
        return mean, variance * coding.WIDER

    def failure(
        self, scheme: np.ndarray, bits: np.ndarray, symbols: np.ndarray, information: np.ndarray, variance: np.ndarray
    ) -> np.ndarray:
        """How often a packet of `bits` fails whose `symbols` told `information` bits of that variance in all; [packets].

        1 - (1 - eps)^C for C code blocks that share the symbols. Symbols beyond the mother code repeat it.
        """
        margin, count = self._margin(scheme, bits, symbols, information, variance)
        return coding.any_of(count, coding.tail(margin))

    def risk(self, scheme: int, bits: int, symbols: float, information: float, variance: float) -> float:
        """`failure` of one packet without an array."""
        count, size, mother_rate = mcs.cut(bits, self._each.rate[scheme])
        used = symbols / count
        if used > size / mother_rate / self._each.bits[scheme]:
            one = [np.array([value]) for value in (scheme, bits, symbols, information, variance)]
            return float(self.failure(*one)[0])
        over, spread = information / count - size + 0.5 * math.log2(max(used, 1.0)), math.sqrt(variance / count)
        if spread == 0.0:
            return float(over < 0.0)
        share = math.erfc(over / spread * math.sqrt(0.5)) / 2.0
        return share if count == 1 else coding.one_of(count, share)

    def failures(self, scheme: np.ndarray, snr: np.ndarray) -> np.ndarray:
        """How often packets of `packet_bits` fail at constant SNR, [n]: `failure` from a table, linear in dB between points.

        The table goes from -20 to 45 dB and its ends hold beyond it. Raises ValueError for an SNR that is negative or NaN.
        """
        _check_snr(snr)
        place, share = coding.grid(coding.decibels(np.maximum(snr, TINY)))
        margin = self._margins[scheme, place] * (1.0 - share) + self._margins[scheme, place + 1] * share
        return coding.any_of(self._counts[scheme], coding.tail(margin))

    def plan(self, snr_db: float, reported_db: float | None = None) -> Plan:
        """One packet of `packet_bits` without an array: chosen by the reported SNR [dB], failing by the true one [dB].

        reported_db  None: the true one

        Raises ValueError for NaN.
        """
        if math.isnan(snr_db) or (reported_db is not None and math.isnan(reported_db)):
            raise ValueError(f"SNR must be a number, got {snr_db} and {reported_db}")
        margins, counts = self._lists
        scheme = self.fixed
        if scheme is None:
            rung = bisect_right(self._each.ladder_db, snr_db if reported_db is None else reported_db)
            if rung == 0:
                return Plan(-1, math.inf, 1.0)
            scheme = self._each.ladder[rung - 1]
        where = min(max((snr_db - density.LEAST_DB) / density.STEP_DB, 0.0), density.POINTS - 1.0)
        place = min(int(where), density.POINTS - 2)
        low, high = margins[scheme][place : place + 2]
        failure = math.erfc((low + (high - low) * (where - place)) * math.sqrt(0.5)) / 2.0
        if counts[scheme] > 1:
            failure = coding.one_of(counts[scheme], failure)
        return Plan(scheme, self.packet_bits / float(self._efficiency[scheme]), failure)

    def _margin(
        self, scheme: np.ndarray, bits: np.ndarray, symbols: np.ndarray, information: np.ndarray, variance: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Argument of Q for one code block of each packet, and how many blocks it has; [packets]."""
        order = self.schemes.bits[scheme]
        cut = mcs.blocks(bits, self.schemes.rate[scheme])
        told, spread, used = information / cut.number, variance / cut.number, symbols / cut.number
        full = cut.size_bits / cut.mother_rate / order
        for each in np.unique(order[used > full]):
            rows = order == each
            part = harq.with_mother_code(int(each), told[rows], spread[rows], used[rows], full[rows])
            told[rows], spread[rows], used[rows] = part
        return coding.margin(told, spread, used, cut.size_bits), cut.number

    def _tabulated(self) -> np.ndarray:
        """Argument of Q for a block of a packet of `packet_bits` at every SNR of the density's table, [schemes, points]."""
        snr = 10.0 ** ((density.LEAST_DB + density.STEP_DB * np.arange(density.POINTS)) / 10.0)
        rows = []
        for scheme, efficiency in enumerate(self._efficiency):
            mean, variance = self.information(scheme, snr)
            symbols = np.full(len(snr), self.packet_bits / efficiency)
            which = np.full(len(snr), scheme)
            bits = np.full(len(snr), self.packet_bits)
            rows.append(self._margin(which, bits, symbols, mean * symbols, variance * symbols)[0])
        margins: np.ndarray = np.clip(rows, -MOST_MARGIN, MOST_MARGIN)
        return margins

    def _thresholds(self) -> np.ndarray:
        """The SNR at which each scheme fails in a share `target`, [schemes] [dB]."""
        share = -np.expm1(np.log1p(-self.target) / self._counts)  # of one code block
        levels = density.LEAST_DB + density.STEP_DB * np.arange(density.POINTS)
        rising = np.maximum.accumulate(self._margins, axis=1)
        each = [np.interp(-special.ndtri(eps), row, levels) for eps, row in zip(share, rising, strict=True)]
        return np.array(each)

    def _climbed(self) -> tuple[np.ndarray, np.ndarray]:
        """SNRs at which a faster scheme becomes good enough [dB], ascending, and that scheme."""
        order = np.lexsort((-self._efficiency, self.thresholds_db))
        best = np.maximum.accumulate(self._efficiency[order])
        new = np.concatenate([[True], best[1:] > best[:-1]])
        return self.thresholds_db[order[new]], order[new]


class OuterLoop(NamedTuple):
    """Corrects a biased report until failures have the share `target` (Sampath et al. 1997; Pedersen et al. 2005).

    margin_db += up_db on a failure and -= up_db target/(1 - target) on a success, within +-most_db.

    target   share of first transmissions that may fail
    up_db    step after a failure [dB]
    most_db  bound of the margin [dB]

    >>> OuterLoop(target=0.1).after(0.0, failed=True)
    1.0
    """

    target: float
    up_db: float = 1.0
    most_db: float = 20.0

    def after(self, margin_db: float, failed: bool) -> float:
        """The margin after one acknowledgement, to be taken off the reported SNR [dB].

        Raises ValueError for a target that is not between 0 and 1.
        """
        if not 0.0 < self.target < 1.0:
            raise ValueError(f"target must be between 0 and 1, got {self.target}")
        step = self.up_db if failed else -self.up_db * self.target / (1.0 - self.target)
        return max(-self.most_db, min(self.most_db, margin_db + step))


def outdated(snr_at: Callable[[np.ndarray], np.ndarray], times_s: np.ndarray, delay_s: float) -> np.ndarray:
    """What is known at `times_s` [n] [s] of a channel whose SNR at any times is `snr_at`: that of `delay_s` before.

    Nothing is known from before time 0: until `delay_s` the report of time 0 holds.
    """
    if not delay_s >= 0.0:
        raise ValueError(f"delay_s must not be negative, got {delay_s}")
    return snr_at(np.maximum(times_s - delay_s, 0.0))


def _table(schemes: str | Schemes) -> Schemes:
    if isinstance(schemes, Schemes):
        return schemes
    if schemes not in mcs.TABLES:
        raise ValueError(f"schemes must be one of {', '.join(mcs.TABLES)}, got {schemes!r}")
    return mcs.TABLES[schemes]


def _check_snr(snr: np.ndarray) -> None:
    if not (snr >= 0.0).all():
        raise ValueError(f"SNR must not be negative or NaN, got {snr.min()}")
