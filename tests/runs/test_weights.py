"""The weights a run leaves are the model it was judged by."""

from pathlib import Path

import pytest

from edgesim import build, session
from edgesim.record.folder import WEIGHTS
from edgesim.runner import run


@pytest.mark.parametrize("protocol", ["vanilla", "splitfed_v1", "fedavg"])
def test_the_file_is_the_model_that_was_evaluated(protocol: str, make, tmp_path: Path) -> None:
    """Read back as `model.weights`, without a step, it scores the same accuracy and loss to the last bit."""
    clients = {"count": 1 if protocol == "vanilla" else 2, "device": "raspberry_pi_4"}
    data = {"kind": "digits", "batch_size": 32}
    budget = {"steps": 12} if protocol == "vanilla" else {"rounds": 1}
    done = run(make(protocol=protocol, clients=clients, data=data, budget=budget), out=tmp_path)
    model = {"kind": "vit", "name": "tiny_digits", "cut": 3, "weights": str(done.path / WEIGHTS)}  # wherever it is cut
    again = make(model=model, data=data, seed=9)
    score = build.torch_cast(again, build.learning(again)).examine([0], None).score
    assert (score.accuracy, score.loss) == (done.summary["accuracy"], done.summary["loss"])


def test_large_models_are_kept_on_request(make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LARGE_BYTES", 1)
    assert not (run(make(budget={"steps": 1}), out=tmp_path / "some").path / WEIGHTS).exists()
    assert (run(make(budget={"steps": 1}), out=tmp_path / "all", weights=True).path / WEIGHTS).exists()
    timing = run(make(budget={"steps": 1}), out=tmp_path / "none", weights=True, timing_only=True)
    assert not (timing.path / WEIGHTS).exists()
