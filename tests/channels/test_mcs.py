"""5G NR's scheme tables and transport block sizes against rows of the standard (phy.md 6.4)."""

import math

import numpy as np
import pytest

from channels import mcs


@pytest.mark.parametrize(
    ("table", "row", "bits", "rate1024", "efficiency"),
    [
        ("mcs1", 0, 2, 120, 0.2344), ("mcs1", 9, 2, 679, 1.3262), ("mcs1", 10, 4, 340, 1.3281), ("mcs1", 16, 4, 658, 2.5703),
        ("mcs1", 17, 6, 438, 2.5664), ("mcs1", 28, 6, 948, 5.5547), ("mcs2", 4, 2, 602, 1.1758), ("mcs2", 11, 6, 466, 2.7305),
        ("mcs2", 20, 8, 682.5, 5.3320), ("mcs2", 26, 8, 916.5, 7.1602), ("mcs2", 27, 8, 948, 7.4063),
        ("cqi3", 0, 2, 30, 0.0586),
        ("mcs3", 15, 4, 340, 1.3281), ("mcs3", 28, 6, 772, 4.5234), ("cqi1", 0, 2, 78, 0.1523), ("cqi1", 14, 6, 948, 5.5547),
        ("cqi2", 3, 4, 378, 1.4766), ("cqi2", 14, 8, 948, 7.4063), ("mcs3", 0, 2, 30, 0.0586), ("cqi3", 14, 6, 772, 4.5234),
    ],
)  # fmt: skip
def test_rows_of_the_standard(table: str, row: int, bits: int, rate1024: float, efficiency: float) -> None:
    """The standard prints the spectral efficiency to four decimals: a check on both other columns."""
    schemes = mcs.TABLES[table]
    assert (schemes.bits[row], schemes.rate[row] * 1024) == (bits, rate1024)
    assert schemes.efficiency[row] == pytest.approx(efficiency, abs=6e-5)


# The column "spectral efficiency" of the standard's tables, which it prints beside modulation and rate.
_LOW = "0.2344 0.3066 0.3770 0.4902 0.6016 0.7402 0.8770 1.0273 1.1758"
_QAM64 = "3.0293 3.3223 3.6094 3.9023 4.2129 4.5234"
EFFICIENCIES = {
    "mcs1": f"{_LOW} 1.3262 1.3281 1.4766 1.6953 1.9141 2.1602 2.4063 2.5703 2.5664 2.7305 {_QAM64} 4.8164 5.1152 5.3320 "
    "5.5547",
    "mcs2": "0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.6953 1.9141 2.1602 2.4063 2.5703 2.7305 "
    f"{_QAM64} 4.8164 5.1152 5.3320 5.5547 5.8906 6.2266 6.5703 6.9141 7.1602 7.4063",
    "mcs3": "0.0586 0.0781 0.0977 0.1250 0.1523 0.1934 "
    f"{_LOW} 1.3281 1.4766 1.6953 1.9141 2.1602 2.4063 2.5664 2.7305 {_QAM64}",
    "cqi1": "0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547",
    "cqi2": "0.1523 0.3770 0.8770 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234 5.1152 5.5547 6.2266 6.9141 7.4063",
    "cqi3": "0.0586 0.0977 0.1523 0.2344 0.3770 0.6016 0.8770 1.1758 1.4766 1.9141 2.4063 2.7305 3.3223 3.9023 4.5234",
}


@pytest.mark.parametrize("table", mcs.TABLES)
def test_every_row_has_the_efficiency_that_the_standard_prints(table: str) -> None:
    printed = [float(number) for number in EFFICIENCIES[table].split()]
    assert mcs.TABLES[table].efficiency == pytest.approx(printed, abs=6e-5)


def test_length_and_order_of_the_tables() -> None:
    assert {name: len(table.bits) for name, table in mcs.TABLES.items()} == {
        "mcs1": 29, "mcs2": 28, "mcs3": 29, "cqi1": 15, "cqi2": 15, "cqi3": 15,
    }  # fmt: skip
    for name, table in mcs.TABLES.items():
        falls = np.flatnonzero(np.diff(table.efficiency) < 0).tolist()
        assert falls == ([16] if name == "mcs1" else []), name


