"""Doing the next piece of work while this one is used, and moving what comes of it to the accelerator."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

import torch
from torch import Tensor

Made = TypeVar("Made")


def ahead(pool: Executor | None, jobs: Iterable[Callable[[], Made]]) -> Iterator[Made]:
    """What the jobs give, in order; an error comes where its result would have come.

    pool  does each job while the caller is busy with what the one before gave; None: each is done when it is asked for
    """
    coming: Future[Made] | None = None
    for job in jobs:
        if pool is None:
            yield job()
            continue
        following = pool.submit(job)
        if coming is not None:
            yield coming.result()
        coming = following
    if coming is not None:
        yield coming.result()


def moved(tensor: Tensor, accelerator: str | torch.device) -> Tensor:
    """The tensor on a torch device of the host; the copy takes its turn there, and nobody waits for it.

    Only from page-locked memory can a GPU copy beside its computations (CUDA C++ programming guide, asynchronous transfers).
    """
    if torch.device(accelerator).type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(accelerator, non_blocking=True)
