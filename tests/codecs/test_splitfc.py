"""SplitFC: unbiased dropping with exactly K columns, widths that fit the message, and the cases it shares with others."""

import pytest
import torch
from torch import Generator, Tensor

from edgesim.codecs.base import Cut
from edgesim.codecs.parts.sampling import inclusion
from edgesim.codecs.splitfc import SplitFC
from edgesim.wire import Payload, Smashed

CUT = Cut((9, 16))
SCALES = torch.logspace(-2, 1, 16)
X = torch.randn(8, 9, 16, generator=Generator().manual_seed(0)) * SCALES


def sent(codec: SplitFC, x: Tensor, seed: int = 0) -> Payload:
    return codec.encode(Smashed(x), Generator().manual_seed(seed))


def test_golden_message() -> None:
    """DeiT-T, B = 64, xi = 0.1, half of the 192 channels: 12 608 rows; (0.1 32 M P - 192 - 96 (4 + 20) - 64) / M = 614 bits."""
    manifest = SplitFC(Cut((197, 192), classes=100), xi=0.1, reduction=2.0).manifest(64)
    assert [(item.name, item.bits) for item in manifest.fields] == [
        ("values", 12_608 * 614),
        ("mask", 192),
        ("widths", 96 * 4),
        ("ends", 96 * 2 * 10),
        ("range", 64),
        ("labels", 64 * 7),
    ]
    assert manifest.bits - 64 * 7 <= 0.1 * 32 * 64 * 37_824


@pytest.mark.parametrize("column", ["channel", "feature"])
@pytest.mark.parametrize("reduction", [1.0, 2.0, 5.0])
def test_columns_kept_are_scaled_and_the_others_zero(column: str, reduction: float) -> None:
    codec = SplitFC(CUT, xi=0.3, reduction=reduction, column=column)  # type: ignore[arg-type]  # a parametrised Literal
    payload = sent(codec, X)
    matrix = X.reshape(-1, codec.columns)
    kept = payload.tensors["mask"].bool() if reduction > 1.0 else torch.ones(codec.columns, dtype=torch.bool)
    assert int(kept.sum()) == codec.kept == round(codec.columns / reduction)
    assert payload.handle is not None
    decoded = codec.expand(payload.handle, payload.departed()).x.reshape(-1, codec.columns)
    assert torch.equal(decoded[:, ~kept], torch.zeros_like(decoded[:, ~kept]))
    deviation = matrix.double().std(0, correction=0)
    chances = inclusion(deviation.clamp_min(0.05 * deviation.mean()), codec.kept)
    torch.testing.assert_close(decoded[:, kept] * chances[kept].float(), matrix[:, kept])


def test_dropping_is_unbiased() -> None:
    """Mean of what the server would see without rounding, against X: delta_j / q_j has variance (1 - q_j) / q_j."""
    codec, draws = SplitFC(CUT, xi=0.5, reduction=2.0), 250
    total = torch.zeros(8, 9, 16, dtype=torch.float64)
    for seed in range(draws):
        payload = sent(codec, X.double(), seed)
        assert payload.handle is not None
        total += codec.expand(payload.handle, payload).x
    deviation = X.double().std((0, 1), correction=0)
    chances = inclusion(deviation.clamp_min(0.05 * deviation.mean()), 8)
    standard_error = ((1 - chances) / chances / draws).sqrt() * X.abs()
    assert ((total / draws - X).abs() <= 4.5 * standard_error + 1e-9).all()


def test_gradients_of_dropped_columns_do_not_exist() -> None:
    """G_j = delta_j / q_j g_j: the answer has K columns, and the adjoint of dropping and scaling is exact."""
    codec, x = SplitFC(CUT, xi=0.3, reduction=4.0), X.double().requires_grad_()
    payload = sent(codec, x)
    assert payload.handle is not None
    assert payload.handle.shape == (8, 9, 4)
    y = torch.randn(8, 9, 4, generator=Generator().manual_seed(1), dtype=torch.float64)
    [gradient] = torch.autograd.grad(payload.handle, x, y)
    torch.testing.assert_close((payload.handle * y).sum(), (x * gradient).sum())
    dropped = ~payload.tensors["mask"].bool()
    assert torch.equal(gradient[..., dropped], torch.zeros_like(gradient[..., dropped]))


def test_rounding_is_within_half_a_step_of_each_column() -> None:
    codec = SplitFC(CUT, xi=0.25, reduction=1.0, end_bits=12)
    payload = sent(codec, X)
    error = (codec.receive(payload) - X).abs().amax((0, 1))
    widths, span = payload.tensors["widths"], float(X.max() - X.min())
    grid = span / (2**12 - 1)
    step = (X.amax((0, 1)) - X.amin((0, 1)) + 2 * grid) / (2.0**widths - 1).clamp_min(1.0)
    quantised = widths > 0
    assert quantised.any()
    assert (error[quantised] <= 0.501 * step[quantised]).all()


def test_wider_columns_get_more_bits_and_narrow_ones_their_mean() -> None:
    payload = sent(SplitFC(CUT, xi=1.5 / 32, reduction=1.0), X + 3.0)
    widths = payload.tensors["widths"]
    assert (widths.diff() >= -1).all()  # ranges grow from column to column, up to chance
    assert int(widths[0]) == 0
    codec = SplitFC(CUT, xi=1.5 / 32, reduction=1.0)
    silent = widths == 0
    means = (X + 3.0).mean((0, 1))
    grid = float(X.max() - X.min()) / (2**10 - 1)
    assert float((codec.receive(payload).mean((0, 1)) - means)[silent].abs().max()) <= 0.51 * grid


@pytest.mark.parametrize("xi", [0.02, 0.05, 0.1, 0.3])
def test_more_bits_less_error(xi: float) -> None:
    """At a high rate every bit an entry divides the squared error by 4; here at least by 2 for twice the bits."""
    errors = [
        float((SplitFC(CUT, xi=each, reduction=1.0).decode(sent(SplitFC(CUT, xi=each, reduction=1.0), X)).x - X).square().sum())
        for each in (xi, min(1.0, 2 * xi))
    ]
    assert errors[1] <= 0.5 * errors[0]


def test_at_evaluation_nothing_is_dropped() -> None:
    codec = SplitFC(CUT, xi=0.1)
    assert codec.kept < 16
    training = codec.manifest(64).bits
    codec.eval()
    payload = sent(codec, X)
    assert codec.kept == 16
    assert "mask" not in payload.tensors
    assert codec.decode(payload.departed()).x.shape == X.shape
    assert codec.manifest(64).bits == pytest.approx(training, rel=0.1)


@pytest.mark.parametrize("x", [torch.zeros(8, 9, 16), torch.full((8, 9, 16), -2.5)])
def test_constant_data_arrive_exactly(x: Tensor) -> None:
    codec = SplitFC(CUT, xi=0.1, reduction=1.0)
    assert torch.equal(codec.decode(sent(codec, x).departed()).x, x)


def test_tiny_gradients_are_not_lost() -> None:
    codec = SplitFC(CUT, xi=0.25, reduction=1.0)
    arrived = codec.decode(sent(codec, 1e-12 * X)).x
    assert float((arrived - 1e-12 * X).norm() / (1e-12 * X).norm()) < 0.02


def test_impossible_ratios_name_what_is_possible() -> None:
    with pytest.raises(ValueError, match=r"xi must be at least 0\.002, one bit a row"):
        SplitFC(CUT, xi=0.001)
