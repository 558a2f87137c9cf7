"""Progress: a bar on a terminal, plain lines elsewhere, silence on request."""

import io

import pytest

from edgesim.cli.progress import Bar, Lines, Watcher, watcher
from edgesim.watch import Progress

HEADER = {"scenario": "ideal (0123abcd), seed 0", "budget": "[bold]80 Mbit[/]", "results": "results/ideal/x"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at(wall_s: float, step: int = 1, accuracy: float | None = None) -> Progress:
    return Progress(step, 0.25, 125.0, 1500.0, accuracy, 0.5, wall_s, 0.5)


def run(watch: Watcher, walls: list[tuple[float, float | None]]) -> None:
    with watch:
        watch.begin(HEADER)
        for step, (wall, accuracy) in enumerate(walls, 1):
            watch.progress(at(wall, step, accuracy))
        watch.end({})


def test_lines_are_few_but_show_every_evaluation_and_the_end() -> None:
    stream = io.StringIO()
    run(Lines(stream), [(0.1 * n, 0.9 if n >= 80 else None) for n in range(1, 101)])  # ten seconds, evaluated at eight
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["scenario  ideal (0123abcd), seed 0", "budget    [bold]80 Mbit[/]", "results   results/ideal/x"]
    assert [line.split("  ")[0] for line in lines[3:]] == ["step 50", "step 80", "step 100"]
    assert lines[4] == "step 80  budget 25.0 %  simulated 2 min 5 s  accuracy 0.9000  loss 0.500  energy 1.5 kJ  wall 8 s"
    assert stream.getvalue().isascii()
    assert not any(character < " " for character in stream.getvalue().replace("\n", ""))


def test_the_last_line_is_not_shown_twice() -> None:
    stream = io.StringIO()
    with Lines(stream) as watch:
        watch.begin(HEADER)
        watch.progress(at(1.0, 30, 0.9))  # the look at the end
        watch.progress(at(1.1, 30, 0.9))  # and the end
    assert len(stream.getvalue().splitlines()) == len(HEADER) + 1


def test_a_bar_shows_budget_and_state_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    stream = Terminal()
    watch = watcher(stream=stream)
    assert isinstance(watch, Bar)
    run(watch, [(1.0, None), (2.0, 0.875)])
    text = stream.getvalue()
    assert "[bold]80 Mbit[/]" in text  # shown as it is, not read as mark-up
    assert "25%" in text
    assert "step 2  simulated 2 min 5 s  accuracy 0.8750" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1  # the cursor that was hidden is shown again


@pytest.mark.parametrize("plain", [True, False])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, plain: bool) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    run(watcher(stream=stream), [(1.0, 0.5)])
    assert ("\x1b[38;5" in stream.getvalue() or "\x1b[3" in stream.getvalue()) is not plain


def test_no_bar_without_a_terminal_that_can_redraw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(watcher(stream=Terminal()), Lines)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(watcher(stream=io.StringIO()), Lines)


def test_quiet_is_silent_but_knows_the_folder(capfd: pytest.CaptureFixture[str]) -> None:
    watch = watcher(quiet=True)
    run(watch, [(10.0, 0.5)])
    assert capfd.readouterr() == ("", "")
    assert str(watch.folder) == "results/ideal/x"


def test_a_bar_gives_the_terminal_back_when_the_run_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    def fail() -> None:
        with watcher(stream=stream) as watch:
            watch.begin(HEADER)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h") == 1
