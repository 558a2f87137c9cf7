"""What every test may rely on: stated thread counts, no network, and the folder of shared real data.

EDGESIM_TEST_THREADS   threads torch may use in tests, 1 unless set
EDGESIM_SHARED_DATA    folder with cifar100/, food10/ and models/, ../shared/data beside the checkout unless set

Hypothesis tries the same cases in every run, and never gives up because a machine is slow; `--hypothesis-profile=default` lets
it choose others.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

THREADS = os.environ.get("EDGESIM_TEST_THREADS", "1")

# Before anything imports torch, and inherited by every process a test starts.
os.environ.update(
    OMP_NUM_THREADS=THREADS,
    MKL_NUM_THREADS=THREADS,
    OMP_WAIT_POLICY="PASSIVE",  # waiting threads sleep: workers that share cores do not spin against each other
    MPLBACKEND="Agg",
    HF_HUB_OFFLINE="1",  # a test that wanted to download would hide that the code does
)

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def stated_start() -> None:
    """Every test begins with torch's global stream at one place and the stated thread count, whatever ran before it."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(0)
        torch.set_num_threads(int(THREADS))


@pytest.fixture
def gpu() -> Iterator[Any]:
    """torch's CUDA device: a real one, None, where there is one; else a pretended one, which counts what waits for it."""
    import torch

    if torch.cuda.is_available():
        yield None
        return
    from tests.pretended_gpu import pretended_gpu

    with pretended_gpu() as pretended:
        yield pretended


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared real data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("EDGESIM_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set EDGESIM_SHARED_DATA to a folder with cifar100/, food10/ and models/")
    return folder
