"""The studies of links, clients and costs run and give what can be worked out by hand."""

import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from edgesim.sweep.document import Size, read_document
from edgesim.sweep.points import expand

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
SECOND = ("energy_latency/steps.yaml", "split_point/pretrained.yaml")  # sweeps beside a study's own
SIZES: tuple[Size, ...] = ("smoke", "desk", "paper")
PI_FLOPS = 57.6e9 * 0.35  # a second, of a Raspberry Pi 4
ADC_RATIO = 28 * 7 / (64 * 17)  # xi = 0.2 of a batch of digits
Smoke = Callable[[str], Path]
Table = Callable[[Path], list[dict[str, str]]]


@pytest.fixture
def energy() -> ModuleType:
    spec = importlib.util.spec_from_file_location("energy_latency_plot", EXPERIMENTS / "energy_latency" / "plot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    return module


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("sweep", SECOND)
def test_every_point_of_a_second_sweep_is_valid(sweep: str, size: Size) -> None:
    assert expand(read_document(EXPERIMENTS / sweep, size))


def test_break_even_is_where_both_lines_cross(energy: ModuleType) -> None:
    """1 + 10 / W = r (2 + 4 / W): W = 6 for r = 1; for r = 2, 3 W = 2; saving per hertz ends where r 4 = 10."""
    base, codec = energy.Cost(1.0, 10.0), energy.Cost(2.0, 4.0)
    assert energy.break_even(codec, base, 1.0) == pytest.approx(6.0)
    assert energy.break_even(codec, base, 2.0) == pytest.approx(2.0 / 3.0)
    assert energy.break_even(codec, base, 2.6) == 0.0
    assert energy.break_even(energy.Cost(1.0, 4.0), base, 1.0) == math.inf
    with pytest.raises(RuntimeError, match="above a bandwidth"):
        energy.break_even(energy.Cost(0.5, 20.0), base, 1.0)


@pytest.mark.slow
def test_energy_latency_spends_on_air_what_the_bits_take(smoke: Smoke, table: Table) -> None:
    out = smoke("energy_latency")
    seconds = {(row["codec"], float(row["bandwidth_hz"])): float(row["seconds"]) for row in table(out / "per_step.csv")}
    bits = {"no compression": 2 * 64 * 17 * 48 * 32 + 64 * 4, "adc 0.2": 2 * 28 * 7 * 48 * 32 + 64 * 4 + 28 * 6}
    for codec, sent in bits.items():
        air = seconds[codec, 1e6] - seconds[codec, 1e8]
        assert air == pytest.approx(sent / 6 * (1e-6 - 1e-8), rel=2e-3), codec
    limits = {row["codec"]: row for row in table(out / "break_even.csv")}
    assert set(limits) == {codec for codec, _ in seconds} - {"no compression"}
    for row in limits.values():  # needing more steps never lets compression save in a wider band
        assert float(row["client_joules_equal_accuracy_mhz"]) <= float(row["client_joules_equal_steps_mhz"])
    assert (out / "energy.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_kmeans_overhead_charges_fifty_iterations(smoke: Smoke, table: Table) -> None:
    found = {(row["batch"], row["xi"]): float(row["encode_s"]) for row in table(smoke("kmeans_overhead") / "charged.csv")}
    for (batch, xi), (merged, kept) in {(32, 0.05): (7, 3), (128, 0.5): (90, 12)}.items():
        clustering = 50 * (3 * batch * merged * 17 + batch * merged + batch * 17 + 4 * merged * 17)
        merging = (batch * kept + 2 * merged * kept) * 48
        least = (clustering + merging) / PI_FLOPS
        assert least <= found[str(batch), str(xi)] <= 1.02 * least  # and what ranks the tokens


@pytest.mark.slow
def test_channel_robustness_loses_nothing_on_the_intact_link(smoke: Smoke, table: Table) -> None:
    out = smoke("channel_robustness")
    rows = table(out / "accuracy.csv")
    assert {(row["link"], row["codec"]) for row in rows} == {
        ("analog awgn", "adc"),
        *(("lossy rayleigh", codec) for codec in ("adc", "8 bits")),
        *(("reliable awgn", codec) for codec in ("adc", "8 bits")),
    }
    assert {row["lost_packets"] for row in rows if row["link"] == "reliable awgn"} == {"0.0"}
    steps = {"adc": ADC_RATIO, "8 bits": 0.25}
    assert {row["codec"]: int(row["steps"]) for row in rows} == {
        codec: int(0.1 * 1437 / (64 * ratio)) for codec, ratio in steps.items()
    }
    assert (out / "accuracy.pdf").stat().st_size > 1000


@pytest.mark.slow
def test_split_point_has_both_looks_at_every_cut(smoke: Smoke, table: Table) -> None:
    rows = table(smoke("split_point") / "split_point.csv")
    assert len(rows) == 2 * 3 * 2
    steps = {row["method"]: float(row["steps"]) for row in rows}
    assert steps == {
        "no compression": 1,
        "adc": int(0.05 * 1437 / (64 * ADC_RATIO)),
        "bottlenet": int(0.05 * 1437 / (64 * 10 / 48)),
    }
    seconds = {(row["method"], row["cut"]): float(row["seconds_per_step"]) for row in rows}
    assert all(seconds[method, "1"] < seconds[method, "3"] for method in steps)  # the Pi computes more of it


@pytest.mark.slow
def test_multi_client_sends_whole_models_in_fedavg(smoke: Smoke, table: Table) -> None:
    """One round of four clients: 77 530 numbers of the small transformer down and up, counted by hand."""
    rows = {row["protocol"]: row for row in table(smoke("multi_client") / "protocols.csv")}
    block = 2 * 96 + (48 * 144 + 144) + (48 * 48 + 48) + (48 * 96 + 96) + (96 * 48 + 48)
    model = (4 * 48 + 48) + 48 + 17 * 48 + 4 * block + 96 + (480 + 10)
    assert model == 77_530
    assert float(rows["fedavg"]["sent_mbit"]) == pytest.approx(4 * 2 * model * 32 / 1e6, rel=1e-4)
    assert {
        name: float(rows[name]["epochs"]) for name in ("sequential", "splitfed v1", "splitfed v2", "fedavg")
    } == dict.fromkeys(("sequential", "splitfed v1", "splitfed v2", "fedavg"), 1.0)


@pytest.mark.slow
def test_adaptive_compression_stays_between_its_ratios(smoke: Smoke, table: Table) -> None:
    rows = {row["ratio"]: row for row in table(smoke("adaptive_compression") / "adaptive.csv")}
    by_hand = {"fixed 0.02": 9 * 2, "fixed 0.1": 20 * 5, "fixed 0.4": 40 * 10}
    for ratio, kept in by_hand.items():
        assert float(rows[ratio]["xi"]) == pytest.approx(kept / (64 * 17), rel=1e-4)
    assert 9 * 2 / (64 * 17) <= float(rows["adaptive"]["xi"]) <= 0.9
    assert all(0.0 <= float(row["in_time"]) <= 1.0 for row in rows.values())
