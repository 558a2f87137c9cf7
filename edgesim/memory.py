"""What to say when memory runs out: what to lower."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from edgesim.errors import RunError

# what torch and the libraries under it say of a processor's memory, for which they have no class of their own
OUT_OF_MEMORY = re.compile(r"(can't|cannot|unable to|failed to) allocate|out of memory|not enough memory", re.IGNORECASE)


@contextmanager
def explained_memory() -> Iterator[None]:
    """Raise RunError, with what to lower, where memory runs out inside."""
    try:
        yield
    except MemoryError as error:
        raise _explained("this machine", error) from error
    except torch.OutOfMemoryError as error:
        raise _explained("the accelerator", error) from error
    except RuntimeError as error:
        if not OUT_OF_MEMORY.search(str(error)):
            raise
        raise _explained("this machine", error) from error


def _explained(whose: str, error: BaseException) -> RunError:
    said = " ".join(str(error).split())[:200]
    return RunError(
        f"the memory of {whose} ran out{f' ({said})' if said else ''}: lower data.batch_size, clients.count or the size of the "
        "model; what was finished is kept"
    )
