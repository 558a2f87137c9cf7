"""What a signal does to a run or a sweep."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

STOPPING = ("SIGINT", "SIGTERM", "SIGUSR1")  # SIGUSR1: what a cluster sends before time is up


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT, SIGTERM or SIGUSR1 calls `stop`, which stops first and talks then.

    A further Ctrl-C ends at once, by KeyboardInterrupt.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not asked:
            asked = True
            with contextlib.suppress(RuntimeError):  # what it says of it: the stream may be in use at this very moment
                stop()

    numbers = [getattr(signal, name) for name in STOPPING if name in signal.Signals.__members__]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
