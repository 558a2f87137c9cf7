"""What every channel kind must do. A new kind is a new file in channels/; it is found here without being listed."""

import ast
import importlib
import importlib.util
import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import channels
from channels import AWGN, Channel, LinkBudget, units
from channels.base import Draws
from channels.equalise import laid, shares

FOLDER = Path(channels.__file__).parent
TYPICAL: dict[str, Any] = {  # for knobs without a default
    "snr_db": 10.0,
    "coherence_s": 1e-3,
    "k_db": 5.0,
    "m": 2.0,
    "loss": 0.1,
    "burst_s": 0.02,
    "bit_error_rate": 1e-3,
    "profile": "A",
    "delay_spread_s": 1e-7,
    "bandwidth_hz": 20e6,
}
ALWAYS = {"coherence_s"}  # may be left out only together with another knob
# for kinds whose knobs are choices, of which one must be made
CHOSEN: dict[str, dict[str, Any]] = {
    "sionna_tdl": {"doppler_hz": 10.0},
    "link_budget": {"fading": AWGN(snr_db=0.0), "distance_m": 100.0, "bandwidth_hz": 20e6},
}
SIGMA = 4.5  # two-sided false alarm 7e-6 per test


def channel_classes(path: Path) -> list[str]:
    """Names of the classes in `path` that directly subclass Channel, as the loader reads them: without importing."""
    tree = ast.parse(path.read_text())
    bases = {
        node.name: [getattr(base, "id", "") for base in node.bases] for node in tree.body if isinstance(node, ast.ClassDef)
    }
    return [name for name, its in bases.items() if "Channel" in its]


KINDS = {path.stem: names for path in sorted(FOLDER.glob("*.py")) if (names := channel_classes(path))}


def build(kind: str, **knobs: Any) -> Channel:
    """A channel of that kind with typical knobs."""
    cls = getattr(importlib.import_module(f"channels.{kind}"), KINDS[kind][0])
    parameters = inspect.signature(cls).parameters.values()
    wanted = {p.name for p in parameters if (p.default is p.empty and p.name != "fading") or p.name in ALWAYS}
    required = {name: TYPICAL[name] for name in wanted}
    return cls(**{**required, **CHOSEN.get(kind, {}), **knobs})


def has_knob(kind: str, knob: str) -> bool:
    cls = getattr(importlib.import_module(f"channels.{kind}"), KINDS[kind][0])
    return knob in inspect.signature(cls).parameters


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def marked(kind: str) -> Any:
    """A kind that needs an optional package is skipped where it is not installed."""
    if kind != "sionna_tdl":
        return kind
    missing = importlib.util.find_spec("sionna") is None
    skipped = pytest.mark.skipif(missing, reason="needs sionna-no-rt: pip install 'edgesim[sionna]'")
    return pytest.param(kind, marks=[pytest.mark.sionna, skipped])


@pytest.fixture(params=[marked(kind) for kind in sorted(KINDS)])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_kinds_of_the_contract_are_there() -> None:
    fading = {"ideal", "awgn", "rayleigh", "rician", "nakagami", "tdl", "sionna_tdl"}
    assert fading | {"erasure", "gilbert_elliott", "bit_flip", "adc_reference"} <= set(KINDS)


def test_a_file_holds_one_final_class_with_keyword_knobs(kind: str) -> None:
    [name] = KINDS[kind]
    cls = getattr(importlib.import_module(f"channels.{kind}"), name)
    assert cls.__bases__ == (Channel,)
    assert not cls.__subclasses__()
    assert all(p.kind is p.KEYWORD_ONLY for p in inspect.signature(cls).parameters.values())
    doc = inspect.getdoc(cls)
    assert doc
    assert doc.splitlines()[0].endswith(".")
    for knob in inspect.signature(cls).parameters:
        assert f"\n{knob}  " in doc, f"the docstring of {name} does not explain {knob}"


def test_draws_are_consistent(kind: str) -> None:
    draws = build(kind).draws(0.1234, 5, key=3)
    assert 1 <= len(draws.seconds) <= 5
    for column in draws:
        assert column.dtype == np.float64
        assert column.shape == draws.seconds.shape
    assert (draws.gain >= 0).all()
    assert (draws.snr >= 0).all()
    assert (draws.seconds > 0).all()
    assert len(draws.seconds) == 5 or draws.seconds[-1] == math.inf


def instant(channel: Channel, time_s: float, key: int) -> float:
    """SNR at one instant."""
    return float(channel.draws(time_s, 1, key).snr[0])


