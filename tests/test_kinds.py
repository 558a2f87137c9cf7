"""A kind is read from its file without importing it, here and in installed packages."""

import inspect
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from edgesim import kinds
from edgesim.errors import UsageError
from edgesim.kind_files import knob_docs, prose, read_class
from edgesim.quantities import Interval

CODEC = '''
    from typing import Annotated, ClassVar, Literal

    import nothing_of_that_name

    from elsewhere.deep.words import Tone as Sound

    Way = Literal["up", "down"]
    MOST = 50

    class Mine(base.Codec):
        """Sends half.

        A longer story.

        share   how much of it
                is sent [1]
        rounds  how often
        """

        needs_tokens = True
        integer_values: ClassVar[bool] = False
        not_literal = MOST + 1

        def __init__(
            self,
            cut,
            *,
            share: Annotated[float, "(0, 1]"] | None = None,
            way: Way = "up",
            rounds: int = MOST,
            offset: int = -1,
            inner: list[Codec],
            sound: Sound | None = None,
        ) -> None: ...
'''


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text), encoding="utf-8")
    return path


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package `elsewhere` that adds codecs; importing it fails."""
    write(tmp_path, "elsewhere/__init__.py", "raise RuntimeError('imported')")
    write(tmp_path, "elsewhere/deep/__init__.py", "raise RuntimeError('imported')")
    write(tmp_path, "elsewhere/deep/mine.py", CODEC)
    write(tmp_path, "elsewhere/deep/words.py", "from typing import Literal\n\nTone = Literal['high', 'low']\n")
    write(tmp_path, "elsewhere/broken.py", "class A(Codec):\n    def\n")
    write(tmp_path, "elsewhere/two.py", "class A(Codec): ...\nclass B(Codec): ...\n")
    write(tmp_path, "elsewhere-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    write(
        tmp_path,
        "elsewhere-1.0.dist-info/entry_points.txt",
        "[edgesim.codecs]\nmine = elsewhere.deep.mine\n"
        "first = elsewhere.two:A\nboth = elsewhere.two\nbroken = elsewhere.broken\n",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_file_tells_class_docs_knobs_and_flags(installed: Path) -> None:
    found = read_class(installed / "elsewhere/deep/mine.py", "Codec", None)
    assert found["class_name"] == "Mine"
    assert found["summary"] == "Sends half."
    assert found["flags"] == {"needs_tokens": True, "integer_values": False}
    knobs = found["knobs"]
    assert list(knobs) == ["share", "way", "rounds", "offset", "inner", "sound"]
    assert knobs["share"].interval == Interval(0.0, 1.0, low_closed=False, high_closed=True)
    assert knobs["share"].doc == "how much of it is sent [1]"
    assert knobs["way"].annotation == "Literal['up', 'down']"
    assert [knobs[name].default for name in ("way", "rounds", "offset")] == ["up", 50, -1]
    assert [name for name, knob in knobs.items() if knob.required] == ["inner"]
    assert knobs["sound"].annotation == "Literal['high', 'low'] | None"  # a name imported from another file


def test_the_prose_of_a_docstring_leaves_the_knobs_out() -> None:
    doc = "First.\n\nMore of it.\n\na   one\n    and more\nbc  two\n\nEnd.\n\n>>> 1\n1"
    assert knob_docs(doc) == {"a": "one and more", "bc": "two"}
    assert prose(doc) == "First.\n\nMore of it.\n\n\nEnd."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class A: ...\n", "exactly one class that directly subclasses Codec; found none"),
        ("class A(Codec): ...\nclass B(Codec): ...\n", "found A, B"),
        ("class A(Codec):\n    def __init__(self, *, x): ...\n", "knob x has no type"),
        ("class A(Codec):\n    def __init__(self, *, x: int = f()): ...\n", "the default f() is not a literal"),
        ("class A(Codec):\n    def __init__(self, *, x: Annotated[int, 3]): ...\n", "Annotated takes an interval as text"),
        ("class A(Codec):\n    def __init__(self, *, x: Annotated[int, '0..1']): ...\n", "'0..1' is not an interval"),
    ],
)
def test_a_file_that_is_no_kind_says_why(tmp_path: Path, text: str, said: str) -> None:
    path = write(tmp_path, "bad.py", text)
    with pytest.raises(UsageError) as caught:
        read_class(path, "Codec", None)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_installed_packages_add_kinds_without_being_imported(installed: Path) -> None:
    assert {"mine", "first", "both"} <= set(kinds.names("codec"))
    mine = kinds.read("codec", "mine")
    assert (mine.module, mine.class_name, mine.path) == ("elsewhere.deep.mine", "Mine", installed / "elsewhere/deep/mine.py")
    assert kinds.read("codec", "first").class_name == "A"
    assert not [name for name in sys.modules if name.startswith("elsewhere")]


def test_an_installed_file_with_two_kinds_needs_the_class_named(installed: Path) -> None:
    with pytest.raises(UsageError, match="found A, B"):
        kinds.read("codec", "both")


def test_an_installed_file_that_is_no_python_is_reported(installed: Path) -> None:
    with pytest.raises(UsageError, match=r"broken.py:2:8: not valid Python"):
        kinds.read("codec", "broken")


def test_an_entry_point_to_nowhere_is_reported(installed: Path) -> None:
    write(installed, "gone-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: gone\nVersion: 1.0\n")
    write(installed, "gone-1.0.dist-info/entry_points.txt", "[edgesim.protocols]\nlost = gone.lost\n")
    with pytest.raises(UsageError, match=r"lost = gone\.lost of group edgesim\.protocols names no module"):
        kinds.names("protocol")


def test_kinds_of_this_package_are_found_first(installed: Path) -> None:
    write(installed, "elsewhere-1.0.dist-info/entry_points.txt", "[edgesim.channels]\nideal = elsewhere.deep.mine\n")
    assert kinds.read("channel", "ideal").module == "channels.ideal"


def test_unknown_kinds_come_with_the_nearest_name_and_the_list() -> None:
    with pytest.raises(
        UsageError, match=r"unknown channel 'rayleig', did you mean 'rayleigh'\? \(channels: .*awgn, .*rayleigh"
    ):
        kinds.read("channel", "rayleig")


@pytest.mark.parametrize("slot", kinds.SLOTS)
def test_every_slot_has_kinds_and_each_documents_every_knob(slot: str) -> None:
    assert kinds.names(slot)
    for name in kinds.names(slot):
        kind = kinds.read(slot, name)
        assert kind.summary.endswith((".", ":")), kind.path
        assert [knob for knob, found in kind.knobs.items() if not found.doc] == [], kind.path


@pytest.mark.parametrize("slot", kinds.SLOTS)
def test_what_is_read_is_what_is_imported(slot: str) -> None:
    """The static reading agrees with Python: same class, same keyword-only parameters, same defaults, same flags."""
    for name in kinds.names(slot):
        kind, loaded = kinds.read(slot, name), kinds.load(slot, name)
        assert loaded.__name__ == kind.class_name
        parameters = inspect.signature(loaded).parameters.values()
        defaults = {item.name: item.default for item in parameters if item.kind is item.KEYWORD_ONLY}
        read = {knob: inspect.Parameter.empty if found.required else found.default for knob, found in kind.knobs.items()}
        assert read == defaults
        assert all(getattr(loaded, flag) == value for flag, value in kind.flags.items())


def test_profiles_are_listed_and_aliases_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "profiles/devices/board.yaml", "peak_flops: 1e9\nsummary: a board\n")
    write(tmp_path, "profiles/devices/alias.yaml", "alias: board\n")
    write(tmp_path, "profiles/devices/loop.yaml", "alias: pool\n")
    write(tmp_path, "profiles/devices/pool.yaml", "alias: loop\n")
    write(tmp_path, "profiles/devices/broken.yaml", "alias: 1\nalias: 2\n")
    monkeypatch.setattr(kinds, "_HERE", tmp_path)
    assert kinds.devices() == ["alias", "board", "broken", "loop", "pool"]
    assert kinds.radios() == []
    assert kinds.device("alias") == {"peak_flops": 1e9, "summary": "a board"}
    assert kinds.real_name("devices", "alias") == "board"
    with pytest.raises(UsageError, match="unknown device 'bord', did you mean 'board'"):
        kinds.device("bord")
    with pytest.raises(UsageError, match="loop -> pool -> loop go round in a circle"):
        kinds.device("loop")
    with pytest.raises(UsageError, match="duplicate key 'alias'"):
        kinds.device("broken")


def test_reading_every_kind_imports_no_torch(root: Path) -> None:
    code = (
        "import sys; from edgesim import kinds; from edgesim.scenario import json_schema\n"
        "[kinds.read(slot, name) for slot in kinds.SLOTS for name in kinds.names(slot)]; json_schema()\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()).isdisjoint({"torch", "timm", "simpy", "pyarrow", "matplotlib", "channels"})
