"""A medium for each link."""

from edgesim.sim.discipline import Discipline
from edgesim.sim.mediums.base import Medium


class Dedicated(Medium):
    """Every link has a medium of its own: nobody waits for anybody else (phy.md 13)."""

    def discipline(self) -> Discipline | None:
        return None
