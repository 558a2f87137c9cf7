"""Lending the process-wide random generators to code that knows no others."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_LENT = threading.Lock()  # batches are prepared in a thread of their own


@contextmanager
def borrowed_generators(seed: int) -> Iterator[None]:
    """Inside, the global generators of python, numpy and torch (CPU) are seeded; afterwards they are as they were.

    They are lent to one at a time: who comes second waits.

    torchvision's and timm's transforms and model initialisers draw from these generators and from no others. torch's is
    seeded directly because `torch.manual_seed` would also touch accelerators.
    """
    with _LENT, torch.random.fork_rng(devices=[]):
        python_state, numpy_state = random.getstate(), np.random.get_state()
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)
