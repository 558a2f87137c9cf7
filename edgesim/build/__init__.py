"""Scenario -> world: the composition root, the only room that knows every floor below."""

from typing import TYPE_CHECKING

from edgesim.build.groups import drawn
from edgesim.build.learning import Learning, learning
from edgesim.build.makers import make, make_codec
from edgesim.build.stand_ins import PhantomCast
from edgesim.build.world import one_off
from edgesim.build.world import world as world
from edgesim.scenario import Scenario

if TYPE_CHECKING:
    from edgesim.build.cast import TorchCast

__all__ = ["Learning", "PhantomCast", "drawn", "learning", "make", "make_codec", "one_off", "torch_cast", "world"]


def torch_cast(scenario: Scenario, task: Learning) -> "TorchCast":
    """The halves that learn. What they need is imported here, because a timing-only run does without."""
    from edgesim.build.cast import TorchCast

    return TorchCast(scenario, task)
