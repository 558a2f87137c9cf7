"""A run asks no network unless told to, and writes nowhere but into its results folder."""

import socket
from pathlib import Path
from typing import Any

import pytest

from edgesim.errors import NotFoundError
from edgesim.learn.data.digits import Digits
from edgesim.learn.models.vit import Vit
from edgesim.learn.weights import whole
from edgesim.load import load
from edgesim.runner import run

ROOT = Path(__file__).resolve().parents[2]
PAPER = sorted((ROOT / "scenarios").glob("paper_*.yaml"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever asks for the network fails the test; the cache of downloads is empty."""

    def asked(*given: object, **named: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, asked)
    monkeypatch.setattr("socket.socket.connect", asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_data_that_are_not_there_end_a_run_without_asking_the_network(no_network: None, path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"data\.root: no .*, or set data\.download: true") as caught:
        run(load(path, {"data.root": str(tmp_path / "absent")}), out=tmp_path / "out")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


def test_weights_that_are_not_there_end_a_run_without_asking_the_network(no_network: None, tmp_path: Path) -> None:
    pictures = {"data.kind": "synthetic", "data.train": 128, "data.test": 8, "data.classes": 10}
    with pytest.raises(NotFoundError, match=r"model\.pretrained: no weights .* set model\.download: true") as caught:
        run(load(PAPER[0], pictures), out=tmp_path / "out")
    assert caught.value.exit_code == 5
    assert not (tmp_path / "out").exists()


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_files_that_a_scenario_names_are_read_and_everything_written_lies_in_the_results_folder(
    no_network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario, what it names and where the command is called: three folders, unchanged by a run."""
    for name in ("given", "elsewhere", "called"):
        (tmp_path / name).mkdir()
    (tmp_path / "elsewhere" / "walk.csv").write_text("time_s,distance_m\n0,20\n1000,40\n")
    scenario = load(ROOT / "scenarios" / "ideal.yaml")
    parts = Vit(name="tiny_digits", cut=2).build(Digits().facts(), 0, "cpu")
    (tmp_path / "elsewhere" / "w.safetensors").write_bytes(whole(*parts))
    channel: dict[str, Any] = {
        "kind": "link_budget",
        "trace_file": "../elsewhere/walk.csv",
        "fading": {"kind": "rayleigh", "coherence_s": 1},
    }
    (tmp_path / "given" / "s.yaml").write_text(scenario.resolved_yaml())
    before = files(tmp_path)
    monkeypatch.chdir(tmp_path / "called")
    changes = {
        "uplink.channel": channel,
        "model.weights": "../elsewhere/w.safetensors",
        "budget": {"steps": 1},
        "name": "a..b",
    }
    done = run(load(tmp_path / "given" / "s.yaml", changes), out=tmp_path / "out")
    assert done.path.resolve().is_relative_to((tmp_path / "out" / "a..b").resolve())
    assert {name: data for name, data in files(tmp_path).items() if not name.startswith("out/")} == before
