"""What there is to choose from, and what a newcomer starts with: list, schema, init, doctor."""

import json
import re
from pathlib import Path
from typing import Any

import pytest


def test_init_writes_a_scenario_once(command: Any, tmp_path: Path) -> None:
    first = command("init", "new/first.yaml")
    assert (first.code, first.out) == (0, "")
    assert "edgesim run new/first.yaml" in first.err
    written = (tmp_path / "new" / "first.yaml").read_text()
    again = command("init", "new/first.yaml")
    assert again.code == 2
    assert "not overwritten" in again.err
    assert command("init").out == written


def test_schema_goes_to_stdout_or_a_file(command: Any, tmp_path: Path) -> None:
    shown = json.loads(command("schema").out)
    assert command("schema", "--out", "s.json").out == ""
    assert json.loads((tmp_path / "s.json").read_text()) == shown
    assert {"model", "uplink", "budget"} <= set(shown["properties"])


def test_list_shows_every_topic_and_every_knob(command: Any) -> None:
    everything = command("list").out
    for line in ("datasets  (data)", "codecs  (uplink.codec, downlink.codec)", "devices  (clients.device, server.device)"):
        assert line in everything.splitlines()
    channels = command("list", "channels").out
    assert re.search(r"^\s*rayleigh  \S.*fading", channels, re.MULTILINE)
    assert "snr_db (float, required) in (-inf, inf]" in channels
    assert "mean signal-to-noise ratio" in command("list", "channels", "rayleigh").out


def test_the_menu_has_every_slot(command: Any) -> None:
    from edgesim import kinds
    from edgesim.cli.list import SLOTS

    assert {slot for slot, _ in SLOTS.values()} == set(kinds.SLOTS)
    assert "tdma" in command("list", "mediums").out


def test_the_menu_cites_no_paper_of_the_house_and_says_what_stands_behind_one(command: Any) -> None:
    assert not re.search(r"(phy|compression)\.md", command("list").out)
    assert "docs/sources.md" in command("list", "codecs", "adc").out
    assert "docs/sources.md" not in command("list", "optimisers", "sgd").out


def test_list_labels_sizes_that_are_bounds(command: Any) -> None:
    codecs = command("list", "codecs").out
    for kind in ("adc", "nscsl", "slacc", "slfac"):
        assert re.search(
            rf"^{kind}  .*\(its size may depend on the data: what is announced is the most\)", codecs, re.MULTILINE
        )
    assert re.search(r"^topk  Top-K", codecs, re.MULTILINE)
    assert "its size may depend" in command("list", "codecs", "adc").out


def test_list_labels_reconstructions(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgesim import kinds

    kind = kinds.Kind("codec", "guess", Path("guess.py"), "guess", "Guess", summary="A guess.", flags={"reconstruction": True})
    monkeypatch.setattr(kinds, "names", lambda slot: ["guess"])
    monkeypatch.setattr(kinds, "read", lambda slot, name: kind)
    assert "guess  (a reconstruction: the source leaves details open) A guess." in command("list", "codecs").out


def test_list_suggests_the_nearest_topic_and_kind(command: Any) -> None:
    said = command("list", "codec")
    assert said.code == 2
    assert "codecs" in said.err
    said = command("list", "channels", "raileigh")
    assert said.code == 2
    assert "rayleigh" in said.err


def test_doctor_shows_what_a_bug_report_needs(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    said = command("doctor")
    assert said.code == 0
    for word in ("python", "torch", "simpy", "matplotlib", "cores", "accelerator", "results", "writable", "OMP_WAIT_POLICY"):
        assert word in said.out
    assert "OMP_NUM_THREADS: more threads than" in said.out


def test_doctor_fails_where_results_cannot_be_written(command: Any, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    said = command("doctor")
    assert said.code == 1
    assert "results: choose another with --out" in said.out
