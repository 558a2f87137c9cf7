"""A medium for each link (phy.md 13)."""

from edgesim.sim.discipline import Discipline
from edgesim.sim.mediums.base import Medium


class Dedicated(Medium):
    """Every link has a medium of its own: nobody waits for anybody else."""

    def discipline(self) -> Discipline | None:
        return None
