"""TensorBoard reads from its file what was in the rows."""

import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgesim.errors import RunError, UsageError
from edgesim.record import tensorboard
from edgesim.record.tensorboard import FILE, Board
from edgesim.rows import Evaluation, Step

pytest.importorskip("tensorboard", reason="the extra [tensorboard] is not installed")

STEPS = [Step(n, 0, 1, n - 1.0, n + 0.5, *[0.0] * 8, loss=1.0 / n, gradient_norm=float(n)) for n in range(1, 251)]
LOOKS = [
    Evaluation(100, 1.0, 100.5, 3e9, 7.0, 0.5, 0.5, 0.25),
    Evaluation(250, 2.5, 250.5, 7.5e9, 17.5, 0.75, 0.75, 0.125),
]
NOTHING: tuple[list[Step], list[Evaluation]] = ([], [])


def read(folder: Path) -> Mapping[str, list[tuple[float, int, float]]]:
    """(simulated seconds, step, value) of every point, by tag, as TensorBoard itself reads them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder / FILE.parent), size_guidance={"scalars": 0}).Reload()
    return {
        tag: [(point.wall_time, point.step, point.value) for point in found.Scalars(tag)] for tag in found.Tags()["scalars"]
    }


def written(folder: Path, steps: list[Step], looks: list[Evaluation], before: tuple[list[Step], list[Evaluation]]) -> bytes:
    """Rows in the order of a run, which go on from those before."""
    folder.mkdir(exist_ok=True)
    board = Board(folder, *before)
    for row in steps:
        board.step(row)
        for look in looks:
            if look.step == row.step:
                board.evaluation(look)
    board.close()
    return (folder / FILE).read_bytes()


def test_every_number_is_read_back(tmp_path: Path) -> None:
    written(tmp_path, STEPS, LOOKS, NOTHING)
    found = read(tmp_path)
    assert found["train/loss"] == [(row.end_s, row.step, pytest.approx(row.loss, rel=1e-6)) for row in STEPS]
    assert found["train/gradient_norm"] == [(row.end_s, row.step, row.gradient_norm) for row in STEPS]
    assert {value for _, _, value in found["train/step_s"]} == {1.5}
    assert found["test/accuracy"] == [(100.5, 100, 0.5), (250.5, 250, 0.75)]
    assert found["test/loss"] == [(100.5, 100, 0.25), (250.5, 250, 0.125)]
    assert found["over_bits/accuracy"] == [(100.5, 3_000_000_000, 0.5), (250.5, 7_500_000_000, 0.75)]
    assert found["spent/spent_bits"] == [(100.5, 100, 3e9), (250.5, 250, pytest.approx(7.5e9, rel=1e-7))]
    assert found["spent/joules"] == [(100.5, 100, 7.0), (250.5, 250, 17.5)]


@pytest.mark.parametrize("kept", [0, 99, 100, 101, 250])
def test_a_file_that_is_gone_on_with_is_the_file_of_a_run_in_one_piece(tmp_path: Path, kept: int) -> None:
    whole = written(tmp_path / "whole", STEPS, LOOKS, NOTHING)
    looks = [look for look in LOOKS if look.step <= kept]
    written(tmp_path / "cut", STEPS[: kept + 7], looks, NOTHING)  # steps after the checkpoint are forgotten
    rest = [look for look in LOOKS if look.step > kept]
    assert written(tmp_path / "cut", STEPS[kept:], rest, (STEPS[:kept], looks)) == whole


def test_a_look_is_in_the_file_at_once_and_what_was_not_measured_is_not(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.step(STEPS[0]._replace(gradient_norm=math.nan))
    board.evaluation(LOOKS[0])
    assert sorted(read(tmp_path)) == [
        *("over_bits/accuracy", "over_bits/loss", "spent/joules", "spent/simulated_s", "spent/spent_bits"),
        *("test/accuracy", "test/loss", "train/loss", "train/step_s"),
    ]
    board.close()


def test_without_the_package_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "edgesim\[tensorboard\]"'):
        tensorboard.check_installed()


def test_a_disk_that_fails_ends_the_run_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "tensorboard").write_text("in the way")
    with pytest.raises(RunError, match="cannot write"):
        Board(tmp_path)
