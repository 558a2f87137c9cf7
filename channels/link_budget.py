"""The SNR of a link from its powers, its noise and its distance."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Generator, Tensor

from channels import units
from channels.base import Channel, Draws, Equaliser
from channels.mobility import Mobility, Shuttle, Still, Trace
from channels.ofdm import effective
from channels.surroundings import Surroundings
from channels.trace_files import read_trace

Array = NDArray[np.float64]
Pathloss = Literal[
    "free_space", "log_distance", "umi", "uma", "inh_mixed", "inh_open", "inf_sl", "inf_dl", "inf_sh", "inf_dh", "inf_hh"
]


class LinkBudget(Channel):
    """A fading channel whose mean SNR follows from transmit power, path loss, shadowing and noise, also of a mover.

    mean snr = P_tx + G - L(d) - X - L_building - 10 log10(k T B F + I)   in dB,   snr(t) = mean snr |h(t)|^2
    with L(d) the path loss at the client's distance, X ~ N(0, sigma^2) its shadowing (correlation e^(-distance/d_corr) along
    the way), h from `fading`. Line of sight, shadowing and depth in a building are drawn once a link. Source: phy.md 1 and 2.
    38.901 states its models for 10 m to 5 km (cells), 1 to 150 m (offices), 1 to 600 m (factories) and 0.5 to 100 GHz; further
    away and outside that band the formulas go on as they are, and nobody has measured whether they hold.

    fading            the small-scale fading. It gives the gain |h|^2, the link its SNR: leave out its snr_db
    pathloss          `free_space`, `log_distance`, or a model of 3GPP TR 38.901: `umi`, `uma` (cell in the street, on a roof),
                      `inh_mixed`, `inh_open` (office), `inf_sl`, `inf_dl`, `inf_sh`, `inf_dh` (factory with sparse or dense
                      clutter, low or high station), `inf_hh` (both above the clutter)
    distance_m        horizontal distance; or give times_s and distances_m [m]
    far_m             with speed_mps: the client goes to and fro between distance_m and here [m]
    speed_mps         of that client [m/s]
    times_s           instants of a trace [s]
    distances_m       distance at each of them; on a straight line between [m]
    trace_file        a CSV file with the columns time_s,distance_m, or time_s,x_m,y_m with the station at (0, 0); in place of
                      all these. In a scenario a relative name starts from the scenario's folder
    repeat            begin the trace again at its end
    bandwidth_hz      noise bandwidth; the link radio's where left out [Hz]
    carrier_hz        [Hz]
    tx_power_dbm      at the transmitter's antenna [dBm]
    gain_db           of both antennas together, less cables [dB]
    noise_figure_db   of the receiver; usually 9 for a client, 5 for a station [dB]
    interference_dbm  received interference, taken as noise; none where left out [dBm]
    exponent          of log_distance
    station_m         height of the station's antenna; the model's own where left out [m]
    client_m          height of the client's antenna; above 13 m for umi and uma alone [m]
    sight             line of sight: `drawn` with the model's probability at the nearest distance, `yes` or `no`
    shadowing_db      sigma; the model's own where left out, 0 for none [dB]
    correlation_m     d_corr; the model's own where left out [m]
    building          the client is `outside`, or behind a wall of `low` or `high` loss
    update_s          time between two looks at the distance of a mover [s]

    >>> from channels import AWGN
    >>> here = LinkBudget(fading=AWGN(snr_db=0.0), pathloss="free_space", distance_m=100.0, bandwidth_hz=20e6)
    >>> round(here.mean_snr_db(0.0, key=1), 1)
    35.6
    """

    def __init__(
        self,
        *,
        fading: Channel,
        pathloss: Pathloss = "umi",
        distance_m: Annotated[float, "[0, inf)"] | None = None,
        far_m: Annotated[float, "(0, inf)"] | None = None,
        speed_mps: Annotated[float, "(0, inf)"] | None = None,
        times_s: list[float] | None = None,
        distances_m: list[float] | None = None,
        trace_file: str | None = None,
        repeat: bool = False,
        bandwidth_hz: Annotated[float, "(0, inf)"] | None = None,
        carrier_hz: Annotated[float, "(0, inf)"] = 3.5e9,
        tx_power_dbm: Annotated[float, "(-inf, inf)"] = 23.0,
        gain_db: Annotated[float, "(-inf, inf)"] = 0.0,
        noise_figure_db: Annotated[float, "[0, inf)"] = 5.0,
        interference_dbm: Annotated[float, "(-inf, inf)"] | None = None,
        exponent: Annotated[float, "(0, 10]"] = 3.0,
        station_m: Annotated[float, "(0, inf)"] | None = None,
        client_m: Annotated[float, "(0, 23]"] = 1.5,
        sight: Literal["drawn", "yes", "no"] = "drawn",
        shadowing_db: Annotated[float, "[0, inf)"] | None = None,
        correlation_m: Annotated[float, "(0, inf)"] | None = None,
        building: Literal["outside", "low", "high"] = "outside",
        update_s: Annotated[float, "(0, inf)"] = 0.1,
    ) -> None:
        if fading.own_scale or isinstance(fading, LinkBudget):
            raise ValueError(f"{type(fading).__name__} sets its noise itself: take a fading whose SNR a link budget can set")
        self.fading, self.tx_power_dbm = fading, tx_power_dbm
        self.bit_error_rate, self.subcarriers = fading.bit_error_rate, fading.subcarriers
        self.mobility = path(distance_m, far_m, speed_mps, times_s, distances_m, trace_file, repeat)
        self.surroundings = Surroundings(
            pathloss,
            self.mobility.span_m,
            carrier_hz,
            exponent=exponent,
            station_m=station_m,
            client_m=client_m,
            sight=sight,
            shadowing_db=shadowing_db,
            correlation_m=correlation_m,
            building=building,
            dimensions=self.mobility.dimensions,
        )
        self.noise_dbm = noise_dbm(bandwidth_hz, noise_figure_db, interference_dbm)
        self.above_loss_db = tx_power_dbm + gain_db - self.noise_dbm
        self._update_s = update_s

    def mean_snr_db(self, at_s: float, key: int) -> float:
        """SNR of the link `key` at an instant, without its fading [dB]."""
        return units.decibel(float(self._mean_snr(np.array([at_s]), key)[0]))

    def draws(self, start_s: float, blocks: int, key: int) -> Draws:
        """The fading's blocks at the link's SNR; of a mover, cut where its distance is looked at again."""
        wide = self.by_subcarrier(start_s, blocks, key)
        return Draws(wide.gain.mean(axis=1), effective(wide.snr), wide.seconds)

    def by_subcarrier(self, start_s: float, blocks: int, key: int) -> Draws:
        """The blocks of `draws`, gain and SNR of every subcarrier of the fading: [blocks, subcarriers]."""
        faded = self.fading.by_subcarrier(start_s, blocks, key)
        if not self.mobility.moves:
            return faded._replace(snr=faded.gain * self._mean_snr(np.zeros(1), key))
        ends = start_s + np.cumsum(faded.seconds)
        first = np.floor(start_s / self._update_s)
        looks = (first + np.arange(1, blocks + 2)) * self._update_s  # absolute instants, whatever was asked
        edges = np.unique(np.concatenate([[start_s], ends, looks[looks > start_s]]))[: blocks + 1]
        block = np.minimum(np.searchsorted(ends, edges[:-1], side="right"), len(ends) - 1)
        middles = edges[:-1] + np.diff(edges) / 2.0
        looked = (np.floor(middles / self._update_s) + 0.5) * self._update_s
        instants, which = np.unique(looked, return_inverse=True)
        gain = faded.gain[block]
        return Draws(gain, gain * self._mean_snr(instants, key)[which][:, None], np.diff(edges))

    def apply(self, x: Tensor, draws: Draws, generator: Generator, *, equaliser: Equaliser = "zf") -> Tensor:
        """As the fading alone would at these draws."""
        return self.fading.apply(x, draws, generator, equaliser=equaliser)

    def losses(self, start_s: float, packets: int, packet_s: float, key: int) -> np.ndarray:
        """Those of the fading."""
        return self.fading.losses(start_s, packets, packet_s, key)

    def _mean_snr(self, times_s: Array, key: int) -> Array:
        loss_db = self.surroundings.loss_db(self.mobility.distance_m(times_s), key, self.mobility.places_m(times_s))
        snr: Array = 10.0 ** ((self.above_loss_db - loss_db) / 10.0)
        return snr


def noise_dbm(bandwidth_hz: float | None, noise_figure_db: float, interference_dbm: float | None) -> float:
    """Noise k T B F and interference together [dBm]. Raises ValueError without a bandwidth."""
    if bandwidth_hz is None:
        raise ValueError("bandwidth_hz is needed: the noise follows from it")
    noise = units.noise_dbm(bandwidth_hz, noise_figure_db)
    return noise if interference_dbm is None else units.dbm(units.watts(noise) + units.watts(interference_dbm))


def path(
    distance_m: float | None,
    far_m: float | None,
    speed_mps: float | None,
    times_s: list[float] | None,
    distances_m: list[float] | None,
    trace_file: str | None,
    repeat: bool,
) -> Mobility:
    """Where the client is, from the knobs of `LinkBudget`. Raises ValueError unless they say it in exactly one way."""
    if trace_file is not None:
        if any(knob is not None for knob in (distance_m, far_m, speed_mps, times_s, distances_m)):
            raise ValueError(
                "trace_file says where the client is: leave out distance_m, far_m, speed_mps, times_s, distances_m"
            )
        return read_trace(trace_file, repeat=repeat)
    if times_s is not None and distances_m is not None and distance_m is None and far_m is None and speed_mps is None:
        return Trace(times_s, distances_m, repeat=repeat)
    if times_s is None and distances_m is None and distance_m is not None and not repeat:
        if far_m is not None and speed_mps is not None:
            return Shuttle(distance_m, far_m, speed_mps)
        if far_m is None and speed_mps is None:
            return Still(distance_m)
    raise ValueError(
        "give distance_m; or distance_m, far_m and speed_mps; or times_s and distances_m, or trace_file (and repeat)"
    )
