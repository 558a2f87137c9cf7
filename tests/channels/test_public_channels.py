"""The public names of the package."""

import subprocess
import sys
import types

import channels


def test_all_is_what_is_public() -> None:
    """Files whose names are re-exported lie in the package too, as modules; a module is public only where __all__ says so."""
    public = {
        name
        for name, value in vars(channels).items()
        if not name.startswith("_") and (name in channels.__all__ or not isinstance(value, types.ModuleType))
    }
    assert public == set(channels.__all__)
    assert isinstance(channels.theory, types.ModuleType)
    assert isinstance(channels.units, types.ModuleType)


def test_the_contracts_example() -> None:
    channel = channels.Rayleigh(snr_db=10, coherence_s=0.01)
    assert channel.draws(0.0, 1, key=0).seconds.tolist() == [0.01]


def test_it_needs_nothing_of_edgesim() -> None:
    code = "import channels, sys; print([name for name in ('edgesim', 'simpy', 'timm', 'yaml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
