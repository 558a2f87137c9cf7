"""Frequency division: every client has a part of the band to itself (phy.md 13)."""

from typing import Annotated

from edgesim.sim.discipline import Discipline
from edgesim.sim.ledger import Ledger
from edgesim.sim.mediums.base import Medium
from edgesim.sim.mediums.tdma import checked_weights


class Fdma(Medium):
    """Frequency division: client u has the share b_u of the band for good, and nobody ever waits.

    A client that sends with its whole power in its share alone has 1/b_u of the SNR of the whole band there, and the rate
    b_u B log2(1 + snr / (b_u gap)), more than b_u of the whole band's. One whose power spreads over the band like the band's
    own, such as a base station that serves all shares at once, has the SNR of the whole band.

    weights              of each client, in their order; all alike where left out
    power_concentration  the sender puts all its power in its share; otherwise the SNR is that of the whole band
    """

    def __init__(
        self,
        ledger: Ledger,
        direction: str,
        clients: int,
        key: int,
        *,
        weights: list[Annotated[float, "(0, inf)"]] | None = None,
        power_concentration: bool = False,
    ) -> None:
        self._weights = checked_weights(weights, clients)
        self._total = sum(self._weights) if self._weights else float(clients)
        self._concentrated = power_concentration
        super().__init__(ledger, direction, clients, key)

    def discipline(self) -> Discipline | None:
        return None

    def share(self, client: int) -> float:
        return (self._weights[client] if self._weights else 1.0) / self._total

    def gain(self, client: int) -> float:
        return 1.0 / self.share(client) if self._concentrated else 1.0
