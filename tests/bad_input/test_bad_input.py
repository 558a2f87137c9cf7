"""Every malformed scenario and sweep of these folders is reported completely, each problem once, at its place, in these words.

A file opens with what is wrong with it and one line `# expect: LINE:COLUMN: message` for each problem, in the order of the
file; a message that ends in `...` is compared up to there (lists of kinds and knobs grow). A place in another file has its name
before it. Files that can hold no such line, as no text is in them, are made here.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgesim.cli.app import main
from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load
from edgesim.sweep.document import read_document
from edgesim.sweep.engines.base import make
from edgesim.sweep.points import expand
from edgesim.yaml_reader import MOST_BYTES, MOST_NODES

HERE = Path(__file__).parent
SCENARIOS = sorted(HERE.glob("*.yaml"))
SWEEPS = sorted((HERE / "sweeps").glob("*.yaml"))
EXPECT = "# expect: "


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    said = [line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)]
    return [f"{path.name}:{line}" if line[0].isdigit() else line for line in said]


def assert_said(path: Path, take: Callable[[Path], object]) -> None:
    wanted = expected(path)
    assert wanted, "a malformed file says what is expected"
    with pytest.raises(ScenarioError) as caught:
        take(path)
    said = [line.replace(f"{path.parent}/", "") for line in caught.value.problems]
    cut = [line[: len(want) - 3] + "..." if want.endswith("...") else line for line, want in zip(said, wanted, strict=False)]
    assert cut == wanted, "\n".join(said)
    assert len(said) == len(wanted), "\n".join(said)
    assert caught.value.exit_code == 3


def test_the_corpus_is_there() -> None:
    assert len(SCENARIOS) >= 150
    assert len(SWEEPS) >= 50


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_problem_of_a_scenario_is_reported_at_its_place(path: Path) -> None:
    assert_said(path, load)


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_problem_of_a_sweep_is_reported_at_its_place(path: Path) -> None:
    assert_said(path, lambda path: expand(read_document(path)))


GOOD = (HERE.parents[1] / "scenarios" / "ideal.yaml").read_bytes()
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
RAW: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "1:1: the file is empty; `edgesim init` writes a scenario to start from"),
    "white": (b" \n\n  \n", "1:1: the file is empty"),
    "bom_alone": (b"\xef\xbb\xbf", "1:1: the file is empty"),
    "utf-16": (GOOD.decode().encode("utf-16"), "1:1: not UTF-8 text; save the file as UTF-8"),
    "utf-16_without_bom": (GOOD.decode().encode("utf-16-le"), "1:2: the character U+0000 is not allowed in YAML"),
    "utf-32": (GOOD.decode().encode("utf-32"), "1:1: not UTF-8 text"),
    "latin-1": (GOOD + "# f\xfcr\n".encode("latin-1"), f"{GOOD.count(10) + 1}:4: not UTF-8 text"),
    "half_a_character": (GOOD + b"# \xc3", f"{GOOD.count(10) + 1}:3: not UTF-8 text"),
    "surrogate": (b"name: \xed\xa0\x80\n", "1:7: not UTF-8 text"),
    "nul": (b"name: a\x00b\n", "1:8: the character U+0000 is not allowed in YAML"),
    "nuls": (bytes(4096), "1:1: the character U+0000 is not allowed in YAML"),
    "escape": (b"name: \x1b[31mred\n", "1:7: the character U+001B is not allowed in YAML"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "1:1: not UTF-8 text"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(100), "1:2: not UTF-8 text"),
    "pickle": (b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.", "1:1: not UTF-8 text"),
    "elf": (b"\x7fELF\x02\x01\x01\x00" + bytes(100), "1:1: the character U+007F is not allowed in YAML"),
    "huge": (b"#" * (MOST_BYTES + 1), "1:1: the file is larger than 1 MiB; a scenario is smaller"),
    "many_nodes": (b"a: [" + b"1," * (MOST_NODES + 1) + b"]\n", "1:19999: more than 10000 nodes; a scenario is smaller"),
    "many_keys": (b"".join(b"k%d: 1\n" % n for n in range(MOST_NODES)), "5000:8: more than 10000 nodes"),
    "brackets": (b"[" * 100_000, "1:33: nested deeper than 32 levels; a scenario is flatter"),
    "braces": (b"{a: " * 100_000, "1:129: nested deeper than 32 levels"),
    "dashes": (b"- " * 100_000, "1:65: nested deeper than 32 levels"),
    "laughs": (LAUGHS.encode(), "1:5: anchor &a0: anchors are not allowed; write the value where it is used"),
    "endless_key": (b"a" * 500_000 + b": 1\n", "1:500001: not valid YAML: mapping values are not allowed here"),
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.parametrize("take", [load, read_document], ids=["scenario", "sweep"])
def test_a_file_that_is_hardly_text_is_refused(tmp_path: Path, name: str, take: Callable[[Path], object]) -> None:
    data, wanted = RAW[name]
    path = tmp_path / "raw.yaml"
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        take(path)
    if take is read_document:
        wanted = wanted.replace("; `edgesim init` writes a scenario to start from", "")
    assert any(problem.startswith(f"{path}:{wanted}") for problem in caught.value.problems), caught.value.problems[0]
    assert all("\n" not in problem and len(problem) < 1000 for problem in caught.value.problems)


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "ideal.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD)
    assert load(path).name == "ideal"


@pytest.mark.parametrize("name", ["absent.yaml", "folder", "folder/absent.yaml", "file.yaml/absent.yaml", "x" * 300, "a\0b"])
@pytest.mark.parametrize("take", [load, read_document], ids=["scenario", "sweep"])
def test_a_file_that_cannot_be_opened_is_wrong_usage(tmp_path: Path, name: str, take: Callable[[Path], object]) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.yaml").write_bytes(GOOD)
    with pytest.raises(UsageError, match=r"no such file|cannot be read") as caught:
        take(tmp_path / name)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rya", "", "local ", "../local", "os.system", "__init__", "base"])
def test_an_unknown_engine_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError, match=r"unknown engine .*\(engines: dask, local, ray, slurm\)") as caught:
        make(name, {})
    assert caught.value.exit_code == 2


COMMANDS = [
    (["validate", "cut_zero.yaml"], 3, "cut_zero.yaml:3:44: model.cut: must be at least 1; got 0"),
    (["validate", "limit_clients.yaml", "absent.yaml"], 3, "clients.count: must be at least 1 and at most 1e+06; got 1e+12"),
    (["validate", "absent.yaml"], 2, "absent.yaml: no such file"),
    (["run", "limit_synthetic_memory.yaml"], 3, "made-up pictures are held in memory, at most 16 GiB of them"),
    (["plan", "limit_groups_together.yaml"], 3, "all groups together may have at most 1000000 clients; got 1200000"),
    (["run", "name_climbs.yaml", "--out", "OUT"], 3, "name: '../../elsewhere' cannot name a results folder"),
    (["sweep", "sweeps/too_many_points.yaml", "--out", "OUT"], 3, "1000000000 points, at most 10000"),
    (["sweep", "sweeps/scenario_missing.yaml", "--dry-run"], 3, "nowhere.yaml: no such file"),
    (["sweep", "sweeps/seed_twice.yaml", "--engine", "rya"], 2, "unknown engine 'rya', did you mean 'ray'?"),
    (["sweep", "sweeps/absent.yaml"], 2, "absent.yaml: no such file"),
]


@pytest.mark.parametrize(
    ("words", "code", "wanted"), COMMANDS, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else ""
)
def test_the_command_says_so_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, wanted: str
) -> None:
    places = {"OUT": str(tmp_path / "out")}
    given = [places.get(word, str(HERE / word) if word.endswith(".yaml") else word) for word in words]
    assert main(given) == code
    said = capsys.readouterr()
    assert wanted in said.out + said.err
    assert "Traceback" not in said.out + said.err
    assert not [*tmp_path.iterdir()]


def test_a_process_of_its_own_ends_with_the_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgesim", "run", str(HERE / "limit_clients.yaml")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]
