"""Saying which k of D entries were kept: three codes for a subset, and their sizes (compression.md 2.4)."""

import math
from collections.abc import Iterable
from functools import cache

_NEAR = 1e-4  # bits: lgamma is good to 1e-15 of its value, which is 6e6 for the 443 136 entries of a ViT-B at 384 pixels


def list_bits(total: int, kept: int) -> int:
    """k indices of ceil(log2 D) bits.

    >>> list_bits(37_824, 3_782), bitmap_bits(37_824), enumerative_bits(37_824, 3_782)
    (60512, 37824, 17731)
    """
    return kept * (total - 1).bit_length()


def bitmap_bits(total: int) -> int:
    """One bit per entry."""
    return total


@cache
def enumerative_bits(total: int, kept: int) -> int:
    """ceil(log2 binom(D, k)), the least that any code for all subsets can do.

    From log-gamma functions, whose errors are far below `_NEAR`; in whole numbers where that is too near to an integer to tell.
    """
    bits = (math.lgamma(total + 1) - math.lgamma(kept + 1) - math.lgamma(total - kept + 1)) / math.log(2.0)
    if abs(bits - round(bits)) > _NEAR:
        return math.ceil(bits)
    return (math.comb(total, kept) - 1).bit_length()


def rank(indices: Iterable[int], total: int) -> int:
    """The number of a subset among all of its size: sum_j binom(i_j, j) over its ascending indices, j = 1..k.

    Source: T. Cover, Enumerative source encoding, IEEE Trans. Inf. Theory 19(1), 1973 (combinatorial number system).

    indices  different integers in [0, total)
    returns  an integer in [0, binom(total, k))

    >>> rank([0, 1], 4), rank([2, 3], 4)
    (0, 5)
    """
    members = set(indices)
    left, number, below = len(members), 0, math.comb(max(total - 1, 0), len(members))  # below = binom(place, left)
    for place in range(total - 1, 0, -1):
        if place in members:
            number += below
            below = below * left // place
            left -= 1
        else:
            below = below * (place - left) // place
    return number


def unrank(number: int, total: int, kept: int) -> list[int]:
    """The ascending indices of the subset that `rank` numbered.

    >>> unrank(5, 4, 2)
    [2, 3]
    """
    if not 0 <= number < math.comb(total, kept):
        raise ValueError(f"there are {math.comb(total, kept)} subsets of {kept} out of {total}, so none has number {number}")
    left, below, found = kept, math.comb(max(total - 1, 0), kept), []
    for place in range(total - 1, -1, -1):
        if left and number >= below:
            found.append(place)
            number -= below
            below = below * left // max(place, 1)
            left -= 1
        else:
            below = below * (place - left) // max(place, 1)
    return found[::-1]