def test_draws_are_a_pure_function_of_time_and_key(kind: str) -> None:
    times = [0.0, 0.0305, 7.77, 1e6 + 0.00025, 12.0]
    asked, again = build(kind), build(kind)
    forward = [instant(asked, time, 5) for time in times]
    for key in (6, 7):
        asked.draws(3.3, 2000, key)
    assert [instant(again, time, 5) for time in reversed(times)] == forward[::-1]
    assert [instant(asked, time, 5) for time in times] == forward


def test_one_query_or_many_see_the_same_blocks(kind: str) -> None:
    channel = build(kind)
    start = 2.00037
    whole = channel.draws(start, 700, key=11)
    if channel.own_scale:
        pytest.skip("its ratio belongs to a message, not to an instant: a message sees the one of its beginning throughout")
    if math.isinf(whole.seconds[0]):
        assert [instant(channel, time, 11) for time in (start, 1e3, 1e9)] == [whole.snr[0]] * 3
        return
    middles = start + np.cumsum(whole.seconds) - whole.seconds / 2
    for block in (699, 0, 350, 512, 511):
        assert instant(channel, middles[block], 11) == whole.snr[block]


def test_mean_gain_is_one(kind: str) -> None:
    """Links are independent: the mean of n gains of standard deviation s lies within 4.5 s / sqrt(n) of 1."""
    channel, links = build(kind), 200 if kind == "sionna_tdl" else 2000  # it takes milliseconds a link
    gain = np.array([channel.draws(0.7, 1, key).gain[0] for key in range(links)])
    assert abs(gain.mean() - 1.0) <= SIGMA * gain.std() / math.sqrt(links)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_apply_keeps_shape_and_dtype_and_lets_gradients_through(kind: str, equaliser: str, dtype: torch.dtype) -> None:
    channel = build(kind)
    draws = channel.draws(0.0, 4, key=0).during(0.0035)
    x = torch.randn(3, 5, 7, generator=seeded(), dtype=torch.float32).to(dtype).requires_grad_()
    before = x.detach().clone()
    y = channel.apply(x, draws, seeded(), equaliser=equaliser)
    assert y.shape == x.shape
    assert y.dtype == dtype
    [gradient] = torch.autograd.grad(y.sum(), x)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0
    assert torch.equal(x.detach(), before)


def test_apply_is_reproducible_and_uses_only_its_generator(kind: str) -> None:
    channel = build(kind)
    draws = channel.draws(0.0, 1, key=0)
    x = torch.randn(1000, generator=seeded())
    torch.manual_seed(1)
    once = channel.apply(x, draws, seeded(2))
    torch.manual_seed(2)
    assert torch.equal(once, channel.apply(x, draws, seeded(2)))


def test_apply_takes_nothing(kind: str) -> None:
    channel = build(kind)
    for blocks in (1, 3):
        draws = channel.draws(0.0, blocks, key=0).during(0.0001)
        assert channel.apply(torch.empty(4, 0), draws, seeded()).shape == (4, 0)


def test_realised_snr_is_the_announced_one(kind: str) -> None:
    """n squared errors of a normal law have a mean within 4.5 sqrt(2/n) of 1, relative: 1.4 % for n = 2e5."""
    channel = build(kind)
    if channel.own_scale:
        pytest.skip("its realised ratio differs by its published defect, which tests/channels/test_adc_reference.py measures")
    values = 200_000
    x = torch.randn(values, generator=seeded())
    draws = channel.draws(0.5, 1, key=9)
    error = (channel.apply(x, draws, seeded(3)) - x).double()
    if math.isinf(draws.snr[0]):
        assert not error.any()
        return
    realised = float(error.square().mean()) * float(draws.snr[0])
    assert abs(realised - 1.0) <= SIGMA * math.sqrt(2.0 / values)


@pytest.mark.parametrize("equaliser", ["zf", "mmse"])
def test_without_noise_apply_is_the_identity(kind: str, equaliser: str) -> None:
    channel = build(kind, snr_db=math.inf) if has_knob(kind, "snr_db") else build(kind)
    draws = channel.draws(0.0, 5, key=0).during(0.0045)
    x = torch.randn(6, 9, generator=seeded())
    if np.isinf(draws.snr).all():
        assert torch.equal(channel.apply(x, draws, seeded(), equaliser=equaliser), x)
    else:
        perfect = Draws(draws.gain, np.full_like(draws.snr, math.inf), draws.seconds)
        assert torch.equal(channel.apply(x, perfect, seeded(), equaliser=equaliser), x)


