"""Bit errors in numbers: how many, where, and what becomes of reals and codes whose bits are wrong (phy.md 5.4 and 8).

The number of errors is binomial and their places are equally likely, which is the law of a chain of symbols over a channel
without memory at the cost of the errors alone. Bits are counted from the first number's highest bit.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

Guard = Literal["clamp", "zero", "raise", "off"]
GUARDS = ("clamp", "zero", "raise", "off")
_WORDS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # bytes of a number -> where its bits are


class Damage(NamedTuple):
    """What bit errors did to a tensor.

    bits       wrong bits
    words      numbers with a wrong bit
    nonfinite  reals that became infinite or NaN, whatever the guard then did
    outside    reals that became finite values beyond the range that was sent, whatever the guard then did
    """

    bits: int
    words: int
    nonfinite: int = 0
    outside: int = 0


def wrong_bits(count: int, rates: Sequence[float] | np.ndarray | float, random: np.random.Generator) -> np.ndarray:
    """Places of the wrong ones among `count` bits, ascending, [errors] int64.

    rates  probability of an error; several belong to the bits of a symbol, and bit j of the message has rate j mod their number
           (`channels.bit_error_rates.bit_errors` gives them)

    Raises ValueError for a negative count or a rate that is no probability.
    """
    each = np.atleast_1d(np.asarray(rates, dtype=np.float64))
    if count < 0 or each.ndim != 1 or not len(each) or not ((each >= 0.0) & (each <= 1.0)).all():
        raise ValueError(f"need count >= 0 and rates between 0 and 1, got {count} and {rates}")
    levels = len(each)
    sizes = (count - np.arange(levels) + levels - 1) // levels  # bits of the message with each rate
    return _chosen(sizes, random.binomial(sizes, each), random)


def distinct(size: int, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` different numbers below `size`, every set equally likely; in ascending order, [count] int64.

    Raises ValueError if there are not as many.
    """
    if not 0 <= count <= size:
        raise ValueError(f"cannot choose {count} of {size}")
    return _chosen(np.array([size]), np.array([count]), random)


