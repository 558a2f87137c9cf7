"""What the two public packages promise is there, and nothing else looks public."""

import importlib
import types

import pytest


@pytest.mark.parametrize("name", ["edgesim", "channels"])
def test_all_is_honest(name: str) -> None:
    package = importlib.import_module(name)
    assert len(package.__all__) == len(set(package.__all__))
    assert [missing for missing in package.__all__ if getattr(package, missing, None) is None] == []
    own = {
        public
        for public, value in vars(package).items()
        if not public.startswith("_") and isinstance(value, type | types.FunctionType) and value.__module__.startswith(name)
    }
    assert own <= set(package.__all__)


def test_contract_names_are_public() -> None:
    edgesim, channels = importlib.import_module("edgesim"), importlib.import_module("channels")
    assert {"run", "load", "Scenario", "__version__"} <= set(edgesim.__all__)
    assert {"Channel", "Draws", "Ideal", "AWGN", "Rayleigh"} <= set(channels.__all__)
