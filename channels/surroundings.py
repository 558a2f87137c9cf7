"""What stands between a station and its client: path loss, line of sight, shadowing, walls, each drawn once a link."""

import math
from collections import OrderedDict
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from channels import pathloss
from channels.blocks import stream

Array = NDArray[np.float64]
Sight = Literal["drawn", "yes", "no"]
Building = Literal["outside", "low", "high"]
SHADOW, SIGHT, INDOORS = 101, 102, 103  # purposes of random streams
FINE = 20  # places per correlation distance at which the shadowing is drawn
DEEPEST_M = 25.0  # of a client inside a building, and its loss on the way in: 38.901 table 7.4.3-2
INDOORS_DB_M = 0.5
WALL_SIGMA_DB = {"low": 4.4, "high": 6.5}
KEPT = 1024  # links whose surroundings are remembered


class Drawn(NamedTuple):
    """The surroundings of one link: line of sight, shadowing at each place from the nearest on [dB], loss of the wall [dB]."""

    sight: bool
    shadow_db: Array
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
        self._sight, self._shadowing_db, self._correlation_m = sight, shadowing_db, correlation_m
        self._building = building
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
        step = self._reach_m(drawn.sight) / FINE
        place = np.rint((np.asarray(distances_m) - self._span_m[0]) / step).astype(np.int64)
        place = np.clip(place, 0, len(drawn.shadow_db) - 1)
        return self.mean_loss_db(distances_m, drawn.sight) + drawn.shadow_db[place] + drawn.wall_db

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
        return Drawn(sight, self._shadow(sight, key), wall)

    def _shadow(self, sight: bool, key: int) -> Array:
        """Shadowing along the way: S' = R S + sqrt(1 - R^2) sigma w with R = e^(-step / d_corr) (Gudmundson 1991)."""
        sigma = self._shadowing_db
        if sigma is None:
            sigma = self._model.sigma_db[0 if sight else 1] if self._model else 0.0
        places = 1 + math.ceil((self._span_m[1] - self._span_m[0]) / self._reach_m(sight) * FINE)
        white = stream(key, 0, SHADOW).standard_normal(places)
        kept = math.exp(-1.0 / FINE)
        white[1:] *= math.sqrt(1.0 - kept * kept)
        walked: Array = sigma * signal.lfilter([1.0], [1.0, -kept], white)
        return walked

    def _reach_m(self, sight: bool) -> float:
        if self._correlation_m is not None:
            return self._correlation_m
        return self._model.correlation_m[0 if sight else 1] if self._model else 10.0
