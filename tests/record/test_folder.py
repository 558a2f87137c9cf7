"""The run folder: whole files, distinct names, an honest manifest."""

import hashlib
import json
import re
import subprocess
from pathlib import Path

import pytest

from edgesim.errors import RunError, UsageError
from edgesim.record import atomic, origin
from edgesim.record.folder import RunFolder, check_writable, folder_name


def seal(folder: RunFolder, status: str = "done") -> dict[str, object]:
    folder.seal(
        status,  # type: ignore[arg-type]  # the literal is widened by the parameter
        command=["edgesim", "run", "a.yaml"],
        overrides=["uplink.codec.xi=0.1"],
        config_hash="0123abcd",
        seed=3,
        accelerator="cpu",
        threads=2,
        deterministic=True,
    )
    return dict(json.loads((folder.path / "manifest.json").read_text()))


def test_path_names_scenario_time_hash_and_seed(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "results", "ideal", "0123abcd", 3)
    assert folder.path.is_dir()
    assert folder.path.parent == tmp_path / "results" / "ideal"
    assert re.fullmatch(r"\d{8}-\d{6}-0123abcd-s3", folder.path.name)


def test_runs_of_the_same_second_get_different_folders(tmp_path: Path) -> None:
    paths = {RunFolder.create(tmp_path, "ideal", "0123abcd", 0).path for _ in range(5)}
    assert len(paths) == 5


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "a/b", "a\\b", "..", ".hidden", "x" * 500, "a b", "a\nb", "..a"])
def test_no_scenario_name_leaves_the_results_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "results"
    try:
        path = RunFolder.create(out, name, "0123abcd", 0).path
    except UsageError as error:
        assert repr(name) in str(error)  # noqa: PT017  # either outcome is fine, escaping is not
    else:
        assert path.resolve().parent.parent == out.resolve()
        assert not path.parent.name.startswith(".")


def test_folder_name_keeps_what_is_harmless() -> None:
    assert folder_name("paper_cifar100-v1.2") == "paper_cifar100-v1.2"
    assert folder_name("naïve K=4") == "naïve_K_4"  # `=` would be read as a partition by Parquet tools


def test_out_that_is_a_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(UsageError, match=r"cannot write results to .*results.*--out"):
        RunFolder.create(tmp_path / "results", "ideal", "0123abcd", 0)


@pytest.mark.parametrize("name", ["results", "results/deeper/still", "x" * 300])
def test_a_folder_that_cannot_be_written_is_found_without_making_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "results").write_text("")
    with pytest.raises(
        UsageError, match=r"cannot write results to .*: .*; choose a folder you may write to with --out"
    ) as caught:
        check_writable(tmp_path / name)
    assert caught.value.exit_code == 2
    check_writable(tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_manifest_says_how_the_run_was_made(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "ideal", "0123abcd", 3)
    began = seal(folder, "running")
    assert (began["status"], began["ended"], began["files"]) == ("running", None, [])
    folder.write_text("figures/note.txt", "ξ = 0.2\n")
    ended = seal(folder)
    assert (ended["status"], ended["seed"], ended["hash"]) == ("done", 3, "0123abcd")
    assert ended["started"] == began["started"]
    assert ended["overrides"] == ["uplink.codec.xi=0.1"]
    content = "ξ = 0.2\n".encode()
    digest = hashlib.sha256(content).hexdigest()
    assert ended["files"] == [{"name": "figures/note.txt", "bytes": len(content), "sha256": digest}]


def test_versions_name_python_and_packages_without_importing_them() -> None:
    found = origin.versions()
    assert re.match(r"3\.\d+", found["python"] or "")
    assert found["simpy"] is not None


def test_git_state_sees_commit_and_changes(tmp_path: Path) -> None:
    assert origin.git_state(tmp_path) is None

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
        answer = subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True, text=True)
        return answer.stdout.strip()

    git("init", "-q")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "one")
    (tmp_path / "untracked").write_text("")
    assert origin.git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "a").write_text("2")
    assert origin.git_state(tmp_path) == {"commit": git("rev-parse", "HEAD"), "dirty": True}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = atomic.write_bytes(tmp_path / "summary.json", b"old")
    with pytest.raises(TypeError), atomic.replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines([b"half of the n", None])  # type: ignore[list-item]  # fails after the first half
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["summary.json"]


def test_a_disk_error_is_one_message_about_the_file(tmp_path: Path) -> None:
    with (
        pytest.raises(RunError, match=r"cannot write .*summary\.json.*No space left"),
        atomic.replacing(tmp_path / "summary.json"),
    ):
        raise OSError(28, "No space left on device")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "", "."])
def test_files_stay_inside_the_run_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name ="):
        RunFolder(tmp_path / "run").write_text(name, "")