def test_table_of_block_sizes() -> None:
    """TS 38.214, table 5.1.3.2-1: 93 sizes."""
    assert len(mcs.SIZES) == 93
    assert (np.diff(mcs.SIZES) > 0).all()
    assert mcs.SIZES[[0, 21, 22, 33, 34, 39, 40, 92]].tolist() == [24, 192, 208, 384, 408, 528, 552, 3824]
    assert {984, 1032, 1064, 1128, 1160, 1928, 2024, 2088, 2280, 2408, 2856, 2976, 3104, 3240, 3752} <= set(mcs.SIZES.tolist())


def by_the_letter(elements: int, bits: int, rate: float) -> int:
    """TS 38.214, 5.1.3.2, steps 2 to 4, with logarithms and a search."""
    info = elements * rate * bits
    if info <= 3824:
        n = max(3, math.floor(math.log2(info)) - 6)
        wanted = max(24, 2**n * math.floor(info / 2**n))
        return next(int(size) for size in mcs.SIZES if size >= wanted)
    n = math.floor(math.log2(info - 24)) - 5
    wanted = max(3840, 2**n * math.floor((info - 24) / 2**n + 0.5))
    if rate <= 1 / 4:
        parts = math.ceil((wanted + 24) / 3816)
    elif wanted > 8424:
        parts = math.ceil((wanted + 24) / 8424)
    else:
        return 8 * math.ceil((wanted + 24) / 8) - 24
    return 8 * parts * math.ceil((wanted + 24) / (8 * parts)) - 24


def test_transport_block_sizes() -> None:
    random = np.random.default_rng(1)
    table = mcs.TABLES["mcs2"]
    for _ in range(500):
        row, elements = random.integers(28), int(random.integers(6, 30_000))
        bits, rate = int(table.bits[row]), float(table.rate[row])
        size = mcs.transport_block_bits(elements, bits, rate)
        assert size == by_the_letter(elements, bits, rate)
        assert size % 8 == 0
    # 51 blocks of 156 elements at MCS 28: N_info = 44190.6, rounded to steps of 1024: 44032 bits in six code blocks
    assert mcs.transport_block_bits(mcs.resource_elements(51), 6, 948 / 1024) == 44040
    assert mcs.resource_elements(51, symbols=14, reference=12) == 51 * 156
    assert mcs.resource_elements(2, symbols=4, reference=12) == 72
    assert mcs.transport_block_bits(0, 2, 0.1) == 24


def test_code_blocks() -> None:
    """Base graph, checksums and number of code blocks (TS 38.212, 5.2.2 and 7.2.2)."""
    size = np.array([292, 3824, 3824, 3825, 8424, 8425, 20_000, 20_000])
    rate = np.array([0.9, 0.6, 0.7, 0.9, 0.5, 0.5, 0.5, 0.2])
    cut = mcs.blocks(size, rate)
    assert cut.number.tolist() == [1, 1, 1, 1, 1, 2, 3, 6]
    np.testing.assert_allclose(cut.mother_rate, [1 / 5, 1 / 5, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 5])
    assert cut.size_bits.tolist() == [308, 3840, 3840, 3849, 8448, (8449 + 48) / 2, (20_024 + 72) / 3, (20_024 + 144) / 6]
    assert (cut.size_bits <= np.where(cut.mother_rate < 0.3, 3840, 8448)).all()


def test_impossible_arguments_are_refused() -> None:
    for arguments in ((-1, 2, 0.5), (10, 0, 0.5), (10, 2, 0.0), (10, 2, 1.5), (10, 2, math.nan)):
        with pytest.raises(ValueError, match="elements >= 0"):
            mcs.transport_block_bits(*arguments)
    with pytest.raises(ValueError, match="not negative"):
        mcs.resource_elements(-1)
