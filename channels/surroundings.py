"""What stands between a station and its client: path loss, line of sight, shadowing, walls, each drawn once a link."""

from collections import OrderedDict
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from channels import pathloss
from channels.blocks import stream
from channels.shadowing import Shadowing

Array = NDArray[np.float64]
Sight = Literal["drawn", "yes", "no"]
Building = Literal["outside", "low", "high"]
SIGHT, INDOORS = 102, 103  # purposes of random streams
WITHOUT_MODEL = (0.0, 10.0)  # shadowing [dB] and its correlation distance [m] of free_space and log_distance
DEEPEST_M = 25.0  # of a client inside a building, and its loss on the way in: 38.901 table 7.4.3-2
INDOORS_DB_M = 0.5
WALL_SIGMA_DB = {"low": 4.4, "high": 6.5}
KEPT = 1024  # links whose surroundings are remembered


class Drawn(NamedTuple):
    """The surroundings of one link: whether there is a line of sight, and the loss of the wall [dB]."""

    sight: bool
    wall_db: float


class Surroundings:
    """Everything that the distance and the place of a client do to its signal.

    model          `free_space`, `log_distance` or a name of `pathloss.MODELS`
    span_m         least and greatest horizontal distance that occurs [m]
    carrier_hz     [Hz]
    exponent       of log_distance
    station_m      height of the station's antenna, None for the model's own [m]
    client_m       height of the client's antenna [m]
    sight          line of sight: `drawn` with the model's probability at the nearest distance, `yes` or `no`
    shadowing_db   standard deviation, None for the model's own [dB]
    correlation_m  distance at which the shadowing's correlation has fallen to 1/e, None for the model's own [m]
    building       the client is `outside`, or behind a wall of `low` or `high` loss
    """

    def __init__(
        self,
        model: str,
        span_m: tuple[float, float],
        carrier_hz: float,
        *,
        exponent: float = 3.0,
        station_m: float | None = None,
        client_m: float = 1.5,
        sight: Sight = "drawn",
        shadowing_db: float | None = None,
        correlation_m: float | None = None,
        building: Building = "outside",
    ) -> None:
        self._model = pathloss.MODELS.get(model)
        if self._model is None and model not in ("free_space", "log_distance"):
            known = ", ".join(["free_space", "log_distance", *pathloss.MODELS])
            raise ValueError(f"pathloss must be one of {known}; got {model!r}")
        self._span_m, self._carrier_hz, self._client_m = span_m, carrier_hz, client_m
        self._exponent = 2.0 if model == "free_space" else exponent
        usual = self._model.station_m if self._model else client_m
        self._station_m = usual if station_m is None else station_m
        self._sight, self._building = sight, building
        self._shadowing = [
            self._field(place, shadowing_db, correlation_m) for place in range(2)
        ]  # with a line of sight, without
        self._known: OrderedDict[int, Drawn] = OrderedDict()
        self.mean_loss_db(np.array(span_m), sight=True)  # complain about impossible heights now

    def mean_loss_db(self, distances_m: Array, sight: bool) -> Array:
        """Path loss alone [dB]."""
        if self._model is None:
            far = np.maximum(np.hypot(distances_m, self._station_m - self._client_m), 1.0)
            return pathloss.log_distance_db(far, self._carrier_hz, self._exponent)
        here = pathloss.place(self._model, distances_m, self._carrier_hz, self._station_m, self._client_m)
        return self._model.los(here) if sight else self._model.nlos(here)

    def loss_db(self, distances_m: Array, key: int) -> Array:
        """Path loss, shadowing and walls of the link `key` at these distances [dB]."""
        drawn = self.drawn(key)
        shadow_db = self._shadowing[0 if drawn.sight else 1].at(np.asarray(distances_m)[:, None], key)
        loss: Array = self.mean_loss_db(distances_m, drawn.sight) + shadow_db + drawn.wall_db
        return loss

    def drawn(self, key: int) -> Drawn:
        """The surroundings of the link `key`."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._draw(key)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known

    def _draw(self, key: int) -> Drawn:
        sight = self._sight == "yes"
        if self._sight == "drawn":
            near = self._span_m[0]
            likely = 1.0
            if self._model is not None:
                here = pathloss.place(self._model, near, self._carrier_hz, self._station_m, self._client_m)
                likely = float(self._model.sight(here))
            sight = stream(key, 0, SIGHT).random() < likely
        wall = 0.0
        if self._building != "outside":
            random = stream(key, 0, INDOORS)
            wall = pathloss.building_db(self._carrier_hz, self._building == "high")
            wall += INDOORS_DB_M * random.uniform(0.0, DEEPEST_M, 2).min()
            wall += WALL_SIGMA_DB[self._building] * random.standard_normal()
        return Drawn(sight, wall)

    def _field(self, place: int, sigma_db: float | None, correlation_m: float | None) -> Shadowing:
        model = self._model
        usual = (model.sigma_db[place], model.correlation_m[place]) if model else WITHOUT_MODEL
        return Shadowing(
            usual[0] if sigma_db is None else sigma_db, usual[1] if correlation_m is None else correlation_m, dimensions=1
        )
