"""Repeating what was lost: how often, for how long, and what several attempts tell together (phy.md 7). Pure numpy.

ARQ forgets failed attempts; hybrid ARQ keeps them. With eps(l) the chance that the first l attempts together do not suffice,
attempt l fails, given that those before did, in a share eps(l)/eps(l-1) of the cases (failures are nested).
"""

import math
from typing import NamedTuple

import numpy as np

from channels import coding


class Attempts(NamedTuple):
    """Fate of packets.

    sent      times that each was sent, [packets] int
    arrived   whether it ever arrived, [packets] bool
    """

    sent: np.ndarray
    arrived: np.ndarray


def mean_attempts(loss: float, most: float = math.inf, feedback_error: float = 0.0) -> float:
    """(1 - p^M)/(1 - p): times that a packet is sent, if each attempt is lost with probability p and there are M at most.

    feedback_error  f: how often an acknowledgement is taken for its opposite. With q = p (1 - f), attempt l happens with
                    probability q^(l-1) for a packet that has not arrived, and for one that has, with
                    (1 - p) f (q^(l-1) - f^(l-1))/(q - f)

    >>> mean_attempts(0.5)
    2.0
    """
    _check(loss, most, feedback_error)
    again = loss * (1.0 - feedback_error)
    if again == 1.0:
        return most
    if most == math.inf:
        return (1.0 + (1.0 - loss) * feedback_error / (1.0 - feedback_error)) / (1.0 - again)
    mean, missing, there = 0.0, 1.0, 0.0
    for _ in range(int(most)):
        mean += missing + there
        missing, there = missing * again, (missing * (1.0 - loss) + there) * feedback_error
    return mean


def residual_loss(loss: float, most: float, feedback_error: float = 0.0) -> float:
    """p^M: how often a packet is lost for good; with wrong feedback p f (1 - q^(M-1))/(1 - q) + p q^(M-1), q = p (1 - f)."""
    _check(loss, most, feedback_error)
    again = loss * (1.0 - feedback_error)
    if again == 1.0:
        return 1.0
    left = again ** (most - 1)
    return float(loss * (feedback_error * (1.0 - left) / (1.0 - again) + left))


def draw_attempts(loss: float, most: int, packets: int, random: np.random.Generator) -> Attempts:
    """Attempts at each of `packets` packets that are lost independently: geometric, cut at `most`."""
    _check(loss, most)
    needed = np.full(packets, most + 1) if loss == 1.0 else random.geometric(1.0 - loss, packets)
    return Attempts(np.minimum(needed, most), needed <= most)


def stop_and_wait_s(attempts: np.ndarray, packet_s: float, ack_s: float, propagation_s: float, timeout_s: float) -> np.ndarray:
    """sum(T_packet + T_ack + 2 T_propagation) + (N - 1) T_timeout for each packet [s], one packet at a time, [packets].

    timeout_s  waited, beyond the time of an answer, before a packet is sent again [s]
    """
    taken: np.ndarray = attempts * (packet_s + ack_s + 2.0 * propagation_s) + (attempts - 1) * timeout_s
    return taken


def selective_repeat_s(attempts: np.ndarray, packet_s: float, round_trip_s: float) -> float:
    """Airtime of all attempts and one round trip for every round after the first [s]; nothing takes no time."""
    if not len(attempts):
        return 0.0
    return float(attempts.sum() * packet_s + (attempts.max() - 1) * round_trip_s)


def chase(bits: int, snr: np.ndarray, symbols: float, block_bits: float) -> np.ndarray:
    """eps(1) ... eps(L) if every attempt repeats the same symbols and the receiver adds their SNRs, [..., L].

    bits     of a symbol
    snr      of each attempt, linear, [..., L]
    symbols  of one attempt
    """
    return coding.block_error_rate(bits, np.cumsum(snr, axis=-1), symbols, block_bits)


def incremental(bits: int, snr: np.ndarray, symbols: np.ndarray, block_bits: float, mother_rate: float = 1 / 3) -> np.ndarray:
    """eps(1) ... eps(L) if every attempt brings further parity and what the attempts told adds up, [..., L].

    bits         of a symbol
    snr          of each attempt, linear, [..., L]
    symbols      of each attempt, [L]
    mother_rate  of the code: when all its k/rate bits are out, what follows repeats them (see `with_mother_code`)
    """
    gap = 10.0 ** (coding.gap_db(bits, block_bits) / 10.0)
    mean, variance = coding.information(bits, np.asarray(snr) / gap)
    told, spread = np.cumsum(mean * symbols, axis=-1), np.cumsum(variance * symbols, axis=-1) * coding.WIDER
    sent = np.broadcast_to(np.cumsum(symbols), told.shape)
    full = np.full(told.shape, block_bits / mother_rate / bits)
    told, spread, sent = with_mother_code(bits, told, spread, sent, full)
    return coding.failure(told, spread, sent, np.asarray(block_bits))


def with_mother_code(
    bits: int, told: np.ndarray, variance: np.ndarray, symbols: np.ndarray, full: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Information, its variance and symbols of attempts that may have used up their mother code; arrays of one shape.

    full  symbols that carry the whole mother code once

    What goes beyond repeats code bits, as chase combining does: r = symbols/full copies of each add their SNRs. The copies'
    SNR is taken as that which tells the attempts' mean information.
    """
    over = symbols > full
    if not over.any():
        return told, variance, symbols
    snr = coding.snr_for(bits, told[over] / symbols[over])
    mean, spread = coding.information(bits, snr * (symbols[over] / full[over]))
    told, variance, kept = told.copy(), variance.copy(), np.minimum(symbols, full)
    told[over], variance[over] = full[over] * mean, full[over] * spread * coding.WIDER
    return told, variance, kept


def conditional(failures: np.ndarray) -> np.ndarray:
    """eps(l)/eps(l-1), eps(0) = 1: how often attempt l fails if those before did, [..., L] -> [..., L]; 0 after a certainty."""
    before = np.concatenate([np.ones_like(failures[..., :1]), failures[..., :-1]], axis=-1)
    shares: np.ndarray = np.divide(failures, before, out=np.zeros_like(failures), where=before > 0.0)
    return shares


def mean_attempts_of(failures: np.ndarray) -> np.ndarray:
    """1 + eps(1) + ... + eps(L-1): times that a packet is sent, L at most; [..., L] -> [...]."""
    sent: np.ndarray = 1.0 + failures[..., :-1].sum(axis=-1)
    return sent


def draw(failures: np.ndarray, random: np.random.Generator) -> Attempts:
    """Attempts at each of n packets with cumulative failure rates `failures` [n, L]: lost while one number u < eps."""
    lost = random.random(len(failures))[:, None] < failures
    return Attempts(np.minimum(lost.sum(axis=-1) + 1, failures.shape[-1]), ~lost[:, -1])


def _check(loss: float, most: float, feedback_error: float = 0.0) -> None:
    if not (0.0 <= loss <= 1.0 and most >= 1 and 0.0 <= feedback_error < 1.0):
        raise ValueError(
            f"need a probability, at least one attempt and 0 <= feedback_error < 1, got {loss}, {most} and {feedback_error}"
        )
