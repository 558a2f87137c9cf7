"""Nothing that comes from outside is ever executed: no pickle, no eval, no loader that could; kinds come from known places."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgesim import kinds
from edgesim.errors import ScenarioError, UsageError
from edgesim.load import load

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for package in ("edgesim", "channels") for path in (ROOT / package).rglob("*.py"))
EXECUTING = {"eval", "exec", "compile", "__import__", "breakpoint"}
UNPICKLING = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "jsonpickle"}
YAML = {"yaml.parse", "yaml.dump"}  # events and text: neither makes objects
PICKLE_ERRORS = (
    "edgesim/learn/weights.py"  # imports pickle for the name of what torch raises on a file that holds more than tensors
)
SHELLS = {"os.system", "os.popen", "os.execv", "os.spawnv"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def offences(source: str, where: str) -> Iterator[str]:
    """What could execute something it was given."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [item.name for item in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            if UNPICKLING & {module.split(".")[0] for module in modules} and where != PICKLE_ERRORS:
                yield f"{where}:{node.lineno} imports {', '.join(modules)}"
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle" and not node.attr.endswith("Error"):
            yield f"{where}:{node.lineno} pickle.{node.attr}"
        if isinstance(node, ast.Call):
            yield from (f"{where}:{node.lineno} {said}" for said in _of_call(ast.unparse(node.func), node))


def _of_call(called: str, node: ast.Call) -> Iterator[str]:
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if called in EXECUTING | SHELLS or called.split(".")[-1] in {"read_pickle", "to_pickle"}:
        yield called
    if called == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if called in {"np.load", "numpy.load"} and given.get("allow_pickle") != "False":
        yield "np.load without allow_pickle=False"
    if called.startswith("yaml.") and called not in YAML and not called.startswith("yaml.reader"):
        yield called
    if called.startswith("subprocess.") and given.get("shell", "False") != "False":
        yield f"{called} through a shell"


def test_nothing_given_is_executed() -> None:
    assert not [found for path in SOURCES for found in offences(path.read_text(encoding="utf-8"), name(path))]


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from pickle import loads",
        "pickle.loads(x)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.safe_load(text)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
    ],
)
def test_the_rule_sees(line: str) -> None:
    assert [*offences(line, "edgesim/made_up.py")]


STRANGE = [
    "os.system",
    "../../evil",
    "/tmp/evil",
    "edgesim.codecs.adc",
    "base",
    "parts.kmeans",
    "__init__",
    "adc.py",
    "ADC",
    "evil",
    "",
]


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("slot", sorted(kinds.SLOTS))
def test_a_kind_is_a_file_of_its_folder_and_nothing_else(slot: str, kind: str) -> None:
    assert not kinds.exists(slot, kind)
    for take in (kinds.read, kinds.load):
        with pytest.raises(UsageError, match=r"^unknown "):
            take(slot, kind)


def test_files_where_the_command_is_called_are_no_kinds(tmp_path: Path) -> None:
    """Nor is anything imported, or run, that lies beside the scenario or in the working folder."""
    mark = tmp_path / "executed"
    body = f"open({str(mark)!r}, 'w')\nfrom edgesim.codecs.base import Codec\nclass Evil(Codec):\n    pass\n"
    for place in ("evil.py", "codecs/evil.py", "edgesim/codecs/evil.py", "adc.py"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(body)
    scenario = (ROOT / "scenarios" / "ideal.yaml").read_text(encoding="utf-8")
    (tmp_path / "s.yaml").write_text(scenario.replace("kind: adc", "kind: evil"))
    with pytest.raises(ScenarioError, match="unknown codec 'evil'"):
        load(tmp_path / "s.yaml")
    command = "from edgesim.load import load; load('s.yaml')"
    done = subprocess.run([sys.executable, "-P", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "unknown codec 'evil'" in done.stderr
    assert not mark.exists()


def test_the_entry_points_of_installed_packages_are_the_other_known_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs.py").write_text(
        "from edgesim.codecs.base import Codec\nraise RuntimeError('imported')\nclass Theirs(Codec):\n    '''Theirs.'''\n"
        "    def __init__(self, cut: object, *, knob: int = 3) -> None:\n        pass\n"
    )
    info = tmp_path / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[edgesim.codecs]\ntheirs = theirs\nadc = theirs\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert kinds.read("codec", "theirs").module == "theirs"  # read, not imported
    assert [*kinds.read("codec", "theirs").knobs] == ["knob"]
    assert kinds.read("codec", "adc").module == "edgesim.codecs.adc"  # a kind of this package is found first
