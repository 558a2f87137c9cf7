"""What the host may be told to do faster leaves a run as it was."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edgesim.build.cast import TorchCast
from edgesim.errors import NotFoundError, RunError
from edgesim.learn.compiled import compile_blocks
from edgesim.learn.readings import Readings
from edgesim.runner import Run, run

ADC = {
    "uplink": {"codec": {"kind": "adc", "xi": 0.3}, "channel": "ideal", "transport": "reliable", "radio": {"bandwidth_hz": 1e6}}
}
TABLES = ("steps.parquet", "transfers.parquet", "evaluations.csv")


def tables(done: Run) -> list[bytes]:
    return [(done.path / name).read_bytes() for name in TABLES]


def host(**knobs: Any) -> dict[str, Any]:
    return {"host": {"threads": 1, **knobs}}


def test_prefetching_changes_no_byte(make, tmp_path: Path) -> None:
    data = {"kind": "synthetic", "train": 96, "test": 40, "classes": 10, "image_size": 8, "channels": 1, "batch_size": 16}
    two = {"data": data | {"augment": "flip"}, "clients": {"count": 2, "device": "raspberry_pi_4"}, "protocol": "parallel"}
    plain = run(make(**two, **ADC, budget={"steps": 14}), out=tmp_path / "a")
    ahead = run(make(**two, **ADC, budget={"steps": 14}, **host(prefetch=True)), out=tmp_path / "b")
    assert tables(plain) == tables(ahead)


def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read losses some steps late, as where there is a GPU."""
    monkeypatch.setattr(TorchCast, "readings", lambda _cast, take: Readings(take, 5))


def test_rows_that_are_completed_late_are_the_same(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = run(make(**ADC, budget={"steps": 13}), out=tmp_path / "a")
    late(monkeypatch)
    assert tables(run(make(**ADC, budget={"steps": 13}), out=tmp_path / "b")) == tables(at_once)


def test_a_run_that_diverges_ends_a_few_steps_late_and_says_the_same(
    make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(out: Path) -> tuple[str, list[bytes]]:
        with pytest.raises(RunError) as caught:
            run(make(optimiser={"kind": "sgd", "lr": 1e30}, budget={"steps": 50}), out=out)
        [folder] = (out / "small").iterdir()
        return str(caught.value), [(folder / "steps.parquet").read_bytes()]

    said, kept = ended(tmp_path / "a")
    late(monkeypatch)
    assert ended(tmp_path / "b") == (said, kept)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # torch's own, while it traces
@pytest.mark.parametrize("knob", ["channels_last", "compile"])
def test_other_orders_of_the_same_sums_end_at_the_same_losses(
    knob: str, make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seven steps from the same weights; rounding differs in the last of 24 bits."""
    monkeypatch.setattr("edgesim.build.cast.compile_blocks", partial(compile_blocks, backend="eager"))
    monkeypatch.setattr("edgesim.build.cast.check_compiler", lambda accelerator: None)
    plain, other = run(make(**ADC), out=tmp_path / "a"), run(make(**ADC, **host(**{knob: True})), out=tmp_path / "b")
    assert other.steps()["loss"].to_pylist() == pytest.approx(plain.steps()["loss"].to_pylist(), rel=1e-4)
    assert other.summary["bits"] == plain.summary["bits"]


def test_a_host_that_cannot_compile_is_told_before_anything_is_written(
    make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(NotFoundError, match=r"needs a C\+\+ compiler"):
        run(make(**host(compile=True)), out=tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_gpu_learns_the_same(precision: str, make, tmp_path: Path, gpu: Any) -> None:
    """Books are equal; losses of seven steps within the rounding of the precision."""
    model = {"kind": "vit", "name": "tiny_digits", "cut": 2}
    cpu = run(make(), out=tmp_path / "cpu")
    gpu = run(make(model=model | {"precision": precision}, **host(accelerator="cuda", prefetch=True)), out=tmp_path / "gpu")
    assert (gpu.path / "transfers.parquet").read_bytes() == (cpu.path / "transfers.parquet").read_bytes()
    assert gpu.steps()["loss"].to_pylist() == pytest.approx(cpu.steps()["loss"].to_pylist(), rel=2e-2)
