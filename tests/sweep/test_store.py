"""What a killed sweep has left is tidied away by the next one, and nothing else is."""

from pathlib import Path

from edgesim.sweep.store import Store


def test_files_that_a_kill_has_torn_are_removed_and_those_of_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "failed").mkdir()
    torn = [".manifest.json.7.tmp", ".sweep.yaml.7.tmp", ".index.parquet.7.tmp", "failed/.0123.json.7.tmp"]
    others = [".report.html.7.tmp", "index.parquet", "failed/0123.json"]  # a report may be written at this moment
    for name in (*torn, *others):
        (tmp_path / name).write_text("x")
    with Store(tmp_path).locked():
        assert not [name for name in torn if (tmp_path / name).exists()]
        assert all((tmp_path / name).exists() for name in others)
