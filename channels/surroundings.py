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
SIGHT, INDOORS, AROUND = 102, 103, 104  # purposes of random streams
WITHOUT_MODEL = (0.0, 10.0)  # shadowing [dB] and its correlation distance [m] of free_space and log_distance
DEEPEST_M = 25.0  # of a client inside a building, and its loss on the way in: 38.901 table 7.4.3-2
INDOORS_DB_M = 0.5
WALL_SIGMA_DB = {"low": 4.4, "high": 6.5}
KEPT = 1024  # links whose surroundings are remembered


class Drawn(NamedTuple):
    """The surroundings of one link: whether there is a line of sight, the loss of the wall [dB], what stands around [m]."""

    sight: bool
    wall_db: float
    around_m: float


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
    dimensions     of the places that the shadowing belongs to: 1 for distances alone

    Attribute sigma_db: standard deviation of the shadowing with and without a line of sight [dB].
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
        dimensions: int = 1,
    ) -> None:
        self._model = pathloss.MODELS.get(model)
        if self._model is None and model not in ("free_space", "log_distance"):
            known = ", ".join(["free_space", "log_distance", *pathloss.MODELS])
            raise ValueError(f"pathloss must be one of {known}; got {model!r}")
        self._span_m, self._carrier_hz, self._client_m = span_m, carrier_hz, client_m
        self._exponent = 2.0 if model == "free_space" else exponent
        usual = self._model.station_m if self._model else client_m
        self._station_m = usual if station_m is None else station_m
        self._sight, self.building = sight, building
        self._shadowing = [
            self._field(place, shadowing_db, correlation_m, dimensions) for place in range(2)
        ]  # with a line of sight, without
        self.sigma_db = (self._shadowing[0].sigma_db, self._shadowing[1].sigma_db)
        self._known: OrderedDict[int, Drawn] = OrderedDict()
        self.mean_loss_db(np.array(span_m), sight=True)  # complain about impossible heights now

    def mean_loss_db(self, distances_m: Array, sight: bool, around_m: float = pathloss.LOW_M) -> Array:
        """Path loss alone [dB]."""
        if self._model is None:
            far = np.maximum(np.hypot(distances_m, self._station_m - self._client_m), 1.0)
            return pathloss.log_distance_db(far, self._carrier_hz, self._exponent)
        here = self._place(self._model, distances_m, around_m)
        return self._model.los(here) if sight else self._model.nlos(here)

    def loss_db(self, distances_m: Array, key: int, places_m: Array | None = None) -> Array:
        """Path loss, shadowing and walls of the link `key` at these distances [dB].

        places_m  where that is, [distances, dimensions]; the distances themselves unless given [m]
        """
        drawn = self.drawn(key)
        places = np.asarray(distances_m)[:, None] if places_m is None else places_m
        shadow_db = self._shadowing[0 if drawn.sight else 1].at(places, key)
        loss: Array = self.mean_loss_db(distances_m, drawn.sight, drawn.around_m) + shadow_db + drawn.wall_db
        return loss

    @property
    def sight_probability(self) -> float:
        """How likely a line of sight is, at the nearest distance."""
        if self._sight != "drawn" or self._model is None:
            return float(self._sight != "no")
        return float(self._model.sight(self._place(self._model, np.array(self._span_m[0]))))

    def drawn(self, key: int) -> Drawn:
        """The surroundings of the link `key`."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._draw(key)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return known

    def _draw(self, key: int) -> Drawn:
        sight, around_m = stream(key, 0, SIGHT).random() < self.sight_probability, pathloss.LOW_M
        if self._model is not None:
            near = self._place(self._model, np.array(self._span_m[0]))
            around_m = pathloss.environment_m(self._model, near, *stream(key, 0, AROUND).random(2))
        wall = 0.0
        if self.building != "outside":
            random = stream(key, 0, INDOORS)
            wall = pathloss.building_db(self._carrier_hz, self.building == "high")
            wall += INDOORS_DB_M * random.uniform(0.0, DEEPEST_M, 2).min()
            wall += WALL_SIGMA_DB[self.building] * random.standard_normal()
        return Drawn(sight, wall, around_m)

    def _place(self, model: pathloss.Model, distances_m: Array, around_m: float = pathloss.LOW_M) -> pathloss.Place:
        return pathloss.place(model, distances_m, self._carrier_hz, self._station_m, self._client_m, around_m)

    def _field(self, place: int, sigma_db: float | None, correlation_m: float | None, dimensions: int) -> Shadowing:
        model = self._model
        usual = (model.sigma_db[place], model.correlation_m[place]) if model else WITHOUT_MODEL
        return Shadowing(
            usual[0] if sigma_db is None else sigma_db, usual[1] if correlation_m is None else correlation_m, dimensions
        )
