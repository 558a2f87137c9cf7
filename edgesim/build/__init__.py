"""Scenario -> world: the composition root, the only room that knows every floor below."""

from edgesim.build.cast import Examination, PhantomCast, TorchCast
from edgesim.build.groups import drawn
from edgesim.build.learning import Learning, learning
from edgesim.build.makers import make, make_codec
from edgesim.build.world import one_off
from edgesim.build.world import world as world

__all__ = ["Examination", "Learning", "PhantomCast", "TorchCast", "drawn", "learning", "make", "make_codec", "one_off", "world"]
