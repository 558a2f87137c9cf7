"""Every malformed scenario of this folder is reported completely, each problem once, at its place and in these words.

A file opens with what is wrong with it and one line `# expect: LINE:COLUMN: message` for each problem, in the order of the
file; a message that ends in `...` is compared up to there (lists of kinds and knobs grow).
"""

from pathlib import Path

import pytest

from edgesim.errors import ScenarioError
from edgesim.load import load

CASES = sorted(Path(__file__).parent.glob("*.yaml"))
EXPECT = "# expect: "


def expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{path}:{line.removeprefix(EXPECT)}" for line in lines if line.startswith(EXPECT)]


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 80


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_problem_is_reported_at_its_place(path: Path) -> None:
    wanted = expected(path)
    assert wanted, "a malformed scenario says what is expected"
    with pytest.raises(ScenarioError) as caught:
        load(path)
    said = caught.value.problems
    cut = [line[: len(want) - 3] + "..." if want.endswith("...") else line for line, want in zip(said, wanted, strict=False)]
    assert cut == wanted, "\n".join(said)
    assert len(said) == len(wanted), "\n".join(said)
    assert caught.value.exit_code == 3
