"""Integers of any width packed into bytes, without gaps."""

import numpy as np

_CONTAINERS = (1, 2, 4, 8)  # bytes


def packed_bytes(bits: int) -> int:
    """Bytes that so many bits take.

    >>> packed_bytes(10 * 3)
    4
    """
    return -(-bits // 8)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes one after the other, most significant bit first; the last byte is filled up with zeros.

    codes    any shape, integers in [0, 2^bits); ValueError outside
    bits     0 to 64 a code
    returns  [packed_bytes(count bits)] uint8
    """
    flat = codes.reshape(-1)
    if flat.size and (int(flat.min()) < 0 or int(flat.max()) >> bits):
        raise ValueError(f"codes must lie in [0, 2^{bits}), got [{int(flat.min())}, {int(flat.max())}]")
    size = _container(bits)
    octets = flat.astype(f">u{size}").view(np.uint8).reshape(-1, size)  # most significant first
    if bits % 8 == 0:
        return octets[:, size - bits // 8 :].reshape(-1)
    stream = np.unpackbits(octets.reshape(-1)).reshape(-1, 8 * size)
    return np.packbits(stream[:, 8 * size - bits :])


def unpack(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """The `count` codes that `pack` packed, [count] uint64. ValueError where the bytes are not as many as they must be."""
    if len(packed) != packed_bytes(count * bits):
        raise ValueError(f"{count} codes of {bits} bits take {packed_bytes(count * bits)} bytes, got {len(packed)}")
    size = _container(bits)
    if bits % 8 == 0:
        wide = np.zeros((count, size), np.uint8)
        wide[:, size - bits // 8 :] = packed.reshape(count, bits // 8)
        octets = wide.reshape(-1)
    else:
        stream = np.zeros((count, 8 * size), np.uint8)
        stream[:, 8 * size - bits :] = np.unpackbits(packed, count=count * bits).reshape(count, bits)
        octets = np.packbits(stream)
    return octets.view(f">u{size}").astype(np.uint64)


def _container(bits: int) -> int:
    return next(size for size in _CONTAINERS if 8 * size >= bits)