def test_unknown_equaliser_is_refused(kind: str) -> None:
    channel = build(kind)
    with pytest.raises(ValueError, match="equaliser"):
        channel.apply(torch.ones(4), channel.draws(0.0, 1, key=0), seeded(), equaliser="dfe")


@pytest.mark.parametrize("generator_on", ["cpu", "cuda"])
def test_values_may_be_on_another_device_than_the_generator(kind: str, generator_on: str, gpu: Any) -> None:
    channel = build(kind)
    draws = channel.draws(0.0, 3, key=0).during(0.0025)
    x = torch.randn(64, 33, generator=seeded())
    make = lambda: torch.Generator(generator_on).manual_seed(4)  # noqa: E731 - two fresh copies of one stream
    there = channel.apply(x.cuda(), draws, make(), equaliser="mmse")
    here = channel.apply(x, draws, make(), equaliser="mmse")
    assert there.device.type == "cuda"
    torch.testing.assert_close(there.cpu(), here)


def test_losses_are_a_pure_function_of_time_and_key(kind: str) -> None:
    asked, again = build(kind), build(kind)
    times = [0.0, 3.07, 1e6 + 0.25]
    first = [asked.losses(time, 500, 1e-3, key=4).tolist() for time in times]
    asked.losses(0.5, 10, 2e-3, key=5)
    assert [again.losses(time, 500, 1e-3, key=4).tolist() for time in reversed(times)] == first[::-1]
    assert asked.losses(1.0, 0, 1e-3, key=4).shape == (0,)
    assert asked.losses(1.0, 7, 1e-3, key=4).dtype == np.bool_
    assert 0.0 <= asked.bit_error_rate <= 0.5


@pytest.mark.parametrize(
    ("start_s", "packets", "packet_s", "key"), [(-1.0, 1, 1.0, 0), (0.0, -1, 1.0, 0), (0.0, 1, math.nan, 0), (0.0, 1, 1.0, -1)]
)
def test_impossible_packets_are_refused(kind: str, start_s: float, packets: int, packet_s: float, key: int) -> None:
    with pytest.raises(ValueError, match="packet_s"):
        build(kind).losses(start_s, packets, packet_s, key)


# -- the SNR is the SNR -------------------------------------------------------------------------------------------------------


def stated_snr(kind: str, channel: Channel, key: int) -> float:
    """Mean linear SNR that the knobs state."""
    if isinstance(channel, LinkBudget):
        return units.linear(channel.mean_snr_db(0.0, key))
    return 10.0 if has_knob(kind, "snr_db") else math.inf


def noisy(kind: str) -> Channel:
    return build(kind, snr_db=10.0) if has_knob(kind, "snr_db") else build(kind)


def test_snr_is_the_gain_times_the_stated_mean(kind: str) -> None:
    """Of every block and every subcarrier; so a fade costs what it should, and noise does not follow the faded power."""
    channel = noisy(kind)
    if channel.own_scale:
        pytest.skip("its ratio is drawn for each message: tests/channels/test_adc_reference.py")
    wide = channel.by_subcarrier(0.5, 700, key=9)
    assert wide.gain.shape == wide.snr.shape == (len(wide.seconds), channel.subcarriers)
    mean = stated_snr(kind, channel, key=9)
    if math.isinf(mean):
        assert np.isinf(wide.snr).all()
    else:
        np.testing.assert_allclose(wide.snr, mean * wide.gain, rtol=1e-9)


def test_realised_snr_of_every_block_and_subcarrier_is_the_announced_one(kind: str) -> None:
    """Over four blocks, values two to a symbol over the subcarriers: n squared errors over their variance have a mean within
    4.5 sqrt(2/n) of 1, also within each quarter of the message."""
    channel = noisy(kind)
    if channel.own_scale:
        pytest.skip("its realised ratio differs by its published defect, which tests/channels/test_adc_reference.py measures")
    wide = channel.by_subcarrier(0.5, 4, key=9)
    wide = wide.during(float(wide.seconds.sum()) if math.isfinite(wide.seconds.sum()) else 1.0)
    symbols = 1 << 15
    x = torch.randn(2 * symbols, generator=seeded())
    error = (channel.apply(x, wide, seeded(3)) - x).double().view(symbols, 2).square().mean(dim=1).numpy()
    if np.isinf(wide.snr).all():
        assert not error.any()
        return
    there = laid(wide, symbols)
    snr = there.snr if len(there.snr) == symbols else np.repeat(there.snr, shares(there.seconds, 2 * symbols) // 2)
    for part in np.array_split(error * snr, 4):
        assert abs(part.mean() - 1.0) <= SIGMA * math.sqrt(2.0 / (2 * len(part)))