def _chosen(sizes: np.ndarray, counts: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """counts[l] different places among the sizes[l] of each level l, ascending; place i of level l is i levels + l.

    Draws as many as are missing until all differ: no place is ever preferred, so every set is as likely as any other. Levels
    of which more than half are wanted are chosen by what is left out.
    """
    levels = len(sizes)
    many = 2 * counts > sizes
    missing = np.where(many, sizes - counts, counts)
    kind = np.int32 if int(sizes.max()) * levels < 1 << 31 else np.int64  # half as wide sorts twice as fast
    places = np.zeros(0, dtype=kind)
    while missing.any():
        drawn = np.concatenate(
            [random.integers(0, sizes[i], missing[i], dtype=kind) * kind(levels) + kind(i) for i in range(levels)]
        )
        drawn.sort()
        at = np.searchsorted(places, drawn)
        known = at < len(places)
        known[known] = places[at[known]] == drawn[known]
        known[1:] |= drawn[1:] == drawn[:-1]
        missing = np.bincount(drawn[known] % levels, minlength=levels)
        places = np.insert(places, at[~known], drawn[~known]) if len(places) else drawn[~known]
    places = places.astype(np.int64)
    if many.any():
        inside = np.zeros(int(sizes.max()) * levels, dtype=bool)
        inside[places] = True
        for level in np.flatnonzero(many):
            inside[level : sizes[level] * levels : levels] ^= True
        places = np.flatnonzero(inside)
    return places


def flipped(x: Tensor, places: np.ndarray, bits_each: int | None = None) -> Tensor:
    """A copy of x in which the bits at `places` are inverted; same shape and dtype, without gradient.

    x          float32, float64, float16, bfloat16, or integers
    places     [errors] int64, ascending, counted from the first number's highest bit
    bits_each  bits that stand for a number, its lowest ones; None: all it has. Only integers may have fewer

    Raises TypeError for other dtypes; ValueError for impossible places or bits_each, or codes that do not fit into them.
    """
    width = 8 * x.element_size()
    bits = width if bits_each is None else bits_each
    if x.dtype.is_complex or x.dtype == torch.bool or width > 64:
        raise TypeError(f"bits of {x.dtype} cannot be inverted: give reals or integers")
    if not 1 <= bits <= width or (bits < width and x.dtype.is_floating_point):
        raise ValueError(f"{x.dtype} has {width} bits, asked for {bits_each}")
    if bits < width and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < 1 << bits:
        raise ValueError(f"codes from {int(x.min())} to {int(x.max())} do not fit into {bits} bits")
    if len(places) and not (places[0] >= 0 and places[-1] < x.numel() * bits and (places[1:] > places[:-1]).all()):
        raise ValueError(f"places must ascend from 0 to at most {x.numel() * bits - 1}, got {places[0]} ... {places[-1]}")
    result = x.detach().clone(memory_format=torch.contiguous_format)
    if len(places):
        hit, change = _changes(places, bits)
        words = result.view(-1).view(_WORDS[x.element_size()])
        where = torch.from_numpy(hit).to(x.device)
        # a word's highest bit is its sign: 2^31 becomes -2^31
        words[where] ^= torch.from_numpy(change).to(words.dtype).to(x.device)
    return result


def _changes(places: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that are hit and the bits to invert in each; two errors in one number both count."""
    entry = places >> bits.bit_length() - 1 if bits & (bits - 1) == 0 else places // bits  # shifts are ten times faster
    masks = np.left_shift(np.int64(1), bits - 1 - (places - entry * bits))
    first = np.ones(len(entry), dtype=bool)
    np.not_equal(entry[1:], entry[:-1], out=first[1:])
    if first.all():
        return entry, masks
    begin = np.flatnonzero(first)
    return entry[begin], np.bitwise_or.reduceat(masks, begin)


def corrupted(
    x: Tensor,
    rates: Sequence[float] | np.ndarray | float,
    random: np.random.Generator,
    *,
    guard: Guard = "clamp",
    bits_each: int | None = None,
) -> tuple[Tensor, Damage]:
    """x with random bit errors, and what they did. Integers are bounded by their bits and need no guard.

    rates  see `wrong_bits`
    guard  for reals outside the range [min x, max x]: `clamp` takes its nearer end and its middle for NaN, `zero` takes 0 for
           both, `raise` raises ValueError if a value is not finite, `off` lets everything pass

    Raises as `flipped` and `wrong_bits`, and ValueError if a guard has to bound reals by a range that is itself not finite.
    """
    if guard not in GUARDS:
        raise ValueError(f"guard must be one of {', '.join(GUARDS)}, got {guard!r}")
    bits = 8 * x.element_size() if bits_each is None else bits_each
    places = wrong_bits(x.numel() * bits, rates, random)
    wrong = flipped(x, places, bits_each)
    damage = Damage(len(places), int(np.count_nonzero(np.diff(places // bits, prepend=-1))))
    if not x.dtype.is_floating_point or not len(places):
        return wrong, damage
    low, high = torch.aminmax(x.detach())
    if guard in ("clamp", "zero") and not bool(low.isfinite() & high.isfinite()):
        raise ValueError(f"values from {float(low)} to {float(high)} have no finite range to guard: set guard='off'")
    finite = wrong.isfinite()
    outside = finite & ((wrong < low) | (wrong > high))
    damage = damage._replace(nonfinite=int((~finite).sum()), outside=int(outside.sum()))
    if guard == "raise" and damage.nonfinite:
        raise ValueError(
            f"bit errors made {damage.nonfinite} of {x.numel()} values infinite or NaN: protect them or guard them"
        )
    if guard == "clamp":
        wrong = torch.where(wrong.isnan(), low / 2 + high / 2, wrong.clamp(low, high)).to(wrong.dtype)
    if guard == "zero":
        wrong = torch.where(finite & ~outside, wrong, torch.zeros_like(wrong))
    return wrong, damage


def nonfinite_probability(bit_error_rate: float, exponent_bits: int) -> float:
    """p (1 - p)^(e - 1): how often a real of magnitude 1 to 2 becomes infinite or NaN [8].

    Its exponent is 01...1 and is wrong in exactly the highest bit. e = 8 for float32 and bfloat16, 5 for float16.
    """
    return bit_error_rate * (1.0 - bit_error_rate) ** (exponent_bits - 1)


def code_distortion(bit_error_rate: float, bits: int, step: float = 1.0) -> float:
    """p step^2 (4^bits - 1)/3: mean square error of uniformly distributed codes of `bits` bits, offset binary [8].

    The errors of different bits are uncorrelated, as every bit is 0 or 1 equally often.
    """
    return float(bit_error_rate * step**2 * (4.0**bits - 1.0) / 3.0)
