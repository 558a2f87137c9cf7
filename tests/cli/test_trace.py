"""What trace writes of a run, and what it needs."""

import json
from pathlib import Path
from typing import Any

from edgesim.record.folder import RunFolder
from edgesim.record.recorder import Recorder
from edgesim.rows import Entry


def test_trace_writes_the_timeline_of_the_newest_run(command: Any, tmp_path: Path) -> None:
    for seed in (1, 0):
        folder = RunFolder.create(tmp_path / "results", "ideal", "0123abcd", seed)
        recorder = Recorder(folder, trace=True)
        recorder.entry(Entry(0.0, 1.0, "client0", "forward", "compute", 4.0, 4.0))
        recorder.close()
        folder.write_text("manifest.json", "{}")
    said = command("trace", "results/ideal")
    assert said.code == 0
    path = Path(said.out.strip())
    assert path.parent.name.endswith("-s0")
    assert json.loads(path.read_text())["traceEvents"]
    assert "ui.perfetto.dev" in said.err


def test_trace_without_a_book_says_how_to_get_one(command: Any, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "ideal", "0123abcd", 0)
    folder.write_text("manifest.json", "{}")
    said = command("trace", str(folder.path))
    assert (said.code, said.out) == (2, "")
    assert "--trace" in said.err
    assert command("trace", "nowhere").code == 2
    (tmp_path / "empty").mkdir()
    assert command("trace", "empty").code == 2
