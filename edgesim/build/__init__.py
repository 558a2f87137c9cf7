"""Scenario -> world: the composition root, the only room that knows every floor below."""

from edgesim.build.learning import Learning, learning, torch_halves
from edgesim.build.makers import make, make_codec
from edgesim.build.world import protocol
from edgesim.build.world import world as world

__all__ = ["Learning", "learning", "make", "make_codec", "protocol", "torch_halves", "world"]
