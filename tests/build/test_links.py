"""The links of a world: what a channel cannot say ends a run with a reason."""

import pytest

from channels import Rayleigh
from edgesim.build.links import Fade
from edgesim.errors import RunError


def test_a_time_too_late_for_its_blocks_is_told_in_words() -> None:
    """Blocks of a microsecond cannot be told apart at 1e12 s: the spacing of doubles there is 1e-4 s."""
    fade = Fade(Rayleigh(snr_db=10.0, coherence_s=1e-6).draws, 1, 1.0)
    assert len(fade(0.0, 3).snr) == 3
    with pytest.raises(RunError, match="1e-06 s cannot be resolved at"):
        fade(1e12, 3)
